"""How likely it is that two texts report one event, in one language or in two: a weighted sum of what speaks for it. Pure.

What speaks for it: vectors of title and lead that point in one direction, once what all texts of the window have in
common is taken away; names that both have, rare ones counting more; figures that both have; words, if they are of one
language. Time speaks against it. The weights are a logistic regression's over pairs of articles, so a score is the
logarithm of the odds (docs/decisions.md). What is summed is whole numbers, so no score depends on the order of a sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.across import NOTHING, unpacked
from pipeline.stories.features import Features
from pipeline.stories.frequencies import Frequencies
from pipeline.stories.similarity import overlap

HOUR_MS = 3_600_000
PRIOR_VECTORS = 100
"""So many vectors of zeros are assumed before the first: a few texts of one story are no background."""

_FIGURES_SEEN = 2
_FINE = 64
"""Rarities are rounded to 64ths."""

INPUTS = (
    "vectors", "names", "figures", "title figures", "no figure in common", "days", "one language", "words", "capitals",
    "terms", "other figures", "days in one language", "vectors and names", "names across languages",
    "vectors across languages",
)  # fmt: skip
"""What is weighed, in the order of ``WEIGHTS``."""

WEIGHTS = (6.88, 2.58, 1.63, 1.63, 0.79, -2.75, -2.2, 2.66, -1.07, 0.35, -3.01, 0.63, -0.15, 2.22, 3.96)
INTERCEPT = -4.68
JOIN_AT = 0.0
NEAREST = 0.25
"""How much the nearest article of a story counts; the rest is the mean of all, so that one chance likeness joins nothing."""

ANOTHER_EVENT = -8.0
"""The score of a report that was told from the same template and contradicts (``similarity.are_two_events``)."""

Rows = NDArray[Any]
Scores = NDArray[np.float64]


def scores(inputs: NDArray[np.float64]) -> Scores:
    """The score of each row of ``inputs_of``: the logarithm of the odds that it is one event."""
    made = np.full(len(inputs), INTERCEPT)
    for at, weight in enumerate(WEIGHTS):
        made += inputs[:, at] * weight
    return made


def inputs_of(
    asked: Features,
    rows: Rows,
    ages_ms: NDArray[np.int64],
    one_language: NDArray[np.bool_],
    words: NDArray[np.float64],
    background: Frequencies,
) -> NDArray[np.float64]:
    """What speaks for and against each row's being about the asked text's event: rows of ``INPUTS``.

    ``words``: the lexical similarity, 0 where languages differ.
    """
    made = np.zeros((len(rows), len(INPUTS)))
    made[:, 0] = alike(asked, rows, background)
    made[:, 1] = names_in_common(asked, rows, background)
    figures, title, none = _figures(asked, rows)
    made[:, 2], made[:, 3], made[:, 4] = figures, title, none
    made[:, 5] = ages_ms / (24 * HOUR_MS)
    made[:, 6] = one_language
    made[:, 7] = np.where(one_language, words, 0.0)
    made[:, 8] = (rows["cased"] > 0) & bool(asked["cased"])
    shared, other_figures = _words_in_common(asked, rows)
    made[:, 9] = np.where(one_language, shared, 0.0)
    made[:, 10] = one_language & other_figures
    made[:, 11] = np.where(one_language, made[:, 5], 0.0)
    made[:, 12] = made[:, 0] * made[:, 1]
    made[:, 13], made[:, 14] = (np.where(one_language, 0.0, made[:, at]) for at in (1, 0))
    return made


def _words_in_common(asked: Features, rows: Rows) -> tuple[Scores, NDArray[np.bool_]]:
    """How many heavy terms both have, and whether both have several figures and none in common."""
    terms = rows["terms"]
    ranked = np.sort(asked["terms"])
    places = np.minimum(ranked.searchsorted(terms), len(ranked) - 1)
    shared = ((ranked[places] == terms) & (terms != NOTHING)).sum(axis=1)
    figures, seen = overlap(asked["figures"], rows["figures"])
    return shared.astype(float), (seen >= _FIGURES_SEEN) & (figures == 0.0)


def alike(asked: Features, rows: Rows, background: Frequencies) -> Scores:
    """The cosine of the vectors without what the window's have in common; 0 without a vector."""
    if not asked["encoded"]:
        return np.zeros(len(rows))
    # Whole numbers below 2²⁴, so a float32 holds every sum.
    own, others = unpacked(asked["vector"]), unpacked(rows["vector"])
    weight = background.vectors + PRIOR_VECTORS
    total = background.total
    mine, theirs = own.astype(np.int64), (others @ own).astype(np.int64)
    with_total = others.astype(np.float64) @ total.astype(np.float64)
    square = int((total * total).sum())
    squares = (others * others).sum(axis=1, dtype=np.float64)
    common = theirs * float(weight) ** 2 - (with_total + float(mine @ total)) * weight + square
    own_square = float(mine @ mine) * float(weight) ** 2 - 2.0 * float(mine @ total) * weight + square
    their_square = squares * float(weight) ** 2 - 2.0 * with_total * weight + square
    cosine = common / np.sqrt(np.maximum(own_square * their_square, 1.0))
    return np.where(rows["encoded"] > 0, cosine, 0.0)


def names_in_common(asked: Features, rows: Rows, counts: Frequencies) -> Scores:
    """The cosine of the names' rarities."""
    own = asked["across"]
    mine = _rarity(own, counts)
    theirs = _rarity(rows["across"], counts)
    order = np.argsort(own, kind="stable")
    ranked = own[order]
    places = np.minimum(ranked.searchsorted(rows["across"]), len(ranked) - 1)
    shared = np.where((ranked[places] == rows["across"]) & (rows["across"] != NOTHING), theirs, 0)
    norms = (mine * mine).sum() * (theirs * theirs).sum(axis=1)
    return np.asarray((shared * shared).sum(axis=1) / np.sqrt(np.maximum(norms, 1).astype(np.float64)), np.float64)


def _rarity(names: NDArray[np.uint32], counts: Frequencies) -> NDArray[np.int64]:
    whole = np.rint(counts.rarity(names) * _FINE).astype(np.int64)
    whole[names == NOTHING] = 0
    return whole


def _figures(asked: Features, rows: Rows) -> tuple[Scores, Scores, Scores]:
    """How many figures both leads have (at most 3), both titles (at most 2), and 1 if both have some and share none."""
    own, theirs = asked["lead_figures"], rows["lead_figures"]
    known = own != NOTHING
    same = (theirs[:, :, None] == own[None, None, :]) & known
    both = same.any(axis=2).sum(axis=1)
    at = np.arange(theirs.shape[1])
    titles = same[:, :, : int(asked["title_figures"])].any(axis=2) & (at < rows["title_figures"][:, None])
    none = known.any() & (theirs[:, 0] != NOTHING) & (both == 0)
    return np.minimum(both, 3).astype(float), np.minimum(titles.sum(axis=1), 2).astype(float), none.astype(float)
