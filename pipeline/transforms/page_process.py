"""A process that prepares records, with a limit on time and memory for each, and spare processes.

Processes are forked from a server that multiprocessing starts as a fresh process: it has no threads (gRPC's would not survive
a fork), and it loads the libraries once, so a process costs hundredths of a second instead of two. Each process has its own
pipe, so killing one that hangs can't damage what another is sending. Records and drafts are sent as JSON
(``pipeline.elements.pack``), never as pickle.

A record's time starts when its process has loaded the topics and queries for it. The process reports each stage as it begins,
so that a timeout names its stage. A limit that rejects is on CPU time, since an outcome must not depend on other work on the
machine; a limit that only postpones is by the clock. A process whose owner is killed ends at once, whatever its record waits
for; one that hangs while it holds the interpreter's lock is ended by the kernel's limit on CPU time.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType

import msgspec

from core.errors import ExtractionError, StoreError, WirewatchError
from core.logs import configure_worker
from core.processes import cpu_seconds
from core.records import encode
from pipeline.elements import CRASHED, TIMEOUT, Envelope, pack, unpack
from pipeline.malloc import reuse_heap
from pipeline.transforms.prepare import STAGE, Prepared, refused
from pipeline.transforms.record import ENVIRONMENT, RecordWork
from pipeline.transforms.warm import warm_up

# A page of 8 MiB takes about 300 MB at worst; the libraries themselves map about 700 MB.
MEMORY_LIMIT_BYTES = 3 << 30
# A process is replaced after this many records, since libraries leak.
MAX_PAGES = 2_000
# A new process loads libraries and queries first; on a busy machine that takes a while.
START_S = 300.0
# CPU time beyond the limit for a process that holds the interpreter's lock, and so can't notice that its owner is gone.
ORPHAN_CPU_S = 30.0
# A process that waits, or gets hardly any CPU, has this many times the limit by the clock.
CLOCK_PATIENCE = 6.0

_READY, _STAGE, _ERROR = b"ready", b"!", b"?"
_prepared = msgspec.json.Decoder(Prepared)
# Starting a process is not thread-safe.
_starting = threading.Lock()
_LOADED = ("pipeline.transforms.preloaded",)


class RunningProcess:
    """A process that is ready for records, and this end of its pipe. Use it from one thread."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process, self.pipe = process, pipe
        self.handled = 0
        # Created once: ``multiprocessing.connection.wait`` creates one each time, four times per record.
        self._poll = select.poll()
        for one in (pipe.fileno(), process.sentinel):
            self._poll.register(one, select.POLLIN)

    def tells(self, seconds: float) -> bool:
        """Whether the process sends something, or ends, within ``seconds``."""
        return bool(self._poll.poll(1000 * max(0.0, seconds)))

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def start(work: RecordWork, limit_s: float) -> RunningProcess:
    """Start a process, and return it when it is ready. Raises WirewatchError if none can be started."""
    context = multiprocessing.get_context("forkserver")
    pipe, theirs = context.Pipe()
    with _starting:
        # These take effect when the server is started, for the first process.
        context.set_forkserver_preload(list(_LOADED))
        if work.store_url:
            os.environ.setdefault(ENVIRONMENT, f"{work.scope} {work.store_url}")
        process = context.Process(target=serve, args=(theirs, work, limit_s), name="record", daemon=True)
        with _no_main(), _without_interrupts():
            process.start()
    # An open copy here would hide that the process has ended.
    theirs.close()
    running = RunningProcess(process, pipe)
    said = b""
    try:
        if wait([pipe], START_S):
            said = pipe.recv_bytes()
            if said == _READY:
                return running
    except (OSError, EOFError):
        pass
    running.stop()
    if said.startswith(_ERROR):
        raise StoreError(said.removeprefix(_ERROR).decode())
    raise WirewatchError(
        f"no process for extraction can be started (it ended with {process.exitcode})",
        hint="see what it printed above; extraction_processes = 0 extracts without one",
    )


@contextmanager
def _no_main() -> Iterator[None]:
    """Within the block, a new process does not import this one's main module, which takes seconds for a command line."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Within the block, a new process never gets SIGINT.

    Ctrl-C reaches all processes of a terminal, but the owner decides when to end. Otherwise the server from which the
    processes are forked could be interrupted while it loads what they need, with a traceback.
    """
    # If it is started within the block, it ends with SIGINT unblocked.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Spares:
    """Starts processes, and keeps ``count`` of them ready from the first one on. Thread-safe."""

    def __init__(self, work: RecordWork, limit_s: float, count: int) -> None:
        self._work, self._limit_s, self._count = work, limit_s, count
        self._ready: deque[RunningProcess] = deque()
        self._lock = threading.Lock()
        self._starting = 0
        self._closed = False

    def take(self) -> RunningProcess:
        """A ready process, a spare one if available. Raises WirewatchError if none can be started."""
        while True:
            with self._lock:
                found = self._ready.popleft() if self._ready else None
            if found is None:
                found = start(self._work, self._limit_s)
            if found.process.is_alive():
                self._refill()
                return found
            # It died while idle.
            found.stop()

    def close(self) -> None:
        """End the spare processes."""
        with self._lock:
            self._closed = True
            left, self._ready = list(self._ready), deque()
        for one in left:
            one.stop()

    def _refill(self) -> None:
        with self._lock:
            missing = 0 if self._closed else self._count - len(self._ready) - self._starting
            self._starting += max(0, missing)
        for _ in range(missing):
            threading.Thread(target=self._one_more, name="spare process", daemon=True).start()

    def _one_more(self) -> None:
        made: RunningProcess | None = None
        try:
            made = start(self._work, self._limit_s)
        except (WirewatchError, OSError):
            # ``take`` starts one when it is needed, and reports why that fails.
            return
        finally:
            with self._lock:
                self._starting -= 1
                if made is not None and not self._closed:
                    self._ready.append(made)
                    made = None
            if made is not None:
                made.stop()


class PageProcess:
    """One process at a time, for one record after another, each for at most ``limit_s`` seconds. Use it from one thread.

    ``by_clock``: seconds by the clock; else of CPU time, with ``CLOCK_PATIENCE`` times as many by the clock.

    If a record fails because of its process (out of memory, process ended), and the process had handled others, it is tried
    once more in a new process, unless ``again`` is false: a record's result must not depend on the records before it.
    """

    def __init__(self, spares: Spares, limit_s: float, *, again: bool = True, by_clock: bool = False) -> None:
        self._spares, self._limit_s, self._again, self._by_clock = spares, limit_s, again, by_clock
        self._running: RunningProcess | None = None
        self._ended = False

    def prepare(self, envelope: Envelope, relieve: Callable[[], object] = lambda: None) -> Prepared:
        """Prepare a record. After a quarter of its time it calls ``relieve``, so that another process may begin beside it.

        Raises WirewatchError if no process can be started, or the store is down.
        """
        result, used = self._prepare(envelope, relieve)
        if used and result.tainted and self._again and not self._ended:
            self.stop()
            result, _ = self._prepare(envelope, relieve)
        if result.tainted:
            self.stop()
        return result

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def interrupt(self) -> None:
        """Kill the process from another thread; the record in hand fails as ``crashed``."""
        self._ended = True
        if (running := self._running) is not None:
            running.process.kill()

    def _prepare(self, envelope: Envelope, relieve: Callable[[], object]) -> tuple[Prepared, bool]:
        """The prepared record, and whether its process had handled others before."""
        running = self._fresh_enough()
        if self._ended:
            # Interrupted while its process was starting.
            running.process.kill()
        used, stage = running.handled > 0, STAGE
        running.handled += 1
        until_s, limited, relief_s = time.monotonic() + START_S, False, math.inf
        begun_s, cpu_s = 0.0, None
        try:
            running.pipe.send_bytes(pack(envelope))
            while True:
                now_s = time.monotonic()
                if not running.tells(min(until_s, relief_s) - now_s):
                    if time.monotonic() < until_s:
                        relief_s = math.inf
                        relieve()
                        continue
                    if limited and not self._by_clock:
                        spent_s = used_s(running, cpu_s)
                        if (more_s := left_s(self._limit_s, spent_s, time.monotonic() - begun_s)) > 0:
                            until_s = time.monotonic() + more_s
                            continue
                    self.stop()
                    error = ExtractionError(TIMEOUT, f"it took longer than {self._limit_s:g} s")
                    return Prepared(refused(envelope, error, stage)), used
                said = running.pipe.recv_bytes()
                if said.startswith(_ERROR):
                    raise StoreError(said.removeprefix(_ERROR).decode())
                if not said.startswith(_STAGE):
                    return _prepared.decode(said), used
                stage = said.removeprefix(_STAGE).decode()
                if not limited:
                    begun_s, cpu_s, limited = time.monotonic(), cpu_seconds(running.process.pid or 0), True
                    until_s, relief_s = begun_s + self._limit_s, begun_s + self._limit_s / 4
        except (OSError, EOFError):
            # It has ended or is ending; a process that still runs with a broken pipe is killed.
            running.process.join(self._limit_s)
            code = running.process.exitcode
            self.stop()
            error = ExtractionError(CRASHED, "its pipe broke" if code is None else f"the process ended with {code}")
            return Prepared(refused(envelope, error, stage), tainted=True), used

    def _fresh_enough(self) -> RunningProcess:
        running = self._running
        if running is not None and (running.handled >= MAX_PAGES or not running.process.is_alive()):
            self.stop()
            running = None
        if running is None:
            running = self._running = self._spares.take()
        return running


def used_s(running: RunningProcess, before_s: float | None) -> float | None:
    """Seconds of CPU time that the process has used since it had used ``before_s``; None if unknown."""
    now_s = cpu_seconds(running.process.pid or 0)
    return None if now_s is None or before_s is None else now_s - before_s


def left_s(limit_s: float, spent_s: float | None, passed_s: float) -> float:
    """Seconds left for a record after ``spent_s`` of CPU time and ``passed_s`` by the clock; 0 if it is over its limit."""
    if spent_s is None or spent_s >= limit_s:
        return 0.0
    return min(limit_s - spent_s, CLOCK_PATIENCE * limit_s - passed_s)


def _limit_cpu(more_s: float) -> None:
    """Make the kernel end this process after this much more CPU time, in whole seconds."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    until_s = math.ceil(time.process_time() + more_s)
    resource.setrlimit(resource.RLIMIT_CPU, (until_s if most == resource.RLIM_INFINITY else min(until_s, most), most))


def _end_with_owner() -> None:
    owner = multiprocessing.parent_process()
    if owner is not None:
        wait([owner.sentinel])
        os._exit(1)


def serve(pipe: Connection, work: RecordWork, limit_s: float) -> None:
    """The main loop of a page process: records in, prepared drafts out, until the pipe is closed."""
    configure_worker(service="extraction")
    # A worker of Flink leaves its allocator's settings in the environment.
    reuse_heap()
    # The end of the pipe is noticed only between two records.
    threading.Thread(target=_end_with_owner, name="owner", daemon=True).start()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    try:
        try:
            # Loads now what is loaded on first use, so that no record waits for it.
            warm_up(work.extractor)
            work.refresh(0)
            pipe.send_bytes(_READY)
        except WirewatchError as error:
            pipe.send_bytes(_ERROR + error.message.encode())
            return
        while True:
            envelope = unpack(pipe.recv_bytes())
            _limit_cpu(limit_s + ORPHAN_CPU_S)
            try:
                work.refresh(envelope.key.time_ms)
                result = encode(work.do(envelope, lambda stage: pipe.send_bytes(_STAGE + stage.encode())))
            except WirewatchError as error:
                result = _ERROR + error.message.encode()
            pipe.send_bytes(result)
    except (EOFError, OSError):
        # The owner has ended.
        return
