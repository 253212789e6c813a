"""Why an article joined a story, and which other stories it might have joined, for people; no decision depends on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

RELATED_AT = -2.0
"""The score (the logarithm of the odds that two texts are about one event) from which stories are related."""

RELATED_WORDS = 0.7
"""The same threshold for texts without vectors, as a share of the similarity from which texts join."""

MOST_RELATED = 3
SHOWN_INPUTS = ("vectors", "names", "figures", "title figures", "words")
"""The inputs of the score that are stored."""

ONLY_WORDS = "words"


class Link(msgspec.Struct, frozen=True):
    """A near article from another outlet or time. ``joined``: whether the article joined its story through it.

    ``score`` and ``inputs`` (nonzero ones, by name) are in hundredths: they are only shown, and the last digit of a float may
    differ between machines.
    """

    other: str
    joined: bool
    score: int
    inputs: dict[str, int] = {}


def link(other: str, score: float, inputs: Mapping[str, float], *, joined: bool) -> Link:
    """A link, with its figures rounded to hundredths."""
    whole = {name: round(inputs[name] * 100) for name in SHOWN_INPUTS if name in inputs}
    return Link(other, joined, round(score * 100), {name: value for name, value in whole.items() if value})
