"""WARC files, as news crawls publish them: the HTML responses in them are pages. Our own archive comes back to the byte."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace
from warcio.archiveiterator import ArchiveIterator
from warcio.recordloader import ArcWarcRecord

from connectors.archives.frames import Frame, read_frames
from connectors.archives.items import ArchiveItem, Kept, moment, source_of
from connectors.archives.kept import MARK, MEDIA_TYPE, read_kept
from core.charset import decode_body
from core.errors import InputError
from core.records import HttpFacts, RawArticle, decode

MAX_PAGE_BYTES = 32 << 20
_PAGES = ("response", "resource")


def read_warc(path: Path, name: str, fetched_at: datetime) -> Iterator[ArchiveItem]:
    """An item for each page; other records (requests, robots, images) are no articles. Names are ``file@offset``.

    A damaged record is one item with the problem, and reading goes on behind it. ``fetched_at`` is the time of records that
    have none.
    """
    waiting: tuple[str, ArcWarcRecord, bytes] | None = None
    for frame in read_frames(path):
        where = f"{name}@{frame.offset}"
        record, problem = _parsed(frame)
        header = record.rec_headers.get_header if record is not None else (lambda _name: None)
        mine = waiting is not None and header("WARC-Concurrent-To") == waiting[1].rec_headers.get_header(
            "WARC-Record-ID"
        )
        if waiting is not None and not mine:
            yield ArchiveItem(waiting[0], problem="a page of our archive without the record that belongs to it")
        page, waiting = waiting[2] if waiting is not None and mine else None, None
        if record is None:
            yield ArchiveItem(where, problem=problem)
        elif header("Content-Type") == MEDIA_TYPE:
            yield _kept_item(record, page, where)
        elif record.rec_type in _PAGES and header(MARK):
            waiting = where, record, record.content_stream().read()
        elif record.rec_type in _PAGES:
            found = _item(record, where, fetched_at)
            if found is not None:
                yield found
    if waiting is not None:
        yield ArchiveItem(waiting[0], problem="a page of our archive without the record that belongs to it")


def _parsed(frame: Frame) -> tuple[ArcWarcRecord | None, str | None]:
    if frame.problem is not None:
        return None, f"damaged at offset {frame.offset}: {frame.problem}"
    try:
        record = next(iter(ArchiveIterator(io.BytesIO(frame.data))), None)
    except Exception as error:  # damaged headers fail deep inside the library, in ways of its own
        if b"warc-target-uri:" not in frame.data.partition(b"\r\n\r\n")[0].lower():
            return None, f"damaged at offset {frame.offset}: a response without an address"
        return None, f"damaged at offset {frame.offset}: {error}"
    if record is None or not record.rec_type:
        return None, f"damaged at offset {frame.offset}: it does not say what it is"
    return record, None


def _kept_item(record: ArcWarcRecord, page: bytes | None, where: str) -> ArchiveItem:
    try:
        kept: Kept = read_kept(record.content_stream().read(), page, where)
    except InputError as error:
        return ArchiveItem(where, problem=error.problem)
    if kept.gone is not None:
        return ArchiveItem(where, problem=f"taken down: {kept.gone}", kept=kept)
    try:
        return ArchiveItem(where, raw=decode(kept.value, RawArticle), kept=kept)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return ArchiveItem(where, problem=f"no raw article: {error}", kept=kept)


def _item(record: ArcWarcRecord, where: str, fetched_at: datetime) -> ArchiveItem | None:
    try:
        return _page(record, where, fetched_at)
    except InputError as error:
        return ArchiveItem(where, problem=error.problem)
    except Exception as error:  # chunks and compressions that are none fail inside the library
        return ArchiveItem(where, problem=f"damaged: {error}")


def _page(record: ArcWarcRecord, where: str, fetched_at: datetime) -> ArchiveItem | None:
    header = record.rec_headers.get_header
    url = (header("WARC-Target-URI") or "").strip().removeprefix("<").removesuffix(">")
    if not url:
        return ArchiveItem(where, problem="a response without an address")
    if record.rec_type == "resource":
        kind, status = header("Content-Type") or "", "200"
    elif record.http_headers is None:
        return ArchiveItem(where, problem="a response that is not HTTP")
    else:
        kind, status = record.http_headers.get_header("Content-Type") or "", record.http_headers.get_statuscode() or ""
        if not status[:3].isdigit():
            return ArchiveItem(where, problem="a response that is not HTTP")
    if not status.startswith("2") or not ("html" in kind.lower() or kind.lower().startswith("text/plain")):
        return None
    date = header("WARC-Date")
    fetched = moment(date, where) if date else fetched_at
    body = record.content_stream().read(MAX_PAGE_BYTES + 1)
    if len(body) > MAX_PAGE_BYTES:
        return ArchiveItem(where, problem=f"a page of more than {MAX_PAGE_BYTES >> 20} MiB")
    facts = HttpFacts(status=int(status[:3]), content_type=kind)
    raw = RawArticle(url=url, source=source_of(url), fetched_at=fetched, http=facts)
    text = decode_body(body, kind).text
    return ArchiveItem(where, raw=replace(raw, html=text) if "html" in kind.lower() else replace(raw, text=text))
