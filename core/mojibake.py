"""Repairs text that was decoded with a wrong charset and then written as UTF-8: "LÃ©thÃ©" for "Léthé", "РџСЂРё" for
"При". Pure.

Text is repaired only if nearly all of its stretches beyond ASCII are UTF-8 read in one and the same other charset,
which hardly ever happens by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_LEAST = 4
"""So many letters must look wrong, and the repair may leave at most one in ten of them."""
_LOOKED_AT = 24_000
_MAX_CHARS = 4 << 20
_BEYOND = re.compile("[\x80-\U0010ffff]+")
# The first sign of each letter of Cyrillic UTF-8 read as Windows-1251, and the bytes of UTF-8 read as Windows-1252.
_CYRILLIC_LEADS = ("Р".encode(), "С".encode())
_CONTINUED = (
    rb"(?:\xc2[\x80-\xbf]|\xc5[\x92\x93\xa0\xa1\xb8\xbd\xbe]|\xc6\x92|\xcb[\x86\x9c]"
    rb"|\xe2\x80[\x93-\xba]|\xe2\x82\xac|\xe2\x84\xa2)"
)
_BETRAYS = re.compile(rb"\xc3(?:[\x82-\x9f]" + _CONTINUED + rb"|[\xa0-\xaf]" + _CONTINUED + _CONTINUED + rb")")


def mended(text: str, data: bytes) -> str:
    """``text`` as it was meant; unchanged if nothing is wrong. ``data``: its bytes, in which the first check is faster."""
    if len(text) > _MAX_CHARS:
        return text
    # A stretch that contains the article, on all but the shortest pages.
    start = len(data) // 4 if len(data) > _LOOKED_AT * 2 else 0
    sample = data[start : start + _LOOKED_AT * 2]
    capitals = sample.count(b"\xc3")
    # In correct text, most letters of that row are not followed by a sign that continues a sequence.
    if capitals >= _LEAST and len(_BETRAYS.findall(sample)) * 2 >= capitals:
        return _tried(text, _western)
    leads = sum(map(sample.count, _CYRILLIC_LEADS))
    # Half of the letters are one of two capitals.
    if leads >= _LEAST * 4 and leads * 4 > sample.count(b"\xd0") + sample.count(b"\xd1"):
        return _tried(text, _cyrillic)
    return text


def _tried(text: str, bytes_of: Callable[[str], bytes]) -> str:
    right = wrong = 0

    def meant(found: re.Match[str]) -> str:
        nonlocal right, wrong
        try:
            read = bytes_of(found[0]).decode("utf-8")
        except UnicodeError:
            wrong += len(found[0])
            return found[0]
        right += len(found[0])
        return read

    read = _BEYOND.sub(meant, text)
    return read if right >= _LEAST * 2 and right >= wrong * 9 else text


def _western(run: str) -> bytes:
    """The bytes that read as ``run`` in Windows-1252 or, where that has no character, in Latin 1."""
    return b"".join(bytes((ord(char),)) if ord(char) < 256 else char.encode("cp1252") for char in run)


def _cyrillic(run: str) -> bytes:
    return b"".join(b"\x98" if char == "\x98" else char.encode("cp1251") for char in run)
