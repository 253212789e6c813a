"""Why an article is where it is: for each topic and subscription the words that were found. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from core.records import Article, Match
from desk.views.marks import Segment, Span, in_context, marked, spans_in

MOST_SNIPPETS = 4


class Evidence(NamedTuple):
    """One topic or subscription. ``words``: what was found and how often, most frequent first; ``snippets`` in context.

    ``score`` is a topic's, against its threshold of 1 or more; ``version`` a subscription's.
    """

    kind: Literal["topic", "subscription"]
    id: str
    label: str
    words: tuple[tuple[str, int], ...]
    snippets: tuple[tuple[Segment, ...], ...]
    score: float | None = None
    version: int | None = None


class Reading(NamedTuple):
    """An article for reading: its headline and paragraphs, matched words marked and labelled."""

    title: tuple[Segment, ...]
    paragraphs: tuple[tuple[Segment, ...], ...]


def evidence(article: Article, names: Mapping[str, str]) -> list[Evidence]:
    """Subscriptions first, then topics by score. ``names``: subscriptions' names by id."""
    found = [
        Evidence(
            "subscription",
            one.subscription,
            names.get(one.subscription, one.subscription),
            _words(one.matches),
            _snippets(article, one.matches),
            version=one.version,
        )
        for one in article.subscriptions
    ]
    return found + [
        Evidence("topic", one.topic, one.topic, _words(one.matches), _snippets(article, one.matches), score=one.score)
        for one in sorted(article.topics, key=lambda one: (-one.score, one.topic))
    ]


def reading(article: Article, names: Mapping[str, str]) -> Reading:
    """The article with everything marked that any topic or subscription found."""
    title: list[Span] = []
    text: list[Span] = []
    labelled = [(names.get(one.subscription, one.subscription), one.matches) for one in article.subscriptions]
    for label, matches in [*labelled, *((one.topic, one.matches) for one in article.topics)]:
        title += spans_in("title", matches, label)
        text += spans_in("text", matches, label)
    return Reading(marked(article.title, title), tuple(_paragraphs(article.text, sorted(text))))


def _paragraphs(text: str, spans: list[Span]) -> Iterable[tuple[Segment, ...]]:
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            inside = (span for span in spans if span.start < end and span.end > start)
            yield marked(line, (Span(one.start - start, one.end - start, one.label) for one in inside))
        start = end + 1


def _words(matches: Iterable[Match]) -> tuple[tuple[str, int], ...]:
    counts = Counter(" ".join(match.text.split()).casefold() for match in matches)
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _snippets(article: Article, matches: Iterable[Match]) -> tuple[tuple[Segment, ...], ...]:
    listed = list(matches)
    snippets = []
    if titled := spans_in("title", listed):
        snippets.append(marked(article.title, titled))
    seen_to = 0
    rest = sorted(spans_in("text", listed))
    for span in rest:
        if len(snippets) == MOST_SNIPPETS:
            break
        if span.start >= seen_to:
            snippets.append(in_context(article.text, [one for one in rest if one.start >= span.start]))
            seen_to = span.end + 80
    return tuple(snippets)
