"""Bytes of a page to text.

A byte order mark wins; then UTF-8 where the bytes are valid UTF-8 (chance hardly ever makes them so, and servers declare
wrong charsets more often); then what HTTP or the page declares; then what the bytes look like. Names are read as browsers read
them: ``iso-8859-1`` means Windows-1252, ``gb2312`` means GB 18030.
"""

from __future__ import annotations

import codecs
import re

from core.charset import guess_charset, is_damaged_utf8
from core.errors import ExtractionError

_META = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE
)
_HEAD_BYTES = 4_096
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ALIASES = {
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
}
# The only charsets that we take: the rest of Python's codecs (rot13, unicode_escape, utf-7 …) are no charsets of pages.
_ALLOWED = re.compile(
    r"utf-?(?:8|16|32)(?:-?[lb]e)?|windows-?12\d\d|cp\d{3,4}|iso-?8859-?\d{1,2}|iso-2022-jp|koi8-[rut]|gb18030|big5hkscs"
    r"|euc[-_]jp|mac(?:roman|cyrillic)|x-mac-cyrillic|hz-gb-2312|johab|ptcp154"
)
_MAGIC = (
    b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"\x1f\x8b", b"RIFF", b"OggS", b"ID3", b"\x28\xb5\x2f\xfd",
    b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x7fELF", b"\x00\x00\x00\x18ftyp", b"\x00\x00\x00\x20ftyp",
)  # fmt: skip


def decode_page(data: bytes, charset: str | None = None) -> str:
    """Decode a page. ``charset`` is what HTTP declared. Raises ExtractionError('not_html') for binary content."""
    if data.startswith(_MAGIC):
        raise ExtractionError("not_html", "the bytes are of a binary format")
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    found = _META.search(data, 0, _HEAD_BYTES)
    claims = (charset, found[1].decode("ascii") if found else None)
    declared = [codec for claim in claims if claim and (codec := _codec(claim))]
    # ISO 2022 is made of ASCII bytes, so it is valid UTF-8 and yet something else. UTF-16 shows in its zero bytes.
    for known in declared:
        if known.startswith("iso2022") or (known.startswith("utf-16") and b"\0" in data[:100]):
            return data.decode(known, "replace")
    if b"\0" in data[:100] and b"<\0" in data[:100]:
        return data.decode("utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # One broken place in a long page is damage, not another charset.
        if error.start > 1_000 and not data[: error.start].isascii():
            return data.decode("utf-8", "replace")
    if is_damaged_utf8(data):
        return data.decode("utf-8", "replace")
    for known in declared:
        if not known.startswith("utf-"):
            return data.decode(known, "replace")
    return data.decode(guess_charset(data), "replace")


def _codec(name: str) -> str | None:
    """Name Python's codec for a declared charset; None for what is no charset of pages."""
    wanted = name.strip().strip("\"'").lower()
    wanted = _ALIASES.get(wanted, wanted)
    if not _ALLOWED.fullmatch(wanted):
        return None
    try:
        return codecs.lookup(wanted).name
    except LookupError:
        return None
