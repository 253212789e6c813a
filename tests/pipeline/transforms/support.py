"""Makers of what flows between the steps."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from core.records import Article, OrderKey, Position, RawArticle, article_id, encode, from_ms, raw_hash, version_hash
from pipeline.elements import Draft, Envelope, Rejection
from pipeline.text.fingerprint import fingerprint

fingerprint_of = lru_cache(maxsize=5_000)(fingerprint)
"""Worked out once for each text: tests make the same few articles again and again."""

NOON_MS = 1_772_366_400_000
"""2026-03-01 12:00 UTC."""


def position(offset: int = 0, *, partition: int = 0, run: str = "live") -> Position:
    return Position(run=run, stream="stream", partition=partition, offset=offset)


def key(number: int = 0, url: str = "https://a.example/", *, time_ms: int | None = None) -> OrderKey:
    """Places one second apart."""
    when = NOON_MS + 1_000 * number if time_ms is None else time_ms
    return OrderKey(when, article_id(url), raw_hash(str(number).encode()))


def envelope(raw: RawArticle | bytes, problem: Rejection | None = None, *, number: int = 0) -> Envelope:
    value = raw if isinstance(raw, bytes) else encode(raw)
    return Envelope(number=number, position=position(number), key=key(number), value=value, problem=problem)


def article(number: int = 0, url: str = "https://a.example/1", **fields: Any) -> Article:
    text = fields.pop("text", f"Text {number}.")
    title = fields.pop("title", f"Title {number}")
    made = {
        "id": article_id(url),
        "url": url,
        "canonical_url": url,
        "source": "a.example",
        "fetched_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "key": key(number, url),
        "position": position(number),
        "version_hash": version_hash(title, text),
        "fingerprint": fingerprint_of(text),
    }
    return Article(**{**made, **fields, "title": title, "text": text})


def draft(number: int = 0, url: str = "https://a.example/1", problem: Rejection | None = None, **fields: Any) -> Draft:
    """A draft at the place and offset ``number``, with an article or a problem."""
    made = None if problem else article(number, url, **fields)
    where = fields.get("position", position(number))
    when = fields.get("key", key(number, url))
    return Draft(number=number, position=where, key=when, item=url, article=made, problem=problem)


def at(time_ms: int, url: str = "https://a.example/1", **fields: Any) -> Article:
    """An article of an event time."""
    return article(0, url, key=key(0, url, time_ms=time_ms), fetched_at=from_ms(time_ms), **fields)
