"""Matched words, marked in their text. Pure. Spans are code points (start in, end out)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from core.records import Match

CONTEXT = 80


class Span(NamedTuple):
    """A stretch to mark, and what for (a topic or a subscription)."""

    start: int
    end: int
    label: str = ""


class Segment(NamedTuple):
    """A run of text that is marked throughout or not at all; ``labels`` say what for, sorted."""

    text: str
    marked: bool = False
    labels: tuple[str, ...] = ()


def spans_in(field: str, matches: Iterable[Match], label: str = "") -> list[Span]:
    """The spans of the matches in one field."""
    return [Span(match.start, match.end, label) for match in matches if match.field == field]


def marked(text: str, spans: Iterable[Span]) -> tuple[Segment, ...]:
    """The whole text in segments. Spans may overlap, touch and reach beyond the text; together the segments are the text."""
    inside = [Span(max(0, span.start), min(len(text), span.end), span.label) for span in spans]
    inside = [span for span in inside if span.start < span.end]
    cuts = sorted({0, len(text), *(span.start for span in inside), *(span.end for span in inside)})
    segments: list[Segment] = []
    for start, end in pairwise(cuts):
        over = [span for span in inside if span.start <= start and end <= span.end]
        labels = tuple(sorted({span.label for span in over if span.label}))
        last = segments[-1] if segments else None
        if last is not None and (last.marked, last.labels) == (bool(over), labels):
            segments[-1] = Segment(last.text + text[start:end], last.marked, labels)
        else:
            segments.append(Segment(text[start:end], bool(over), labels))
    return tuple(segments)


def in_context(text: str, spans: Sequence[Span], *, context: int = CONTEXT) -> tuple[Segment, ...]:
    """The first marked words with ``context`` characters before and after, cut at white space; other marks nearby too."""
    inside = [span for span in spans if 0 <= span.start < span.end <= len(text)]
    if not inside:
        return ()
    first = min(inside)
    start = max(0, first.start - context)
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
