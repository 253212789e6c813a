"""Limits the cost of evaluating a query on a document, counted in steps: a result never depends on the machine or its load.

Steps are counted if the work can grow faster than the document: the places that a NEAR compares and the pairs that it
finds, and the words that a wildcard is compared with. Nodes that count have ``costly`` set; the others, which are
nearly all, never use a budget. The steps are a function of the query and the document, not of the work that was done:
it makes no difference whether another query has already found the places of a word, or in which order a set of words is
read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.query.document import Document, Findable, Hits

MOST_STEPS = 200_000
"""Steps of one evaluation, about 50 ms. Ordinary queries on news take at most some thousands."""


class NotDecided(Exception):
    """A query could not be decided on a document within its steps. Only this query on this document is affected."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"not decided: more than {limit} steps (pairs of places, words tried) on one document")


STEPS_A_LOOK = 20_000
"""Steps between two checks of whether the work may continue: some milliseconds."""


class Interrupted(Exception):
    """The caller's time is up, or its client has gone. This says nothing about the document."""


class Budget:
    """The remaining steps of the current evaluation on a document, and the places that it has found so far.

    Places of costly nodes are kept here, not in the document: each evaluation pays for them again, so the budget limits
    their memory too. ``look`` is called about every 20,000 steps and may raise Interrupted. It is for searches, which a
    person waits for, and is never used if results are stored.
    """

    __slots__ = ("_hits", "_unlooked", "left", "limit", "look")

    def __init__(self) -> None:
        self._hits: dict[Findable, Hits] = {}
        self.left = self.limit = MOST_STEPS
        self.look: Callable[[], None] | None = None
        self._unlooked = 0

    def begin(self, limit: int | None = None) -> None:
        """Begin an evaluation with ``limit`` steps (None: MOST_STEPS)."""
        self._hits = {}
        self.left = self.limit = MOST_STEPS if limit is None else limit

    def renew(self) -> None:
        """Allow the same number of steps again for the rest of this evaluation. Found places are kept."""
        self.left = self.limit

    def spend(self, steps: int) -> None:
        """Count steps. Raises NotDecided if fewer are left."""
        self.left -= steps
        if self.left < 0:
            raise NotDecided(self.limit)
        if self.look is not None:
            self._unlooked += steps
            if self._unlooked >= STEPS_A_LOOK:
                self._unlooked = 0
                self.look()

    def hits(self, node: Findable, document: Document) -> Hits:
        """The hits of ``node``, computed once in an evaluation. Raises NotDecided."""
        if (known := self._hits.get(node)) is None:
            known = self._hits[node] = tuple(sorted(set(node.find(document))))
        return known
