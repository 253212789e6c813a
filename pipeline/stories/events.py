"""How likely it is that two texts report the same event, in one language or in two: a weighted sum of evidence. Pure.

Evidence for it: similar vectors of title and lead, after subtracting the mean of the window; common names, of which
rare ones count more, and most if both titles have them; common figures; common words, if the language is the same. A
time difference is evidence against it, and so is the same outlet, which seldom reports an event twice.
The weights are from a logistic regression over pairs of articles, so a score is the logarithm of the odds
(docs/decisions.md). The sums are of integers, so no score depends on the order of a sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
)
from pipeline.stories.features import Features, across_keys
from pipeline.stories.frequencies import Frequencies
from pipeline.stories.similarity import are_held, matches, overlap
from pipeline.text.encoder import DIMENSIONS

PRIOR_VECTORS = 100
"""How many zero vectors are assumed before the first, since a few texts of one story are not a background."""

_FIGURES_SEEN = 2
_NAMES_SEEN, _EARLY = 2, 6
_FEW_WORDS, _MANY_WORDS = 0.25, 0.4

_WEIGHTS: dict[str, dict[str, float]] = {
    "always": {"": -6.054, "one language": -5.005, "cased": -0.342, "guessed": 3.009, "thin": -1.178, "across": 0.05},
    "vectors": {
        "": 8.334,
        "across": 8.636,
        "one language": 7.933,
        "guessed": -8.216,
        "thin": -4.224,
        "strangers": 4.756,
        "names": -7.06,
    },
    "names": {"": -0.828, "across": 3.109, "uncased": 3.755, "guessed": -0.936, "thin": -0.092},
    "name rarity": {"": 1.342, "uncased": -0.134, "guessed": 0.882, "thin": -0.063, "across": -0.398},
    "rarest name": {"": 0.887, "uncased": -0.251, "thin": 2.617, "across": -0.297},
    "name count": {"": -0.379, "uncased": 0.155, "thin": -0.149, "across": -0.403},
    "names contained": {"": 0.794, "uncased": -0.026, "thin": 0.462, "across": 0.613},
    "title names": {"": 0.265, "across": 0.661, "thin": -0.4},
    "early names": {"": -0.028, "uncased": 0.367, "thin": 0.31, "across": 0.394},
    "fewest names": {"": -0.193, "across": 0.129},
    "most names": {"": -0.154, "across": 0.075},
    "strangers": {"": -1.242, "across": 0.111, "thin": -0.578},
    "cognates": {"": 1.881, "across": -3.033, "thin": -1.57},
    "cognate rarity": {"": 0.265, "across": 1.905, "thin": -0.097},
    "cognate count": {"": -0.155, "across": -0.693, "thin": -0.055},
    "figures": {"": -1.348, "thin": 0.937, "across": -3.178},
    "figure rarity": {"": 3.156, "thin": 0.652, "across": 6.28},
    "title figures": {"": 2.233, "thin": -1.591, "across": -0.269},
    "no figure in common": {"": 2.184, "thin": -0.33, "across": -1.096},
    "fewest figures": {"": -0.732, "across": 0.22},
    "other figures": {"one language": -4.018},
    "one outlet": {"one language": -2.639},
    "days": {"": -1.963, "one language": -0.615, "thin": 3.414, "across": -2.154},
    "words": {"one language": 12.426, "thin": 1.686},
    "terms": {"one language": 0.13},
    "few words": {"one language": 13.166, "thin": -3.61},
    "many words": {"one language": -22.283},
}
"""The inputs and their weights: a weight for each condition under which an input counts, "" for always. "across": texts in two
languages; "guessed": the encoder does not know a language; "uncased": a script has no capitals; "strangers": both have several
names and none in common; "names": times the cosine of the names; "thin": how little of the window is known, so that the common
part of its vectors is not subtracted."""

INPUTS = tuple(_WEIGHTS)


def _weights_if(condition: str) -> NDArray[np.float64]:
    return np.asarray([[by.get(condition, 0.0)] for by in _WEIGHTS.values()])


def _weighed_if(condition: str) -> list[tuple[int, float]]:
    """The places of the inputs with a weight for this condition, each with the weight."""
    return [(at, by[condition]) for at, by in enumerate(_WEIGHTS.values()) if condition in by]


_ALWAYS, _THIN = _weights_if(""), _weights_if("thin")
# By two conditions that nearly every row has otherwise than the next: one language, and capitals in both scripts.
_KINDS = np.hstack([_weights_if(one) for one in ("across", "across", "one language", "one language")])
_CASES = np.hstack([_weights_if(one) for one in ("uncased", "cased")] * 2)
_GUESSED, _STRANGERS, _NAMES = (_weighed_if(one) for one in ("guessed", "strangers", "names"))
_AT = {name: at for at, name in enumerate(INPUTS)}
_VECTORS, _NAME_COSINE = _AT["vectors"], _AT["names"]
_EARLY_NAMES, _TITLE_NAMES = _AT["early names"], _AT["title names"]
_RAREST_NAME = _AT["rarest name"]
_COGNATES, _FIGURES, _TITLE_FIGURES = _AT["cognates"], _AT["figures"], _AT["title figures"]
_OTHER_FIGURES, _DAYS, _WORDS, _TERMS = _AT["other figures"], _AT["days"], _AT["words"], _AT["terms"]

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
Room = NDArray[np.float32]
NO_ROOM: Room = np.empty((0, DIMENSIONS), np.float32)
Words = Callable[[Rows], Scores]
"""The lexical similarity of rows in the text's language, from 0 to 1."""


class Likeness(NamedTuple):
    """The ``inputs`` for each row (a row for each of ``INPUTS``), and the score: the logarithm of the odds of one event.

    ``whole``: the rows for which both are complete; the others' scores are upper bounds.
    """

    inputs: NDArray[np.float64]
    scores: Scores
    whole: NDArray[np.int64]


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
    one_outlet: NDArray[np.bool_],
    words: Words,
    background: Frequencies,
    least: float = -math.inf,
    room: Room = NO_ROOM,
) -> Likeness:
    """How likely it is that each row is about the event of the text ``asked``. ``room``: see ``alike``.

    Rows that can't reach ``least`` are compared only in part, since most candidates share little with a text.
    """
    inputs = np.zeros((len(INPUTS), len(rows)))
    inputs[0] = 1.0
    inputs[_VECTORS] = alike(asked, rows, background, room)
    _put_common(inputs, asked, rows, background)
    inputs[_AT["one outlet"]] = one_outlet
    inputs[_DAYS] = ages_ms / (24 * HOUR_MS)
    told = one_language.nonzero()[0]
    if len(told):
        inputs[_TERMS, told] = are_held(np.sort(asked["terms"]), rows["terms"][told]).sum(axis=1)
    weights = _weights_of(asked, rows, one_language, inputs, background)
    whole = np.arange(len(rows))
    scores = np.zeros(len(rows))
    if least > -math.inf:
        # In any order, since the margin for rounding is far larger than what it changes.
        scores = np.add.reduce(weights * inputs, axis=0) + (_MOST_LATER + _MOST_OF_WORDS * one_language)
        whole = (scores >= least).nonzero()[0]
    if len(whole):
        _put_later(inputs, asked, rows, whole, one_language[whole], words, background)
        scores[whole] = _summed(weights[:, whole], inputs[:, whole])
    return Likeness(inputs, scores, whole)


def _summed(weights: NDArray[np.float64], inputs: NDArray[np.float64]) -> Scores:
    # One after the other, since a library must not choose the order of a sum of floats.
    return np.asarray(np.add.accumulate(weights * inputs, axis=0)[-1], np.float64)


def _weights_of(
    asked: Features,
    rows: Rows,
    one_language: NDArray[np.bool_],
    inputs: NDArray[np.float64],
    background: Frequencies,
) -> NDArray[np.float64]:
    """The weights of the inputs for each row, in the shape of ``inputs``."""
    kinds = _KINDS + (_ALWAYS + _THIN * (PRIOR_VECTORS / (PRIOR_VECTORS + background.vectors)))
    kinds += _CASES
    cased = (rows["cased"] > 0) & bool(asked["cased"])
    weights = kinds.take(one_language * 2 + cased, axis=1)
    for at, weight in _NAMES:
        weights[at] += weight * inputs[_NAME_COSINE]
    guessed = rows["encoded"] == GUESSED if asked["encoded"] == ENCODED else np.ones(len(rows), np.bool_)
    for condition, more in ((guessed, _GUESSED), (inputs[_AT["strangers"]], _STRANGERS)):
        if np.count_nonzero(condition):
            for at, weight in more:
                weights[at] += weight * condition
    return weights


def _put_later(
    inputs: NDArray[np.float64],
    asked: Features,
    rows: Rows,
    whole: NDArray[np.int64],
    one_language: NDArray[np.bool_],
    words: Words,
    background: Frequencies,
) -> None:
    """Put the inputs that only rows with a chance need. ``one_language``: by the rows of ``whole``."""
    several = rows[whole] if len(whole) < len(rows) else rows
    inputs[_EARLY_NAMES, whole] = _early(asked, several)
    inputs[_TITLE_NAMES, whole] = _title_names(asked, several, background)
    inputs[_TITLE_FIGURES, whole] = _title_figures(asked, several)
    told = np.zeros(len(whole))
    if one_language.any():
        near = several[one_language]
        told[one_language] = words(near)
        figures, seen = overlap(asked["figures"], near["figures"])
        inputs[_OTHER_FIGURES, whole[one_language]] = (seen >= _FIGURES_SEEN) & (figures == 0.0)
    inputs[_WORDS, whole] = told
    inputs[_AT["few words"], whole] = np.maximum(_FEW_WORDS - told, 0.0)
    inputs[_AT["many words"], whole] = np.maximum(told - _MANY_WORDS, 0.0)


def _most(of: str) -> float:
    """The most that an input's weight can be."""
    return sum(max(weight, 0.0) for weight in _WEIGHTS[of].values())


def _of_words(told: float) -> float:
    several = [_WEIGHTS[name] for name in ("words", "few words", "many words")]
    by = [one.get("one language", 0.0) + max(one.get("thin", 0.0), 0.0) for one in several]
    return by[0] * told + by[1] * max(_FEW_WORDS - told, 0.0) + by[2] * max(told - _MANY_WORDS, 0.0)


_SURELY = 1e-6
_MOST_TITLE_FIGURES = 2
_MOST_LATER = (
    _most("early names")
    + _most("title names")
    + _most("title figures") * _MOST_TITLE_FIGURES
    + _most("other figures")
    + _SURELY
)
"""The most that ``_put_later`` can add to a score, without words, and a margin for rounding."""

_MOST_OF_WORDS = max(_of_words(told) for told in (0.0, _FEW_WORDS, _MANY_WORDS, 1.0))
"""The most that words can add: their part is linear between these."""


def _put_common(inputs: NDArray[np.float64], asked: Features, rows: Rows, background: Frequencies) -> None:
    """Put what names, figures and cognates have in common, by rarity.

    1 is the rarity of a hash that no other text has, for any window.
    """
    both = np.concatenate((across_keys(asked)[None], across_keys(rows)))
    own, keys = both[0], both[1:]
    # Most rows have few hashes in common with the text, or none.
    at, columns = matches(own, keys)
    kinds = _KIND_OF.take(columns)
    places, cells = kinds * len(keys) + at, len(_SIZES) * len(keys)
    counts = np.bincount(places, minlength=cells).reshape(len(_SIZES), -1)
    known = (both != NOTHING).astype(np.float32) @ _COUNTED
    their_known = known[1:].T
    fewest = np.minimum(their_known, known[0][:, None])
    # All rarities of a row matter only if it has names or cognates in common.
    some = (counts[_OF_NAMES] + counts[_OF_COGNATES]).nonzero()[0]
    several = both.take(np.concatenate((_OWN, some + 1)), axis=0)
    rarities = background.rarity(np.concatenate((keys[at, columns], several.ravel()))).astype(np.float64)
    # Integers far below 2⁵³, whose sums are exact in floats, in any order.
    weights = rarities[: len(at)]
    rarest = background.rarest
    shared = np.bincount(places, weights, cells).reshape(len(_SIZES), -1)
    rarity = shared / rarest
    if len(some):
        shared_squares = np.bincount(places, weights * weights, cells).reshape(len(_SIZES), -1)
        rarities = rarities[len(at) :].reshape(several.shape) * (several != NOTHING)
        whole = (rarities @ _PARTS).T
        squares = (np.multiply(rarities, rarities, out=rarities) @ _PARTS).T
        cosines = shared_squares.take(some, axis=1) / np.sqrt(np.maximum(squares[:, 1:] * squares[:, :1], 1.0))
        inputs[_NAME_COSINE, some] = cosines[_OF_NAMES]
        inputs[_COGNATES, some] = cosines[_OF_COGNATES]
        smaller = np.minimum(whole[_OF_NAMES, 1:], whole[_OF_NAMES, 0])
        inputs[_AT["names contained"], some] = shared[_OF_NAMES].take(some) / np.maximum(smaller, 1.0)
        named = (kinds == _OF_NAMES).nonzero()[0]
        np.maximum.at(inputs[_RAREST_NAME], at.take(named), weights.take(named) / rarest)
    inputs[_AT["name rarity"]] = rarity[_OF_NAMES]
    inputs[_AT["name count"]] = counts[_OF_NAMES]
    inputs[_AT["fewest names"]] = fewest[_OF_NAMES]
    inputs[_AT["most names"]] = np.maximum(their_known[_OF_NAMES], known[0, _OF_NAMES])
    inputs[_AT["strangers"]] = (counts[_OF_NAMES] == 0) & (fewest[_OF_NAMES] >= _NAMES_SEEN)
    inputs[_AT["cognate rarity"]] = rarity[_OF_COGNATES]
    inputs[_AT["cognate count"]] = counts[_OF_COGNATES]
    inputs[_FIGURES] = np.minimum(counts[_OF_FIGURES], 3)
    inputs[_AT["figure rarity"]] = rarity[_OF_FIGURES]
    inputs[_AT["no figure in common"]] = (counts[_OF_FIGURES] == 0) & (fewest[_OF_FIGURES] > 0.0)
    inputs[_AT["fewest figures"]] = fewest[_OF_FIGURES]


_SIZES = (NAMES_ACROSS, LEAD_FIGURES, CELLS, WORDS_ACROSS)
_OF_NAMES, _OF_FIGURES, _OF_CELLS, _OF_COGNATES = range(4)
_KIND_OF = np.repeat(np.arange(len(_SIZES)), _SIZES)
_PARTS = np.repeat(np.eye(len(_SIZES)), _SIZES, axis=0)
"""Selects names, figures, cells and cognates among these hashes: rows times this matrix are the sums of each."""

_OWN = np.zeros(1, np.intp)
_COUNTED = _PARTS.astype(np.float32)


def _early(asked: Features, rows: Rows) -> Scores:
    """1 if both texts have a name in common among their first names."""
    own, theirs = asked["across"][:_EARLY], rows["across"][:, :_EARLY]
    return np.asarray(((theirs[:, :, None] == own[None, None, :]) & (own != NOTHING)).any(axis=(1, 2)), np.float64)


def _title_names(asked: Features, rows: Rows, background: Frequencies) -> Scores:
    """The rarity of the rarest name or place that both titles have."""
    own = asked["across"][: int(asked["title_names"])]
    theirs = rows["across"]
    titled = np.arange(theirs.shape[1]) < rows["title_names"][:, None]
    at, columns = matches(own, np.where(titled, theirs, NOTHING).astype(np.uint32))
    rarest = np.zeros(len(rows))
    np.maximum.at(rarest, at, background.rarity(theirs[at, columns]).astype(np.float64))
    return rarest / background.rarest


def alike(asked: Features, rows: Rows, background: Frequencies, room: Room = NO_ROOM) -> Scores:
    """The cosine of the vectors after subtracting the window's mean; 0 without a vector.

    ``room``: memory for the vectors, overwritten: fresh pages for each question take longer than filling them.
    """
    if not asked["encoded"]:
        return np.zeros(len(rows))
    held, mine, total = rows["vector"], asked["vector"], background.total
    weight = background.vectors + PRIOR_VECTORS
    # Each number is half a byte, with ``MIDDLE`` added; the upper halves come before the lower ones here.
    size = held.shape[1]
    numbers = room[: len(held) + 1] if len(held) < len(room) else np.empty((len(held) + 1, size * 2), np.float32)
    np.right_shift(held, 4, out=numbers[:-1, :size], casting="unsafe")
    np.bitwise_and(held, 15, out=numbers[:-1, size:], casting="unsafe")
    numbers[-1, :size], numbers[-1, size:] = mine >> 4, mine & 15
    numbers -= MIDDLE
    # Integers below 2²⁴, so that every sum is exact in a float32; the total is computed in two parts.
    factors = np.empty((3, size * 2), np.float32)
    factors[0] = numbers[-1]
    halves = total.reshape(-1, 2).T
    factors[1].reshape(2, -1)[:], factors[2].reshape(2, -1)[:] = halves >> _TOTAL_BITS, halves & _LOW_BITS
    products = (numbers @ factors.T).astype(np.float64)
    squares = np.vecdot(numbers, numbers).astype(np.float64)
    with_total = products[:, 1] * (1 << _TOTAL_BITS) + products[:, 2]
    square, times = float(total @ total), float(weight) ** 2
    common = products[:-1, 0] * times - (with_total[:-1] + with_total[-1]) * weight + square
    lengths = squares * times - 2.0 * with_total * weight + square
    cosine = common / np.sqrt(np.maximum(lengths[:-1] * lengths[-1], 1.0))
    encoded = rows["encoded"]
    return cosine if encoded.all() else np.where(encoded > 0, cosine, 0.0)


_TOTAL_BITS = 11
_LOW_BITS = (1 << _TOTAL_BITS) - 1


def _title_figures(asked: Features, rows: Rows) -> Scores:
    """The number of figures in both titles (at most 2)."""
    own, theirs = asked["lead_figures"][: int(asked["title_figures"])], rows["lead_figures"]
    if not len(own):
        return np.zeros(len(rows))
    same = (theirs[:, :, None] == own[None, None, :]).any(axis=2) & (theirs != NOTHING)
    same &= np.arange(theirs.shape[1]) < rows["title_figures"][:, None]
    return np.asarray(np.minimum(same.sum(axis=1), _MOST_TITLE_FIGURES).astype(np.float64), np.float64)
