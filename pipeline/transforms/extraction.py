"""Where records are prepared: in this process, or in a pool of processes with a time limit for each page.

Preparing (``prepare``: mostly extraction) takes nine tenths of all time and holds the interpreter's lock, and a hostile page
can hang, fill memory or kill its process. In the pool that costs one page.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cache
from queue import SimpleQueue
from typing import Any

from core.errors import ExtractionError
from core.records import Position, RawArticle
from pipeline.text.clean import Extracted, extract, extract_text
from pipeline.transforms.prepare import Extractor, prepare
from pipeline.transforms.processes import PageProcess
from pipeline.transforms.values import Draft, Envelope

TIME_LIMIT_S = 5.0
# The feed's own text is taken where it is that long, and so many times longer than what the page gave.
FULL_TEXT_CHARS, FULLER = 500, 1.3


def extract_raw(raw: RawArticle) -> Extracted:
    """Clean title, text, authors and date of a raw article. A function of it alone. Raises ExtractionError."""
    hints: dict[str, Any] = {
        "url": raw.url,
        "fetched_at": raw.fetched_at,
        "title_hint": raw.title,
        "authors_hint": raw.authors,
        "published_hint": raw.published,
    }
    if raw.html is None and raw.text is None:
        raise ExtractionError("empty", "neither page nor text came")
    if raw.html is None:
        return extract_text(raw.text or "", **hints)
    try:
        page = extract(raw.html, summary_hint=raw.summary, **hints)
    except ExtractionError:
        if raw.text:
            return extract_text(raw.text, **hints)
        raise
    if raw.text and len(raw.text) >= FULL_TEXT_CHARS and len(raw.text) > FULLER * len(page.text):
        # A text clearly shorter than the feed's own was cut off by a paywall or by us.
        with suppress(ExtractionError):
            return replace(page, text=extract_text(raw.text, **hints).text)
    return page


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
    """Prepares in processes of its own (see ``pipeline.transforms.processes``), each page for at most ``limit_s``.

    ``function`` must be importable by name; tests give it a hostile one.
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
        """Begin with a record that the graph will ask for later, so that processes have work while a slice is stored."""
        self._ahead[envelope.position] = self._queued(envelope)

    def forget_ahead(self) -> None:
        """Nobody will ask for what was begun ahead."""
        self._ahead.clear()

    def submit(self, envelope: Envelope) -> Future[Draft]:
        """The future of a record's draft. A page that took too long or killed its process is a draft with a problem.

        A page's time does not run while it waits for a process. The future raises WirewatchError where none can be
        started.
        """
        return self._ahead.pop(envelope.position, None) or self._queued(envelope)

    def _queued(self, envelope: Envelope) -> Future[Draft]:
        future: Future[Draft] = Future()
        self._pages.put((envelope, future))
        return future

    def close(self) -> None:
        """Prepare what was submitted, then end the processes."""
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


_lock = threading.Lock()


def shared_extraction(processes: int, limit_s: float = TIME_LIMIT_S) -> InlineExtraction | PoolExtraction:
    """The one extraction of this process: a pool of so many processes, or none for 0. Made on first use, kept for good."""
    with _lock:
        return _shared(processes, limit_s)


@cache
def _shared(processes: int, limit_s: float) -> InlineExtraction | PoolExtraction:
    return PoolExtraction(processes, limit_s) if processes else InlineExtraction()
