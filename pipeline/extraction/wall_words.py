"""How much a short text is made of the words that walls are made of, in any language that has words of its own here. Pure.

A wall's few sentences hold hardly a word that is not about the page, the reader's browser or account; in an article on the
same subject they stand between names, places and what happened. Each word (by its first letters, so that endings don't matter)
has the logarithm of how much likelier it is in a wall than in an article; a word that no wall had counts as an article's. The
mean over the text is compared. The numbers in ``wall_words.toml`` are whole and written by ``python -m benchmarks.walls`` from
the texts in ``tests/quality/walls``. Languages without spaces between words are left to ``wall_meaning``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from core.package_data import package_toml
from pipeline.text.characters import folded

STEM = 5
"""So many letters of a word count."""
UNKNOWN = -80
"""What a word weighs that no wall had, and the least that any word weighs."""
_MIN_WORDS = 3


class Words(NamedTuple):
    """``odds``: the mean of the words' weights, in hundredths. ``kind``: which kind has most of them."""

    odds: int
    kind: str


@cache
def _weights() -> Mapping[str, tuple[int, str]]:
    data = package_toml("pipeline.extraction", "wall_words.toml")
    return {
        stem: (int(weight), kind)
        for kind, listed in data.items()
        for weight, stems in listed.items()
        for stem in stems.split()
    }


def stems_of(text: str) -> list[str]:
    """The words of a text, folded, by their first letters."""
    return [word[:STEM] for word in folded(text).split()]


def words_of_walls(text: str) -> Words | None:
    """How much ``text`` is made of walls' words; None if it has fewer than three words."""
    stems = stems_of(text)
    if len(stems) < _MIN_WORDS:
        return None
    weights = _weights()
    total = 0
    kinds: dict[str, int] = {}
    for stem in stems:
        weight, kind = weights.get(stem, (UNKNOWN, ""))
        total += weight
        if weight > 0:
            kinds[kind] = kinds.get(kind, 0) + weight
    return Words(total // len(stems), max(kinds, key=lambda kind: (kinds[kind], kind), default=""))
