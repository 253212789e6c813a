"""A question to one state of the index: query, period and filters together; and the exact matcher on what comes of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import tantivy
from msgspec.structs import replace

from core.query import CompiledQuery, Document, compile_query, parse
from core.query.folding import fold
from core.records import Subscription, from_ms
from core.records.article import Match
from core.search.combine import both
from core.search.plan import EVERYTHING, Planner
from core.search.results import Facets, FacetValue, Filters, FoundArticle, Volume
from core.search.schema import BACKFILL, LONG, SAMPLES, order_of, read_record, term_of

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_FACET_VALUES, _COUNTED_VALUES = 30, 20_000
"""Values of a facet that are given, and that are counted in each part of the index: with more, counts are about right."""
_FINE_MS = 3 * HOUR_MS
"""Up to so long a time, steps are of five minutes."""
SAMPLED = 100_000
"""With more hits, facets and volume are told from a sample: they cost more than the rest, and nobody reads the last digit."""
_MOST_STEPS = 4_000
"""Steps of a volume: a clock that was wrong once may spread the articles over fifty years."""


class Snapshot(NamedTuple):
    """One state of the index, and how far that had followed the run. Holds its files open for as long as it is held."""

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    generation: int
    seq: int


class Asked(NamedTuple):
    """What is looked for. ``wanted`` finds every match (and with ``exact`` no other); ``matcher`` None: everything matches."""

    snapshot: Snapshot
    matcher: CompiledQuery | None
    wanted: tantivy.Query
    exact: bool
    checked: dict[str, tuple[Match, ...] | None]
    """What ``check`` found, by id."""

    def check(self, article: FoundArticle) -> tuple[Match, ...] | None:
        """What in the article matches; None: it does not."""
        if article.id not in self.checked:
            self.checked[article.id] = self._check(article)
        return self.checked[article.id]

    def holds(self, article: FoundArticle) -> bool:
        """Whether the article matches: less work than to say what in it does."""
        if article.id in self.checked:
            return self.checked[article.id] is not None
        try:
            return self.matcher is None or self.matcher.holds(document_of(article))
        except OverflowError:
            return False

    def _check(self, article: FoundArticle) -> tuple[Match, ...] | None:
        if self.matcher is None:
            return ()
        try:
            return self.matcher.match(document_of(article))
        except OverflowError:
            # A page made to blow up a NEAR: the pipeline reports it and goes on, and so does a search.
            return None

    def article(self, address: tantivy.DocAddress) -> FoundArticle:
        """The article at an address of the snapshot."""
        return read_record(self.snapshot.searcher.doc(address))

    def within(self, more: tantivy.Query) -> tantivy.Query:
        """``wanted``, and ``more`` besides."""
        return both(self.wanted, more) or self.wanted

    def size(self) -> int:
        """How many articles the index can't rule out."""
        return counted(self.snapshot, self.wanted)


def ask(
    snapshot: Snapshot, query: str, since_ms: int | None, until_ms: int | None, filters: Filters | None = None
) -> Asked:
    """Make a query ready for one state of the index; an empty one finds everything. Raises QueryError."""
    compiled = compile_query(parse(query)) if query.strip() else None
    plan = EVERYTHING
    if compiled is not None:
        cut = snapshot.searcher.doc_freq("stem", LONG) > 0
        plan = Planner(snapshot.schema, cut_words=cut).plan(compiled.core)
    more = [_unscored(one) for one in _restrictions(snapshot.schema, since_ms, until_ms, filters or Filters())]
    wanted = both(plan.query, *more) or tantivy.Query.all_query()
    return Asked(snapshot, compiled, wanted, plan.exact, {})


def filters_of(subscription: Subscription) -> Filters:
    """A subscription's topics, languages and outlets as filters of a search: the live matcher and a search agree on them."""
    return Filters(topics=subscription.topics, languages=subscription.languages, sources=subscription.outlets)


def document_of(article: FoundArticle) -> Document:
    """The article as the matcher sees it."""
    return Document(
        article.title,
        article.text,
        source=article.source,
        language=article.language,
        topics=article.topics,
        url=article.url,
        authors=article.authors,
    )


def counted(snapshot: Snapshot, query: tantivy.Query) -> int:
    """How many documents a query of the index finds."""
    return int(snapshot.searcher.search(query, limit=1).count)  # type: ignore[attr-defined]


def order_range(
    schema: tantivy.Schema, low: int | None, high: int | None, *, to_the_end: bool = False
) -> tantivy.Query:
    """Documents whose ``order`` is from ``low`` (in) to ``high`` (out, unless ``to_the_end``)."""
    return tantivy.Query.range_query(
        schema,
        "order",
        tantivy.FieldType.Integer,
        low,
        high,
        include_lower=True,
        include_upper=to_the_end or high is None,
    )


def facets_and_volume(asked: Asked, number: int, *, hourly: bool) -> tuple[Facets, Volume]:
    """Over all that ``asked`` finds in the index: ``number`` articles. Of very many, about, from one in SAMPLES of them."""
    wanted, times = asked.wanted, 1
    if number > SAMPLED:
        one = tantivy.Query.term_query(asked.snapshot.schema, "sample", "0")
        wanted, times = asked.within(_unscored(one)), SAMPLES
    sizes = {"size": _FACET_VALUES, "segment_size": _COUNTED_VALUES}
    terms = {name: {"terms": {"field": name, **sizes}} for name in ("is_topic", "is_source", "is_lang")}
    span = {"first": {"min": {"field": "time"}}, "last": {"max": {"field": "time"}}}
    found: Any = asked.snapshot.searcher.aggregate(wanted, {**terms, **span})
    counts: dict[int, int] = {}
    first, last = found["first"]["value"], found["last"]["value"]
    step = step_of(first, last, hourly=hourly) if first is not None and last is not None else DAY_MS
    if first is not None:
        steps: Any = asked.snapshot.searcher.aggregate(
            wanted, {"steps": {"histogram": {"field": "time", "interval": step, "min_doc_count": 1}}}
        )
        counts = {int(bucket["key"]): int(bucket["doc_count"]) * times for bucket in steps["steps"]["buckets"]}
    values = {
        name: tuple(
            FacetValue(str(bucket["key"]), int(bucket["doc_count"]) * times) for bucket in found[name]["buckets"]
        )
        for name in terms
    }
    sure = times == 1 and not any(found[name].get("doc_count_error_upper_bound") for name in terms)
    certainty = ("exact" if sure else "about") if asked.exact else "at_most"
    facets = Facets(
        topics=values["is_topic"],
        sources=values["is_source"],
        languages=values["is_lang"],
        days=days_of(counts) if step <= DAY_MS else (),
        certainty=certainty,  # type: ignore[arg-type]
    )
    volume = volume_of(counts, step, exact=asked.exact)
    return facets, volume if times == 1 or not asked.exact else replace(volume, certainty="about")


def step_of(first_ms: float, last_ms: float, *, hourly: bool) -> int:
    """The step of a volume from the first to the last article, in ms: five minutes, an hour, a day, or several weeks.

    ``hourly``: no longer than an hour. A store of one day would be one bar of days.
    """
    span = last_ms - first_ms
    if span <= _FINE_MS:
        return 5 * MINUTE_MS
    step = HOUR_MS if hourly or span <= 2 * DAY_MS else DAY_MS
    while span / step > _MOST_STEPS:
        step *= 7
    return step


def volume_of(counts: dict[int, int], step_ms: int, *, exact: bool) -> Volume:
    """A volume of counts by the beginning of their step, the steps without any between them filled up."""
    if not counts:
        return Volume(step_ms=step_ms)
    first, last = min(counts), max(counts)
    filled = tuple(counts.get(start, 0) for start in range(first, last + 1, step_ms))
    return Volume(start_ms=first, step_ms=step_ms, counts=filled, certainty="exact" if exact else "at_most")


def days_of(counts: dict[int, int]) -> tuple[FacetValue, ...]:
    """Counts by time as counts by day, rising."""
    days: dict[str, int] = {}
    for start in sorted(counts):
        days[day_of(start)] = days.get(day_of(start), 0) + counts[start]
    return tuple(FacetValue(day, count) for day, count in days.items())


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
    # Folded as `core.query` folds them: a filter must find what the live matcher gives a subscription with the same filter.
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


def _unscored(query: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, 0.0)
