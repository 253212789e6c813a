"""The charset of bytes that declare none and are not UTF-8. Pure.

Detected by charset-normalizer, held to the charsets that pages are really written in, and told what the bytes show at
once: whether most letters are beyond ASCII (Cyrillic, Arabic, Chinese …) or few (accents of a Latin script).
"""

from __future__ import annotations

import re

from charset_normalizer import from_bytes

DEFAULT = "cp1252"
SAMPLE_BYTES = 8_192
_SEARCHED_BYTES = 512 << 10
_MARKUP = re.compile(rb"<(script|style)\b.*?</\1\s*>|<[^<>]{0,2000}>|&#?\w{1,10};", re.DOTALL | re.IGNORECASE)
_LEAST = 6
"""Fewer bytes beyond ASCII say nothing: an accent, a dash."""

_LATIN = ["cp1252", "cp1250", "cp1254", "iso8859_2", "cp1257"]
_OTHERS = [
    *("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"),
    *("cp1256", "cp1255", "cp1253", "iso8859_6", "iso8859_7", "iso8859_8", "cp874"),
    *("gb18030", "big5", "cp932", "euc_jp", "cp949", "euc_kr"),
]
_KANA = re.compile("[\u3041-\u30ff]")
# Signs that stand inside of words where Central European letters were read as Western ones.
_ODD = re.compile(r"(?<=[a-z])[¹³¿¡¥£¼¾º¦¶±](?=[a-z])|(?<=[a-z])[¹³¿](?=\b)")


def guess_charset(data: bytes) -> str:
    """Name Python's codec that the text is likeliest in; Windows-1252 where nothing tells. Looks at 8 KB of text."""
    sample = _sample(data)
    beyond = sum(byte > 127 for byte in sample)
    letters = beyond + sum(chr(byte).isalpha() for byte in sample if byte < 128)
    if beyond < _LEAST:
        return DEFAULT
    if beyond * 3 < letters:
        if _ODD.search(sample.decode("cp1252", "replace")):
            return _best(sample, ["cp1250", "iso8859_2"]) or "cp1250"
        return _best(sample, _LATIN) or DEFAULT
    for name in ("euc_jp", "cp932"):
        # Kana are a fifth of any Japanese text and of nothing else; Korean charsets can read them as syllables.
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            continue
        if len(_KANA.findall(text)) * 5 > sum(not char.isascii() for char in text):
            return name
    return _best(sample, _OTHERS) or DEFAULT


def is_damaged_utf8(data: bytes) -> bool:
    """Whether nearly all of it is UTF-8: then a broken place is damage, not another charset."""
    start = data[:100_000]
    lost = start.decode("utf-8", "replace").count("\ufffd")
    return lost * 3 < sum(byte > 0xBF for byte in start)


def _best(sample: bytes, names: list[str]) -> str | None:
    matches = from_bytes(sample, cp_isolation=names, steps=4, chunk_size=512)
    best = matches.best()
    if best is None:
        return None
    # Of equals the first in our list: the library's own order is that of the alphabet.
    equals = {one.encoding for one in matches if (one.chaos, one.coherence) == (best.chaos, best.coherence)}
    return next((name for name in names if name in equals), best.encoding)


def _sample(data: bytes) -> bytes:
    """The text between the tags, as far as it has bytes beyond ASCII."""
    text = _MARKUP.sub(b"\n", data[:_SEARCHED_BYTES])
    lines = [line for line in text.splitlines() if not line.isascii()]
    sample = b"\n".join(lines)
    if len(sample) <= SAMPLE_BYTES:
        return sample
    # Cut at ASCII, so that no character of two bytes is cut.
    end = max(sample.rfind(b" ", 0, SAMPLE_BYTES), sample.rfind(b"\n", 0, SAMPLE_BYTES))
    return sample[:end] if end > 0 else sample[: SAMPLE_BYTES * 2]
