"""An extractor that does what a page's URL says: importable, so that a process of its own can run it."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime

from core.errors import ExtractionError
from core.records import RawArticle
from pipeline.extraction.clean import Extracted
from pipeline.transforms.extraction_pool import PoolExtraction, PoolPlan
from pipeline.transforms.record import RecordWork
from tests.pipeline.transforms.support import envelope

_done: list[str] = []


def obey(raw: RawArticle) -> Extracted:
    """Extract nothing: hang, die, or say what this process did before."""
    match raw.url.rpartition("/")[2].split("-")[0]:
        case "hang":
            while True:
                pass
        case "wait":
            os.write(1, b"waits\n")
            threading.Event().wait()
        case "exit":
            os._exit(0)
        case "kill":
            os.abort()
        case "memory":
            raise MemoryError
        case "hidden":
            raise ExtractionError("extractor_failed", "MemoryError: ") from MemoryError()
        case "hoard":
            # Beyond the limit of the process: refused at once, nothing is touched.
            bytearray(64 << 30)
        case "bug":
            raise KeyError("half \ud800 of a pair")
        case "none":
            raise ExtractionError("no_text", "nothing was left")
        case "used" if _done:
            os._exit(3)
    if "warm-up" not in raw.url:
        _done.append(raw.url)
    return Extracted(title=raw.url, text=str(os.getpid()))


def page(name: str) -> RawArticle:
    return RawArticle(url=f"https://a.example/{name}", source="a", fetched_at=datetime(2026, 3, 1, tzinfo=UTC))


def own_pool(name: str) -> None:
    """The program of a service: prepare the page in a process, say that it waits, and go on until it is killed."""
    pool = PoolExtraction(PoolPlan(1, 300.0, spares=0), RecordWork(extractor=obey))
    pool.submit(envelope(page(name))).result()
    print("waits", flush=True)
    signal.pause()
