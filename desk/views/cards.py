"""A story as one line of the Live page, and a found article as one of Search. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from core.records import Article, Match
from core.search import FoundArticle, Hit
from desk.labels import non_state
from desk.language import N_, gettext
from desk.live.run_reader import ArticleRow, StoryRow
from desk.views.article_text import Segment, in_context, marked, spans_in
from desk.views.wording import Outlets, outlet_name

ReadState = Literal["new", "changed", "read"]
OPENING = 240
"""Characters of a text's beginning, shown if nothing in it matched."""


_NEWS = {
    "copied": N_("copied by %(outlet)s"),
    "first": N_("first from %(outlet)s"),
    "joined": N_("joined by %(outlet)s"),
}


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One story. Times are event times in ms, UTC; ``seq`` is its last transaction.

    ``why``: the words that a subscription or a topic matched, in context.
    ``sources`` counts independent sources, ``copies`` counts articles that repeat another's text. ``outlets`` are source ids.
    ``topics``, ``languages``, ``outlets``, ``countries`` and ``subscriptions`` are from its newest articles, sorted.
    ``labels`` are the desk's labels of these outlets, ``lead_labels`` those of ``lead_outlet``. ``non_state`` counts
    independent sources that are not labelled as state-run; None if none of them has a label.
    """

    id: str
    seq: int
    headline: tuple[Segment, ...]
    language: str | None
    first_ms: int
    last_ms: int
    articles: int
    copies: int
    sources: int
    lead_outlet: str
    news: tuple[str, str, int]
    """The last news: (edited, copied, first or joined; its outlet; the version)."""
    why: tuple[Segment, ...] = ()
    why_language: str | None = None
    edited: bool = False
    backfill: bool = False
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    subscription_names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    non_state: int | None = None
    lead_labels: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, str]:
        """The sort key of stories on the page, descending."""
        return self.last_ms, self.id

    @property
    def change(self) -> str:
        """The last news, as a sentence in the reader's language."""
        kind, outlet, version = self.news
        if kind == "edited":
            return gettext("edited by %(outlet)s, version %(version)s", outlet=outlet, version=version)
        return gettext(_NEWS[kind], outlet=outlet)

    @property
    def title(self) -> str:
        """The headline as plain text."""
        return "".join(segment.text for segment in self.headline)


def make_card(
    row: StoryRow,
    articles: Sequence[ArticleRow],
    *,
    outlets: Outlets,
    names: Mapping[str, str],
    before: Card | None = None,
) -> Card:
    """The card of a story, from its newest articles (newest first, at least one).

    ``names``: subscriptions' names by id. ``before``: the previous card; its facets are kept, since the articles behind
    them may not be among those given.
    """
    story = row.story
    newest = articles[0].article
    lead = next((one.article for one in articles if one.article.id == story.id), None)
    shown = lead or newest
    matches, cause = _why(shown, [one.article for one in articles])
    in_title = [*spans_in("title", matches)] if cause is shown else []
    headline = shown.title if lead is not None else story.headline
    in_text = spans_in("text", matches)
    if in_text:
        why = in_context(cause.text, in_text)
    else:
        # Matched in a headline: marked there, unless another headline is shown.
        why = in_context(cause.title, spans_in("title", matches)) if cause is not shown else ()
    found = [one.article for one in articles]
    countries = {known.country for one in found if (known := outlets.get(one.source)) and known.country}

    def with_known(facet: str, new: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({*(getattr(before, facet) if before is not None else ()), *filter(None, new)}))

    those = with_known("outlets", (one.source for one in found))
    labels = {source: known.labels for source, known in outlets.items() if known.labels}
    subscriptions = with_known("subscriptions", (match.subscription for one in found for match in one.subscriptions))
    return Card(
        id=story.id,
        seq=max(row.seq, *(one.seq for one in articles)),
        headline=marked(headline, in_title if lead is not None or len(articles) == 1 else ()),
        language=shown.language,
        first_ms=story.first_ms,
        last_ms=story.last_ms,
        articles=story.articles,
        copies=story.copies,
        sources=story.independent_sources,
        lead_outlet=outlet_name(shown.source, outlets),
        news=_news(newest, outlets, first=story.articles == 1),
        why=why,
        why_language=cause.language,
        edited=any(one.version > 1 for one in found),
        backfill=all(one.backfill for one in found) and (before is None or before.backfill),
        topics=with_known("topics", (topic.topic for one in found for topic in one.topics)),
        languages=with_known("languages", (one.language or "" for one in found)),
        outlets=those,
        countries=with_known("countries", countries),
        subscriptions=subscriptions,
        subscription_names=tuple(names.get(one, one) for one in subscriptions),
        labels=tuple(sorted({label for source in those for label in labels.get(source, ())})),
        non_state=non_state(story.sources, labels),
        lead_labels=labels.get(shown.source, ()),
    )


class HitView(NamedTuple):
    """One line of results: its headline and a part of its text, with matched words marked."""

    article: FoundArticle
    outlet: str
    title: tuple[Segment, ...]
    snippet: tuple[Segment, ...]
    found: int


def hit_view(hit: Hit, outlets: Outlets) -> HitView:
    """A hit as the page shows it."""
    article, in_text = hit.article, spans_in("text", hit.matches)
    return HitView(
        article,
        outlet_name(article.source, outlets),
        marked(article.title, spans_in("title", hit.matches)),
        in_context(article.text, in_text, context=120) if in_text else opening(article.text),
        len(hit.matches),
    )


def read_state(card_seq: int, read_seq: int | None, floor: int) -> ReadState:
    """A story's state for a person. ``read_seq``: its seq when the person read it, -1 if they marked it as unread.

    ``floor``: the seq up to which everything counts as read.
    """
    if read_seq is None:
        return "read" if card_seq <= floor else "new"
    if read_seq < 0:
        return "new"
    return "read" if card_seq <= max(floor, read_seq) else "changed"


def opening(text: str) -> tuple[Segment, ...]:
    """The beginning of a text in which nothing matched."""
    plain = " ".join(text[: OPENING + 60].split())
    if len(plain) <= OPENING:
        return (Segment(plain),) if plain else ()
    return (Segment(plain[: plain.rfind(" ", OPENING // 2, OPENING) if " " in plain else OPENING] + " …"),)


def _why(shown: Article, articles: Sequence[Article]) -> tuple[tuple[Match, ...], Article]:
    # The article that gives the headline first, since a reader sees its words.
    for article in [shown, *articles]:
        for match in article.subscriptions:
            if match.matches:
                return match.matches, article
    for article in [shown, *articles]:
        for topic in sorted(article.topics, key=lambda one: -one.score):
            if topic.matches:
                return topic.matches, article
    return (), shown


def _news(newest: Article, outlets: Outlets, *, first: bool) -> tuple[str, str, int]:
    kind = "edited" if newest.version > 1 else "copied" if newest.duplicate_of is not None else "joined"
    return "first" if kind == "joined" and first else kind, outlet_name(newest.source, outlets), newest.version
