"""Why an article joined a story, and which other stories it might have joined, for people; no decision depends on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

RELATED_AT = -2.0
"""The score (the logarithm of the odds that two texts are about one event) from which stories are related."""

RELATED_WORDS = 0.7
"""Likewise for texts without vectors, as a share of the similarity that joins."""

MOST_RELATED = 3
SHOWN_INPUTS = ("vectors", "names", "figures", "title figures", "words")
"""What of the score's inputs is kept."""

ONLY_WORDS = "words"


class Link(msgspec.Struct, frozen=True):
    """A near article of another outlet or time. ``joined``: the article joined its story through it.

    ``score`` and ``inputs`` (those that are not 0, by name) are in hundredths: they are shown, and the last digit of a float
    may differ between machines.
    """

    other: str
    joined: bool
    score: int
    inputs: dict[str, int] = {}


def link(other: str, score: float, inputs: Mapping[str, float], *, joined: bool) -> Link:
    """The link with its figures in hundredths."""
    whole = {name: round(inputs[name] * 100) for name in SHOWN_INPUTS if name in inputs}
    return Link(other, joined, round(score * 100), {name: value for name, value in whole.items() if value})
