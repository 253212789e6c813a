"""Reads WARC files, such as those of news crawls: their HTML responses are pages. Our own archive is restored byte for byte."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from msgspec.structs import replace
from warcio.archiveiterator import ArchiveIterator
from warcio.bufferedreaders import ChunkedDataReader
from warcio.recordloader import ArcWarcRecord

from connectors.archives.items import ArchiveItem, Kept, moment, source_of
from connectors.archives.kept import MARK, MEDIA_TYPE, read_kept
from connectors.http.body import BadBody, BodyTooLarge, codings, decompressed
from core.charset import decode_body
from core.errors import InputError
from core.records import HttpFacts, RawArticle, decode

MAX_PAGE_BYTES = 32 << 20
_PAGES = ("response", "resource")


def read_warc(path: Path, name: str, fetched_at: datetime) -> Iterator[ArchiveItem]:
    """An item for each page; other records (requests, robots, images) are not articles. Names are ``file@offset``.

    A damaged record becomes an item with the problem, and reading continues after it. It ends, with a problem, once the pages
    have much more than the file's size. ``fetched_at`` is the time for records that have none.
    """
    waiting: tuple[str, ArcWarcRecord, bytes] | None = None
    left = _most_of(path)
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
            body = _body_of(record)
            if isinstance(body, str):
                yield ArchiveItem(where, problem=body)
            else:
                waiting, left = (where, record, body), left - len(body)
        elif record.rec_type in _PAGES:
            found = _item(record, where, fetched_at)
            if found is not None:
                yield found
                left -= 0 if found.raw is None else len(found.raw.html or found.raw.text or "")
        if left < 0:
            yield ArchiveItem(where, problem=_TOO_MUCH)
            return
    if waiting is not None:
        yield ArchiveItem(waiting[0], problem="a page of our archive without the record that belongs to it")


def _parsed(frame: Frame) -> tuple[ArcWarcRecord | None, str | None]:
    if frame.problem is not None:
        return None, f"damaged at offset {frame.offset}: {frame.problem}"
    try:
        record = next(iter(ArchiveIterator(io.BytesIO(frame.data))), None)
    except Exception as error:  # damaged headers raise various errors deep inside the library
        if b"warc-target-uri:" not in frame.data.partition(b"\r\n\r\n")[0].lower():
            return None, f"damaged at offset {frame.offset}: a response without an address"
        return None, f"damaged at offset {frame.offset}: {error}"
    if record is None or not record.rec_type:
        return None, f"damaged at offset {frame.offset}: it has no type"
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
        return ArchiveItem(where, problem=f"not a raw article: {error}", kept=kept)


def _item(record: ArcWarcRecord, where: str, fetched_at: datetime) -> ArchiveItem | None:
    try:
        return _page(record, where, fetched_at)
    except InputError as error:
        return ArchiveItem(where, problem=error.problem)
    except Exception as error:  # invalid chunks and compressions raise inside the library
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
    said = kind.strip().lower()
    if not status.startswith("2") or not (not said or "html" in said or said.startswith("text/plain")):
        return None
    fetched = _fetched(header("WARC-Date"), where, fetched_at)
    body = _body_of(record)
    if isinstance(body, str):
        return ArchiveItem(where, problem=body)
    if not said:
        # No content type: a body that begins like a page is one.
        if not _PAGE_START.match(body[:_SNIFFED]):
            return None
        kind = "text/html"
    facts = HttpFacts(status=int(status[:3]), content_type=kind)
    raw = RawArticle(url=url, source=source_of(url), fetched_at=fetched, http=facts)
    text = decode_body(body, kind).text
    return ArchiveItem(where, raw=replace(raw, html=text) if "html" in kind.lower() else replace(raw, text=text))


_SNIFFED = 1_024
_PAGE_START = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*+(?:<!--.*?-->\s*+)*<(?:!doctype\s+html|html|head|body|title|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
_MARKUP = re.compile(rb"(?:\xff\xfe|\xfe\xff)?\s*+<[!?/A-Za-z]")  # a second byte order mark, after the one cut off
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # Japanese text in ISO 2022 has escapes
_FOURTEEN = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)")


def _body_of(record: ArcWarcRecord) -> bytes | str:
    """The block of a response as plain bytes, or why it can't be read.

    warcio reads only headers and chunks: it would unpack a chunk at once, whatever its size.
    """
    stream, encoding = record.raw_stream, ""
    if record.http_headers is not None:
        header = record.http_headers.get_header
        encoding = header("Content-Encoding") or ""
        transfer = [word.strip().lower() for word in (header("Transfer-Encoding") or "").split(",")]
        if transfer[-1] == "chunked":
            transfer.pop()
            stream = ChunkedDataReader(stream)
        encoding = ", ".join(filter(None, [encoding, *transfer]))
    first = stream.read(_CHUNK)
    begins = first[:_SNIFFED]
    if (
        _PAGE_START.match(begins)
        or _is_text(begins)
        or ("gzip" in encoding.lower() and not first.startswith(_MAGIC[:2]))
    ):
        # Crawlers store unpacked pages with the header of the packed ones.
        encoding = ""
    elif first.startswith(_MAGIC) and not codings(encoding):
        encoding = "gzip"
    chunks = chain([first], iter(lambda: stream.read(_CHUNK), b""))
    try:
        return b"".join(decompressed(chunks, encoding, MAX_PAGE_BYTES))
    except BodyTooLarge:
        return f"a page of more than {MAX_PAGE_BYTES >> 20} MiB"
    except BadBody as error:
        return f"damaged: {error}"


def _is_text(start: bytes) -> bool:
    """Whether the beginning of a body is text, unlike compressed bytes, which have control characters or are not UTF-8."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _MARKUP.match(start.replace(b"\0", b"")[2:]) is not None
    if not start or _CONTROL.search(start):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # the last character may be cut off
    except UnicodeDecodeError:
        return _MARKUP.match(start) is not None
    return True


def _fetched(date: str | None, where: str, otherwise: datetime) -> datetime:
    """The record's time; some writers use fourteen digits, as in CDX files."""
    if not date or not date.strip():
        return otherwise
    digits = _FOURTEEN.fullmatch(date.strip())
    return moment("{}-{}-{}T{}:{}:{}Z".format(*digits.groups()) if digits else date, where)


MAX_RECORD = 64 << 20
"""Larger records, such as videos, are left out."""

_HEADER = 64 << 10
_CHUNK = 256 << 10
_MAGIC = b"\x1f\x8b\x08"
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,25})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_END = re.compile(rb"\r?\n\r?\n")


_Read = Callable[[BinaryIO, int, int], tuple[bytes, int]]
_Find = Callable[[BinaryIO, int, int], int]


class Frame(NamedTuple):
    """A record's bytes, headers and block, or what is wrong at this ``offset`` of the file."""

    offset: int
    data: bytes = b""
    problem: str | None = None


class _Damage(Exception):
    """The record can't be read; the message is the reason."""


def read_frames(path: Path) -> Iterator[Frame]:
    """All records, in file order. Raises OSError."""
    with path.open("rb") as file:
        if file.read(3) == _MAGIC:
            if _is_one_member(file):
                yield from _unpacked(path)
            else:
                yield from _each(file, _member, _next_member)
        else:
            yield from _each(file, _plain, _next_plain)


def _each(file: BinaryIO, read: _Read, find: _Find) -> Iterator[Frame]:
    size = file.seek(0, 2)
    offset = 0
    while offset < size:
        try:
            data, end = read(file, offset, size)
        except _Damage as error:
            yield Frame(offset, problem=str(error))
            offset = find(file, offset + 1, size)
        else:
            if data.strip():
                yield Frame(offset, data)
            offset = end


def _member(file: BinaryIO, offset: int, _size: int) -> tuple[bytes, int]:
    """The record in the gzip member at ``offset``, and where the next one begins."""
    file.seek(offset)
    unpacker = zlib.decompressobj(31)
    parts, length, position = [], 0, offset
    while not unpacker.eof:
        chunk = file.read(_CHUNK)
        if not chunk:
            raise _Damage("cut off: the file ends inside this record" if length or position > offset else "no record")
        position += len(chunk)
        try:
            part = unpacker.decompress(chunk, MAX_RECORD)
            while unpacker.unconsumed_tail:
                # Only counted: data beyond the size limit of a record is discarded.
                length += len(part)
                part = unpacker.decompress(unpacker.unconsumed_tail, MAX_RECORD)
        except zlib.error as error:
            raise _Damage(f"damaged: {error}") from error
        length += len(part)
        if length <= MAX_RECORD:
            parts.append(part)
    if length > MAX_RECORD:
        return b"", position - len(unpacker.unused_data)
    data = b"".join(parts)
    _check(data)
    return data, position - len(unpacker.unused_data)


def _check(data: bytes) -> None:
    start, length = _head(data)
    rest = len(data) - start - length
    if rest < 0:
        raise _Damage(f"its length is wrong: {length} bytes are announced, but there are {len(data) - start}")
    if data[start + length :].strip():
        raise _Damage(f"its length is wrong: {length} bytes are announced, but {rest} more follow")


def _head(data: bytes) -> tuple[int, int]:
    """Where the block begins, and its announced length."""
    if not data.startswith(b"WARC/"):
        raise _Damage("not a WARC record")
    end = _END.search(data, 0, _HEADER)
    if end is None:
        raise _Damage("its headers do not end")
    length = _LENGTH.search(data, 0, end.end())
    if length is None:
        raise _Damage("it has no Content-Length")
    return end.end(), int(length[1])


def _plain(file: BinaryIO, offset: int, size: int) -> tuple[bytes, int]:
    file.seek(offset)
    head = file.read(_HEADER)
    blank = len(head) - len(head.lstrip(b"\r\n"))
    if blank:
        return b"", offset + blank
    start, length = _head(head)
    end = offset + start + length
    if end > size:
        raise _Damage(
            f"its length is wrong, or it is cut off: {length} bytes are announced, but {size - offset - start} follow"
        )
    file.seek(end)
    behind = file.read(9)
    if behind and not behind.lstrip(b"\r\n").startswith(b"WARC/"[: len(behind.lstrip(b"\r\n"))]):
        raise _Damage(f"its length is wrong: {length} bytes are announced, but no record follows them")
    if length > MAX_RECORD:
        return b"", end
    file.seek(offset)
    return file.read(start + length), end


def _next_member(file: BinaryIO, offset: int, size: int) -> int:
    while (offset := _find(file, _MAGIC, offset, size)) < size:
        file.seek(offset)
        try:
            if zlib.decompressobj(31).decompress(file.read(4_096), 16).startswith(b"WARC/"):
                return offset
        except zlib.error:
            pass
        offset += 1
    return size


def _next_plain(file: BinaryIO, offset: int, size: int) -> int:
    # A page may quote a record's first line; after a blank line this is treated as a record, and checked like any
    # other.
    found = _find(file, b"\r\n\r\nWARC/", max(0, offset - 4), size)
    return size if found >= size else found + 4


def _find(file: BinaryIO, wanted: bytes, offset: int, size: int) -> int:
    while offset < size:
        file.seek(offset)
        chunk = file.read(_CHUNK + len(wanted))
        if (place := chunk.find(wanted)) >= 0:
            return offset + place
        offset += _CHUNK
    return size


def _is_one_member(file: BinaryIO) -> bool:
    """Whether the file was compressed as a whole, so that its first member has more than one record."""
    file.seek(0)
    try:
        data = zlib.decompressobj(31).decompress(file.read(4 * _CHUNK), 8 * _CHUNK)
        start, length = _head(data)
    except (_Damage, zlib.error):
        return False
    return data[start + length :].lstrip(b"\r\n").startswith(b"WARC/")


MOST_TIMES = 100
"""Most times its size that a file may have when unpacked; pages have five to twenty times."""
_TOO_MUCH = f"it unpacks to more than {MOST_TIMES} times its size: the rest is left out"


def _most_of(path: Path) -> int:
    return MOST_TIMES * path.stat().st_size + MAX_RECORD


def _unpacked(path: Path) -> Iterator[Frame]:
    with tempfile.TemporaryFile() as plain:
        problem, most = None, _most_of(path)
        try:
            with gzip.open(path) as packed:
                while piece := packed.read(_CHUNK):
                    if plain.tell() + len(piece) > most:
                        problem = _TOO_MUCH
                        break
                    plain.write(piece)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            problem = f"damaged: {error}; it was compressed as a whole, so the rest is lost"
        yield from _each(plain, _plain, _next_plain)
        if problem is not None:
            yield Frame(path.stat().st_size, problem=problem)
