"""From the store to all open pages: one follower a process, the board of newest stories, and a queue for each open stream."""

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
"""Stories kept: a page of a filter is picked out of these without asking the store. Older ones are for Search."""


QUEUED = 500
"""Batches that wait for one reader: half a minute and more of the busiest hour."""


# Of a story's articles so many are looked at for its card; what older ones brought stays on it.
EACH = 30
PAGE = 200
# Transactions taken at one look: bounds the memory of catching up.
TRANSACTIONS = 200
# Outlets' and subscriptions' names are read again after so long.
NAMES_MS = 10_000


class Batch(NamedTuple):
    """What transactions up to ``seq`` changed, in the order of the store. ``gone``: stories that were taken down."""

    seq: int
    cards: tuple[Card, ...] = ()
    articles: tuple[ArticleRow, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    gone: tuple[str, ...] = ()


class StreamReader:
    """One open stream. ``lagging``: its queue ran over; it must end, and the browser comes back with its last id."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Batch] = asyncio.Queue(QUEUED)
        self.lagging = False

    async def next(self, patience_s: float) -> Batch | None:
        """The next batch; None if none came in time, or the reader lags."""
        try:
            return await asyncio.wait_for(self.queue.get(), patience_s)
        except TimeoutError:
            return None


class Hub:
    """All open streams. Belongs to the event loop: call it from nowhere else.

    ``ready``: from then on, everything that is stored is published. ``closing``: the desk ends, and so do all streams.
    """

    def __init__(self) -> None:
        self._readers: set[StreamReader] = set()
        self.ready, self.closing = asyncio.Event(), asyncio.Event()

    def __len__(self) -> int:
        return len(self._readers)

    @contextmanager
    def reader(self) -> Iterator[StreamReader]:
        """A reader that gets every batch published from now on."""
        made = StreamReader()
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


class Board:
    """Cards by id, and in order (the one that changed last first). Thread-safe; a snapshot never changes."""

    def __init__(self, size: int = SIZE) -> None:
        self._size, self._lock = size, threading.Lock()
        self._cards: dict[str, Card] = {}
        self._ordered: tuple[Card, ...] = ()
        self._seq = 0

    @property
    def seq(self) -> int:
        """All transactions up to this one are in it."""
        return self._seq

    def snapshot(self) -> tuple[Card, ...]:
        """All cards, in order."""
        return self._ordered

    def get(self, story: str) -> Card | None:
        """The card of one story, if it is on the board."""
        return self._cards.get(story)

    def put(self, cards: Iterable[Card], seq: int) -> None:
        """Add cards or put them in the place of older ones; the oldest stories fall off."""
        with self._lock:
            kept = {**self._cards, **{card.id: card for card in cards}}
            ordered = sorted(kept.values(), key=lambda card: card.order, reverse=True)[: self._size]
            self._cards = {card.id: card for card in ordered}
            self._ordered = tuple(ordered)
            self._seq = max(self._seq, seq)

    def drop_all(self) -> dict[str, Card]:
        """Forget all cards, and return them: what is stored may no longer hold what they show."""
        with self._lock:
            old, self._cards, self._ordered = self._cards, {}, ()
            return old

    def since(self, seq: int) -> Sequence[Card]:
        """Cards that changed after this transaction, the one that changed first first."""
        return sorted((card for card in self._ordered if card.seq > seq), key=lambda card: (card.seq, card.order))


class Follower:
    """Keeps the board up. Belongs to one thread at a time. ``clock_ms``: the wall clock. Raises StoreError."""

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
        """Fill the board with the newest stories, page by page: the first page can be seen while the rest comes."""
        self._read_names()
        # Before the stories: what comes between is then looked at twice, not never.
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
        """What changed since the last look (or ``load``); None for nothing."""
        now = self.reader.seq()
        if self._seq is None or now < self._seq:
            # The store came back from a backup, or the run was recreated: what the board shows may not be there.
            self._seq = 0
        if self._clock_ms() - self._names_ms >= NAMES_MS:
            labels = self.labels
            self._read_names()
            if labels != self.labels:
                # No transaction of the run changed, but what cards say of their outlets did.
                self.load(SIZE)
        if now == self._seq:
            return None
        # A takedown raises the run's number too, and so does an editor's decision, which may end a story.
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
        """Reload everything: what is gone must go from open pages too. Changed stories count as changed now."""
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
        """Cards of stored stories, the one that changed last first, also those that are not on the board."""
        cards = self._cards(self.reader.stories(limit=limit, before=before))
        return sorted(cards, key=lambda card: card.order, reverse=True)

    def card(self, story: str) -> Card | None:
        """The card of any stored story."""
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
