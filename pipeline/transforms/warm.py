"""Prepares sample pages in a process, so that its libraries are loaded before the first record."""

from __future__ import annotations

from datetime import UTC, datetime

from core.records import OrderKey, Position, RawArticle, encode
from pipeline.elements import Envelope
from pipeline.transforms.prepare import Extractor, prepare

_LENGTHS = (12, 1)
"""Sentences of the sample pages. For a short page, trafilatura loads word lists that a long one does not need."""


def warm_up(extractor: Extractor) -> None:
    """Prepare a long page and a short one, to load everything that is loaded on first use."""
    position = Position(run="", stream="", partition=0, offset=0)
    for sentences in _LENGTHS:
        page = RawArticle(
            url="https://warm-up.invalid/",
            source="",
            fetched_at=datetime(2000, 1, 1, tzinfo=UTC),
            html="<html><body><article><h1>Warm up</h1><p>"
            + "Some words for the libraries to load on. " * sentences
            + "</p></article>",
        )
        prepare(Envelope(number=0, position=position, key=OrderKey(0, "", ""), value=encode(page)), extractor)
