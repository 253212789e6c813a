"""One question about a text's event, which compares each examined entry of the window only once. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.records import OrderKey
from pipeline.stories.entries import Columns, Slots
from pipeline.stories.events import ANOTHER_EVENT, INPUTS, JOIN_AT, Rows, Scores, likeness
from pipeline.stories.features import Features
from pipeline.stories.frequencies import Frequencies
from pipeline.stories.similarity import Similarity, are_two_events


class Compared(NamedTuple):
    """The comparison with some slots, in their order. ``plain``: the scores before ``ANOTHER_EVENT``."""

    slots: Slots
    scores: Scores
    plain: Scores
    inputs: NDArray[np.float64]


_NOTHING = Compared(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty((len(INPUTS), 0)))


class Question:
    """A question. ``known``: the text's features; ``language``, ``outlet``: numbers; ``background``: the window at its place.

    Ask ``near`` first, and the others only if it scored an entry.
    """

    def __init__(
        self,
        known: Features,
        language: int,
        outlet: int,
        as_of: OrderKey,
        columns: Columns,
        background: Frequencies,
        similarity: Similarity,
    ) -> None:
        self.known, self.language, self.outlet, self.as_of = known, language, outlet, as_of
        self._columns, self._background, self._similarity = columns, background, similarity
        self._compared = _NOTHING

    @property
    def compared(self) -> bool:
        """Whether ``near`` scored an entry."""
        return len(self._compared.slots) > 0

    def scores(self, slots: Slots) -> Scores:
        """How likely each of these distinct entries is about the text's event."""
        rows = self._rows(slots)
        return self._compared.scores[rows]

    def near(self, slots: Slots, least: float) -> Scores:
        """The first question, about slots in ascending order: their scores, −∞ for entries that can't reach ``least``."""
        self._compared = self._compare(slots, least)
        scores = np.full(len(slots), -math.inf)
        if len(self._compared.slots):
            scores[slots.searchsorted(self._compared.slots)] = self._compared.scores
        return scores

    def compare(self, slots: Slots) -> None:
        """Compare these entries together, so that later questions about parts of them are cheap."""
        self._rows(slots)

    def reasons(self, slots: Slots) -> tuple[list[float], list[dict[str, float]]]:
        """For each entry, the score from supporting evidence only, and that evidence: the inputs by name."""
        rows = self._rows(slots)
        inputs = self._compared.inputs[:, rows].T.tolist()
        return self._compared.plain[rows].tolist(), [dict(zip(INPUTS, row, strict=True)) for row in inputs]

    def _rows(self, slots: Slots) -> Slots:
        """The rows of the slots among those compared, of which ``near`` must have left some; compares missing ones now."""
        held = self._compared.slots
        places = np.minimum(held.searchsorted(slots), len(held) - 1)
        new = slots[held[places] != slots]
        if not len(new):
            return places
        both = [np.concatenate(each, axis=-1) for each in zip(self._compared, self._compare(new), strict=True)]
        order = np.argsort(both[0], kind="stable")
        self._compared = Compared(*(each[..., order] for each in both))
        return self._compared.slots.searchsorted(slots)

    def _compare(self, slots: Slots, least: float = -math.inf) -> Compared:
        """The comparison with these slots, without those that can't reach ``least``."""
        columns, known = self._columns, self.known
        rows = columns.rows(slots)
        one = columns.languages.take(slots) == self.language
        ages = self.as_of.time_ms - columns.times.take(slots)
        outlet = columns.outlets.take(slots) == self.outlet
        made = likeness(known, rows, ages, one, outlet, self._words, self._background, least, columns.room)
        whole = made.whole
        if not len(whole):
            return _NOTHING
        plain = made.scores[whole]
        told = plain.copy()
        near = ((told >= JOIN_AT) & one[whole]).nonzero()[0]
        if len(near):
            told[near[are_two_events(known, rows[whole[near]])]] = ANOTHER_EVENT
        return Compared(slots[whole], told, plain, made.inputs[:, whole])

    def _words(self, rows: Rows) -> Scores:
        return self._similarity.scores(self.known, rows, np.zeros(len(rows), np.int64), self._background)
