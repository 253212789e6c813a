"""A question to one state of the index: query, period and filters together, and the exact matcher for its candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import tantivy

from core.query import CompiledQuery, Document, NotDecided, compile_query, parse
from core.query.budget import Interrupted
from core.query.folding import fold
from core.records import Subscription, from_ms
from core.records.article import Match
from core.search.plan import EVERYTHING, Planner, both
from core.search.results import Filters
from core.search.schema import (
    BACKFILL,
    COPY,
    LONG,
    FoundArticle,
    document_of,
    order_of,
    read_record,
    term_of,
    time_of,
    together,
)


class Snapshot(NamedTuple):
    """One state of the index; ``seq`` is its progress in the run. Keeps the index's files open while referenced.

    ``labels``: the current labels of outlets, by case-folded name. An article counts with its outlet's current labels.
    """

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    generation: int
    seq: int
    labels: Mapping[str, tuple[str, ...]] = MappingProxyType({})


Look = Callable[[], None]
Stopped = Callable[[], bool]
"""Whether the client has gone. Called often, from the working thread."""


def never() -> bool:
    """Never stop."""
    return False


class Deadline(NamedTuple):
    """When the work on an answer must end: at ``until`` by ``clock``, in seconds (None: no time limit), or when ``stopped``."""

    clock: Callable[[], float]
    until: float | None
    stopped: Stopped = never

    def late(self) -> bool:
        """Whether it is over."""
        return self.stopped() or (self.until is not None and self.clock() > self.until)

    def look(self, *, first: bool) -> Look:
        """For ``Question.check``: raises Interrupted if the deadline has passed; for the ``first`` article only if it
        was stopped.

        So every page advances, however little time it has.
        """

        def look() -> None:
            if self.stopped() if first else self.late():
                raise Interrupted

        return look


class Question(NamedTuple):
    """A search. ``wanted`` finds every match and, if ``exact``, nothing else; ``matcher`` None: everything matches.

    ``checked`` caches the results of ``check`` by article id.
    """

    snapshot: Snapshot
    matcher: CompiledQuery | None
    wanted: tantivy.Query
    exact: bool
    checked: dict[str, tuple[Match, ...] | None]

    def check(self, article: FoundArticle, look: Look | None = None) -> tuple[Match, ...] | None:
        """The matches in the article; None if it does not match. ``look`` may raise Interrupted (``Deadline.look``)."""
        if article.id not in self.checked:
            self.checked[article.id] = self._check(article, look)
        return self.checked[article.id]

    def holds(self, article: FoundArticle, look: Look | None = None) -> bool:
        """Whether the article matches; cheaper than ``check``. ``look`` may raise Interrupted."""
        if article.id in self.checked:
            return self.checked[article.id] is not None
        try:
            return self.matcher is None or self.matcher.holds(self._document(article, look))
        except NotDecided:
            return False

    def _check(self, article: FoundArticle, look: Look | None) -> tuple[Match, ...] | None:
        if self.matcher is None:
            return ()
        try:
            return self.matcher.match(self._document(article, look))
        except NotDecided:
            # Like the pipeline, a search counts it and goes on.
            return None

    def _document(self, article: FoundArticle, look: Look | None) -> Document:
        document = document_of(article, self.snapshot.labels.get(article.source.casefold(), ()))
        document.budget.look = look
        return document

    def article(self, address: tantivy.DocAddress) -> FoundArticle:
        """The article at an address of the snapshot."""
        return read_record(self.snapshot.searcher.doc(address))

    def within(self, more: tantivy.Query) -> tantivy.Query:
        """``wanted`` restricted by ``more``."""
        return both(self.wanted, more) or self.wanted

    def size(self) -> int:
        """How many articles ``wanted`` finds."""
        return counted(self.snapshot, self.wanted)


def ask(
    snapshot: Snapshot, query: str, since_ms: int | None, until_ms: int | None, filters: Filters | None = None
) -> Question:
    """Compile a query for one state of the index; an empty query finds everything. Raises QueryError."""
    compiled = compile_query(parse(query)) if query.strip() else None
    plan = EVERYTHING
    if compiled is not None:
        cut = snapshot.searcher.doc_freq("stem", LONG) > 0
        share = snapshot.searcher.doc_freq
        planner = Planner(
            snapshot.schema,
            cut_words=cut,
            share=lambda one, other: share("often", together(one, other)) > 0,
            labels=snapshot.labels,
        )
        plan = planner.plan(compiled.root)
    more = [unscored(one) for one in _restrictions(snapshot.schema, since_ms, until_ms, filters or Filters())]
    wanted = both(plan.query, *more) or tantivy.Query.all_query()
    return Question(snapshot, compiled, wanted, plan.exact, {})


def filters_of(subscription: Subscription) -> Filters:
    """A subscription's topics, languages and outlets as filters of a search, with the same meaning as in the live matcher."""
    return Filters(topics=subscription.topics, languages=subscription.languages, sources=subscription.outlets)


def counted(snapshot: Snapshot, query: tantivy.Query) -> int:
    """How many documents a query of the index finds."""
    return int(snapshot.searcher.search(query, limit=1).count)  # type: ignore[attr-defined]


def news_since(snapshot: Snapshot) -> int | None:
    """The event time (ms) of the oldest article that is not backfill, before which nothing was watched. None: there is none."""
    news = [tantivy.Query.term_query(snapshot.schema, "flags", flags) for flags in (0, COPY)]
    wanted = tantivy.Query.boolean_query([(tantivy.Occur.Should, unscored(one)) for one in news])
    found = snapshot.searcher.search(wanted, limit=1, count=False, order_by_field="order", order=tantivy.Order.Asc)
    return time_of(found.hits[0][0]) if found.hits else None


def order_range(
    schema: tantivy.Schema, low: int | None, high: int | None, *, to_the_end: bool = False
) -> tantivy.Query:
    """Documents whose ``order`` is from ``low`` (inclusive) to ``high`` (exclusive, unless ``to_the_end``)."""
    return tantivy.Query.range_query(
        schema,
        "order",
        tantivy.FieldType.Integer,
        low,
        high,
        include_lower=True,
        include_upper=to_the_end or high is None,
    )


def day_of(time_ms: int) -> str:
    """The day of a time, UTC, as ``YYYY-MM-DD``."""
    return from_ms(time_ms).date().isoformat()


def _restrictions(
    schema: tantivy.Schema, since_ms: int | None, until_ms: int | None, filters: Filters
) -> list[tantivy.Query]:
    found = []
    if since_ms is not None or until_ms is not None:
        low, high = (None if bound is None else order_of(bound) for bound in (since_ms, until_ms))
        found.append(order_range(schema, low, high))
    # Folded as in `core.query`: a filter must find what the live matcher finds for a subscription with the same filter.
    names = {
        "topic": [term_of(fold(topic)) for topic in filters.topics],
        "from_source": [source.casefold() for source in filters.sources],
        "lang": [term_of(fold(language)) for language in filters.languages],
        "story_id": filters.stories,
    }
    found += [tantivy.Query.term_set_query(schema, name, list(values)) for name, values in names.items() if values]
    if not filters.copies:
        originals = [tantivy.Query.term_query(schema, "flags", flags) for flags in (0, BACKFILL)]
        found.append(tantivy.Query.boolean_query([(tantivy.Occur.Should, one) for one in originals]))
    return found


def unscored(query: tantivy.Query) -> tantivy.Query:
    """``query`` without effect on relevance."""
    return tantivy.Query.const_score_query(query, 0.0)
