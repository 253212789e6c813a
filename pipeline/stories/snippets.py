"""Matched words in context, cut for an alert. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.records.alert import Snippet
from core.records.article import Match

MOST = 3
CONTEXT = 90
LONGEST = 320


def snippets_of(title: str, text: str, matches: Sequence[Match]) -> tuple[Snippet, ...]:
    """Up to three stretches of title and text that hold matches, the title's first, with the matches' places in them.

    Stretches are cut at spaces where there are any, and have at most some 320 characters. Matches that lie near each
    other share one.
    """
    made: list[Snippet] = []
    for field, whole in (("title", title), ("text", text)):
        spans = sorted(
            {(one.start, one.end) for one in matches if one.field == field and one.start < one.end <= len(whole)}
        )
        while spans and len(made) < MOST:
            low, high = _cut(whole, spans[0][0], spans[0][1])
            inside = [span for span in spans if span[0] >= low and span[1] <= high]
            spans = [span for span in spans if span[0] >= high]
            made.append(_snippet(field, whole, low, high, inside))
    return tuple(made)


def _cut(whole: str, start: int, end: int) -> tuple[int, int]:
    low = max(0, start - CONTEXT)
    paragraph = whole.rfind("\n", low, start) + 1
    low = paragraph or (0 if low == 0 else whole.find(" ", low, start) + 1 or low)
    end = min(end, start + LONGEST)
    high = min(len(whole), max(end + CONTEXT, low + 2 * CONTEXT), low + LONGEST)
    high = max(high, end)
    paragraph = whole.find("\n", end, high)
    if paragraph >= 0:
        return low, paragraph
    return low, high if high == len(whole) else max(whole.rfind(" ", end, high), end)


def _snippet(field: str, whole: str, low: int, high: int, spans: Sequence[tuple[int, int]]) -> Snippet:
    before, after = ("… " if low else ""), (" …" if high < len(whole) else "")
    shift = len(before) - low
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return Snippet(
        field, before + whole[low:high] + after, tuple((start + shift, end + shift) for start, end in merged)
    )
