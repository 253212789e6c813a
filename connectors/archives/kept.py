"""Our own raw records in WARC files: every record of the raw stream is read back byte for byte.

A page is a ``response``, which every tool understands, followed by a ``metadata`` record with the other fields of the
raw record: the feed's claims, its time and position. A record other than a raw article with a page is only a
``metadata`` record, and so is the rest of a URL that was taken down.
"""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Mapping
from typing import BinaryIO

import msgspec
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from connectors.archives.items import Kept
from core.errors import InputError
from core.records import RawArticle, article_id, decode, encode, from_ms, raw_hash
from core.streams import StreamRecord

MEDIA_TYPE = "application/vnd.wirewatch.raw+json"
MARK = "WARC-Wirewatch"
_SPACE = uuid.UUID("6f1c0f52-6f0e-5c39-9f0e-3c7f6a3d1b55")


class _Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of a metadata record. One of ``raw`` (of a page, without the page), ``value`` and ``gone`` is set."""

    event_ms: int
    stream: str
    partition: int
    offset: int
    digest: str
    article: str
    schema: int = 1
    raw: RawArticle | None = None
    value: str | None = None
    url: str | None = None
    gone: str | None = None


class KeptWriter:
    """Writes records of one stream to an open file. ``gone``: article id → reason, for takedowns."""

    def __init__(self, file: BinaryIO, stream: str, *, gone: Mapping[str, str]) -> None:
        self._writer = WARCWriter(file, gzip=True, warc_version="WARC/1.1")
        self._stream, self._gone = stream, gone

    def begin(self, software: str) -> None:
        """Write the file's header record, which the format requires."""
        info = self._writer.create_warcinfo_record(None, {"software": software, "format": "WARC File Format 1.1"})
        self._writer.write_record(info)

    def write(self, record: StreamRecord, article: str) -> None:
        """Write a record. ``article`` is the article id in its key."""
        raw = _exact(record.value)
        note = _Note(
            event_ms=record.timestamp_ms,
            stream=self._stream,
            partition=record.partition,
            offset=record.offset,
            digest=raw_hash(record.value),
            article=article,
        )
        reason = self._gone.get(article) or (self._gone.get(article_id(raw.url)) if raw else None)
        if reason is not None:
            self._note(msgspec.structs.replace(note, gone=reason, url=raw.url if raw else None), None)
        elif raw is None or raw.html is None:
            self._note(msgspec.structs.replace(note, value=base64.b64encode(record.value).decode()), raw)
        else:
            self._note(
                msgspec.structs.replace(note, raw=msgspec.structs.replace(raw, html=None)), raw, self._page(note, raw)
            )

    def copy(self, kept: Kept, gone: str) -> None:
        """Write the rest of an archived record that is taken down now."""
        where = {"stream": kept.stream, "partition": kept.partition, "offset": kept.offset}
        note = _Note(
            event_ms=kept.event_ms,
            digest=kept.digest,
            article=kept.article,
            url=kept.url,
            gone=gone,
            **where,  # type: ignore[arg-type]
        )
        self._note(note, None)

    def _page(self, note: _Note, raw: RawArticle) -> str:
        identity = f"<urn:uuid:{uuid.uuid5(_SPACE, f'{note.stream}/{note.partition}/{note.offset}')}>"
        record = self._writer.create_warc_record(
            raw.url,
            "response",
            payload=io.BytesIO((raw.html or "").encode()),
            http_headers=StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
            ),
            warc_headers_dict={"WARC-Date": _date(raw), "WARC-Record-ID": identity, MARK: "page"},
        )
        self._writer.write_record(record)
        return identity

    def _note(self, note: _Note, raw: RawArticle | None, page: str | None = None) -> None:
        headers = {"WARC-Date": _date(raw) if raw else _iso(note.event_ms)}
        if page:
            headers["WARC-Concurrent-To"] = page
        record = self._writer.create_warc_record(
            raw.url if raw else f"urn:wirewatch:{note.stream}:{note.partition}:{note.offset}",
            "metadata",
            payload=io.BytesIO(encode(note)),
            warc_content_type=MEDIA_TYPE,
            warc_headers_dict=headers,
        )
        self._writer.write_record(record)


def read_kept(note: bytes, page: bytes | None, where: str) -> Kept:
    """Restore a raw record byte for byte. ``page``: the body of the response that the note belongs to. Raises InputError."""
    try:
        found = decode(note, _Note)
        if found.gone is not None:
            value = b""
        elif found.raw is not None and page is not None:
            value = encode(msgspec.structs.replace(found.raw, html=page.decode()))
        elif found.value is not None:
            value = base64.b64decode(found.value, validate=True)
        else:
            raise InputError(where, "the page that this belongs to is missing")
    except (msgspec.DecodeError, ValueError) as error:
        raise InputError(where, f"not a raw record: {error}") from error
    if found.gone is None and raw_hash(value) != found.digest:
        raise InputError(where, "not what was archived: its digest differs")
    return Kept(
        event_ms=found.event_ms,
        stream=found.stream,
        partition=found.partition,
        offset=found.offset,
        digest=found.digest,
        article=found.article,
        value=value,
        gone=found.gone,
        url=found.url or (found.raw.url if found.raw else _url_of(value)),
        paged=found.raw is not None,
    )


def _url_of(value: bytes) -> str | None:
    try:
        return decode(value, RawArticle).url if value else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _exact(value: bytes) -> RawArticle | None:
    """The raw article, if encoding it again gives the same bytes."""
    try:
        raw = decode(value, RawArticle)
        return raw if encode(raw) == value else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _date(raw: RawArticle) -> str:
    return raw.fetched_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _iso(ms: int) -> str:
    return from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
