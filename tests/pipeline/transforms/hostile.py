"""An extractor that does what a page's URL says: importable, so that a process of its own can run it."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from core.errors import ExtractionError
from core.records import RawArticle
from pipeline.extraction.clean import Extracted

_done: list[str] = []


def obey(raw: RawArticle) -> Extracted:
    """Extract nothing: hang, die, or say what this process did before."""
    match raw.url.rpartition("/")[2].split("-")[0]:
        case "hang":
            while True:
                pass
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
