"""How much two texts contradict each other in what identifies their event: a score in integer points. Pure.

It counts marks (``identity``) that each text has and the other's vocabulary lacks, by kind and in pairs: something that
only one text says makes it longer, but not a different event. A pair between the same words counts most, since there
the texts differ; a name or figure elsewhere counts little. Words in scripts without capitals may be anything, so they
only count between the same words.

The points were chosen with the tables in ``tests/cases/story_templates.toml`` and ``story_copies.toml`` together:
except for those marked ``close``, no copy has more than 5 and no pair of two events less than 9.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.identity import DAY, FIGURE, MONTH, NAME, NO_MARK, TITLE_WORD, WEEKDAY, WORD, bits_of

Points = NDArray[np.int32]
Marked = NDArray[Any]
"""Rows of ``features.LAYOUT``; only ``identity.FIELDS`` and ``shingles`` are used."""

CONTRADICTED_AT = 7
"""With this many points, two texts of one outlet are about two events."""

MOST_FOR_LIKENESS = 3
"""Additional points needed for identical texts, in proportion to the likeness: a corrected name is not another event."""

OTHER_OUTLET = 1
"""Additional points needed if the outlets differ: agency texts are edited, and templates mostly belong to one outlet."""

_NAME_IN_PLACE, _NAME, _FIGURE_IN_PLACE, _FIGURE, _TIME, _WORD_IN_PLACE, _IN_TITLE = 3, 1, 4, 1, 3, 2, 2
_FAR, _FAR_IN_TITLE = 2, 2
_DAY_IN_TITLE = 4
_WHOLE_SHINGLES = 300
_OWN_SHARE, _OWN_STEP = 200, 20
"""Per mille of unshared words that each text may have before they count, and per mille for each further point."""

_CALENDAR = (WEEKDAY, DAY, MONTH)


ANOTHER_EVENT = 3
"""Points needed from names, places and days: the same report with other figures may just have newer counts."""

SERIES = 3
"""With this many contradicting figures between the same words, and no more that agree, it is the next list of prices."""


class Contradiction(NamedTuple):
    """One number per row. ``points``: all points. ``event``: points not from figures. ``agreed``: marks that both have.

    ``series``: whether it is the next of a series of lists of figures.
    """

    points: Points
    event: Points
    agreed: Points
    series: NDArray[np.bool_]

    @property
    def other_event(self) -> NDArray[np.bool_]:
        """Whether texts with similar wording are about two events."""
        return (self.points >= CONTRADICTED_AT) & ((self.event >= ANOTHER_EVENT) | self.series)


def contradictions(asked: Marked, rows: Marked) -> Contradiction:
    """How much one text and each of several others contradict each other, regardless of their order."""
    own, others = asked["marks"], rows["marks"]
    known, others_known = _known(own, rows["vocabulary"]), _known(others, asked["vocabulary"])
    real, others_real = own != NO_MARK, others != NO_MARK
    alone, others_alone = ~known & real, ~others_known & others_real
    agreed = np.minimum((known & real).sum(axis=1), (others_known & others_real).sum(axis=1))
    fewest = np.minimum(alone.sum(axis=1), others_alone.sum(axis=1))
    total, event = np.zeros(len(rows), np.int32), np.zeros(len(rows), np.int32)
    series = np.zeros(len(rows), np.bool_)
    # Most rows are real copies, where one of the two sides has nothing of its own.
    some = fewest.nonzero()[0]
    if len(some):
        total[some], event[some], in_place = _points(asked, rows[some], alone[some], others_alone[some])
        own_words = _own_words(asked, rows[some])
        total[some] += own_words
        event[some] += own_words
        figures = (others_real & others_known & (others >> 28 & 7 == FIGURE))[some].sum(axis=1)
        series[some] = (in_place >= SERIES) & (in_place >= figures)
    return Contradiction(total, event, agreed.astype(np.int32), series)


def _points(
    asked: Marked, rows: Marked, alone: NDArray[np.bool_], others_alone: NDArray[np.bool_]
) -> tuple[Points, Points, Points]:
    """All points, the points not from figures, and the pairs of figures between the same words."""
    kinds, others_kinds = asked["marks"] >> 28 & 7, rows["marks"] >> 28 & 7
    titled, others_titled = asked["marks"] >> 31 > 0, rows["marks"] >> 31 > 0
    both = alone[:, :, None] & others_alone[:, None, :] & (kinds[None, :, None] == others_kinds[:, None, :])
    in_place = both & (_equal(asked["before"], rows["before"]) | _equal(asked["after"], rows["after"]))
    here, there = in_place.any(axis=2), in_place.any(axis=1)
    # Other spellings of a name have the same beginning.
    other = in_place & (asked["marks"][None, :, None] >> 24 & 15 != rows["marks"][:, None, :] >> 24 & 15)
    far, far_there = other.any(axis=2), other.any(axis=1)

    def pairs(kind: int, mine: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> NDArray[np.int64]:
        found = np.minimum((mine & (kinds == kind)).sum(axis=1), (theirs & (others_kinds == kind)).sum(axis=1))
        return np.asarray(found, np.int64)

    names, names_in_place = pairs(NAME, alone, others_alone), pairs(NAME, here, there)
    figures, figures_in_place = pairs(FIGURE, alone, others_alone), pairs(FIGURE, here, there)
    in_title = pairs(NAME, alone & titled, others_alone & others_titled) > 0
    far_in_title = pairs(NAME, far & titled, far_there & others_titled) > 0
    words_in_title = pairs(WORD, here & titled, there & others_titled) > 0
    figures_in_title = pairs(FIGURE, alone & titled, others_alone & others_titled) > 0
    event = (_NAME_IN_PLACE - _NAME) * names_in_place + _NAME * names + _IN_TITLE * in_title
    event += _FAR * (pairs(NAME, far, far_there) + pairs(WORD, far, far_there)) + _FAR_IN_TITLE * far_in_title
    event += _WORD_IN_PLACE * pairs(WORD, here, there) + pairs(TITLE_WORD, here, there) + _IN_TITLE * words_in_title
    event += _TIME * sum((pairs(kind, alone, others_alone) for kind in _CALENDAR), np.int64(0))
    days_in_title = sum((pairs(kind, here & titled, there & others_titled) for kind in _CALENDAR), np.int64(0)) > 0
    event += _DAY_IN_TITLE * days_in_title
    numbers = (_FIGURE_IN_PLACE - _FIGURE) * figures_in_place + _FIGURE * figures + _IN_TITLE * figures_in_title
    return (event + numbers).astype(np.int32), event.astype(np.int32), figures_in_place.astype(np.int32)


def _own_words(asked: Marked, rows: Marked) -> Points:
    """Points for short texts of similar length that each have much that the other lacks: the same frame around other news.

    The vocabulary of longer texts covers only their beginning, and texts of different lengths may cover different parts.
    """
    sizes, own = rows["shingles"].astype(np.int64), int(asked["shingles"])
    longest, shortest = np.maximum(sizes, own), np.minimum(sizes, own)
    have, theirs = asked["vocabulary"], rows["vocabulary"]
    mine = np.bitwise_count(have & ~theirs).sum(axis=1, dtype=np.int64)
    other = np.bitwise_count(theirs & ~have).sum(axis=1, dtype=np.int64)
    all_mine = np.bitwise_count(have).sum(dtype=np.int64)
    fewest = np.maximum(np.minimum(all_mine, np.bitwise_count(theirs).sum(axis=1, dtype=np.int64)), 1)
    share = np.minimum(mine, other) * 1_000 // fewest
    whole = (longest <= _WHOLE_SHINGLES) & (shortest * 10 >= longest * 6)
    return np.where(whole, np.maximum(share - _OWN_SHARE, 0) // _OWN_STEP, 0).astype(np.int32)


def shared_words(asked: Marked, rows: Marked) -> Points:
    """Per mille of the smaller vocabulary that the other also has."""
    have, theirs = asked["vocabulary"], rows["vocabulary"]
    common = np.bitwise_count(have & theirs).sum(axis=1, dtype=np.int64)
    fewest = np.minimum(
        np.bitwise_count(have).sum(dtype=np.int64), np.bitwise_count(theirs).sum(axis=1, dtype=np.int64)
    )
    return np.asarray(common * 1_000 // np.maximum(fewest, 1), np.int32)


def _equal(own: NDArray[np.uint16], others: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Which neighbours are equal, by row, own mark and other mark; 0 means no neighbour."""
    return np.asarray((own[None, :, None] == others[:, None, :]) & (own > 0)[None, :, None])


def _known(marks: NDArray[np.uint32], vocabulary: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which marks a vocabulary has, for one row of marks and many vocabularies, or many rows and one vocabulary."""
    first, second = bits_of(marks)
    if vocabulary.ndim == 1:
        return _bit(vocabulary[first >> 3], first) & _bit(vocabulary[second >> 3], second)
    return _bit(vocabulary[:, first >> 3], first) & _bit(vocabulary[:, second >> 3], second)


def _bit(held: NDArray[np.uint8], place: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.asarray(held >> (place & 7).astype(np.uint8) & 1 > 0)
