"""What a query finds in a period, as columns: from the index alone where that is exact, else through the matcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tantivy
from numpy.typing import NDArray

from core.search.ask import Asked, order_range
from core.search.schema import BACKFILL, time_of

_EXACT_PART, _CHECKED_PART = 30_000, 256
"""Articles that are taken from the index at a time; parts grow."""
_LOOK = 16
"""Articles that are checked between two looks at the clock."""
_TIMED = 24
"""Matches that are run through the matcher for its price alone, where the index needs no check."""


class Gathered(NamedTuple):
    """The matches of a period, newest first; one element of each column an article.

    ``addresses`` are places in the snapshot. Where not ``complete``, they are all from ``covered_since_ms`` on and none before.
    """

    times_ms: NDArray[np.int64]
    stories: NDArray[np.uint64]
    backfill: NDArray[np.bool_]
    addresses: list[tantivy.DocAddress]
    candidates: int
    checked: int
    check_s: float
    timed: int
    complete: bool
    covered_since_ms: int

    def since(self, time_ms: int) -> Gathered:
        """What of it is at ``time_ms`` or later."""
        size = int(np.searchsorted(-self.times_ms, -time_ms, side="right"))
        return self._replace(
            times_ms=self.times_ms[:size],
            stories=self.stories[:size],
            backfill=self.backfill[:size],
            addresses=self.addresses[:size],
            covered_since_ms=max(self.covered_since_ms, time_ms),
        )


def gather(asked: Asked, since_ms: int, until_ms: int, clock: Callable[[], float], deadline: float | None) -> Gathered:
    """Everything that ``asked`` (which holds the period too) finds, or the newest part that can be had by ``deadline``.

    ``clock`` and ``deadline`` in seconds. At least one part is always done.
    """
    orders: list[int] = []
    addresses: list[tantivy.DocAddress] = []
    last: int | None = None
    candidates = asked.size()
    checked, spent, complete, late = 0, 0.0, False, False
    searcher = asked.snapshot.searcher
    size = _EXACT_PART if asked.exact else _CHECKED_PART
    seen: set[tuple[int, int]] = set()
    while not complete and not late:
        found = searcher.search(_up_to(asked, last), limit=size, count=False, order_by_field="order").hits
        # What was had before stands first: the articles of the last moment of the part before.
        again = sum(1 for order, one in found[: len(seen)] if (one.segment_ord, one.doc) in seen)
        fresh = found[again:]
        complete = len(found) < size
        size *= 2
        if asked.exact:
            orders += [order for order, _ in fresh]
            addresses += [address for _, address in fresh]
            last = fresh[-1][0] if fresh else last
            late = deadline is not None and clock() > deadline
        else:
            began = clock()
            for order, address in fresh:
                if checked % _LOOK == 0 and checked and deadline is not None and clock() > deadline:
                    complete, late = False, True
                    break
                if asked.holds(asked.article(address)):
                    orders.append(order)
                    addresses.append(address)
                checked, last = checked + 1, order
            spent += clock() - began
        seen = {(one.segment_ord, one.doc) for order, one in found if order == last}
    timed = checked
    if asked.exact:
        timed, spent = _price(asked, addresses, clock)
    # Of the moment at which the time ran out, part is missing.
    covered = since_ms if complete or last is None else time_of(last) + 1
    stories = searcher.fast_field_values("story", addresses) if addresses else []
    flags = searcher.fast_field_values("flags", addresses) if addresses else []
    gathered = Gathered(
        times_ms=np.fromiter(map(time_of, orders), np.int64, len(orders)),
        stories=np.array(stories, np.uint64),
        backfill=np.array(flags, np.int64) & BACKFILL > 0,
        addresses=addresses,
        candidates=candidates,
        checked=checked,
        check_s=spent,
        timed=timed,
        complete=complete,
        covered_since_ms=min(covered, until_ms),
    )
    return gathered if complete else gathered.since(gathered.covered_since_ms)


def _price(asked: Asked, addresses: list[tantivy.DocAddress], clock: Callable[[], float]) -> tuple[int, float]:
    sample = [asked.article(one) for one in addresses[:: max(1, len(addresses) // _TIMED)][:_TIMED]]
    began = clock()
    for article in sample:
        asked.holds(article)
    return len(sample), clock() - began


def _up_to(asked: Asked, last: int | None) -> tantivy.Query:
    if last is None:
        return asked.wanted
    return asked.within(order_range(asked.snapshot.schema, None, last, to_the_end=True))
