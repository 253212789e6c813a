"""Normalises characters and white space, the first step for every text.

Steps, in order: remove unusable characters, NFC, line ends to LF, white space within a line to one space, strip lines, several
blank lines to one. Applying it again changes nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from core.memo import kept
from core.normal import normalized

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Invisible formatting: soft hyphen, zero-width space, word joiner, BOM, direction marks, C0 and C1 controls, noncharacters.
# ZWNJ and ZWJ are kept, since Persian and Indic words need them.
_INVISIBLE_CLASS = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_CLASS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Any of the three, searched once, since most texts have none.
_UNEVEN = re.compile(f"[{_INVISIBLE_CLASS}\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n{3,}")
# The signs of Indic and South-East Asian scripts are parts of words, although \w does not match them.
_WORD = re.compile(r"[\w\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3]+")
# Non-ASCII characters of English pages. They are not part of words, so replacing them with a space gives the same words.
_COMMON_SIGNS = "\u2019\u2018\u201c\u201d\u2013\u2014\u2026\xa0\u2022\xab\xbb"
_ASCII_WORDS = {code: " " for code in range(128) if not re.match(r"\w", chr(code))}
# Accents that don't compose (a case-folded İ leaves one), and Arabic vowel signs, which are optional.
_LOOSE_MARKS = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640]")
_DENSE = range(0x2E80, 0xD7B0)
_LETTERS_END = 0x40000
"""No letter has a higher code."""
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_AT_ONCE = 1_024
_KEPT_FOLDED_CHARS = 1_000
_VARIED = re.compile("[\u0622-\u0649]")
_ARABIC_VARIANTS = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "آ": "ا", "ة": "ه"})


def normal_text(text: str) -> str:
    """Make ``text`` printable, NFC and evenly spaced; keeps lines and single blank lines. Idempotent, never raises."""
    if not text.isprintable() and _UNEVEN.search(text):
        text = _SURROGATE.sub("\ufffd", text)
        # Line ends before controls, since \x0b and similar characters separate lines.
        text = _INVISIBLE.sub("", _LINE_END.sub("\n", text))
    # Splitting and joining takes a fifth of a pattern's time, since most spaces are single.
    if "\n" not in text:
        return " ".join(normalized("NFC", text).split())
    text = "\n".join(" ".join(line.split()) for line in normalized("NFC", text).split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def is_unusable(char: str) -> bool:
    """Whether ``normal_text`` removes the character: invisible formatting, a control, half of a surrogate pair."""
    return _INVISIBLE.match(char) is not None or _SURROGATE.match(char) is not None


def normal_line(text: str) -> str:
    """``text`` as one line: for titles, names and comparisons."""
    return " ".join(normal_text(text).split())


def _folded(text: str) -> str:
    if not text.isascii():
        for sign in _COMMON_SIGNS:
            text = text.replace(sign, " ")
    if text.isascii():
        # A fifth of the pattern's time; the other steps are only for non-ASCII letters.
        return " ".join(text.lower().translate(_ASCII_WORDS).split())
    return " ".join(_WORD.findall(one_spelling(normalized("NFKC", text).casefold())))


# Extraction compares the lines of a page with each other in several steps, and the pages of an outlet share many lines.
folded = kept(_folded, most=2_048, longest=_KEPT_FOLDED_CHARS)
"""The words of a text in one form, separated by spaces, so that texts that read the same compare equal."""


def one_spelling(text: str) -> str:
    """``text`` without optional diacritics and vowel signs, with each Arabic letter in one of its forms."""
    # Translating works character by character and takes as long as everything else, so only if it is needed.
    return _LOOSE_MARKS.sub("", text.translate(_ARABIC_VARIANTS) if _VARIED.search(text) else text)


def count_letters(text: str, *, enough: int | None = None) -> int:
    """The number of letters, CJK ideographs and syllables counting twice; stops at ``enough``."""
    count = 0
    for start in range(0, len(text), _AT_ONCE):
        part = text[start : start + _AT_ONCE]
        if part.isascii():
            count += len(part.encode("ascii").translate(None, _NO_LETTERS))
        else:
            count += _letters_beyond_ascii(part)
        if enough is not None and count >= enough:
            return enough
    return count


def _letters_beyond_ascii(text: str) -> int:
    # Imported here, as in core.normal: it takes a sixth of a second to load.
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    return int(_letter_values().take(codes, mode="clip").sum())


@cache
def _letter_values() -> NDArray[np.uint8]:
    """What a character counts, by its code; the last value is for all that follow. Made in 20 ms."""
    import numpy as np

    values = np.fromiter((chr(code).isalpha() for code in range(_LETTERS_END + 1)), np.uint8, _LETTERS_END + 1)
    values[_DENSE.start : _DENSE.stop] *= 2
    return values
