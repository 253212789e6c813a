"""From the store to all open pages: one follower per process, the board of newest stories, and a queue per open stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from msgspec.structs import replace

from core.records.article import FeedOutlet
from core.store import Store, SubscriptionStore
from desk.labels import OutletLabels
from desk.live.run_reader import AlertRow, ArticleRow, DeskReader, StoryRow
from desk.views.cards import Card, make_card
from desk.views.wording import Outlet, known_outlets

SIZE = 2_000
"""Stories on the board: filtered pages select from these without reading the store. Older stories are found with Search."""


QUEUED = 500
"""Batches that may wait for one reader: more than half a minute of the busiest hour."""


# How many of a story's articles are read for its card; facets from older articles remain on it.
EACH = 30
PAGE = 200
# Transactions read in one look: limits the memory needed to catch up.
TRANSACTIONS = 200
# Names of outlets and subscriptions are read again after this time.
NAMES_MS = 10_000


class Batch(NamedTuple):
    """What transactions up to ``seq`` changed, in the store's order. ``gone``: stories that were taken down."""

    seq: int
    cards: tuple[Card, ...] = ()
    articles: tuple[ArticleRow, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    gone: tuple[str, ...] = ()


class StreamReader:
    """One open stream. ``lagging``: its queue overflowed; it must end, and the browser reconnects with its last id."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Batch] = asyncio.Queue(QUEUED)
        self.lagging = False

    async def next(self, patience_s: float) -> Batch | None:
        """The next batch; None if none arrived within ``patience_s``, or the reader lags."""
        try:
            return await asyncio.wait_for(self.queue.get(), patience_s)
        except TimeoutError:
            return None


class Hub:
    """All open streams. Call it only from the event loop.

    ``ready``: set once every stored change is published. ``closing``: the desk is closing, and all streams end.
    """

    def __init__(self) -> None:
        self._readers: set[StreamReader] = set()
        self.ready, self.closing = asyncio.Event(), asyncio.Event()

    def __len__(self) -> int:
        return len(self._readers)

    @contextmanager
    def reader(self) -> Iterator[StreamReader]:
        """A reader that receives every batch published from now on."""
        made = StreamReader()
        self._readers.add(made)
        try:
            yield made
        finally:
            self._readers.discard(made)

    def publish(self, batch: Batch) -> None:
        """Queue a batch for every reader. Never waits."""
        for reader in self._readers:
            try:
                reader.queue.put_nowait(batch)
            except asyncio.QueueFull:
                reader.lagging = True

    def close(self) -> None:
        """End all streams."""
        self.closing.set()


class Board:
    """Cards by id, and in order (the latest change first). Thread-safe; a snapshot never changes."""

    def __init__(self, size: int = SIZE) -> None:
        self._size, self._lock = size, threading.Lock()
        self._cards: dict[str, Card] = {}
        self._ordered: tuple[Card, ...] = ()
        self._seq = 0

    @property
    def seq(self) -> int:
        """The board includes all transactions up to this number."""
        return self._seq

    def snapshot(self) -> tuple[Card, ...]:
        """All cards, in order."""
        return self._ordered

    def get(self, story: str) -> Card | None:
        """The card of one story, if it is on the board."""
        return self._cards.get(story)

    def put(self, cards: Iterable[Card], seq: int) -> None:
        """Add or replace cards; the oldest stories drop off the board."""
        with self._lock:
            kept = {**self._cards, **{card.id: card for card in cards}}
            ordered = sorted(kept.values(), key=lambda card: card.order, reverse=True)[: self._size]
            self._cards = {card.id: card for card in ordered}
            self._ordered = tuple(ordered)
            self._seq = max(self._seq, seq)

    def drop_all(self) -> dict[str, Card]:
        """Remove all cards and return them, since the store may no longer hold what they show."""
        with self._lock:
            old, self._cards, self._ordered = self._cards, {}, ()
            return old

    def since(self, seq: int) -> Sequence[Card]:
        """Cards that changed after this transaction, the earliest change first."""
        return sorted((card for card in self._ordered if card.seq > seq), key=lambda card: (card.seq, card.order))


class Follower:
    """Keeps the board up to date. Use it from one thread at a time. ``clock_ms``: the wall clock. Raises StoreError."""

    def __init__(
        self,
        store: Store,
        run: str,
        board: Board,
        *,
        clock_ms: Callable[[], int],
        outlets: Callable[[], Sequence[FeedOutlet]] = tuple,
    ) -> None:
        self.reader, self.board = DeskReader(store, run), board
        self._outlets, self._queries, self._clock_ms = outlets, SubscriptionStore(store), clock_ms
        self._seq: int | None = None
        self.takedowns: int | None = None
        self._names_ms = 0
        self.outlets: dict[str, Outlet] = {}
        self.labels: dict[str, tuple[str, ...]] = {}
        self._labels = OutletLabels(store)
        self.names: dict[str, str] = {}

    def load(self, stories: int) -> None:
        """Fill the board with the newest stories, page by page, so that the first page is visible while the rest loads."""
        self._read_names()
        # Read before the stories, so that changes in between are read twice and not missed.
        self._seq = self.reader.seq() if self._seq is None else self._seq
        self.takedowns = self.reader.removals() if self.takedowns is None else self.takedowns
        before: tuple[int, str] | None = None
        while stories > 0:
            rows = self.reader.stories(limit=min(PAGE, stories), before=before)
            self.board.put(self._cards(rows), self._seq)
            if len(rows) < PAGE:
                return
            before, stories = (rows[-1].story.last_ms, rows[-1].story.id), stories - len(rows)

    def look(self) -> Batch | None:
        """What changed since the last look (or ``load``); None if nothing did."""
        now = self.reader.seq()
        if self._seq is None or now < self._seq:
            # The store was restored from a backup, or the run was recreated: the board may show stories that don't exist.
            self._seq = 0
        if self._clock_ms() - self._names_ms >= NAMES_MS:
            labels = self.labels
            self._read_names()
            if labels != self.labels:
                # The run has no new transaction, but the outlets' names or labels on the cards changed.
                self.load(SIZE)
        if now == self._seq:
            return None
        # A takedown also raises the run's number, and so does an editor's decision, which may end a story.
        stamp = self.reader.removals()
        if self.takedowns is not None and stamp != self.takedowns:
            return self._after_removal(stamp)
        self.takedowns = stamp
        changes = self.reader.changes(self._seq, most=TRANSACTIONS)
        if changes.seq == self._seq:
            return None
        cards = self._cards(self.reader.stories_with(changes.stories))
        self.board.put(cards, changes.seq)
        self._seq = changes.seq
        ordered = sorted(cards, key=lambda card: (card.seq, card.order))
        return Batch(changes.seq, tuple(ordered), tuple(changes.articles), tuple(changes.alerts))

    def _after_removal(self, stamp: int) -> Batch:
        """Reload everything, so that removed stories leave open pages too. Changed stories count as changed now."""
        changes = self.reader.changes(self._seq or 0, most=TRANSACTIONS)
        self._seq = changes.seq
        old = self.board.drop_all()
        self.takedowns = stamp
        self.load(SIZE)
        newly = set(changes.stories)
        changed = [
            replace(card, seq=max(changes.seq, old[card.id].seq + 1 if card.id in old else 0))
            for card in self.board.snapshot()
            if (card.id in old and card != old[card.id]) or (card.id not in old and card.id in newly)
        ]
        self.board.put(changed, changes.seq)
        gone = tuple(story for story in old if self.board.get(story) is None)
        return Batch(changes.seq, tuple(changed), tuple(changes.articles), tuple(changes.alerts), gone)

    def page(self, *, limit: int, before: tuple[int, str] | None) -> list[Card]:
        """Cards of stored stories, on the board or not, the latest change first."""
        cards = self._cards(self.reader.stories(limit=limit, before=before))
        return sorted(cards, key=lambda card: card.order, reverse=True)

    def card(self, story: str) -> Card | None:
        """The card of a stored story, on the board or not."""
        return self.board.get(story) or next(iter(self._cards(self.reader.stories_with([story]))), None)

    def _cards(self, rows: Sequence[StoryRow]) -> list[Card]:
        articles = self.reader.articles_of((row.story.id for row in rows), each=EACH)
        return [
            make_card(
                row,
                articles[row.story.id],
                outlets=self.outlets,
                names=self.names,
                before=self.board.get(row.story.id),
            )
            for row in rows
            if row.story.id in articles
        ]

    def _read_names(self) -> None:
        now_ms = self._clock_ms()
        self.labels = self._labels.by_source()
        self.outlets = known_outlets(self._outlets(), self.labels)
        subscriptions = self._queries.read(now_ms=now_ms).subscriptions
        self.names = {one.id: one.name or one.id for one in subscriptions if one.active}
        self._names_ms = now_ms
