"""Which files below a folder have a sentence, in any of the encodings and compressions that Wirewatch or its libraries use.

Also deleted bytes of SQLite's files: free pages, the unused part of pages, write-ahead logs. The sentence should be of
random letters, at least 40, so that compressors that look for repetitions keep it as it is.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"
_PACKED = re.compile(re.escape(_ZSTD) + b"|" + re.escape(_GZIP) + rb"|\x78[\x01\x5e\x9c\xda]")
_MOST_BYTES = 4 << 20
"""Of what is unpacked from one place."""
_NESTED = 3
_ROWS = 13
"""The kind of SQLite's pages that hold rows: indexes have no texts."""
_CONTENT = re.compile(rb"[\x20-\xff]{6}")
"""Bytes that are letters or compressed: numbers of pages and places have small bytes in between."""


def files_with(folder: Path, sentence: str) -> set[str]:
    """The files, by their paths within ``folder``, in which the sentence or half of it is."""
    pattern = _pattern(sentence)
    return {
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(pattern.search(part) for part in unpacked(path.read_bytes()))
    }


def _pattern(sentence: str) -> re.Pattern[bytes]:
    """The sentence in each encoding; either half, as a row of a database may go on in another page."""
    assert len(sentence) >= 40
    middle = len(sentence) // 2
    forms: set[bytes] = set()
    for half in (sentence[:middle], sentence[middle:]):
        texts = {half, json.dumps(half)[1:-1], half.casefold()}
        forms |= {text.encode(coding) for text in texts for coding in ("utf-8", "utf-16-le", "utf-16-be")}
        forms |= set(_in_base64(half.encode()))
        forms |= set(_in_pglz(half.encode()))
    return re.compile(b"|".join(re.escape(form) for form in sorted(forms)))


def _in_base64(text: bytes) -> Iterator[bytes]:
    """The part that does not depend on what stands beside it, for each place in a group of three bytes."""
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text)
        yield coded[4 if shift else 0 : len(coded) - 4]


def _in_pglz(text: bytes) -> Iterator[bytes]:
    """As PostgreSQL compresses it: a byte of flags before each eight literal bytes."""
    for first in range(8):
        rest = text[first:]
        yield text[:first] + b"".join(b"\0" + rest[at : at + 8] for at in range(0, len(rest), 8))


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, then what each compressed part of them says, as far as it can be read."""
    yield data
    if depth == _NESTED:
        return
    for found in _PACKED.finditer(data):
        if inside := _inside(data, found.start()):
            yield from unpacked(inside, depth + 1)


def _inside(data: bytes, start: int) -> bytes:
    machine: zstandard.ZstdDecompressionObj | zlib._Decompress
    if data.startswith(_ZSTD, start):
        machine = zstandard.ZstdDecompressor().decompressobj()
    else:
        machine = zlib.decompressobj(31 if data.startswith(_GZIP, start) else 15)
    parts, size = [], 0
    try:
        for at in range(start, len(data), 4096):
            parts.append(machine.decompress(data[at : at + 4096]))
            size += len(parts[-1])
            if size > _MOST_BYTES or getattr(machine, "eof", False):
                break
    except (zstandard.ZstdError, zlib.error):
        pass
    return b"".join(parts)


def not_overwritten(path: Path) -> list[str]:
    """Where a SQLite file has bytes of deleted rows: ``free page 7``, ``log``, ``unused in page 9``.

    Numbers of pages and places within them, which SQLite leaves where it kept lists of them, are none.
    """
    data, found = path.read_bytes(), list[str]()
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        found.append("log")
    size = struct.unpack(">H", data[16:18])[0]
    size = 65536 if size == 1 else size
    pages = {number: data[(number - 1) * size : number * size] for number in range(1, len(data) // size + 1)}
    free = dict(_free_pages(pages, struct.unpack(">I", data[32:36])[0]))
    found += [f"free page {number}" for number, rest in free.items() if _CONTENT.search(rest)]
    maps = set(range(2, len(pages) + 1, size // 5 + 1)) if struct.unpack(">I", data[52:56])[0] else set()
    for number in sorted(pages.keys() - free.keys() - maps):
        begin = 100 if number == 1 else 0
        rows = pages[number][begin] == _ROWS
        if rows and any(_CONTENT.search(part) for part in _unused(pages[number], begin)):
            found.append(f"unused in page {number}")
    return found


def _free_pages(pages: dict[int, bytes], trunk: int) -> Iterator[tuple[int, bytes]]:
    while trunk:
        following, count = struct.unpack(">II", pages[trunk][:8])
        yield trunk, pages[trunk][8 + 4 * count :]
        for number in struct.unpack(f">{count}I", pages[trunk][8 : 8 + 4 * count]):
            yield number, pages[number]
        trunk = following


def _unused(page: bytes, begin: int) -> Iterable[bytes]:
    """Between the pointers to a page's rows and the rows, and its free blocks."""
    block, cells, content = struct.unpack(">HHH", page[begin + 1 : begin + 7])
    yield page[begin + 8 + 2 * cells : content or 65536]
    while block:
        following, length = struct.unpack(">HH", page[block : block + 4])
        yield page[block + 4 : block + length]
        block = following
