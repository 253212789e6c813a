"""The loop of the connectors: poll what is due, append, and only then save the cursor.

Polls may run in threads; everything that touches the stream or the book happens in the thread that called ``run``,
since a stream instance belongs to one thread.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Generic, Self

from msgspec.structs import replace

from connectors.base import Book, Connector, Cursor, PollReport, PollResult
from pipeline.errors import FeedError, RecordTooLarge, StoreError, StreamUnavailable
from pipeline.records import RawArticle, article_id, encode
from pipeline.streams.base import NewRecord, Stream

TOO_LARGE = "too_large"
"""RawArticle.stub of an article whose body the stream would not take."""

_LEAST_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Polled:
    """A poll was appended and its cursor saved. ``error``: what was wrong with the source as a whole."""

    name: str
    report: PollReport
    appended: int
    stubs: int
    error: FeedError | None
    wake_at: datetime | None


@dataclass(frozen=True, slots=True)
class Broke:
    """A connector raised, which it must not; its cursor stays and it is polled again later."""

    name: str
    problem: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Outrun:
    """Someone else saved this source's cursor meanwhile: ours is dropped, and its items may be on the stream twice."""

    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The stream or the store can't be reached; the poll's items are kept and tried again after ``wait_s``."""

    name: str
    problem: str
    wait_s: float


Event = Polled | Broke | Outrun | Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOptions:
    """``workers`` polls at once, each in a thread; 0: one, in the caller's thread.

    ``idle_s``: look for new sources at least so often. ``retry_s`` to ``retry_max_s``: waits while stream or store
    can't be reached, doubling. ``broken_s``: pause of a connector that raised.
    """

    workers: int = 0
    idle_s: float = 1.0
    retry_s: float = 0.5
    retry_max_s: float = 30.0
    broken_s: float = 300.0


def run(
    book: Book[Cursor],
    connect: Callable[[str], Connector[Cursor]],
    stream: Stream,
    *,
    clock: Callable[[], datetime],
    wait: Callable[[float], object],
    stop: Callable[[], bool],
    on_event: Callable[[Event], None] | None = None,
    options: RunnerOptions | None = None,
) -> None:
    """Poll, append, save, until ``stop()``.

    ``connect`` makes the connector of a name of the book. ``clock`` gives UTC. ``wait`` waits for some seconds, or
    until something is to be looked at (a threading.Event's ``wait``). A poll under way when ``stop()`` turns true is
    given up: its cursor is not saved, so nothing is lost. While the stream can't be reached no cursor moves and what
    was polled is kept and appended later. Raises StreamError where trying again can't help, and what a connector raises
    that is no Exception.
    """
    runner = _Runner(book, connect, stream, clock, wait, stop, on_event or _ignore, options or RunnerOptions())
    with runner.polls:
        while not stop():
            runner.step()


def _ignore(_: Event) -> None:
    """Leave the event unreported."""


@dataclass(frozen=True, slots=True)
class _Task(Generic[Cursor]):
    name: str
    before: Cursor | None


class _Polls(Generic[Cursor]):
    """Polls under way, in threads or (workers = 0) done at once."""

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

    def take(self, wait_s: float) -> tuple[_Task[Cursor], Future[PollResult[Cursor]]] | None:
        """Return a finished poll, waiting for one while any is under way."""
        try:
            task, future = self._done.get(timeout=wait_s) if self.busy else self._done.get_nowait()
        except queue.Empty:
            return None
        self.busy.discard(task.name)
        return task, future

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
        book: Book[Cursor],
        connect: Callable[[str], Connector[Cursor]],
        stream: Stream,
        clock: Callable[[], datetime],
        wait: Callable[[float], object],
        stop: Callable[[], bool],
        on_event: Callable[[Event], None],
        options: RunnerOptions,
    ) -> None:
        self._book, self._connect, self._stream = book, connect, stream
        self._clock, self._wait, self._stop, self._tell, self._options = clock, wait, stop, on_event, options
        self.polls: _Polls[Cursor] = _Polls(options.workers)

    def step(self) -> None:
        """Start what is due and settle what has finished; wait where there is neither."""
        try:
            idle_s = self._start_due()
        except StoreError as error:
            self._tell(Waiting("", error.message, self._options.retry_s))
            self._wait(self._options.retry_s)
            return
        finished = self.polls.take(idle_s)
        if finished:
            self._settle(*finished)
        elif not self.polls.busy and idle_s > 0:
            self._wait(idle_s)

    def _start_due(self) -> float:
        """Start polls, and return for how many seconds there is nothing to start."""
        now = self._clock()
        busy = self.polls.busy
        if self.polls.free:
            for name in self._book.due(now, limit=self.polls.free, skip=tuple(busy)):
                task = _Task(name, self._book.load(name))
                self.polls.start(task, lambda task=task: self._connect(task.name).poll(task.before, now))  # type: ignore[misc]
        if not self.polls.free:
            return self._options.idle_s
        soon = self._book.next_due(skip=tuple(busy))
        if soon is None:
            return self._options.idle_s
        return min(max((soon - now).total_seconds(), 0.0), self._options.idle_s)

    def _settle(self, task: _Task[Cursor], future: Future[PollResult[Cursor]]) -> None:
        error = future.exception()
        if isinstance(error, Exception):
            retry_at = self._clock() + timedelta(seconds=self._options.broken_s)
            problem = f"internal error: {type(error).__name__}: {error}"
            if self._trying(task.name, lambda: self._book.postpone(task.name, retry_at, problem)):
                self._tell(Broke(task.name, problem, retry_at))
            return
        result = future.result()
        stubs = 0
        saved = True

        def append() -> None:
            nonlocal stubs
            stubs = self._append(result.items)

        def save() -> None:
            nonlocal saved
            saved = self._book.save(task.name, task.before, result)

        if self._trying(task.name, append) and self._trying(task.name, save):
            polled = Polled(task.name, result.report, len(result.items), stubs, result.error, result.wake_at)
            self._tell(polled if saved else Outrun(task.name))

    def _trying(self, name: str, action: Callable[[], None]) -> bool:
        """Do it, again and again while stream or store can't be reached. False: stopped before it was done."""
        wait_s = self._options.retry_s
        while True:
            try:
                action()
            except (StreamUnavailable, StoreError) as error:
                self._tell(Waiting(name, error.message, wait_s))
                self._wait(wait_s)
                if self._stop():
                    return False
                wait_s = min(wait_s * 2, self._options.retry_max_s)
            else:
                return True

    def _append(self, items: tuple[RawArticle, ...]) -> int:
        """Append all, and return how many had to go without their body."""
        limit = self._stream.max_value_bytes
        while items:
            records, stubs = to_records(items, limit)
            try:
                self._stream.append(records)
            except RecordTooLarge as error:
                # The stream counts more than the value (headers, its own framing).
                limit = min(limit - 1, error.size_bytes - 1)
                if limit < _LEAST_BYTES:
                    raise
            else:
                return stubs
        return 0


def to_records(items: tuple[RawArticle, ...], limit_bytes: int) -> tuple[list[NewRecord], int]:
    """Encode the articles, keyed by article id, and count those that became stubs since they are over the limit.

    A stub has no body, and no summary, guid and authors if it would be too large with them.
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
        records.append(NewRecord(article_id(item.url).encode(), value))
    return records, stubs
