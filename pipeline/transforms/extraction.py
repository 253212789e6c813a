"""Where pages are extracted: in this process, or in a pool of processes with a time limit for each page.

Extraction takes nine tenths of all time and holds the interpreter's lock, and a hostile page can hang, fill memory or
kill its process. In the pool that costs one page (DESIGN section 7).
"""

from __future__ import annotations

import multiprocessing
import resource
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import cache
from typing import Any

from pebble import ProcessExpired, ProcessPool

from pipeline.errors import ExtractionError
from pipeline.records import RawArticle
from pipeline.text.clean import Extracted, extract, extract_text

TIME_LIMIT_S = 5.0
# A page of 8 MiB takes some 300 MB at worst; the libraries themselves map about 700 MB.
MEMORY_LIMIT_BYTES = 3 << 30
# A new process loads its libraries first, which must not count as the page's time.
_START_S = 60.0


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
        return extract(raw.html, summary_hint=raw.summary, **hints)
    except ExtractionError:
        if raw.text:
            return extract_text(raw.text, **hints)
        raise


def outcome_of(future: Future[Extracted]) -> Extracted:
    """What came of a page. Raises ExtractionError, also for a page that took too long or killed its process."""
    try:
        return future.result()
    except ExtractionError:
        raise
    except (TimeoutError, FutureTimeoutError) as error:
        raise ExtractionError("timeout") from error
    except ProcessExpired as error:
        raise ExtractionError("crashed", f"the process ended with {error.exitcode}") from error
    except MemoryError as error:
        raise ExtractionError("out_of_memory") from error


class InlineExtraction:
    """Extracts in this process, at once: for tests and small inputs."""

    def submit(self, raw: RawArticle) -> Future[Extracted]:
        """The finished future of a page."""
        future: Future[Extracted] = Future()
        try:
            future.set_result(extract_raw(raw))
        except (ExtractionError, MemoryError) as error:
            future.set_exception(error)
        return future


class PoolExtraction:
    """Extracts in ``processes`` spawned processes (never forked: gRPC has threads), each page for at most ``limit_s``."""

    def __init__(self, processes: int, limit_s: float = TIME_LIMIT_S) -> None:
        self._limit_s = limit_s
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=processes, max_tasks=2_000, initializer=_prepare, context=context)

    def submit(self, raw: RawArticle) -> Future[Extracted]:
        """The future of a page; see ``outcome_of``."""
        future: Future[Extracted] = self._pool.schedule(extract_raw, args=[raw], timeout=self._limit_s)
        return future


_lock = threading.Lock()


def shared_extraction(processes: int, limit_s: float = TIME_LIMIT_S) -> InlineExtraction | PoolExtraction:
    """The one extraction of this process: a pool of so many processes, or none for 0. Made on first use, kept for good."""
    with _lock:
        return _shared(processes, limit_s)


@cache
def _shared(processes: int, limit_s: float) -> InlineExtraction | PoolExtraction:
    return PoolExtraction(processes, limit_s) if processes else InlineExtraction()


def _prepare() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
