"""The records of a WARC file as stretches of bytes, with their offsets; damage costs the record that it is in.

A compressed WARC is one gzip member a record, so a record's offset is its member's. Behind damage reading goes on at the next
place that begins as a record does. Pages and headers are not looked into here.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_RECORD = 64 << 20
"""A larger record is left out: videos and the like."""

_HEADER = 64 << 10
_CHUNK = 256 << 10
_MAGIC = b"\x1f\x8b\x08"
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,25})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_END = re.compile(rb"\r?\n\r?\n")


_Read = Callable[[BinaryIO, int, int], tuple[bytes, int]]
_Find = Callable[[BinaryIO, int, int], int]


class Frame(NamedTuple):
    """A record's bytes, headers and block; or what is wrong at this ``offset`` of the file."""

    offset: int
    data: bytes = b""
    problem: str | None = None


class _Damage(Exception):
    """The record can't be read; the message says why."""


def read_frames(path: Path) -> Iterator[Frame]:
    """All records in the file's order. Raises OSError."""
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
    """The record of the gzip member at ``offset``, and where the next one begins."""
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
                # Only counted: what is larger than a record may be is thrown away.
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
        raise _Damage(f"its length is wrong: {length} bytes are announced, {len(data) - start} are there")
    if data[start + length :].strip():
        raise _Damage(f"its length is wrong: {length} bytes are announced, {rest} more follow")


def _head(data: bytes) -> tuple[int, int]:
    """Where the block begins, and how long it says that it is."""
    if not data.startswith(b"WARC/"):
        raise _Damage("no WARC record")
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
            f"its length is wrong, or it is cut off: {length} bytes are announced, {size - offset - start} follow"
        )
    file.seek(end)
    behind = file.read(9)
    if behind and not behind.lstrip(b"\r\n").startswith(b"WARC/"[: len(behind.lstrip(b"\r\n"))]):
        raise _Damage(f"its length is wrong: {length} bytes are announced, and no record follows them")
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
    # A page may quote a record's first line; behind a blank line it is taken for one, and judged like any other.
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
    """Whether the file was compressed as a whole, so that its first member holds more than a record."""
    file.seek(0)
    try:
        data = zlib.decompressobj(31).decompress(file.read(4 * _CHUNK), 8 * _CHUNK)
        start, length = _head(data)
    except (_Damage, zlib.error):
        return False
    return data[start + length :].lstrip(b"\r\n").startswith(b"WARC/")


def _unpacked(path: Path) -> Iterator[Frame]:
    with tempfile.TemporaryFile() as plain:
        problem = None
        try:
            with gzip.open(path) as packed:
                shutil.copyfileobj(packed, plain, _CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            problem = f"damaged: {error}; it was compressed as a whole, so all that follows is lost"
        yield from _each(plain, _plain, _next_plain)
        if problem is not None:
            yield Frame(path.stat().st_size, problem=problem)
