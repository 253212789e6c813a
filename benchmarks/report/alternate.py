"""Two things that do the same work, measured in turn: the ratio of their CPU time, which a busy machine changes little."""

from __future__ import annotations

import gc
import math
import resource
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import NamedTuple

ROUNDS = 5
LEAST_S = 0.1
"""Of CPU: work that takes less is repeated, since the system counts in steps."""

TRIES = 3
FALL = 0.2
"""A ratio that is lower than the committed one by more than this share has fallen."""


class Pair(NamedTuple):
    """``ours`` and ``peer`` each do one round, given its number, and return how many things they did.

    ``what`` and ``beside`` name them. ``target``: the ratio that is aimed for; 0 for none.
    """

    name: str
    what: str
    beside: str
    ours: Callable[[int], int]
    peer: Callable[[int], int]
    target: float = 0.0


class Measured(NamedTuple):
    """Milliseconds of CPU for one thing, and how many times the peer's speed ours is."""

    ours_ms: float
    peer_ms: float
    ratio: float


Cost = Callable[[Callable[[int], int], int], float]
"""What one round of a work costs for each thing that it did, given the round's number."""


def cpu_ms(work: Callable[[int], int], number: int) -> float:
    """Milliseconds of this process's CPU, and of children that have ended, for one of the things that ``work`` does."""
    began, count, spent = _cpu_s(), 0, 0.0
    while spent < LEAST_S:
        count += work(number)
        spent = _cpu_s() - began
    return 1000 * spent / count


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def measured(pair: Pair, *, rounds: int = ROUNDS, cost: Cost = cpu_ms) -> Measured:
    """The least of ``rounds`` rounds for either, after one that warms up, and the ratio of these.

    Both are run in each round, and which of them comes first alternates: a change of the machine's speed meets both alike. What
    disturbs a round makes it longer, never shorter.
    """
    cost(pair.ours, 0)
    cost(pair.peer, 0)
    ours, peer = math.inf, math.inf
    for number in range(1, rounds + 1):
        gc.collect()
        for which in ("ours", "peer") if number % 2 else ("peer", "ours"):
            if which == "ours":
                ours = min(ours, cost(pair.ours, number))
            else:
                peer = min(peer, cost(pair.peer, number))
    return Measured(ours, peer, peer / ours)


class Judged(NamedTuple):
    """``ratio``: the median of ``tries``. ``kept``: the committed one; None if there is none yet."""

    ratio: float
    tries: int
    kept: float | None

    @property
    def fallen(self) -> bool:
        """Whether the ratio is more than a fifth below the committed one."""
        return self.kept is not None and self.ratio < (1 - FALL) * self.kept


def judged(once: Callable[[], Measured], kept: float | None) -> Judged:
    """One try if its ratio holds; else the median of ``TRIES``, so that one bad moment of the machine fails nothing."""
    ratios = [once().ratio]
    while Judged(ratios[0], 1, kept).fallen and len(ratios) < TRIES:
        ratios.append(once().ratio)
    return Judged(median(ratios), len(ratios), kept)
