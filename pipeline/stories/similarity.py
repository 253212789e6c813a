"""How similar texts are by their sketches: whether two are copies, and whether two different ones report on one event.

**Copies** (``are_copies``). Resemblance is not enough. A copy cut to a third resembles the original by a third; reports made
from one template resemble each other by more, and so do two texts above one long footer. So three more things are compared: how
much of the smaller text is in the other (cut copies), whether they begin alike (footers don't), and whether names and
figures are the same (templates differ in just these).

**Events** (``Similarity``). A similarity is a plug-in: ``LexicalSimilarity`` compares weighted terms; one that compares
embeddings would keep its vectors by article and give other scores. Everything it may use is in its arguments, so that a
replay gives the same stories.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.durations import HOUR_MS
from pipeline.stories.contradiction import (
    CONTRADICTED_AT,
    MOST_FOR_LIKENESS,
    OTHER_OUTLET,
    contradictions,
    shared_words,
)
from pipeline.stories.features import PAD, Features
from pipeline.text.fingerprint import PERMUTATIONS

COPY_AT = 0.6
"""Estimated Jaccard similarity of shingles from which texts are copies, if there is no evidence against it."""

CUT_AT = 0.57
"""Containment from which the smaller text is a cut copy, if both begin alike."""

MIN_CUT = 0.1
"""A text with a smaller share of the other's shingles is a quotation or a summary, not a copy."""

_REWORKED_AT = 0.33
_REWORKED_OPENING = 0.15
_REWORKED_FACTS = 0.85
_REWORKED_AGREED, _REWORKED_POINTS = 6, 5
_REWORKED_SEEN = 8
_TEMPLATE_AT, _TEMPLATE_HEAD, _TEMPLATE_WORDS = 0.2, 0.35, 700
_OPENING_ALIKE = 0.3
_HEAD_ALIKE = 0.45
_HEAD_SAME = 0.75
_ALL_OF_IT = 0.9
_FLOOR = 0.04

_MIN_TERMS = 4
_EVENT_NAMES = 3
_NAMES_ALIKE = 0.2
_STRANGERS = 0.6
_EVENT_FIGURES = 2
_SERIAL = 0.5
_SERIAL_MS = 12 * HOUR_MS
_AGEING = 0.2
_STEPS = 1 << 20

Rows = NDArray[Any]
"""Rows of ``features.LAYOUT``."""

Shares = NDArray[np.float64]


def resemblance(asked: Features, signatures: NDArray[np.uint32]) -> Shares:
    """The estimated Jaccard similarity of all shingles."""
    return np.asarray((signatures == asked["signature"]).sum(axis=1) / PERMUTATIONS, np.float64)


def containment(asked: Features, rows: Rows, jaccard: Shares) -> Shares:
    """Estimated share of the smaller text that the other contains, computed from Jaccard and sizes."""
    sizes = rows["shingles"].astype(np.float64)
    own = float(asked["shingles"])
    common = jaccard * (sizes + own) / (1.0 + jaccard)
    return np.minimum(common / np.maximum(np.minimum(sizes, own), 1.0), 1.0)


def overlap(asked: NDArray[np.uint32], rows: NDArray[np.uint32]) -> tuple[Shares, Shares]:
    """For bottom-k sketches, the share of the smaller set that is in the other, and the number of hashes it is based on.

    Only hashes up to the smaller of the two sketches' ends are known for both sets.
    """
    ends = np.minimum(rows[:, -1], min(int(asked[-1]), PAD - 1))
    known = rows <= ends[:, None]
    common = (are_held(asked, rows) & known).sum(axis=1)
    smaller = np.minimum(known.sum(axis=1), asked.searchsorted(ends, "right"))
    return common / np.maximum(smaller, 1), smaller.astype(np.float64)


_LOW, _FEW = 0xFFFF, 2_048
_NUMBERS = np.arange(1, 256, dtype=np.uint8)


def are_among(own: NDArray[np.uint32], others: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which of the others are among one text's own hashes (at most 255), in the shape of ``others``."""
    table = np.zeros(_LOW + 1, np.uint8)
    low = own & _LOW
    table[low] = _NUMBERS[: len(own)]
    held = np.empty(len(own) + 1, np.uint32)
    held[0], held[1:] = PAD, own
    if (held[table[low]] != own).any():  # two of them have the same end
        ranked = np.sort(own)
        found = ranked[np.minimum(ranked.searchsorted(others), len(ranked) - 1)] == others
    else:
        found = held[table[others & _LOW]] == others
    return np.asarray(found & (others != PAD))


def are_held(own: NDArray[np.uint32], others: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """As ``are_among``, for own hashes in ascending order. For few others, a search takes fewer calls than a table."""
    if others.size >= _FEW:
        return are_among(own, others)
    return np.asarray((own.take(own.searchsorted(others), mode="clip") == others) & (others != PAD))


def matches(own: NDArray[np.uint32], rows: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The row and the column of each hash in ``rows`` that is among one text's own (at most 255), by row.

    As ``are_among``, but faster for many rows that have few.
    """
    real = own[own != PAD]
    table, low = np.zeros(_LOW + 1, np.uint8), real & _LOW
    table[low] = _NUMBERS[: len(real)]
    others = rows.ravel()
    if (real.take(table.take(low) - 1) != real).any():  # two of them have the same end
        found = are_among(own, others).nonzero()[0]
    else:
        places = table.take(others & _LOW)
        # For bools, this takes a third of the time.
        found = (places != 0).nonzero()[0]
        same = real.take(places.take(found) - 1) == others.take(found)
        if not same.all():
            found = found[same]
    at, columns = np.divmod(found, rows.shape[1])
    return at, columns


def are_copies(asked: Features, rows: Rows, other_outlet: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Whether each row and ``asked`` are copies, regardless of their order: one bool per row. Symmetric.

    ``other_outlet``: which rows are from another outlet than the text; None if all are.
    """
    verdict = np.zeros(len(rows), np.bool_)
    if not asked["shingles"]:
        return verdict
    jaccard = resemblance(asked, rows["signature"])
    likely = ((jaccard >= _FLOOR) & (rows["shingles"] > 0)).nonzero()[0]
    if not len(likely):
        return verdict
    jaccard = jaccard[likely]
    full = (rows["full"][likely] > 0) & (asked["full"] > 0)
    verdict[likely] = jaccard >= COPY_AT
    if full.any():
        verdict[likely[full]] = _with_sketches(asked, rows[likely[full]], jaccard[full])
    alike = verdict.nonzero()[0]
    if len(alike):
        verdict[alike] = are_one_event(asked, rows[alike], None if other_outlet is None else other_outlet[alike])
    return verdict


def are_one_event(asked: Features, rows: Rows, other_outlet: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Whether similar texts are about the event of ``asked``: their marks contradict each other less than the texts are alike.

    See ``are_copies``.
    """
    alike = (rows["signature"] == asked["signature"]).sum(axis=1) * MOST_FOR_LIKENESS // PERMUTATIONS
    needed = CONTRADICTED_AT + alike + (OTHER_OUTLET if other_outlet is None else OTHER_OUTLET * other_outlet)
    return np.asarray(contradictions(asked, rows).points < needed)


def are_two_events(asked: Features, rows: Rows) -> NDArray[np.bool_]:
    """Whether each row and ``asked`` are reports on two events from the same template: one bool per row.

    They share whole runs of words, or nearly all words, and the marks of their events contradict each other. One or two
    figures alone don't make it another event, since the same report may just have newer counts.
    """
    verdict = np.zeros(len(rows), np.bool_)
    near = shared_words(asked, rows) >= _TEMPLATE_WORDS
    if asked["shingles"]:
        head, _ = overlap(asked["head"], rows["head"])
        runs = (resemblance(asked, rows["signature"]) >= _TEMPLATE_AT) | (head >= _TEMPLATE_HEAD)
        near |= runs & (rows["shingles"] > 0)
    alike = near.nonzero()[0]
    if len(alike):
        verdict[alike] = contradictions(asked, rows[alike]).other_event
    return verdict


def _with_sketches(asked: Features, rows: Rows, jaccard: NDArray[np.float64]) -> NDArray[np.bool_]:
    contained = containment(asked, rows, jaccard)
    head, _ = overlap(asked["head"], rows["head"])
    sizes = rows["shingles"].astype(np.float64)
    whole = contained >= _ALL_OF_IT
    same = (jaccard >= COPY_AT) & ((head >= _HEAD_SAME) | whole)
    # Most rows are copies with the same beginning.
    if same.all():
        return np.asarray(same)
    ratio = np.minimum(sizes, float(asked["shingles"])) / np.maximum(sizes, float(asked["shingles"]))
    openings = _openings(asked, rows)
    begins_alike = (openings >= _OPENING_ALIKE) | (head >= _HEAD_SAME)
    same |= (jaccard >= COPY_AT) & begins_alike
    cut = (contained >= CUT_AT) & begins_alike & ((head >= _HEAD_ALIKE) | whole) & (ratio >= MIN_CUT)
    reworked = (contained >= _REWORKED_AT) & (openings >= _REWORKED_OPENING)
    rest = (reworked & ~same & ~cut).nonzero()[0]
    if len(rest):
        told = contradictions(asked, rows[rest])
        named = (told.agreed >= _REWORKED_AGREED) & (told.points <= _REWORKED_POINTS)
        reworked[rest] = named | _same_facts(asked, rows[rest])
    return np.asarray(same | cut | reworked)


def _same_facts(asked: Features, rows: Rows) -> NDArray[np.bool_]:
    """Whether the smaller text has several names and figures, and nearly all of them are in the other."""
    names, names_seen = overlap(asked["names"], rows["names"])
    figures, figures_seen = overlap(asked["figures"], rows["figures"])
    seen = names_seen + figures_seen
    facts = (names * names_seen + figures * figures_seen) / np.maximum(seen, 1.0)
    return np.asarray((facts >= _REWORKED_FACTS) & (seen >= _REWORKED_SEEN))


def _openings(asked: Features, rows: Rows) -> NDArray[np.float64]:
    """The share of one text's first sentences that is in the other's head; the higher of the two directions.

    A dateline, a new first sentence or a lost one moves the opening, but not out of the head.
    """
    one, _ = overlap(asked["opening"], rows["head"])
    other, _ = overlap(asked["head"], rows["opening"])
    return np.maximum(one, other)


class TermRarity(Protocol):
    """How common terms are among the articles of the window, as of the question."""

    @property
    def articles(self) -> int:
        """The number of articles that count."""

    def rarity(self, terms: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Inverse document frequencies in integer units of 1/64, in the shape of ``terms``; above 0."""


class Similarity(Protocol):
    """How likely it is that two different texts report the same event."""

    @property
    def join_at(self) -> float:
        """The score from which two texts count as reports of the same event."""

    def scores(self, asked: Features, rows: Rows, ages_ms: NDArray[np.int64], background: TermRarity) -> Shares:
        """One score per row, 0 to 1. A function of its arguments only. ``ages_ms``: how long before the asked text each is."""


class LexicalSimilarity:
    """Cosine of the weighted terms, rare ones counting more; reduced by age, different names, other figures a day later."""

    def __init__(self, join_at: float = 0.27) -> None:
        self.join_at = join_at

    def scores(self, asked: Features, rows: Rows, ages_ms: NDArray[np.int64], background: TermRarity) -> Shares:
        """See ``Similarity``. 0 for rows that share fewer than four terms."""
        own_terms, terms = asked["terms"], rows["terms"]
        # Sums integers, since a sum of floats depends on its order, which the library chooses.
        own, weights = _weighed(own_terms, asked["weights"], background), _weighed(terms, rows["weights"], background)
        order = np.argsort(own_terms, kind="stable")
        ranked = own_terms[order]
        places = np.minimum(ranked.searchsorted(terms), len(ranked) - 1)
        shared = np.where(ranked[places] == terms, own[order][places], 0) * weights
        norms = np.sqrt(float((own * own).sum()) * (weights * weights).sum(axis=1).astype(np.float64))
        cosine = np.asarray(shared.sum(axis=1) / np.maximum(norms, 1.0), np.float64)
        cosine *= 1.0 - _AGEING * np.minimum(ages_ms / (72 * HOUR_MS), 1.0)
        cosine[(shared > 0).sum(axis=1) < _MIN_TERMS] = 0.0
        # The following steps only lower scores, so they are skipped if no score is high enough.
        if not (cosine >= self.join_at).any():
            return cosine
        names, names_seen = overlap(asked["names"], rows["names"])
        # Two reports of one event share names; if both have several and share none, they only share a subject.
        cosine[(names_seen >= _EVENT_NAMES) & (names < _NAMES_ALIKE)] *= _STRANGERS
        figures, figures_seen = overlap(asked["figures"], rows["figures"])
        # Tomorrow's market report and the next match of the same teams have the same words and names, but no figure in common.
        another_day = (ages_ms >= _SERIAL_MS) & (figures_seen >= _EVENT_FIGURES) & (figures == 0.0)
        cosine[another_day] *= _SERIAL
        near = (cosine >= self.join_at).nonzero()[0]
        if len(near):
            cosine[near[are_two_events(asked, rows[near])]] = 0.0
        return cosine


def _weighed(terms: NDArray[np.uint32], weights: NDArray[np.uint8], background: TermRarity) -> NDArray[np.int64]:
    """Each term's weight times its rarity, as integers below 2¹⁵."""
    made = np.rint(np.sqrt(weights.astype(np.float64)) * background.rarity(terms)).astype(np.int64)
    made[terms == PAD] = 0
    return made


def best_story(scores: Shares, stories: NDArray[np.uint64], join_at: float) -> int | None:
    """The row through which the text joins a story, or None if it begins one.

    A story is judged by its nearest article and by the mean of its near articles, so that one chance likeness does not join
    two stories. The first of equal rows wins, so rows must be in order.
    """
    best: tuple[float, int] | None = None
    for story in dict.fromkeys(stories[scores >= join_at].tolist()):
        members = (stories == story).nonzero()[0]
        ranked = np.sort(scores[members])[::-1][:3]
        mean = np.rint(ranked * _STEPS).astype(np.int64).sum() / _STEPS / len(ranked)
        judged = float((ranked[0] + mean) / 2)
        if judged >= join_at and (best is None or judged > best[0]):
            best = judged, int(members[int(np.argmax(scores[members]))])
    return None if best is None else best[1]
