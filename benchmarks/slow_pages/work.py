"""Extraction that hangs on pages whose address says so; importable, since processes of their own do it."""

from __future__ import annotations

import time

from core.records import RawArticle
from pipeline.extraction.clean import Extracted
from pipeline.transforms.prepare import extract_raw

SLOW = "/slow/"
HANGS_S = 600.0


def extract(raw: RawArticle) -> Extracted:
    """As always, unless the page is slow: then for longer than any limit, without using the processor."""
    if SLOW in raw.url:
        time.sleep(HANGS_S)
    return extract_raw(raw)
