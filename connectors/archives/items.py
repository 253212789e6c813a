"""An item of an archive: a raw article, or why there is none. Each item gets exactly one outcome."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from core.errors import InputError
from core.records import Claims, RawArticle, claims_of

_UNSOUND = re.compile(r"[\x00-\x20\x7f]|^(?:javascript|data|vbscript):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A raw stream's record in our own archive: its bytes, position and time.

    ``event_ms`` is its event time (ms, UTC), ``article`` and ``digest`` the rest of its order key. ``gone`` is the
    reason of a takedown, after which there is no value any more. ``paged``: its page is a separate record, directly
    before it.
    """

    event_ms: int
    stream: str
    partition: int
    offset: int
    digest: str
    article: str
    value: bytes
    gone: str | None = None
    url: str | None = None
    paged: bool = False


@dataclass(frozen=True, slots=True)
class ArchiveItem:
    """``name`` is where it is (file, or file:line). Exactly one of ``raw`` and ``problem`` is set.

    ``kept`` is set in addition for records of our own archive.
    """

    name: str
    raw: RawArticle | None = None
    problem: str | None = None
    kept: Kept | None = None


class RawLine(Claims, frozen=True, kw_only=True):
    """A line of a .jsonl archive; ``fetched_at`` and ``feed_url`` are the names in our own raw records."""

    url: str
    html: str | None = None
    text: str | None = None
    source: str | None = None
    fetched: str | None = None
    fetched_at: str | None = None
    feed_url: str | None = None
    backfill: bool = False


def raw_of_line(line: bytes, name: str, fallback: datetime) -> RawArticle:
    """The raw article in a line. ``fallback``: its time of fetching if it has none. Raises InputError."""
    try:
        record = _decoded(line)
    except msgspec.ValidationError as error:
        raise InputError(name, f"not a raw article: {str(error).replace('`$.', '`')}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(name, f"not JSON: {error}") from error
    if not record.url.strip():
        raise InputError(name, "not a raw article: the url is empty")
    if _UNSOUND.search(record.url.strip()):
        raise InputError(name, "not a raw article: a page can't have this url")
    fetched = record.fetched or record.fetched_at
    return RawArticle(
        url=record.url,
        source=record.source or source_of(record.url),
        fetched_at=moment(fetched, name) if fetched else fallback,
        feed_url=record.feed_url,
        html=record.html,
        text=record.text,
        backfill=record.backfill,
        **claims_of(record),
    )


def _decoded(line: bytes) -> RawLine:
    try:
        return msgspec.json.decode(line, type=RawLine)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Half of a surrogate pair, which other writers leave when they cut a text: one character is lost, not the
        # article.
        if b"\\ud" not in line.lower():
            raise
        try:
            return msgspec.convert(_sound(json.loads(line)), RawLine)
        except ValueError as error:
            raise msgspec.DecodeError(str(error)) from error


def _sound(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_sound(part) for part in value]
    if isinstance(value, dict):
        return {_sound(name): _sound(part) for name, part in value.items()}
    return value


def moment(text: str, name: str) -> datetime:
    """An ISO 8601 time (UTC if it has no zone), in whole milliseconds. Raises InputError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(name, f"{text!r} is not a time", hint="write it as 2026-11-22T10:00:00Z") from error
    try:
        aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError as error:
        raise InputError(name, f"{text!r} is out of range") from error
    if aware.year < 1970:
        raise InputError(name, f"{text!r} is before 1970: nothing was fetched then")
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def source_of(url: str) -> str:
    """A source id for a URL whose outlet is unknown: its host without ``www.``, or ``file``."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0].lower()
    return host.removeprefix("www.") or "file"
