"""Two versions of a text side by side, as one text with what went and what came. Pure.

How much changed is told by the pipeline (``versions.difference``); this shows where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec
from rapidfuzz.distance import Indel

Kind = Literal["same", "gone", "new", "gap"]
CONTEXT = 12
"""Words shown around a change."""
MOST = 20_000
"""Longer texts are compared as far as this: time and memory grow with the square."""

_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]\s*|\w+\s*|[^\w\s]\s*|\s+")


class Part(NamedTuple):
    """A run of words. A ``gap`` stands for words that are the same and not shown; its text is empty."""

    kind: Kind
    text: str


class Judgement(msgspec.Struct, frozen=True):
    """What the pipeline stored of a new version (see ``pipeline.text.difference``): ``size`` is none, minor or major."""

    size: str = "none"
    removed: int = 0
    added: int = 0
    figures_changed: bool = False


def judgement(stored: str | None) -> Judgement | None:
    """The stored judgement; None where there is none that can be read."""
    try:
        return msgspec.json.decode(stored, type=Judgement) if stored else None
    except msgspec.DecodeError:
        return None


def side_by_side(before: str, after: str, *, context: int = CONTEXT) -> tuple[Part, ...]:
    """The new text with what it lost. Long stretches without a change are gaps; no parts where nothing changed."""
    old, new = _WORD.findall(before)[:MOST], _WORD.findall(after)[:MOST]
    # Compared without the space behind a word: where a line breaks is no change.
    opcodes = Indel.opcodes([word.strip() for word in old], [word.strip() for word in new])
    parts: list[Part] = []
    gone = come = ""
    changed = False
    for op in opcodes:
        if op.tag != "equal":
            changed = True
            gone, come = (
                gone + "".join(old[op.src_start : op.src_end]),
                come + "".join(new[op.dest_start : op.dest_end]),
            )
            continue
        # What went stands before what came in its place.
        parts += [Part("gone", gone), Part("new", come)]
        gone = come = ""
        words = new[op.dest_start : op.dest_end]
        parts += _same(words, context, first=op.dest_start == 0, last=op.dest_end == len(new))
    parts += [Part("gone", gone), Part("new", come)]
    return tuple(_joined(parts)) if changed else ()


def _same(words: list[str], context: int, *, first: bool, last: bool) -> list[Part]:
    before, after = (0 if first else context), (0 if last else context)
    if len(words) <= before + after + context:
        return [Part("same", "".join(words))]
    tail = "".join(words[len(words) - after :])
    return [Part("same", "".join(words[:before])), Part("gap", ""), Part("same", tail)]


def _joined(parts: list[Part]) -> Iterator[Part]:
    """Parts without empty ones, neighbours of one kind together."""
    waiting: Part | None = None
    for part in parts:
        if part.kind != "gap" and not part.text:
            continue
        if waiting is not None and waiting.kind == part.kind and part.kind != "gap":
            waiting = Part(part.kind, waiting.text + part.text)
            continue
        if waiting is not None:
            yield waiting
        waiting = part
    if waiting is not None:
        yield waiting
