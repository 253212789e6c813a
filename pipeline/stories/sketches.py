"""How alike texts are, by their sketches: one text against many rows at once. All results are 0 to 1, one a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.features import PAD, Features

Rows = NDArray[Any]
"""Rows of ``features.LAYOUT``."""

Shares = NDArray[np.float64]


def resemblance(asked: Features, signatures: NDArray[np.uint32]) -> Shares:
    """Estimated Jaccard similarity of all shingles."""
    return np.asarray((signatures == asked["signature"]).mean(axis=1), np.float64)


def containment(asked: Features, rows: Rows, jaccard: Shares) -> Shares:
    """Estimated share of the smaller text that the other holds: the common part, worked out from Jaccard and sizes."""
    sizes = rows["shingles"].astype(np.float64)
    own = float(asked["shingles"])
    common = jaccard * (sizes + own) / (1.0 + jaccard)
    return np.minimum(common / np.maximum(np.minimum(sizes, own), 1.0), 1.0)


def overlap(asked: NDArray[np.uint32], rows: NDArray[np.uint32]) -> tuple[Shares, Shares]:
    """Of bottom-k sketches: the share of the smaller set that lies in the other, and by how many hashes that is judged.

    Only hashes up to the smaller of the two sketches' ends are known of both sets.
    """
    own_end = int(asked[-1]) if asked[-1] != PAD else PAD - 1
    ends = np.where(rows[:, -1] != PAD, rows[:, -1], PAD - 1)
    ends = np.minimum(ends, own_end)
    known = rows <= ends[:, None]
    places = np.minimum(asked.searchsorted(rows), len(asked) - 1)
    common = ((asked[places] == rows) & known).sum(axis=1)
    smaller = np.minimum(known.sum(axis=1), asked.searchsorted(ends, "right"))
    return common / np.maximum(smaller, 1), smaller.astype(np.float64)
