"""Where records are prepared: in this process, or in a pool of processes with a limit of time and memory for each page.

Preparing (``pipeline.transforms.prepare``, mostly extraction) takes nine tenths of the pipeline's time and holds the
interpreter's lock, and a hostile page can hang, fill memory or kill its process. In the pool that costs one page.

Processes are spawned, never forked, because gRPC has threads. Each has a pipe of its own, so killing one that hangs can't
damage what another is sending. A process that ends while idle is replaced with its next page. A page's time
starts when a process that has loaded its libraries receives it. Records and drafts cross the pipe as JSON
(``pipeline.elements.pack``), never as pickle.

A page that fails because of its process (out of memory, process ended) in a process that had handled others is tried once
more in a new one: the result of a page must not depend on the pages before it.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

import msgspec

from core.errors import ExtractionError, WirewatchError
from core.logs import configure_worker
from core.records import OrderKey, Position, RawArticle, encode
from pipeline.elements import Draft, Envelope, pack, unpack
from pipeline.transforms.prepare import Extractor, Prepared, extract_raw, prepare, refused

TIME_LIMIT_S = 5.0
# A page of 8 MiB takes some 300 MB at worst; the libraries themselves map about 700 MB.
MEMORY_LIMIT_BYTES = 3 << 30
# A process that has extracted so many pages is replaced: libraries leak.
MAX_PAGES = 2_000
# A new process loads its libraries first; on a busy machine that takes a while.
START_S = 120.0

_READY = b"ready"
_prepared = msgspec.json.Decoder(Prepared)
# Starting a process isn't meant for several threads at once.
_starting = threading.Lock()


class InlineExtraction:
    """Prepares in this process, at once: for tests and small inputs."""

    def __init__(self, function: Extractor = extract_raw) -> None:
        self._function = function

    def submit(self, envelope: Envelope) -> Future[Draft]:
        """The finished future of a record's draft."""
        future: Future[Draft] = Future()
        future.set_result(prepare(envelope, self._function).draft)
        return future


class PoolExtraction:
    """Prepares in processes of its own, each page for at most ``limit_s`` seconds. Thread-safe.

    ``function`` must be importable by name; tests pass a hostile one.
    """

    def __init__(self, processes: int, limit_s: float = TIME_LIMIT_S, function: Extractor = extract_raw) -> None:
        self._pages: SimpleQueue[tuple[Envelope, Future[Draft]] | None] = SimpleQueue()
        self._ahead: dict[Position, Future[Draft]] = {}
        self._threads = [
            threading.Thread(target=self._work, args=[PageProcess(function, limit_s)], daemon=True)
            for _ in range(processes)
        ]
        for thread in self._threads:
            thread.start()

    def submit_ahead(self, envelope: Envelope) -> None:
        """Start on a record that the graph will submit later, so that processes have work while a slice is stored."""
        self._ahead[envelope.position] = self._queued(envelope)

    def forget_ahead(self) -> None:
        """Drop what was started ahead: it will not be submitted."""
        self._ahead.clear()

    def submit(self, envelope: Envelope) -> Future[Draft]:
        """The future of a record's draft. A page that took too long or killed its process gives a draft with a problem.

        A page's time does not run while it waits for a process. The future raises WirewatchError if no process can be
        started.
        """
        return self._ahead.pop(envelope.position, None) or self._queued(envelope)

    def _queued(self, envelope: Envelope) -> Future[Draft]:
        future: Future[Draft] = Future()
        self._pages.put((envelope, future))
        return future

    def close(self) -> None:
        """Finish what was submitted, then end the processes."""
        for _ in self._threads:
            self._pages.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, process: PageProcess) -> None:
        try:
            while (page := self._pages.get()) is not None:
                envelope, future = page
                try:
                    future.set_result(process.prepare(envelope))
                except BaseException as error:
                    future.set_exception(error)
        finally:
            process.stop()


class PageProcess:
    """One process with ``function`` and a limit for each page, started with the first page. Belongs to one thread."""

    def __init__(self, function: Extractor, limit_s: float) -> None:
        self._function, self._limit_s = function, limit_s
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._handled = 0

    def prepare(self, envelope: Envelope) -> Draft:
        """The draft of a record. Raises WirewatchError if no process can be started, which is not the page's fault."""
        result, used = self._prepare(envelope)
        if used and result.tainted:
            self.stop()
            result, _ = self._prepare(envelope)
        if result.tainted:
            self.stop()
        return result.draft

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        process, self._process, pipe, self._pipe = self._process, None, self._pipe, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.join()

    def _prepare(self, envelope: Envelope) -> tuple[Prepared, bool]:
        """The prepared record, and whether its process had handled others before."""
        process, pipe = self._running()
        used, self._handled = self._handled > 0, self._handled + 1
        try:
            pipe.send_bytes(pack(envelope))
            if not wait([pipe, process.sentinel], self._limit_s):
                self.stop()
                error = ExtractionError("timeout", f"it took longer than {self._limit_s:g} s")
                return Prepared(refused(envelope, error)), used
            result = _prepared.decode(pipe.recv_bytes())
        except (OSError, EOFError):
            # It has ended or is ending; one that lives on with a broken pipe is killed.
            process.join(self._limit_s)
            code = process.exitcode
            self.stop()
            error = ExtractionError("crashed", "its pipe broke" if code is None else f"the process ended with {code}")
            return Prepared(refused(envelope, error), tainted=True), used
        return result, used

    def _running(self) -> tuple[BaseProcess, Connection]:
        if self._handled >= MAX_PAGES or self._process is None or not self._process.is_alive():
            self.stop()
        if self._process is None or self._pipe is None:
            self._process, self._pipe = self._started()
            self._handled = 0
        return self._process, self._pipe

    def _started(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        pipe, theirs = context.Pipe()
        with _starting:
            process = context.Process(target=serve, args=(theirs, self._function), name="page extraction", daemon=True)
            process.start()
        # An open copy here would hide that the process has ended.
        theirs.close()
        try:
            if wait([pipe], START_S) and pipe.recv_bytes() == _READY:
                return process, pipe
        except (OSError, EOFError):
            pass
        process.kill()
        process.join()
        pipe.close()
        raise WirewatchError(
            f"no process for extraction can be started (it ended with {process.exitcode})",
            hint="see what it printed above; extraction_processes = 0 extracts without one",
        )


def serve(pipe: Connection, function: Extractor) -> None:
    """The main loop of such a process: records in, prepared drafts out, until the pipe is closed."""
    # Ctrl-C reaches all processes of a terminal: the owner decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_worker(service="extraction")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    # What is loaded on first use is loaded now, so no page waits for it.
    prepare(_warm_up(), function)
    try:
        pipe.send_bytes(_READY)
        while True:
            pipe.send_bytes(encode(prepare(unpack(pipe.recv_bytes()), function)))
    except (EOFError, OSError):
        # The owner has ended.
        return


def _warm_up() -> Envelope:
    page = RawArticle(
        url="https://warm-up.invalid/",
        source="",
        fetched_at=datetime(2000, 1, 1, tzinfo=UTC),
        html="<html><body><article><h1>Warm up</h1><p>"
        + "Some words for the libraries to load on. " * 12
        + "</p></article>",
    )
    position = Position(run="", stream="", partition=0, offset=0)
    return Envelope(number=0, position=position, key=OrderKey(0, "", ""), value=encode(page))


_lock = threading.Lock()


def shared_extraction(processes: int, limit_s: float = TIME_LIMIT_S) -> InlineExtraction | PoolExtraction:
    """The one extraction of this process: a pool of that many processes, or none for 0. Made on first use, never closed."""
    with _lock:
        return _shared(processes, limit_s)


@cache
def _shared(processes: int, limit_s: float) -> InlineExtraction | PoolExtraction:
    return PoolExtraction(processes, limit_s) if processes else InlineExtraction()
