"""A first page for a process, so that its libraries are loaded before a record comes."""

from __future__ import annotations

from datetime import UTC, datetime

from core.records import OrderKey, Position, RawArticle, encode
from pipeline.elements import Envelope
from pipeline.transforms.prepare import Extractor, prepare


def warm_up(extractor: Extractor) -> None:
    """Prepare a page, so that what is loaded on first use is loaded."""
    page = RawArticle(
        url="https://warm-up.invalid/",
        source="",
        fetched_at=datetime(2000, 1, 1, tzinfo=UTC),
        html="<html><body><article><h1>Warm up</h1><p>"
        + "Some words for the libraries to load on. " * 12
        + "</p></article>",
    )
    position = Position(run="", stream="", partition=0, offset=0)
    prepare(Envelope(number=0, position=position, key=OrderKey(0, "", ""), value=encode(page)), extractor)
