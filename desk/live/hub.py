"""From one follower to all open pages: each has a queue of its own, and whoever can't keep up is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from desk.live.reading import AlertRow, ArticleRow
from desk.views.cards import Card

QUEUED = 500
"""Batches that wait for one reader: half a minute and more of the busiest hour."""


class Batch(NamedTuple):
    """What transactions up to ``seq`` changed, in the order of the store. ``gone``: stories that were taken down."""

    seq: int
    cards: tuple[Card, ...] = ()
    articles: tuple[ArticleRow, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    gone: tuple[str, ...] = ()


class Reader:
    """One open stream. ``lagging``: its queue ran over; it must end, and the browser comes back with its last id."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Batch] = asyncio.Queue(QUEUED)
        self.lagging = False

    async def next(self, patience_s: float) -> Batch | None:
        """The next batch; None where none came in time, or the reader lags."""
        try:
            return await asyncio.wait_for(self.queue.get(), patience_s)
        except TimeoutError:
            return None


class Hub:
    """All open streams. Belongs to the event loop: call it from nowhere else.

    ``ready``: from then on, everything that is stored is published. ``closing``: the desk ends, and so do all streams.
    """

    def __init__(self) -> None:
        self._readers: set[Reader] = set()
        self.ready, self.closing = asyncio.Event(), asyncio.Event()

    def __len__(self) -> int:
        return len(self._readers)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """A reader that gets every batch published from now on."""
        made = Reader()
        self._readers.add(made)
        try:
            yield made
        finally:
            self._readers.discard(made)

    def publish(self, batch: Batch) -> None:
        """Give a batch to all. Never waits."""
        for reader in self._readers:
            try:
                reader.queue.put_nowait(batch)
            except asyncio.QueueFull:
                reader.lagging = True

    def close(self) -> None:
        """End all streams."""
        self.closing.set()
