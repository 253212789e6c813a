"""Whether a short text means what walls say, and the kind of wall, in any language that the sentence encoder knows. Pure.

A wall says something about the page, the reader's browser or account; an article says something about the world. Their
sentences' vectors (``pipeline.text.encoder``) are separable in any language, so weights that were fitted to walls in
some languages also recognise others (left out in turn, 15 of 15 languages are recognised). The weights are whole
numbers in ``wall_meaning.toml``, fitted by ``python -m benchmarks.walls`` to the texts in ``tests/quality/walls``: a
logistic regression. The sum of products of integers is the same on every machine.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.package_data import package_toml
from pipeline.text.encoder import encoder

_FINER = 100
"""Weights are finer than odds by this."""
_STRETCH = 300
_MOST_STRETCHES = 5
"""How much of a text the encoder reads at a time, in characters, and how many such stretches it reads."""


class Meaning(NamedTuple):
    """``odds``: the logarithm of the odds that the text is a wall's, in hundredths. ``kind``: which kind it is nearest to."""

    odds: int
    kind: str


class Weights(NamedTuple):
    """``kinds`` × 512: the mean vector of each kind's walls. ``weights``: hundredths by 70 (``encoder.STEPS``)."""

    weights: NDArray[np.int64]
    start: int
    names: tuple[str, ...]
    kinds: NDArray[np.int64]


@cache
def _weights() -> Weights:
    data = package_toml("pipeline.extraction", "wall_meaning.toml")
    kinds = data["kinds"]
    return Weights(
        np.asarray(data["weights"], np.int64),
        int(data["start"]),
        tuple(kinds),
        np.asarray([kinds[name] for name in kinds], np.int64),
    )


def meaning_of(text: str, *, least: int | None = None) -> Meaning:
    """How much ``text`` reads like a wall; of a long text, each of up to five stretches must, so the lowest counts.

    ``least``: the odds that the caller asks for. If they are less, they may be higher than without it, but not reach it.
    """
    whole = _read(text[:_STRETCH])
    stretches = min(-(-len(text) // _STRETCH), _MOST_STRETCHES)
    for at in range(1, stretches):
        if least is not None and whole.odds < least:
            break  # each stretch takes some milliseconds
        start = (len(text) - _STRETCH) * at // (stretches - 1)
        if (odds := _read(text[start : start + _STRETCH]).odds) < whole.odds:
            whole = Meaning(odds, whole.kind)
    return whole


def kind_of(text: str) -> str:
    """The kind of ``meaning_of``: that of the first stretch."""
    return _read(text[:_STRETCH]).kind


def _read(text: str) -> Meaning:
    vector = encoder().vector("", text).astype(np.int64)
    held = _weights()
    odds = (int(vector @ held.weights) + held.start) // _FINER
    return Meaning(odds, held.names[int(np.argmax(held.kinds @ vector))])
