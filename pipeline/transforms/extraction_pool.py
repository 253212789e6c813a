"""One process that prepares records for its owner, one page after another, and may be lost at any of them.

Processes are spawned, never forked: gRPC has threads. Each has a pipe of its own, so killing one while it hangs can't
damage what another is sending; a process that ends while it has nothing to do is replaced with its next page. A page's
time starts when a process that has loaded its libraries is given it.

Records and drafts cross the pipe as JSON (``values.pack``), never as pickle, like all that crosses a border.

A page that fails for its process's sake (memory used up, process ended) in a process that had handled others is tried once
more in a new one: what a page comes to must not depend on the pages before it.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import threading
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import msgspec

from core.errors import ExtractionError, WirewatchError
from core.logs import configure_worker
from core.records import OrderKey, Position, RawArticle, encode
from pipeline.transforms.prepare import Extractor, Prepared, prepare, refused
from pipeline.transforms.values import Draft, Envelope, pack, unpack

# A page of 8 MiB takes some 300 MB at worst; the libraries themselves map about 700 MB.
MEMORY_LIMIT_BYTES = 3 << 30
# A process that extracted so many pages is replaced: libraries leak.
MAX_PAGES = 2_000
# A new process loads its libraries first; on a busy machine that takes a while.
START_S = 120.0

_READY = b"ready"
_prepared = msgspec.json.Decoder(Prepared)
# Starting a process isn't meant for several threads at once.
_starting = threading.Lock()


class PageProcess:
    """A process with ``function`` and a limit for each page. It starts with the first page. Belongs to one thread."""

    def __init__(self, function: Extractor, limit_s: float) -> None:
        self._function, self._limit_s = function, limit_s
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._handled = 0

    def prepare(self, envelope: Envelope) -> Draft:
        """What came of a record. Raises WirewatchError where no process can be started, which is not the page's fault."""
        result, used = self._prepare(envelope)
        if used and result.tainted:
            self.stop()
            result, _ = self._prepare(envelope)
        if result.tainted:
            self.stop()
        return result.draft

    def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process, pipe, self._pipe = self._process, None, self._pipe, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.join()

    def _prepare(self, envelope: Envelope) -> tuple[Prepared, bool]:
        """What came of the record, and whether its process had handled others before."""
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
            # It has ended, or ends now; one that lives on with a broken pipe is ended by us.
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
        # Held here too, it would hide that the process has ended.
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
    """The life of such a process: records in, what came of them out, until the pipe is closed."""
    # Ctrl-C reaches all processes of a terminal: the owner decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_worker(service="extraction")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    # Nobody's page waits for what is loaded with the first one.
    prepare(_warm_up(), function)
    try:
        pipe.send_bytes(_READY)
        while True:
            pipe.send_bytes(encode(prepare(unpack(pipe.recv_bytes()), function)))
    except (EOFError, OSError):
        # The owner has gone.
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
