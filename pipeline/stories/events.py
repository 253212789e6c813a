"""How likely it is that two texts report the same event, in one language or in two: a weighted sum of evidence. Pure.

Evidence for it: similar vectors of title and lead, after subtracting the mean of the window; common names, of which
rare ones count more; common figures; common words, if the language is the same. A time difference is evidence against
it. The weights are from a logistic regression over pairs of articles, so a score is the logarithm of the odds
(docs/decisions.md). The sums are of integers, so no score depends on the order of a sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.durations import HOUR_MS
from pipeline.stories.across import (
    CELLS,
    ENCODED,
    GUESSED,
    LEAD_FIGURES,
    MIDDLE,
    NAMES_ACROSS,
    NOTHING,
    WORDS_ACROSS,
    unpacked,
)
from pipeline.stories.features import Features, across_keys
from pipeline.stories.frequencies import Frequencies
from pipeline.stories.similarity import are_among, overlap

PRIOR_VECTORS = 100
"""How many zero vectors are assumed before the first, since a few texts of one story are not a background."""

_FIGURES_SEEN = 2
_NAMES_SEEN, _EARLY = 2, 6
_FEW_WORDS, _MANY_WORDS = 0.25, 0.4

_WEIGHTS: dict[str, dict[str, float]] = {
    "always": {"": -5.433, "one language": -4.355, "cased": 0.426, "guessed": 4.263, "thin": -6.572},
    "vectors": {
        "": 6.467,
        "across": 5.692,
        "one language": 2.571,
        "guessed": -11.094,
        "thin": 8.817,
        "strangers": 5.167,
        "names": -2.315,
    },
    "names": {"": -0.412, "across": -2.289, "uncased": 6.461, "guessed": 2.028},
    "name rarity": {"": 1.169, "uncased": -0.76, "guessed": 0.574},
    "rarest name": {"": 1.637, "uncased": -0.822},
    "name count": {"": -0.813, "uncased": 0.673},
    "names contained": {"": 1.621, "uncased": -0.599},
    "early names": {"": 0.747, "uncased": 0.634},
    "fewest names": {"": -0.089},
    "most names": {"": -0.087},
    "strangers": {"": -2.606, "across": 1.475},
    "cognates": {"": 1.951, "across": 0.605},
    "cognate rarity": {"": 0.948, "across": 0.383},
    "cognate count": {"": -0.455, "across": -0.048},
    "figures": {"": -5.649},
    "figure rarity": {"": 10.704},
    "title figures": {"": 1.156},
    "no figure in common": {"": 0.995},
    "fewest figures": {"": -0.345},
    "other figures": {"one language": -8.513},
    "days": {"": -2.172, "one language": 0.653},
    "words": {"one language": 4.986},
    "terms": {"one language": 0.251},
    "few words": {"one language": 5.911},
    "many words": {"one language": -9.324},
}
"""The inputs and their weights: a weight for each condition under which an input counts, "" for always. "across": texts in two
languages; "guessed": the encoder does not know a language; "uncased": a script has no capitals; "strangers": both have several
names and none in common; "names": times the cosine of the names; "thin": how little of the window is known, so that the common
part of its vectors is not subtracted."""

INPUTS = tuple(_WEIGHTS)
_CONDITIONS = ("", "one language", "across", "cased", "uncased", "guessed", "thin", "strangers", "names")
_ALWAYS, _ONE, _ACROSS, _CASED, _UNCASED, _GUESSED, _THIN, _STRANGERS, _NAMES = (
    np.asarray([[by.get(one, 0.0)] for by in _WEIGHTS.values()]) for one in _CONDITIONS
)

JOIN_AT = 0.0
NEAREST = 0.25
"""How much the nearest article of a story counts; the rest is the mean of all, so that one chance similarity joins nothing.
"""

FEW = 0.4
"""The additional score needed for a story of one article; for n articles, one n-th of it, since chance likeness is rarer."""

ANOTHER_EVENT = -8.0
"""The score of a report from the same template that contradicts (``similarity.are_two_events``)."""

Rows = NDArray[Any]
Scores = NDArray[np.float64]


class Likeness(NamedTuple):
    """The ``inputs`` for each row (a row for each of ``INPUTS``), and the score: the logarithm of the odds of one event."""

    inputs: NDArray[np.float64]
    scores: Scores


def of_story(told: Scores) -> float:
    """The score of a story, from the scores of its articles (at least one)."""
    # The mean of integers does not depend on the order of their sum.
    mean = float(np.rint(told * 4096).astype(np.int64).sum()) / 4096 / len(told)
    return float(told.max()) * NEAREST + mean * (1.0 - NEAREST) - FEW / len(told)


def likeness(
    asked: Features,
    rows: Rows,
    ages_ms: NDArray[np.int64],
    one_language: NDArray[np.bool_],
    words: NDArray[np.float64],
    background: Frequencies,
) -> Likeness:
    """How likely it is that each row is about the event of the text ``asked``.

    ``words``: the lexical similarity, 0 if languages differ.
    """
    vectors = alike(asked, rows, background)
    names, figures, cognates = _in_common(asked, rows, background)
    terms, other_figures = _words_in_common(asked, rows, one_language)
    guessed = (rows["encoded"] == GUESSED) if asked["encoded"] == ENCODED else np.ones(len(rows), np.bool_)
    cased = (rows["cased"] > 0) & bool(asked["cased"])
    strangers = (names.shared == 0.0) & (names.fewest >= _NAMES_SEEN)
    inputs = np.array((
        np.ones(len(rows)), vectors, names.cosine, names.rarity, names.rarest, names.shared, names.contained,
        _early(asked, rows), names.fewest, names.most, strangers, cognates.cosine, cognates.rarity, cognates.shared,
        np.minimum(figures.shared, 3.0), figures.rarity, _title_figures(asked, rows),
        (figures.shared == 0.0) & (figures.fewest > 0.0), figures.fewest, other_figures, ages_ms / (24 * HOUR_MS), words,
        terms, np.maximum(_FEW_WORDS - words, 0.0), np.maximum(words - _MANY_WORDS, 0.0),
    ))  # fmt: skip
    # One after the other, since a library must not choose the order of a sum of floats.
    weights = np.where(one_language, _ONE, _ACROSS)
    weights += _ALWAYS + _THIN * (PRIOR_VECTORS / (PRIOR_VECTORS + background.vectors))
    weights += np.where(cased, _CASED, _UNCASED)
    weights += _NAMES * names.cosine
    for condition, more in ((guessed, _GUESSED), (strangers, _STRANGERS)):
        if condition.any():
            weights += more * condition
    weights *= inputs
    return Likeness(inputs, np.add.accumulate(weights, axis=0)[-1])


class _Common(NamedTuple):
    """What two rows of hashes have in common, by rarity; 1 is the rarity of a hash that no other text has, for any window.

    ``contained``: the common share of the smaller row.
    """

    rarest: Scores
    cosine: Scores
    rarity: Scores
    shared: Scores
    contained: Scores
    fewest: Scores
    most: Scores


def _in_common(asked: Features, rows: Rows, background: Frequencies) -> tuple[_Common, _Common, _Common]:
    """The common part of names, of figures and of cognates."""
    own, others = across_keys(asked), across_keys(rows)
    mine, theirs = _rarity(own, background), _rarity(others, background)
    shared = theirs * are_among(own, others)
    # Integers far below 2⁵³, whose sums are exact in floats, in any order.
    totals, sums, own_sums = shared @ _PARTS, theirs @ _PARTS, mine @ _PARTS
    norms = ((theirs * theirs) @ _PARTS) * ((mine * mine) @ _PARTS)
    counts, known, own_known = (shared > 0) @ _PARTS, (theirs > 0) @ _PARTS, (mine > 0) @ _PARTS
    made = (
        ((shared * shared) @ _PARTS) / np.sqrt(np.maximum(norms, 1.0)),
        totals / background.rarest,
        counts,
        totals / np.maximum(np.minimum(sums, own_sums), 1.0),
        np.minimum(known, own_known),
        np.maximum(known, own_known),
    )
    rarest = shared[:, :NAMES_ACROSS].max(axis=1) / background.rarest
    names, figures, cognates = (_Common(rarest, *(each[:, at] for each in made)) for at in range(3))
    return names, figures, cognates


_SIZES = (NAMES_ACROSS, LEAD_FIGURES, CELLS, WORDS_ACROSS)
_PARTS = np.repeat(np.eye(4), _SIZES, axis=0)[:, [0, 1, 3]]
"""Selects names, figures and cognates among these hashes: rows times this matrix are the sums of each."""


def _rarity(hashes: NDArray[np.uint32], background: Frequencies) -> NDArray[np.float64]:
    return np.asarray(background.rarity(hashes) * (hashes != NOTHING), np.float64)


def _early(asked: Features, rows: Rows) -> Scores:
    """1 if both texts have a name in common among their first names."""
    own, theirs = asked["across"][:_EARLY], rows["across"][:, :_EARLY]
    return np.asarray(((theirs[:, :, None] == own[None, None, :]) & (own != NOTHING)).any(axis=(1, 2)), np.float64)


def _words_in_common(asked: Features, rows: Rows, one_language: NDArray[np.bool_]) -> tuple[Scores, Scores]:
    """The number of common heavy terms, and 1 if both have several figures and none in common; 0 for another language."""
    shared, other_figures = np.zeros(len(rows)), np.zeros(len(rows))
    one = one_language.nonzero()[0]
    if len(one):
        terms = rows["terms"][one]
        shared[one] = (are_among(asked["terms"], terms) & (terms != NOTHING)).sum(axis=1)
        figures, seen = overlap(asked["figures"], rows["figures"][one])
        other_figures[one] = (seen >= _FIGURES_SEEN) & (figures == 0.0)
    return shared, other_figures


def alike(asked: Features, rows: Rows, background: Frequencies) -> Scores:
    """The cosine of the vectors after subtracting the window's mean; 0 without a vector."""
    if not asked["encoded"]:
        return np.zeros(len(rows))
    own, total = unpacked(asked["vector"]), background.total
    weight = background.vectors + PRIOR_VECTORS
    # Integers below 2²⁴, so that every sum is exact in a float32; the total is computed in two parts.
    factors = np.empty((4, len(own)), np.float32)
    factors[0], factors[1], factors[2] = own, total >> _TOTAL_BITS, total & (1 << _TOTAL_BITS) - 1
    factors[3] = 1.0
    held = rows["vector"]
    # Each number is half a byte, with ``MIDDLE`` added.
    firsts, seconds = (held >> 4).astype(np.float32), (held & 15).astype(np.float32)
    theirs, highs, lows, ones = factors[:, 0::2] @ firsts.T + factors[:, 1::2] @ seconds.T
    shifts = factors.astype(np.float64).sum(axis=1) * MIDDLE
    theirs, highs, lows = theirs - shifts[0], highs - shifts[1], lows - shifts[2]
    with_total = highs * (1 << _TOTAL_BITS) + lows
    squares = np.einsum("ij,ij->i", firsts, firsts) + np.einsum("ij,ij->i", seconds, seconds)
    squares = squares - ones * (2.0 * MIDDLE) + len(own) * MIDDLE * MIDDLE
    mine = own.astype(np.int64)
    own_with_total, own_square = float(mine @ total), float(mine @ mine)
    square = float((total * total).sum())
    common = theirs * float(weight) ** 2 - (with_total + own_with_total) * weight + square
    own_length = own_square * float(weight) ** 2 - 2.0 * own_with_total * weight + square
    their_lengths = squares * float(weight) ** 2 - 2.0 * with_total * weight + square
    cosine = common / np.sqrt(np.maximum(own_length * their_lengths, 1.0))
    return np.asarray(np.where(rows["encoded"] > 0, cosine, 0.0), np.float64)


_TOTAL_BITS = 11


def _title_figures(asked: Features, rows: Rows) -> Scores:
    """The number of figures in both titles (at most 2)."""
    own, theirs = asked["lead_figures"][: int(asked["title_figures"])], rows["lead_figures"]
    if not len(own):
        return np.zeros(len(rows))
    same = (theirs[:, :, None] == own[None, None, :]).any(axis=2) & (theirs != NOTHING)
    same &= np.arange(theirs.shape[1]) < rows["title_figures"][:, None]
    return np.asarray(np.minimum(same.sum(axis=1), 2).astype(np.float64), np.float64)
