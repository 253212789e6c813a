"""How likely it is that two texts report one event, in one language or in two: a weighted sum of what speaks for it. Pure.

What speaks for it: vectors of title and lead that point in one direction, once what all texts of the window have in
common is taken away; names that both have, rare ones counting more; figures that both have; words, if they are of one
language. Time speaks against it. The weights are a logistic regression's over pairs of articles, so a score is the
logarithm of the odds (docs/decisions.md). What is summed is whole numbers, so no score depends on the order of a sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.across import ENCODED, GUESSED, NOTHING, unpacked
from pipeline.stories.features import Features
from pipeline.stories.frequencies import Frequencies
from pipeline.stories.similarity import overlap

HOUR_MS = 3_600_000
PRIOR_VECTORS = 100
"""So many vectors of zeros are assumed before the first: a few texts of one story are no background."""

_FIGURES_SEEN = 2
_NAMES_SEEN, _EARLY = 2, 6
_FEW_WORDS, _MANY_WORDS = 0.25, 0.4

_WEIGHTS = {
    "vectors": 6.467,
    "vectors across": 5.692,
    "vectors and names": -2.315,
    "names": -0.412,
    "name rarity": 1.169,
    "rarest name": 1.637,
    "name count": -0.813,
    "names contained": 1.621,
    "early names": 0.747,
    "names uncased": 6.461,
    "name rarity uncased": -0.76,
    "rarest name uncased": -0.822,
    "name count uncased": 0.673,
    "names contained uncased": -0.599,
    "early names uncased": 0.634,
    "names across": -2.289,
    "fewest names": -0.089,
    "most names": -0.087,
    "cognates": 1.951,
    "cognate rarity": 0.948,
    "cognate count": -0.455,
    "cognates across": 0.605,
    "cognate rarity across": 0.383,
    "cognate count across": -0.048,
    "figures": -5.649,
    "figure rarity": 10.704,
    "title figures": 1.156,
    "no figure in common": 0.995,
    "fewest figures": -0.345,
    "other figures": -8.513,
    "days": -2.172,
    "days in one language": 0.653,
    "one language": -4.355,
    "words": 4.986,
    "terms": 0.251,
    "cased": 0.426,
    "guessed": 4.263,
    "guessed vectors": -11.094,
    "guessed names": 2.028,
    "guessed name rarity": 0.574,
    "few words": 5.911,
    "many words": -9.324,
    "vectors in one language": 2.571,
    "thin": -6.572,
    "thin vectors": 8.817,
    "strangers": -2.606,
    "strangers across": 1.475,
    "strangers' vectors": 5.167,
}
INTERCEPT = -5.433
INPUTS = tuple(_WEIGHTS)
"""What is weighed. "across": of texts in two languages only; "guessed": if the encoder does not know a language; "uncased": if
a script has no capitals; "strangers": if both have several names and none in common; "thin": how little of the window is
known, so that what its vectors have in common is not taken away."""

JOIN_AT = 0.0
NEAREST = 0.25
"""How much the nearest article of a story counts; the rest is the mean of all, so that one chance likeness joins nothing."""

FEW = 0.4
"""What a story of one article has to say more, one of n articles an n-th of it: a chance likeness to one is likelier."""

ANOTHER_EVENT = -8.0
"""The score of a report that was told from the same template and contradicts (``similarity.are_two_events``)."""

Rows = NDArray[Any]
Scores = NDArray[np.float64]


def scores(inputs: NDArray[np.float64]) -> Scores:
    """The score of each row of ``inputs_of``: the logarithm of the odds that it is one event."""
    made = np.full(len(inputs), INTERCEPT)
    # One after the other: the order of a sum of floats must not be a library's choice.
    for at, weight in enumerate(_WEIGHTS.values()):
        made += inputs[:, at] * weight
    return made


def of_story(told: Scores) -> float:
    """The score of a story by those of its articles (at least one)."""
    # The mean of whole numbers does not depend on the order of their sum.
    mean = float(np.rint(told * 4096).astype(np.int64).sum()) / 4096 / len(told)
    return float(told.max()) * NEAREST + mean * (1.0 - NEAREST) - FEW / len(told)


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
    one = one_language.astype(np.float64)
    vectors, days = alike(asked, rows, background), ages_ms / (24 * HOUR_MS)
    names = _in_common(asked["across"], rows["across"], background)
    cognates = _in_common(asked["cognates"], rows["cognates"], background)
    figures, rare_figures, title_figures, no_figure = _figures(asked, rows, background)
    terms, other_figures = _words_in_common(asked, rows)
    guessed = (rows["encoded"] == GUESSED).astype(np.float64) if asked["encoded"] == ENCODED else np.ones(len(rows))
    cased = ((rows["cased"] > 0) & bool(asked["cased"])).astype(np.float64)
    uncased, across = 1.0 - cased, 1.0 - one
    strangers = ((names.shared == 0.0) & (names.fewest >= _NAMES_SEEN)).astype(np.float64)
    thin = PRIOR_VECTORS / (PRIOR_VECTORS + background.vectors)
    of_names = {
        "names": names.cosine, "name rarity": names.rarity, "rarest name": names.rarest, "name count": names.shared,
        "names contained": names.contained, "early names": _early(asked, rows),
    }  # fmt: skip
    of_cognates = {"cognates": cognates.cosine, "cognate rarity": cognates.rarity, "cognate count": cognates.shared}
    made: dict[str, Scores] = {
        "vectors": vectors, "vectors across": vectors * across, "vectors and names": vectors * names.cosine,
        **of_names, **{f"{name} uncased": value * uncased for name, value in of_names.items()},
        "names across": names.cosine * across, "fewest names": names.fewest, "most names": names.most,
        **of_cognates, **{f"{name} across": value * across for name, value in of_cognates.items()},
        "figures": figures, "figure rarity": rare_figures, "title figures": title_figures, "no figure in common": no_figure,
        "fewest figures": _fewest_figures(asked, rows), "other figures": one * other_figures,
        "days": days, "days in one language": days * one, "one language": one, "words": words * one, "terms": terms * one,
        "few words": np.maximum(_FEW_WORDS - words, 0.0) * one, "many words": np.maximum(words - _MANY_WORDS, 0.0) * one,
        "strangers": strangers, "strangers across": strangers * across, "strangers' vectors": strangers * vectors,
        "vectors in one language": vectors * one, "thin": np.full(len(rows), thin), "thin vectors": thin * vectors,
        "cased": cased, "guessed": guessed, "guessed vectors": guessed * vectors, "guessed names": guessed * names.cosine,
        "guessed name rarity": guessed * names.rarity,
    }  # fmt: skip
    return np.stack([made[name] for name in INPUTS], axis=1)


class _Common(NamedTuple):
    """What two rows of hashes have in common, by their rarities; 1 is that of what no other text has, however large the window.

    ``contained``: the share of the row with less.
    """

    cosine: Scores
    rarity: Scores
    rarest: Scores
    shared: Scores
    contained: Scores
    fewest: Scores
    most: Scores


def _in_common(own: NDArray[np.uint32], others: NDArray[np.uint32], background: Frequencies) -> _Common:
    mine, theirs = _rarity(own, background), _rarity(others, background)
    order = np.argsort(own, kind="stable")
    ranked = own[order]
    places = np.minimum(ranked.searchsorted(others), len(ranked) - 1)
    shared = np.where((ranked[places] == others) & (others != NOTHING), theirs, 0)
    norms = float((mine * mine).sum()) * (theirs * theirs).sum(axis=1).astype(np.float64)
    total, sums = shared.sum(axis=1), np.minimum(theirs.sum(axis=1), mine.sum())
    counts, count = (others != NOTHING).sum(axis=1), (own != NOTHING).sum()
    return _Common(
        (shared * shared).sum(axis=1) / np.sqrt(np.maximum(norms, 1.0)),
        total / background.rarest,
        shared.max(axis=1) / background.rarest,
        (shared > 0).sum(axis=1).astype(np.float64),
        total / np.maximum(sums, 1),
        np.minimum(counts, count).astype(np.float64),
        np.maximum(counts, count).astype(np.float64),
    )


def _rarity(hashes: NDArray[np.uint32], background: Frequencies) -> NDArray[np.int64]:
    whole = background.rarity(hashes)
    whole[hashes == NOTHING] = 0
    return whole


def _early(asked: Features, rows: Rows) -> Scores:
    """1 if the first names of both have one in common."""
    own, theirs = asked["across"][:_EARLY], rows["across"][:, :_EARLY]
    return np.asarray(((theirs[:, :, None] == own[None, None, :]) & (own != NOTHING)).any(axis=(1, 2)), np.float64)


def _fewest_figures(asked: Features, rows: Rows) -> Scores:
    own, theirs = (asked["lead_figures"] != NOTHING).sum(), (rows["lead_figures"] != NOTHING).sum(axis=1)
    return np.asarray(np.minimum(own, theirs), np.float64)


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


def _figures(asked: Features, rows: Rows, background: Frequencies) -> tuple[Scores, Scores, Scores, Scores]:
    """How many figures both leads have (at most 3), how rare those are, how many both titles have (at most 2), and 1 if both
    leads have some and share none.
    """
    own, theirs = asked["lead_figures"], rows["lead_figures"]
    known = own != NOTHING
    same = (theirs[:, :, None] == own[None, None, :]) & known
    shared = same.any(axis=2)
    both = shared.sum(axis=1)
    rare = np.where(shared, _rarity(theirs, background), 0).sum(axis=1) / background.rarest
    at = np.arange(theirs.shape[1])
    titles = same[:, :, : int(asked["title_figures"])].any(axis=2) & (at < rows["title_figures"][:, None])
    none = known.any() & (theirs[:, 0] != NOTHING) & (both == 0)
    return (
        np.minimum(both, 3).astype(np.float64),
        rare,
        np.minimum(titles.sum(axis=1), 2).astype(np.float64),
        none.astype(np.float64),
    )
