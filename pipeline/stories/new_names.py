"""The names and days of a text that texts before it do not have, for what an alert says is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.identity import FIGURE, MONTH, NAME, WEEKDAY, Identity, bits_of


class NewName(NamedTuple):
    """Adjacent names or days of a text that are new, as spelled in it. ``day``: only days; ``in_title``: the title has one."""

    text: str
    day: bool
    in_title: bool


def new_names(identity: Identity, known: Sequence[NDArray[np.uint8]]) -> list[NewName]:
    """The names and days of title and lead that no ``known`` vocabulary has, in order. No names if ``cased`` is false."""
    found: list[NewName] = []
    last = -2
    for mark in identity.marks:
        if mark.key >> 28 not in (NAME, WEEKDAY, MONTH) or any(_known_to(mark.key, vocabulary) for vocabulary in known):
            continue
        new = NewName(mark.word, mark.key >> 28 != NAME, mark.key in identity.in_title)
        if mark.at == last + 1:
            before = found.pop()
            new = NewName(f"{before.text} {new.text}", before.day and new.day, before.in_title or new.in_title)
        found.append(new)
        last = mark.at
    return found


def has_new_figures(identity: Identity, known: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether title and lead have a figure that no ``known`` vocabulary has."""
    figures = [mark.key for mark in identity.marks if mark.key >> 28 == FIGURE]
    return any(not any(_known_to(figure, vocabulary) for vocabulary in known) for figure in figures)


def _known_to(key: int, vocabulary: NDArray[np.uint8]) -> bool:
    places = (int(one) for one in bits_of(np.array(key, np.uint32)))
    return all(int(vocabulary[place >> 3]) >> (place & 7) & 1 for place in places)
