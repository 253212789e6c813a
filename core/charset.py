"""Decodes pages and feeds to text, and recognises bytes that are not text. Pure.

Labels are often wrong, so evidence in the bytes comes first: a byte order mark, UTF-16's zero bytes, the escape
sequences of seven-bit charsets, then well-formed UTF-8 beyond ASCII, even if it is damaged in a few places (text in
another charset is hardly ever valid UTF-8 by chance). Next come the label in the HTTP header, the document's own label,
and a guess. A label is rejected if it gives impossible words (capitals or another script's letters within words).
Labels have the meaning that browsers give them (WHATWG Encoding Standard): ``iso-8859-1`` means Windows-1252,
``gb2312`` means GB 18030. Text that was decoded with a wrong charset before it was written as UTF-8 is repaired
(``core.mojibake``).

The guess (``core.charset_guess``) is limited to the charsets that real pages use and to those that fit the share of letters
beyond ASCII: most (Cyrillic, Arabic, Chinese …) or few (accents of a Latin script).
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from core.charset_guess import costs
from core.mojibake import mended

DEFAULT = "cp1252"
SAMPLE_BYTES = 8_192
_SEARCHED_BYTES = 512 << 10
_DECLARED_IN = 4_096
_LONG_START = 1_000
_PARAMETER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)[\"']", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Charsets made of ASCII bytes, which are valid UTF-8 but mean something else, with the bytes that reveal them.
_SEVEN_BIT = {"iso2022_jp": b"\x1b", "iso2022_kr": b"\x0e", "hz": b"~{"}
# Labels of the standard that Python doesn't know, by codec; `iso88592` and `x-cp1251` are read by rule.
_LABELS = {
    label: codec
    for codec, labels in {
        "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
        "iso8859-6": "csiso88596e csiso88596i iso-8859-6-e iso-8859-6-i",
        "iso8859-7": "sun_eu_greek",
        "iso8859-8": "csiso88598e csiso88598i iso-8859-8-e iso-8859-8-i visual logical",
        "iso8859-15": "csisolatin9",
        "koi8-r": "koi koi8",
        "koi8-u": "koi8-ru",
        "mac-roman": "csmacintosh mac x-mac-roman",
        "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
        "cp874": "dos-874 windows-874",
        "gb18030": "csgb2312 gb_2312 gb_2312-80 x-gbk",
        "big5hkscs": "cn-big5 x-x-big5",
        "euc_jp": "cseucpkdfmtjapanese x-euc-jp",
        "cp932": "windows-31j x-sjis",
        "cp949": "cseuckr csksc56011987 iso-ir-149 ks_c_5601-1989 ksc_5601 windows-949",
        "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff",
        "utf-16-be": "unicodefffe",
        "johab": "ks_c_5601-1992",
    }.items()
    for label in labels.split()
}
_RULE = re.compile(r"iso8859(\d{1,2})|x-(cp125\d)")
# Browsers read these as larger sets; pages are written for browsers.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "utf-16": "utf-16-le",
}
# Python also has codecs that are not charsets of texts (utf-7, unicode_escape, rot13, punycode, EBCDIC).
_TEXTS = re.compile(
    r"utf-(?:8|16-[bl]e)|iso8859-\d+|cp12\d\d|cp(?:437|7[37]\d|8[56]\d|874|9[345]\d|1125)|koi8-[rut]|ptcp154|kz1048"
    r"|gb18030|big5hkscs|euc_jp|euc_jis_2004|euc_jisx0213|shift_jis_2004|shift_jisx0213|iso2022_(?:jp|kr)|hz|johab"
    r"|mac-(?:roman|cyrillic|greek|turkish|latin2|iceland|croatian|romanian)"
)

_CODE = re.compile(rb"<(script|style)\b", re.IGNORECASE)
_CODE_ENDS = {name: re.compile(rb"</%s\s*>" % name, re.IGNORECASE) for name in (b"script", b"style")}
_MARKUP = re.compile(rb"<[^<>]{0,2000}>|&#?\w{1,10};")
_LEAST = 6
"""Fewer words, or bytes, beyond ASCII prove nothing."""
_LEAST_DENIED = 2
"""With fewer bytes beyond ASCII, a label is not doubted."""
_ASCII = bytes(range(128))
_NO_PLAIN_LETTERS = bytes(byte for byte in range(256) if byte > 127 or not chr(byte).isalpha())
_RARER_BITS = 6
"""Unlabelled text in another Latin charset is so much rarer: one accent in two words doesn't show it."""

_LATIN = ["cp1252", "cp1250", "cp1254", "iso8859_2", "cp1257", "iso8859_13"]
_OTHERS = [
    *("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"),
    *("cp1256", "cp1255", "cp1253", "iso8859_6", "iso8859_7", "iso8859_8", "cp874"),
    *("gb18030", "big5", "cp932", "euc_jp", "cp949", "euc_kr"),
]
_KANA = re.compile("[\u3041-\u30ff]")
_EVIDENCE_BITS = 15
"""A label of Western text is rejected if another charset makes the text this much more probable: 2¹⁵ times."""

# Windows' form of a charset of ISO 8859, which has letters and quotes in place of control characters.
_OF_WINDOWS = {
    "iso8859-2": "cp1250",
    "iso8859-6": "cp1256",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-13": "cp1257",
}
_C1 = re.compile(rb"[\x80-\x9f]")

_ONE_BYTE = re.compile(r"koi8-[ru]|cp866|mac-cyrillic|cp125[013-7]|iso8859-(?:2|5|6|7|8|15)|cp874")
_LEAST_WORD = 3
_WORD = re.compile(r"[^\W\d_]+")
_CASE_BREAK = re.compile("[a-zß-öø-ÿа-џά-ώ][A-ZÀ-ÖØ-ÞЀ-ЯΆ-Ϋ]")
_SCRIPTS = tuple(
    re.compile(f"[{letters}]")
    for letters in (
        "A-Za-z\u00c0-\u024f",
        "\u0370-\u03ff",
        "\u0400-\u052f",
        "\u0590-\u05ff",
        "\u0600-\u06ff",
        "\u0e00-\u0e7f",
    )
)

_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"BZh9", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x7fELF", "a program"),
    (b"RIFF", "a sound or video"),
    (b"OggS", "a sound"),
    (b"ID3", "a sound"),
    (b"\x00\x00\x00\x18ftyp", "a video"),
    (b"\x00\x00\x00\x20ftyp", "a video"),
)


class Decoded(NamedTuple):
    """``text``, and Python's name of the charset that it was read as (``encoding``)."""

    text: str
    encoding: str


def decode_body(body: bytes, content_type: str | None = None) -> Decoded:
    """Decode a page or feed that was fetched over HTTP. ``content_type`` is the header.

    Never raises: bytes that can't be decoded become U+FFFD, and so do NULs, which PostgreSQL doesn't store.
    """
    found = _PARAMETER.search(content_type) if content_type else None
    text, encoding = decode_bytes(body, found[1] if found else None)
    return Decoded(text.replace("\0", "\ufffd"), encoding)


def decode_bytes(data: bytes, label: str | None = None) -> Decoded:
    """Decode a page or feed; ``label`` is the charset that HTTP declared. Never raises, keeps NULs."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _lenient(data[len(mark) :], encoding)
    declared = [codec for one in (label, *_own_labels(data)) if one and (codec := codec_of(one))]
    if wide := _sixteen_bit(data, declared):
        return _lenient(data, wide)
    for codec in declared:
        if codec in _SEVEN_BIT and _SEVEN_BIT[codec] in data:
            return _lenient(data, codec)
    declared = [codec for codec in declared if not codec.startswith("utf-")]
    if data.isascii():
        return Decoded(data.decode("ascii"), declared[0] if declared else "utf-8")
    try:
        return Decoded(mended(data.decode("utf-8"), data), "utf-8")
    except UnicodeDecodeError as error:
        # One broken place in a long page is damage, not another charset.
        if (error.start > _LONG_START and not data[: error.start].isascii()) or _is_damaged_utf8(data):
            return _lenient(data, "utf-8")
    doubted: list[str] = []
    for codec in declared:
        if codec == DEFAULT and (other := _not_western(data)) is not None:
            return _lenient(data, other)
        if codec in _OF_WINDOWS and _C1.search(data) is not None:
            codec = _OF_WINDOWS[codec]
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            if codec in _OF_WINDOWS:
                doubted.append(codec)
            continue
        if not _ONE_BYTE.fullmatch(codec) or not _is_gibberish(_sample(data).decode(codec, "replace")):
            return Decoded(text, codec)
        doubted.append(codec)
    if doubted and (guessed := guess_charset(data)) not in doubted:
        return _lenient(data, guessed)
    # A declared charset with a few bad bytes is more likely than another charset.
    return _lenient(data, declared[0] if declared else guess_charset(data))


def _is_gibberish(text: str) -> bool:
    """Whether the words beyond ASCII are impossible: all capitals, capitals after small letters, or mixed scripts."""
    words = [word for word in _WORD.findall(text) if not word.isascii() and len(word) >= _LEAST_WORD]
    if len(words) < _LEAST:
        return False
    wrong = sum(_CASE_BREAK.search(word) is not None or _scripts_of(word) > 1 for word in words)
    # KOI8 read as Windows-1251 has all its small letters as capitals.
    shouted = sum(word[1:].isupper() for word in words)
    return wrong * 3 > len(words) or shouted * 4 > len(words) * 3


def _scripts_of(word: str) -> int:
    return sum(one.search(word) is not None for one in _SCRIPTS)


def _not_western(data: bytes) -> str | None:
    """Another charset, if text that is declared as Latin 1, as templates declare it by default, is far more probable in it."""
    sample = _sample(data)
    if _beyond_ascii(sample) < _LEAST_DENIED:
        return None
    found = _costs(sample)
    if not found:
        return None
    likeliest = min(found, key=found.__getitem__)
    # The text may be impossible in Windows-1252.
    western = (found if DEFAULT in found else costs(sample, [DEFAULT])).get(DEFAULT)
    return None if western is not None and western - found[likeliest] < _EVIDENCE_BITS * 4 else likeliest


def codec_of(label: str) -> str | None:
    """Python's name of the codec for a charset label as browsers read it; None if it is not a charset of text."""
    wanted = label.strip(" \t\r\n\f\"'").lower()
    wanted = _LABELS.get(wanted, wanted)
    if by_rule := _RULE.fullmatch(wanted):
        wanted = by_rule[2] or f"iso8859-{by_rule[1]}"
    try:
        name = codecs.lookup(wanted).name
    except (LookupError, ValueError):
        return None
    name = _WIDER.get(name, name)
    return name if _TEXTS.fullmatch(name) else None


def binary_kind(body: bytes) -> str | None:
    """The kind of a body that is not text, by its first bytes (8 suffice); None if it may be text."""
    return next((name for magic, name in _MAGIC if body.startswith(magic)), None)


def guess_charset(data: bytes) -> str:
    """Python's name of the most likely codec of the text; Windows-1252 if there is no evidence. Reads 8 KB of text."""
    found = _costs(_sample(data))
    if not found:
        return DEFAULT
    likeliest = min(found, key=found.__getitem__)
    return DEFAULT if DEFAULT in found and found[DEFAULT] - found[likeliest] < _RARER_BITS * 4 else likeliest


def _costs(sample: bytes) -> dict[str, int]:
    """What the text costs under the charsets that its share of letters beyond ASCII allows; nothing if it proves nothing."""
    beyond = _beyond_ascii(sample)
    if not beyond:
        return {}
    letters = beyond + len(sample.translate(None, _NO_PLAIN_LETTERS))
    if beyond * 3 < letters:
        return costs(sample, _LATIN)
    if beyond < _LEAST:
        return {}
    for name in ("euc_jp", "cp932"):
        # Kana are a fifth of Japanese text and of no other; Korean charsets can read them as syllables.
        text = sample.decode(name, "replace")
        if len(_KANA.findall(text)) * 5 > sum(not char.isascii() for char in text) and (found := costs(sample, [name])):
            return found
    return costs(sample, _OTHERS)


def _beyond_ascii(data: bytes) -> int:
    return len(data.translate(None, _ASCII))


def _own_labels(data: bytes) -> list[str]:
    """The labels in the document's XML declaration and in its first ``meta`` element, if there are any."""
    head = data[:_DECLARED_IN]
    return [found[1].decode("ascii", "replace") for found in (_XML.search(head), _META.search(head)) if found]


def _sixteen_bit(data: bytes, declared: list[str]) -> str | None:
    """UTF-16 without a byte order mark: declared as such, or markup that begins with ``<`` and a NUL in either order."""
    if data[:100].count(0) * 8 < len(data[:100]):
        return None
    start = data[:100].replace(b" \0", b"").replace(b"\n\0", b"").replace(b"\r\0", b"").replace(b"\t\0", b"")
    if start.startswith(b"<\0"):
        return "utf-16-le"
    if data.startswith(b"\0<"):
        return "utf-16-be"
    return next((codec for codec in declared if codec.startswith("utf-16")), None)


def _lenient(data: bytes, encoding: str) -> Decoded:
    return Decoded(data.decode(encoding, "replace"), encoding)


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether nearly all of it is UTF-8; if so, a broken place is damage, not another charset."""
    start = data[:100_000]
    lost = start.decode("utf-8", "replace").count("\ufffd")
    return lost * 3 < sum(byte > 0xBF for byte in start)


def _sample(data: bytes) -> bytes:
    """The parts of the text between the tags that have bytes beyond ASCII."""
    text = _MARKUP.sub(b"\n", _without_code(data[:_SEARCHED_BYTES]))
    lines = [line for line in text.splitlines() if not line.isascii()]
    sample = b"\n".join(lines)
    if len(sample) <= SAMPLE_BYTES:
        return sample
    # Cut at an ASCII byte, so that no multi-byte character is cut.
    end = max(sample.rfind(b" ", 0, SAMPLE_BYTES), sample.rfind(b"\n", 0, SAMPLE_BYTES))
    return sample[:end] if end > 0 else sample[: SAMPLE_BYTES * 2]


def _without_code(data: bytes) -> bytes:
    """Without scripts and styles. Takes linear time, even if a page opens one thousands of times and never closes it."""
    kept: list[bytes] = []
    at, endless = 0, set[bytes]()
    for found in _CODE.finditer(data):
        name = found[1].lower()
        if found.start() < at or name in endless:
            continue
        end = _CODE_ENDS[name].search(data, found.end())
        if end is None:
            endless.add(name)
            continue
        kept.append(data[at : found.start()])
        at = end.end()
    return b"\n".join((*kept, data[at:]))
