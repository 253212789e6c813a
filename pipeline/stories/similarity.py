"""Which different texts tell of one event: a similarity of texts, and the rule for joining a story.

A similarity is a plug-in: ``LexicalSimilarity`` compares weighted terms; one that compares embeddings would keep its vectors by
article and give other scores. What it may know is in its arguments, so that a replay gives the same stories.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.features import PAD, Features
from pipeline.stories.sketches import Rows, Shares, overlap

BUCKETS = 1 << 18
HOUR_MS = 3_600_000


class Background(Protocol):
    """How common terms are among the articles of the window, as of the question."""

    @property
    def articles(self) -> int:
        """How many articles count."""

    def rarity(self, terms: NDArray[np.uint32]) -> NDArray[np.float64]:
        """Inverse document frequencies, of the shape of ``terms``; above 0."""


class Similarity(Protocol):
    """How likely two different texts tell of one event."""

    @property
    def join_at(self) -> float:
        """The score from which they are taken to."""

    def scores(self, asked: Features, rows: Rows, ages_ms: NDArray[np.int64], background: Background) -> Shares:
        """One score a row: 0 to 1. A function of its arguments alone. ``ages_ms``: how long before the question each is."""


class LexicalSimilarity:
    """Cosine of the weighted terms, rare ones counting more; less with age, where names are others, or figures a day later."""

    def __init__(self, join_at: float = 0.27) -> None:
        self.join_at = join_at

    def scores(self, asked: Features, rows: Rows, ages_ms: NDArray[np.int64], background: Background) -> Shares:
        """See ``Similarity``. 0 for rows that share fewer than four terms."""
        own_terms = asked["terms"]
        own = np.sqrt(asked["weights"].astype(np.float64)) * background.rarity(own_terms)
        own[own_terms == PAD] = 0.0
        terms = rows["terms"]
        weights = np.sqrt(rows["weights"].astype(np.float64)) * background.rarity(terms)
        weights[terms == PAD] = 0.0
        order = np.argsort(own_terms, kind="stable")
        ranked = own_terms[order]
        places = np.minimum(ranked.searchsorted(terms), len(ranked) - 1)
        shared = np.where(ranked[places] == terms, own[order][places], 0.0)
        norms = np.sqrt((own**2).sum() * (weights**2).sum(axis=1))
        cosine = np.asarray((shared * weights).sum(axis=1) / np.maximum(norms, 1e-9), np.float64)
        cosine *= 1.0 - _AGEING * np.minimum(ages_ms / (72 * HOUR_MS), 1.0)
        cosine[(shared * weights > 0).sum(axis=1) < _MIN_COMMON] = 0.0
        # What speaks against it only lowers a score: where none is high enough, there is nothing to be lowered.
        if not (cosine >= self.join_at).any():
            return cosine
        names, names_seen = overlap(asked["names"], rows["names"])
        # Two reports on one event share names; where both have several and share none, they are on one subject.
        cosine[(names_seen >= _MIN_NAMES) & (names < _NAMES_ALIKE)] *= _STRANGERS
        figures, figures_seen = overlap(asked["figures"], rows["figures"])
        # Tomorrow's market report and the next match of the same teams have the same words and names, but no figure in common.
        another_day = (ages_ms >= _SERIAL_MS) & (figures_seen >= _MIN_FIGURES) & (figures == 0.0)
        cosine[another_day] *= _SERIAL
        return cosine


_MIN_COMMON = 4
_MIN_NAMES = 3
_NAMES_ALIKE = 0.2
_STRANGERS = 0.6
_MIN_FIGURES = 2
_SERIAL = 0.5
_SERIAL_MS = 12 * HOUR_MS
_AGEING = 0.2


def best_story(scores: Shares, stories: NDArray[np.uint64], join_at: float) -> int | None:
    """The row through which the text joins a story, or None where it begins one.

    A story is judged by its nearest article and by the mean of its near ones, so that one passing likeness does not chain two
    stories together. The first of equal rows wins, so rows must come in order.
    """
    best: tuple[float, int] | None = None
    for story in dict.fromkeys(stories[scores >= join_at].tolist()):
        members = (stories == story).nonzero()[0]
        ranked = np.sort(scores[members])[::-1][:3]
        judged = float((ranked[0] + ranked.mean()) / 2)
        if judged >= join_at and (best is None or judged > best[0]):
            best = judged, int(members[int(np.argmax(scores[members]))])
    return None if best is None else best[1]
