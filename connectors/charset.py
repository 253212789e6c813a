"""Bytes of a page or feed to text. Pure.

Labels lie in both directions, so what the bytes are counts first: a byte order mark, then well-formed UTF-8 beyond
ASCII (text in another encoding is hardly ever that by chance), then the label of the HTTP header, then the document's
own, then a guess.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from core.charset import guess_charset, is_damaged_utf8

_DECLARED_IN = 4_096
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)[\"']", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Browsers read these labels as larger sets; pages are written for browsers.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
# Only these: Python's codecs also have some (utf-7, unicode_escape, punycode) that make other text of ASCII.
_KNOWN = re.compile(
    r"utf-8|utf-16(?:-[bl]e)?|iso8859-\d+|cp125\d|cp866|cp874|cp932|cp949|koi8-[rut]|gb18030|big5(?:hkscs)?|euc_jp|euc_jis_2004"
    r"|iso2022_jp|iso2022_kr|mac-cyrillic|mac-roman|tis-620|hz"
)


class Decoded(NamedTuple):
    """``text`` without NULs and lone surrogates, and the ``encoding`` that it was read as."""

    text: str
    encoding: str


def decode_body(body: bytes, content_type: str | None = None) -> Decoded:
    """Decode a page or feed. ``content_type`` is the HTTP header. Never raises: what can't be read becomes U+FFFD."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _lenient(body[len(mark) :], encoding)
    if (plain := _sixteen_bit(body)) is not None:
        return _lenient(body, plain)
    if not body.isascii():
        try:
            return Decoded(_clean(body.decode("utf-8")), "utf-8")
        except UnicodeDecodeError:
            pass
    labels = [known for label in _labels(body, content_type) if (known := _codec(label))]
    for encoding in labels:
        try:
            return Decoded(_clean(body.decode(encoding)), encoding)
        except UnicodeDecodeError:
            continue
    if is_damaged_utf8(body):
        return _lenient(body, "utf-8")
    # A declared encoding with a few bad bytes is likelier than another one, but it is not UTF-8.
    declared = [encoding for encoding in labels if encoding != "utf-8"]
    if declared or body.isascii():
        return _lenient(body, declared[0] if declared else "utf-8")
    return _lenient(body, guess_charset(body))


def _labels(body: bytes, content_type: str | None) -> list[str]:
    head = body[:_DECLARED_IN]
    found = [_CHARSET.search(content_type)] if content_type else []
    labels = [match[1] for match in found if match]
    return labels + [match[1].decode("ascii", "replace") for match in (_XML.search(head), _META.search(head)) if match]


def _codec(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    name = _WIDER.get(name, name)
    return name if _KNOWN.fullmatch(name) and not name.startswith("utf-16") else None


def _sixteen_bit(body: bytes) -> str | None:
    """UTF-16 without a mark: markup begins with ``<`` and a NUL, in one order or the other."""
    if body.startswith(b"<\0") and len(body) % 2 == 0:
        return "utf-16-le"
    return "utf-16-be" if body.startswith(b"\0<") and len(body) % 2 == 0 else None


def _lenient(body: bytes, encoding: str) -> Decoded:
    return Decoded(_clean(body.decode(encoding, "replace")), encoding)


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL; HTML says that a NUL is read as U+FFFD.
    return text.replace("\0", "\ufffd")
