"""Lines of a file that may be hostile: endless lines, and hundreds of megabytes of nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from core.errors import InputError


class Readable(Protocol):
    """A file of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes; none at the end."""


_BLOCK = 1 << 20
MAX_BLANK = 256 << 20
"""So much of nothing in a row and the file is given up: a gzip file of some kilobytes can hold gigabytes of it."""

_SOMETHING = re.compile(rb"\S")


def text_lines(file: Readable, name: str, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Lines with something in them, numbered from 1 as they stand in the file, each cut off behind ``max_bytes`` + 1.

    Blank lines cost no Python step each. Raises InputError behind 256 MiB of blank.
    """
    number, blank, held = 1, 0, b""
    while block := file.read(_BLOCK):
        data = held + block
        end = data.rfind(b"\n") + 1
        at = 0
        # The quickest question first: a block of nothing need not be searched.
        something = not data.isspace()
        while something and (found := _SOMETHING.search(data, at, end)):
            start, after = data.rfind(b"\n", at, found.start()) + 1 or at, data.find(b"\n", found.start()) + 1
            number += data.count(b"\n", at, start)
            yield number, data[start : min(after, start + max_bytes + 1)]
            number, at, blank = number + 1, after, 0
        number += data.count(b"\n", at, end)
        held = data[end:]
        if not held.strip():
            blank += len(data) - at
            held = b""
        elif len(held) > max_bytes:
            yield number, held[: max_bytes + 1]
            number, blank, held = number + 1, 0, _behind_the_line(file)
        if blank > MAX_BLANK:
            raise InputError(name, f"nothing but blank lines for {MAX_BLANK >> 20} MiB: given up at line {number:,}")
    if held.strip():
        yield number, held


def _behind_the_line(file: Readable) -> bytes:
    """Skip the rest of a line, and return what was read behind it."""
    while block := file.read(_BLOCK):
        end = block.find(b"\n") + 1
        if end:
            return block[end:]
    return b""
