"""WARC files, as news crawls publish them: the HTML responses in them are pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace
from warcio.archiveiterator import ArchiveIterator
from warcio.recordloader import ArcWarcRecord

from connectors.archives.items import ArchiveItem, moment, source_of
from connectors.charset import decode_body
from pipeline.errors import InputError
from pipeline.records import HttpFacts, RawArticle

MAX_PAGE_BYTES = 32 << 20


def read_warc(path: Path, name: str, fetched_at: datetime) -> Iterator[ArchiveItem]:
    """An item for each ``response`` record with a page; other records (requests, robots, images) are no articles.

    A damaged file gives what is before the damage, then one item with the problem and its offset.
    """
    offset = 0
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        try:
            for record in records:
                found = _item(record, name, fetched_at) if record.rec_type == "response" else None
                # Only now: asking for the offset reads the record to its end.
                offset = records.get_record_offset()
                if found is not None:
                    yield _named(found, f"{name}@{offset}")
        except Exception as error:  # a damaged length or header fails deep inside the library, in ways of its own
            yield ArchiveItem(f"{name}@{offset}", problem=f"damaged behind offset {offset}: {error}")


def _named(item: ArchiveItem, name: str) -> ArchiveItem:
    return ArchiveItem(name, item.raw, item.problem)


def _item(record: ArcWarcRecord, where: str, fetched_at: datetime) -> ArchiveItem | None:
    http = record.http_headers
    if http is None:
        return ArchiveItem(where, problem="a response that is not HTTP")
    kind = http.get_header("Content-Type") or ""
    status = http.get_statuscode()
    if not status.startswith("2") or not ("html" in kind.lower() or kind.lower().startswith("text/plain")):
        return None
    url = record.rec_headers.get_header("WARC-Target-URI")
    if not url:
        return ArchiveItem(where, problem="a response without an address")
    date = record.rec_headers.get_header("WARC-Date")
    try:
        fetched = moment(date, where) if date else fetched_at
    except InputError as error:
        return ArchiveItem(where, problem=error.problem)
    body = record.content_stream().read(MAX_PAGE_BYTES + 1)
    if len(body) > MAX_PAGE_BYTES:
        return ArchiveItem(where, problem=f"a page of more than {MAX_PAGE_BYTES >> 20} MiB")
    facts = HttpFacts(status=int(status) if status.isdigit() else None, content_type=kind)
    raw = RawArticle(url=url, source=source_of(url), fetched_at=fetched, http=facts)
    text = decode_body(body, kind).text
    return ArchiveItem(where, raw=replace(raw, html=text) if "html" in kind.lower() else replace(raw, text=text))
