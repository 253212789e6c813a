"""The loop of the connectors: polls due sources, appends, and only then saves the cursors.

Polls may run in threads; everything that touches the stream or the repository happens in the thread that called ``run``,
since a stream instance belongs to one thread.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Generic, Protocol, Self

from msgspec.structs import replace

from connectors.base import Connector, Cursor, PollReport, PollResult, SavedCursor, SourceRepository
from core.again import Pauses
from core.errors import FeedError, RecordTooLarge, StoreError, StreamUnavailable
from core.records import RawArticle, article_id, encode, raw_hash
from core.streams.base import Appended, NewRecord
from core.streams.headers import headers_of

# Most characters of pages that are appended together: encoded pages are in memory twice.
_BATCH_CHARS = 16 << 20
_GATHER_S = 0.05
"""Polls that end within this time are appended and saved together before the next ones are claimed: each turn of the
loop costs five transactions, for any number of feeds.
"""
TOO_LARGE = "too_large"
"""RawArticle.stub of an article whose body the stream did not accept."""

_LEAST_BYTES = 1_024
_LONGEST_BROKEN_S = 86_400.0


class Appendable(Protocol):
    """What the loop needs of a stream (``core.streams.base.Stream``)."""

    @property
    def max_value_bytes(self) -> int:
        """The longest value that it accepts."""

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """Append and wait until all are acknowledged. Raises StreamError."""


@dataclass(frozen=True, slots=True)
class Polled:
    """A poll was appended and its cursor saved. ``error``: what was wrong with the source as a whole.

    ``size_bytes``: of the records appended, before the stream's compression.
    """

    name: str
    report: PollReport
    appended: int
    stubs: int
    error: FeedError | None
    wake_at: datetime | None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Broke:
    """A connector raised, which it must not; its cursor stays, and it is polled again later."""

    name: str
    problem: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another process saved this source's cursor in the meantime: ours is dropped, and its items may be on the stream twice."""

    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The stream or the store can't be reached; the poll's items are kept and retried after ``wait_s``."""

    name: str
    problem: str
    wait_s: float


Event = Polled | Broke | Superseded | Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOptions:
    """``workers``: parallel polls, each in a thread; 0: one poll at a time, in the caller's thread.

    ``idle_s``: longest time between checks for new sources. ``retry_s`` to ``retry_max_s``: waits while stream or store
    can't be reached, doubling. ``broken_s``: first pause after a connector raised, doubling up to a day.
    """

    workers: int = 0
    idle_s: float = 1.0
    retry_s: float = 0.5
    retry_max_s: float = 30.0
    broken_s: float = 300.0


def run(
    repository: SourceRepository[Cursor],
    connect: Callable[[str], Connector[Cursor]],
    stream: Appendable,
    *,
    clock: Callable[[], datetime],
    wait: Callable[[float], object],
    stop: Callable[[], bool],
    on_event: Callable[[Event], None] | None = None,
    options: RunnerOptions | None = None,
    tend: Callable[[], object] = lambda: None,
) -> None:
    """Poll, append, save, until ``stop()``. ``tend`` is called in each turn of the loop, at least every second or so.

    ``connect`` creates the connector for a name in the repository. ``clock`` returns UTC. ``wait`` waits for a number
    of seconds, or until there is something to do (a threading.Event's ``wait``). A poll that is running when ``stop()``
    becomes true is abandoned: its cursor is not saved, so nothing is lost. While the stream can't be reached, no cursor
    moves, and polled items are kept and appended later. Raises StreamError if a retry can't help, and BaseExceptions
    from connectors.
    """
    runner = _Runner(repository, connect, stream, clock, wait, stop, on_event or _ignore, options or RunnerOptions())
    with runner.polls:
        while not stop():
            tend()
            runner.step()


def _ignore(_: Event) -> None:
    """Leave the event unreported."""


@dataclass(frozen=True, slots=True)
class _Task(Generic[Cursor]):
    name: str
    before: SavedCursor[Cursor]


class _Polls(Generic[Cursor]):
    """Running polls, in threads or (workers = 0) done at once."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="poll") if workers else None
        self._done: queue.SimpleQueue[tuple[_Task[Cursor], Future[PollResult[Cursor]]]] = queue.SimpleQueue()
        self._size = workers or 1
        self.busy: set[str] = set()

    @property
    def free(self) -> int:
        return self._size - len(self.busy)

    def start(self, task: _Task[Cursor], poll: Callable[[], PollResult[Cursor]]) -> None:
        self.busy.add(task.name)
        if self._pool:
            future = self._pool.submit(poll)
        else:
            future = Future()
            try:
                future.set_result(poll())
            except BaseException as error:
                future.set_exception(error)
        future.add_done_callback(lambda finished: self._done.put((task, finished)))

    def take(self, wait_s: float) -> list[tuple[_Task[Cursor], Future[PollResult[Cursor]]]]:
        """Return the finished polls: waits for one if any is running, then a moment for others."""
        finished = []
        with suppress(queue.Empty):
            finished.append(self._done.get(timeout=wait_s) if self.busy else self._done.get_nowait())
            until_s = time.monotonic() + _GATHER_S
            while len(finished) < len(self.busy):
                finished.append(self._done.get(timeout=max(0.0, until_s - time.monotonic())))
        self.busy -= {task.name for task, _ in finished}
        return finished

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)


class _Runner(Generic[Cursor]):
    def __init__(
        self,
        repository: SourceRepository[Cursor],
        connect: Callable[[str], Connector[Cursor]],
        stream: Appendable,
        clock: Callable[[], datetime],
        wait: Callable[[float], object],
        stop: Callable[[], bool],
        on_event: Callable[[Event], None],
        options: RunnerOptions,
    ) -> None:
        self._repository, self._connect, self._stream = repository, connect, stream
        self._clock, self._wait, self._stop, self._tell, self._options = clock, wait, stop, on_event, options
        self.polls: _Polls[Cursor] = _Polls(options.workers)
        self._broken: dict[str, int] = {}

    def step(self) -> None:
        """Start due polls and settle finished ones; wait if there are neither."""
        try:
            idle_s = self._start_due()
        except StoreError as error:
            self._tell(Waiting("", error.message, self._options.retry_s))
            self._wait(self._options.retry_s)
            return
        finished = self.polls.take(idle_s)
        if finished:
            self._settle(finished)
        elif not self.polls.busy and idle_s > 0:
            self._wait(idle_s)

    def _start_due(self) -> float:
        """Start polls, and return for how many seconds there is nothing to start."""
        now = self._clock()
        busy = self.polls.busy
        if self.polls.free:
            names = self._repository.due(now, limit=self.polls.free, skip=tuple(busy))
            for name, before in self._repository.load_all(names).items() if names else ():
                if isinstance(before, StoreError):
                    self._broke(name, before)
                    continue
                task = _Task(name, before)
                self.polls.start(task, lambda task=task: self._connect(task.name).poll(task.before.cursor, now))  # type: ignore[misc]
        if not self.polls.free:
            return self._options.idle_s
        soon = self._repository.next_due(skip=tuple(busy))
        if soon is None:
            return self._options.idle_s
        return min(max((soon - now).total_seconds(), 0.0), self._options.idle_s)

    def _settle(self, finished: Sequence[tuple[_Task[Cursor], Future[PollResult[Cursor]]]]) -> None:
        """Append polled items, then save all cursors at once: each append and each commit waits for a disk."""
        batch: list[tuple[_Task[Cursor], PollResult[Cursor]]] = []
        size = 0
        for task, future in finished:
            error = future.exception()
            if isinstance(error, StoreError):
                # Its cursor could not be read: it stays due.
                self._tell(Waiting(task.name, error.message, self._options.retry_s))
                self._wait(self._options.retry_s)
            elif isinstance(error, Exception):
                self._broke(task.name, error)
            else:
                result = future.result()
                batch.append((task, result))
                size += sum(len(item.html or item.text or "") for item in result.items)
                if size > _BATCH_CHARS:
                    self._carry(batch)
                    batch, size = [], 0
        if batch:
            self._carry(batch)

    def _broke(self, name: str, error: Exception) -> None:
        times = self._broken[name] = self._broken.get(name, -1) + 1
        pause_s = Pauses((self._options.broken_s,), _LONGEST_BROKEN_S).after(times) or 0.0
        retry_at = self._clock() + timedelta(seconds=pause_s)
        problem = f"internal error: {type(error).__name__}: {error}"
        if self._trying(name, lambda: self._repository.postpone(name, retry_at, problem)):
            self._tell(Broke(name, problem, retry_at))

    def _carry(self, batch: Sequence[tuple[_Task[Cursor], PollResult[Cursor]]]) -> None:
        stubs: list[int] = []
        saved: Sequence[bool] = ()

        def append() -> None:
            nonlocal stubs
            stubs = append_all(self._stream, [result.items for _, result in batch])

        def save() -> None:
            nonlocal saved
            saved = self._repository.save_all([(task.name, task.before, result) for task, result in batch])

        name = batch[0][0].name
        if self._trying(name, append) and self._trying(name, save):
            for (task, result), count, fine in zip(batch, stubs, saved, strict=True):
                self._broken.pop(task.name, None)
                polled = Polled(task.name, result.report, len(result.items), count, result.error, result.wake_at)
                self._tell(polled if fine else Superseded(task.name))

    def _trying(self, name: str, action: Callable[[], None]) -> bool:
        """Do it, retrying while stream or store can't be reached. False: stopped before it was done."""
        pauses, tries = Pauses((self._options.retry_s,), self._options.retry_max_s), 0
        while True:
            try:
                action()
            except (StreamUnavailable, StoreError) as error:
                wait_s = pauses.after(tries) or 0.0
                self._tell(Waiting(name, error.message, wait_s))
                self._wait(wait_s)
                if self._stop():
                    return False
                tries += 1
            else:
                return True


def append_all(stream: Appendable, polled: Sequence[tuple[RawArticle, ...]]) -> list[int]:
    """Append the items of several polls at once; returns for each how many were appended without their body.

    Raises StreamError; then either nothing was appended or everything.
    """
    limit = stream.max_value_bytes
    while any(polled):
        made = [to_records(items, limit) for items in polled]
        try:
            stream.append([record for records, _ in made for record in records])
        except RecordTooLarge as error:
            # The stream counts more than the value (headers, its own framing).
            limit = min(limit - 1, error.size_bytes - 1)
            if limit < _LEAST_BYTES:
                raise
        else:
            return [stubs for _, stubs in made]
    return [0] * len(polled)


def to_records(items: tuple[RawArticle, ...], limit_bytes: int) -> tuple[list[NewRecord], int]:
    """Encode the articles, keyed by article id, and count those that became stubs because they are over the limit.

    A stub has no body; if it would still be too large, it also has no summary, guid and authors.
    """
    records, stubs = [], 0
    for item in items:
        value = encode(item)
        if len(value) > limit_bytes:
            stubs += 1
            stub = replace(item, html=None, text=None, stub=TOO_LARGE)
            value = encode(stub)
            if len(value) > limit_bytes:
                value = encode(replace(stub, summary=None, guid=None, authors=()))
        article = article_id(item.url)
        digest = raw_hash(value)
        headers = headers_of("RawArticle", item.schema, article, value, digest=digest)
        records.append(NewRecord(article.encode(), value, headers=headers, digest=digest))
    return records, stubs
