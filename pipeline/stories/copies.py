"""When two texts are copies of each other, by their sketches alone.

Resemblance is not enough. A copy cut to a third resembles the original by a third; reports from one template resemble each
other by more, and so do two texts above one long footer. So three more things are asked: how much of the smaller text is in
the other (cut copies), whether they begin alike (footers don't), and whether names and figures are the same (templates differ
in just these).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.features import Features
from pipeline.stories.sketches import Rows, containment, overlap, resemblance

COPY_AT = 0.6
"""Estimated Jaccard similarity of shingles from which texts are copies, if nothing speaks against it."""

CUT_AT = 0.57
"""Containment from which the smaller text is a cut copy, if both begin alike."""

MIN_CUT = 0.1
"""A text with a smaller share of the other's shingles is a quotation or a summary, not a copy."""

_REWORKED_AT = 0.4
_REWORKED_OPENING = 0.15
_REWORKED_FACTS = 0.85
_MIN_FACTS = 8
_OPENING_ALIKE = 0.3
_HEAD_ALIKE = 0.45
_HEAD_SAME = 0.75
_ALL_OF_IT = 0.9
_FACTS_DIFFER = 0.5
_MIN_NAMES, _MIN_FIGURES = 4, 3
_FLOOR = 0.04


def are_copies(asked: Features, rows: Rows) -> NDArray[np.bool_]:
    """Tell for each row whether it and ``asked`` are copies, whichever came first. Symmetric."""
    verdict = np.zeros(len(rows), np.bool_)
    if not asked["shingles"]:
        return verdict
    jaccard = resemblance(asked, rows["signature"])
    likely = ((jaccard >= _FLOOR) & (rows["shingles"] > 0)).nonzero()[0]
    if not len(likely):
        return verdict
    jaccard = jaccard[likely]
    full = (rows["full"][likely] > 0) & (asked["full"] > 0)
    plain = jaccard >= COPY_AT
    if full.any():
        verdict[likely] = np.where(full, _with_sketches(asked, rows[likely], jaccard), plain)
    else:
        verdict[likely] = plain
    return verdict


def _with_sketches(asked: Features, rows: Rows, jaccard: NDArray[np.float64]) -> NDArray[np.bool_]:
    contained = containment(asked, rows, jaccard)
    head, _ = overlap(asked["head"], rows["head"])
    names, names_seen = overlap(asked["names"], rows["names"])
    figures, figures_seen = overlap(asked["figures"], rows["figures"])
    sizes = rows["shingles"].astype(np.float64)
    ratio = np.minimum(sizes, float(asked["shingles"])) / np.maximum(sizes, float(asked["shingles"]))
    openings = _openings(asked, rows)
    begins_alike = (openings >= _OPENING_ALIKE) | (head >= _HEAD_SAME)
    same = (jaccard >= COPY_AT) & (begins_alike | (contained >= _ALL_OF_IT))
    cut = (contained >= CUT_AT) & begins_alike & (head >= _HEAD_ALIKE) & (ratio >= MIN_CUT)
    facts_seen = names_seen + figures_seen
    facts = (names * names_seen + figures * figures_seen) / np.maximum(facts_seen, 1.0)
    reworked = (
        (contained >= _REWORKED_AT)
        & (openings >= _REWORKED_OPENING)
        & (facts >= _REWORKED_FACTS)
        & (facts_seen >= _MIN_FACTS)
    )
    names_differ = (names_seen >= _MIN_NAMES) & (names < _FACTS_DIFFER)
    figures_differ = (figures_seen >= _MIN_FIGURES) & (figures < _FACTS_DIFFER)
    return np.asarray((same | cut | reworked) & ~names_differ & ~figures_differ)


def _openings(asked: Features, rows: Rows) -> NDArray[np.float64]:
    """The share of one text's first sentences that stands in the other's head: of the two ways round, the better one.

    A dateline, a new first sentence or a lost one moves the opening, but not out of the head.
    """
    one, _ = overlap(asked["opening"], rows["head"])
    other, _ = overlap(asked["head"], rows["opening"])
    return np.maximum(one, other)
