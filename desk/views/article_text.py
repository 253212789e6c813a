"""An article for reading: matched words marked, the reasons for its topics and alerts, and the sanitized page. Pure.

Spans are in code points, from start (inclusive) to end (exclusive).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import nh3
from markupsafe import Markup

from core.records import Article, Match

MOST_SNIPPETS = 4


class Evidence(NamedTuple):
    """The evidence for a topic or subscription. ``words``: found words with counts, most frequent first; ``snippets``: context.

    ``score`` belongs to a topic, whose threshold is 1 or more; ``version`` belongs to a subscription.
    """

    kind: Literal["topic", "subscription"]
    id: str
    label: str
    words: tuple[tuple[str, int], ...]
    snippets: tuple[tuple[Segment, ...], ...]
    score: float | None = None
    version: int | None = None


class MarkedArticle(NamedTuple):
    """An article for reading: its headline and paragraphs, with matched words marked and labelled."""

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


def marked_article(article: Article, names: Mapping[str, str]) -> MarkedArticle:
    """The article, with every match of a topic or subscription marked."""
    title: list[Span] = []
    text: list[Span] = []
    labelled = [(names.get(one.subscription, one.subscription), one.matches) for one in article.subscriptions]
    for label, matches in [*labelled, *((one.topic, one.matches) for one in article.topics)]:
        title += spans_in("title", matches, label)
        text += spans_in("text", matches, label)
    return MarkedArticle(marked(article.title, title), tuple(_paragraphs(article.text, sorted(text))))


def _paragraphs(text: str, spans: list[Span]) -> Iterable[tuple[Segment, ...]]:
    start, behind, reaching = 0, 0, list[Span]()
    for line in text.split("\n"):
        end = start + len(line)
        # Spans are in the order of their starts: each line uses those that start in it or reach into it.
        reaching = [span for span in reaching if span.end > start]
        while behind < len(spans) and spans[behind].start < end:
            reaching.append(spans[behind])
            behind += 1
        if line.strip():
            inside = (span for span in reaching if span.end > start)
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


CONTEXT = 80
BEFORE = 32
"""Characters before the first marked words: a phone shows two lines of a snippet, and the words must be on them."""


class Span(NamedTuple):
    """A range to mark, with the topic or subscription that it is marked for."""

    start: int
    end: int
    label: str = ""


class Segment(NamedTuple):
    """A piece of text that is marked as a whole or not at all; ``labels``: what it is marked for, sorted."""

    text: str
    marked: bool = False
    labels: tuple[str, ...] = ()


def spans_in(field: str, matches: Iterable[Match], label: str = "") -> list[Span]:
    """The spans of the matches in one field."""
    return [Span(match.start, match.end, label) for match in matches if match.field == field]


def marked(text: str, spans: Iterable[Span]) -> tuple[Segment, ...]:
    """The whole text in segments, which add up to the text. Spans may overlap, touch and reach beyond the text."""
    inside = [Span(max(0, span.start), min(len(text), span.end), span.label) for span in spans]
    inside = [span for span in inside if span.start < span.end]
    starting, ending = defaultdict[int, list[str]](list), defaultdict[int, list[str]](list)
    for span in inside:
        starting[span.start].append(span.label)
        ending[span.end].append(span.label)
    # The open spans are updated from one boundary to the next, since a page may have thousands of marks.
    opened, labels = Counter[str](), tuple[str, ...]()
    segments: list[Segment] = []
    for start, end in pairwise(sorted({0, len(text), *starting, *ending})):
        if start in starting or start in ending:
            opened.update(starting[start])
            opened.subtract(ending[start])
            opened = +opened
            labels = tuple(sorted(filter(None, opened)))
        last = segments[-1] if segments else None
        if last is not None and (last.marked, last.labels) == (bool(opened), labels):
            segments[-1] = Segment(last.text + text[start:end], last.marked, labels)
        else:
            segments.append(Segment(text[start:end], bool(opened), labels))
    return tuple(segments)


def in_context(text: str, spans: Sequence[Span], *, context: int = CONTEXT) -> tuple[Segment, ...]:
    """The first marked words, with ``BEFORE`` characters before and ``context`` after, cut at white space; with all marks."""
    inside = [span for span in spans if 0 <= span.start < span.end <= len(text)]
    if not inside:
        return ()
    first = min(inside)
    start = max(0, first.start - min(context, BEFORE))
    if start:
        start = text.find(" ", start, first.start) + 1 or start
    end = min(len(text), first.end + context)
    if end < len(text):
        end = max(text.rfind(" ", first.end, end), first.end)
    part = " ".join(text[start:end].split("\n")) if "\n" in text[start:end] else text[start:end]
    shifted = [Span(span.start - start, span.end - start, span.label) for span in inside]
    segments = list(marked(part, (span for span in shifted if span.end > 0 and span.start < len(part))))
    if start:
        segments.insert(0, Segment("… "))
    if end < len(text):
        segments.append(Segment(" …"))
    return tuple(segments)


MOST_HTML = 400_000
_KEPT = """
p h1 h2 h3 h4 ul ol li blockquote b strong i em br a pre code
table thead tbody tr td th article section time figcaption dl dt dd
"""
_DROPPED = "script style noscript template iframe object embed svg math form select nav"
"""Tags that are kept, and those that are removed with their content; other tags are removed and their text is kept."""


def page_preview(html: str) -> Markup:
    """The page reduced to an allow list: no images, styles or forms, and no attributes except the addresses of links.

    Only web links remain; they send no referrer, and open in a new tab.
    """
    clean = nh3.clean(
        html[:MOST_HTML],
        tags=set(_KEPT.split()),
        clean_content_tags=set(_DROPPED.split()),
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return Markup(clean)  # noqa: S704 - sanitized by nh3
