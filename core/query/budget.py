"""What the evaluation of one query on one document may cost, in steps: a result never depends on the machine or its load.

Steps are counted where the work can grow faster than the document: the places that a NEAR compares and the pairs that it
finds, and the words that a wildcard is compared with. Nodes that count have ``costly`` set; the others, which are nearly
all, never look at a budget. What is charged is a function of the query and the document, not of the work that was done:
whether another query has already found the places of a word, or in which order a set of words is read, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.query.document import Document, Findable, Hits

MOST_STEPS = 200_000
"""Steps of one evaluation: some 50 ms. Ordinary queries on news take at most some thousands."""


class NotDecided(Exception):
    """Whether a query matches a document was not found out within its steps. Only this query on this document is affected."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"not decided: more than {limit} steps (pairs of places, words tried) on one document")


_LOOK = 20_000
"""Steps between two looks at whether the work may go on: some milliseconds."""


class Interrupted(Exception):
    """The caller's time is over, or its client has gone. Says nothing about the document."""


class Budget:
    """The steps left to the evaluation that is under way on a document, and the places that it has found so far.

    Places of costly nodes are kept here, not with the document: found again they are paid again, and each has been paid,
    so their memory is limited too. ``look`` is called after every 20,000 steps or so, and may raise Interrupted: for
    searches, which a person waits for; never where results are stored.
    """

    __slots__ = ("_hits", "_unlooked", "left", "limit", "look")

    def __init__(self) -> None:
        self._hits: dict[Findable, Hits] = {}
        self.left = self.limit = MOST_STEPS
        self.look: Callable[[], None] | None = None
        self._unlooked = 0

    def begin(self, limit: int | None = None) -> None:
        """Begin an evaluation of ``limit`` steps (None: MOST_STEPS)."""
        self._hits = {}
        self.left = self.limit = MOST_STEPS if limit is None else limit

    def renew(self) -> None:
        """Allow the same steps again for what follows in this evaluation. The places found are kept."""
        self.left = self.limit

    def spend(self, steps: int) -> None:
        """Count steps. Raises NotDecided if that is more than are left."""
        self.left -= steps
        if self.left < 0:
            raise NotDecided(self.limit)
        if self.look is not None:
            self._unlooked += steps
            if self._unlooked >= _LOOK:
                self._unlooked = 0
                self.look()

    def hits(self, node: Findable, document: Document) -> Hits:
        """Where ``node`` is found, computed once in an evaluation. Raises NotDecided."""
        if (known := self._hits.get(node)) is None:
            known = self._hits[node] = tuple(sorted(set(node.find(document))))
        return known
