"""What identifies the event of a text: names, figures and days of its title and lead, each with the words around it.

Two texts with the same template differ in exactly these, and each has some that the other lacks. A copy differs in
other ways: it lacks sentences, or has more of them, or another title, but the other text contains everything that its
title and lead name. So a text has two parts. Its *marks* are what its title and lead name, in order, with digests of
the words before and after. Its *vocabulary* is a Bloom filter of all words, figures and days of its title and
beginning. A mark that the other text's vocabulary lacks is unique to its text; if both have unique marks of one kind,
they contradict each other, especially between the same words. Common marks don't count, since both templates and copies
share them.

Names are capitalised words inside a sentence; at the start of one, and in a headline that capitalises every word, those
that the text has capitalised elsewhere too and never in small letters. They are compared by their consonants
(``skeleton.spelled``), so that another transliteration is the same name. In scripts without capitals every word that
isn't a function word is a mark, and in scripts without spaces every second pair of characters; those count only between
the same words. Figures are compared by value, in digits or words ("fourteen", "14"); days are days of the week, days of
the month and months, each compared with its like, so "Monday" in place of "3 November" contradicts nothing. A dateline
has the reporter and place, not the event, so it has no marks.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import regex  # type: ignore[import-untyped]
from numpy.typing import NDArray

from pipeline.stories.figures import Spoken, spoken_numbers
from pipeline.stories.skeleton import spelled, without_accents
from pipeline.stories.words import FUNCTION_WORDS, FUNCTION_WORDS_UNSPACED
from pipeline.text.calendars import month_of, weekday_of
from pipeline.text.fingerprint import is_unspaced

MARKS = 32
"""How many marks are kept, the title's first."""

VOCABULARY_BYTES = 192
NAME, FIGURE, WEEKDAY, DAY, MONTH, WORD, TITLE_WORD = range(1, 8)
_IN_TITLE = 8
_HASH = (1 << 28) - 1
NO_MARK = 0xFFFFFFFF
"""The value of places without a mark. A title word that hashes to it is lost."""

TITLE_CHARS = 400
TITLE_MARKS = 12
LEAD_WORDS = 90
LEAD_CHARS_UNSPACED = 150
VOCABULARY_WORDS = 320
VOCABULARY_CHARS_UNSPACED = 400
IDENTITY_CHARS = 3_500
_DATELINE_CHARS = 90
_DATELINE_WORDS = 6
_FEW_WORDS = 2
_TITLE_CASE = 0.7
STEM = 6

FIELDS: list[tuple[Any, ...]] = [
    ("marks", "<u4", (MARKS,)),
    ("before", "<u2", (MARKS,)),
    ("after", "<u2", (MARKS,)),
    ("vocabulary", "u1", (VOCABULARY_BYTES,)),
]
"""The fields of ``features.LAYOUT`` for this module. Four bits of a mark are its kind and whether the title has it."""

_SIGNS = r"\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3"
_DAY_IN_DIGITS, _MONTH_IN_DIGITS = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[012])"
_BOTH_WAYS = (_DAY_IN_DIGITS + "{0}" + _MONTH_IN_DIGITS, _MONTH_IN_DIGITS + "{0}" + _DAY_IN_DIGITS)
_SLASHED, _DOTTED = ("|".join(_BOTH_WAYS).format(sign) for sign in ("/", r"\."))
# As in "5/11", "11/05/2026" and "5.11.2026"; which number is the day depends on the country.
_NUMERIC_DATE = re.compile(
    rf"(?<![\d/.,])(?:(?:{_SLASHED})(?:/\d{{2,4}})?|(?:{_DOTTED})\.(?:19|20)\d\d)(?![\w/%]|[.,]\d)"
)
# Words first, since most tokens are words, and dates and numbers begin with a digit.
_TOKEN = re.compile(
    rf"(?!\d)[\w{_SIGNS}]+|{_NUMERIC_DATE.pattern}|\d+(?:[.,:\u066b\u066c]\d+)*(?![\w{_SIGNS}])|[\w{_SIGNS}]+"
)
_STARTS = re.compile(r"[.!?:;…\n\"“”„«»(\[|•—–]|\s-\s")
# Georgian letters are lower case in Unicode, with capitals for whole headlines, but names have no capital.
_CASED = regex.compile(r"[[\p{Lu}\p{Ll}]--\p{Georgian}]", regex.V1)
_ARABIC_ARTICLE = re.compile("^(?:[وف]?(?:ال|بال|کال|لل)|[وف](?=[\u0600-\u06ff]{4}))(?=[\u0600-\u06ff]{2})")
_DATELINE = re.compile(
    r"\s*(?:【[^】\n]{1,30}】|[(（][^)）\n]{1,30}[)）]|(?P<place>[^\n]{1,70}?)(?:\s*[-–—―]{1,2}\s|[—–―]|/\.?\s|[电電讯訊][\s(（])\s*)"
)
_CREDIT_IN_BRACKETS = re.compile(r"[(/][^()/\n]{2,24}[)/]")
_UNSPACED_RUN = re.compile("[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaffー々\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+")
_WEEKDAY_UNSPACED = re.compile("(?:星期|周|週|礼拜)([一二三四五六日天])|([月火水木金土日])曜")
_DATE_UNSPACED = re.compile(r"(?:(\d{1,2})月)?(\d{1,2})[日号號]")
_MONTH_UNSPACED = re.compile(r"(\d{1,2})月")
# As in "16 พฤศจิกายน" and "16 พ.ย.".
_NAMED_DATE_UNSPACED = re.compile(
    r"(?<!\d)(\d{1,2})\s?((?:[\u0e01-\u0e2e]{1,2}\.){2}|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{3,20})"
)
_NUMBER_UNSPACED = re.compile(r"(\d+(?:[.,:：]\d+)*)([万萬亿億])?")
_WEEKDAYS_UNSPACED = {
    char: day for day, chars in enumerate(("一月", "二火", "三水", "四木", "五金", "六土", "日天"), 1) for char in chars
}
# Foreign names and words; one run is one word.
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]{2,}")
_KANA_PAIR = re.compile("[\u3040-\u309f]{2}|\\d")
_LITTLE = frozenset(FUNCTION_WORDS_UNSPACED)


class Mark(NamedTuple):
    """One mark. ``key``: kind and hash. ``before``, ``after``: digests of its neighbours, 0 for none. ``at``: word index."""

    key: int
    before: int
    after: int
    word: str
    at: int


@dataclass(slots=True)
class Identity:
    """A text's marks, those of the lead first, and its vocabulary as a set of 28-bit hashes."""

    marks: list[Mark]
    in_title: set[int]
    vocabulary: set[int]
    cased: bool = False
    """Whether the script has capitals, so that names are known."""


class _Token(NamedTuple):
    text: str
    start: int
    end: int
    starts: bool
    """Whether the token starts a sentence, a clause in quotation marks or a line."""


def identity_of(title: str, text: str, language: str | None) -> Identity:
    """The identity of the event of a text in ``language`` (ISO 639-1, or None).

    Title and text are as ``features`` prepares them; only their beginnings are used.
    """
    title, text = title[:TITLE_CHARS], text[:IDENTITY_CHARS]
    if is_unspaced(text[:2_000] or title):
        return _identity_unspaced(title, text, language)
    at = _dateline_end(text)
    body = text[at:]
    titled, told = _tokens(title, VOCABULARY_WORDS), _tokens(body, VOCABULARY_WORDS)
    names = _names(titled, told, language)
    end = told[-1].end if told else 0
    lead, rest = told[: LEAD_WORDS + 1], told[LEAD_WORDS:]
    spoken = list(spoken_numbers(body[:end], language))
    identity = Identity([], set(), set(), names.cased)
    known: set[int] = set()
    for mark in _marks(lead, names, spoken, language):
        identity.vocabulary.add(mark.key & _HASH)
        if mark.key not in known and mark.key >> 28 != TITLE_WORD:
            known.add(mark.key)
            identity.marks.append(mark)
    for mark in _marks(titled, names, list(spoken_numbers(title, language)), language):
        identity.vocabulary.add(mark.key & _HASH)
        identity.in_title.add(mark.key)
        if mark.key not in known:
            known.add(mark.key)
            identity.marks.append(_of_title(mark))
            identity.in_title.add(identity.marks[-1].key)
    # The words after the lead, and of the dateline, are only added to the vocabulary.
    for token in rest:
        identity.vocabulary.update(_hashes_of(token.text, language))
    identity.vocabulary.update(_hash("#", str(one.value)) for one in spoken)
    for token in _tokens(text[:at], VOCABULARY_WORDS):
        identity.vocabulary.update(_hashes_of(token.text, language))
    return identity


def _of_title(mark: Mark) -> Mark:
    """A mark that only the title has. Headlines are worded freely, so an ordinary word in one says little."""
    return mark._replace(key=TITLE_WORD << 28 | mark.key & _HASH) if mark.key >> 28 == WORD else mark


def fields_of(identity: Identity) -> dict[str, NDArray[Any]]:
    """The values of ``FIELDS``."""
    own_title = [mark for mark in identity.marks if mark.key in identity.in_title]
    rest = [mark for mark in identity.marks if mark.key not in identity.in_title]
    chosen = own_title[:TITLE_MARKS] + rest
    chosen = (chosen + own_title[TITLE_MARKS:])[:MARKS]
    marks, before, after = np.full(MARKS, NO_MARK, np.uint32), np.zeros(MARKS, np.uint16), np.zeros(MARKS, np.uint16)
    for at, mark in enumerate(chosen):
        marks[at] = mark.key | ((_IN_TITLE << 28) if mark.key in identity.in_title else 0)
        before[at], after[at] = mark.before, mark.after
    known = np.fromiter(identity.vocabulary, np.uint32, len(identity.vocabulary))
    return {"marks": marks, "before": before, "after": after, "vocabulary": vocabulary_of(known)}


def vocabulary_of(hashes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The Bloom filter of marks or 28-bit hashes."""
    bits = np.zeros(VOCABULARY_BYTES * 8, np.uint8)
    for places in bits_of(hashes):
        bits[places] = 1
    return np.packbits(bits, bitorder="little")


def bits_of(marks: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The two bits of each mark or hash in a vocabulary."""
    hashes, bits = marks & np.uint32(_HASH), np.uint32(VOCABULARY_BYTES * 8)
    return hashes % bits, hashes // bits % bits


def _hash(prefix: str, value: str) -> int:
    return zlib.crc32(f"{prefix}{value}".encode("utf-8", "surrogatepass")) & _HASH


def _word_hash(word: str) -> int:
    """The hash of a word; its highest four bits are from the first letter, which other spellings of a name share."""
    return ord(word[0]) % 16 << 24 | _hash("w", word) & 0xFFFFFF


@lru_cache(maxsize=65_536)
def _near(word: str) -> int:
    """A digest of a neighbour; never 0, which means no neighbour."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) % 0xFFFF + 1


@lru_cache(maxsize=65_536)
def _word(token: str) -> str:
    folded = without_accents(token.casefold())
    first = folded[:1]
    if "\u0600" <= first <= "\u06ff":
        return _ARABIC_ARTICLE.sub("", folded)[:STEM]
    if first >= "\u0530":
        return folded[:STEM]
    if not folded.isalpha():
        return folded
    # Removes case endings, which are rare in Latin script and frequent in Cyrillic.
    return spelled(folded if folded.isascii() else folded[:STEM])


def _tokens(text: str, most: int) -> list[_Token]:
    found: list[_Token] = []
    end = 0
    for one in islice(_TOKEN.finditer(text), most):
        start, behind = one.span()
        # Most words are separated by one space, after which nothing starts.
        starts = not found or (start != end + 1 and _STARTS.search(text, end, start) is not None)
        found.append(_Token(one[0], start, behind, starts))
        end = behind
    return found


def _dateline_end(text: str) -> int:
    """Where the actual text begins, after "KYIV, Nov 3 (Reuters) - "; 0 if there is no dateline."""
    found = _DATELINE.match(text[:_DATELINE_CHARS])
    if found is None:
        return 0
    place = found["place"]
    if place is None:
        return found.end() if text[found.end() :].strip() else 0
    words = place.split()
    likely = len(words) <= _FEW_WORDS or words[0].isupper() or _CREDIT_IN_BRACKETS.search(found[0]) is not None
    return found.end() if likely and len(words) <= _DATELINE_WORDS else 0


class _Names(NamedTuple):
    """How names are recognised in a text.

    ``inside``: words capitalised inside a sentence. ``likely``: words capitalised several times and never in lower case.
    """

    cased: bool
    title_case: bool
    shouted: bool
    inside: frozenset[str]
    likely: frozenset[str]


def _names(titled: list[_Token], told: list[_Token], language: str | None) -> _Names:
    sample = "".join(token.text for token in (*titled, *told[:60]))
    letters = sum(map(str.isalpha, sample))
    cased = letters > 0 if sample.isascii() else len(_CASED.findall(sample)) * 2 > letters
    if not cased:
        return _Names(False, False, False, frozenset(), frozenset())
    long = [token.text for token in titled[1:] if len(token.text) > 3 and token.text.isalpha()]
    capitals = sum(word[0].isupper() for word in long)
    title_case = language not in ("de", "lb") and len(long) > 1 and capitals >= len(long) * _TITLE_CASE
    shouted = bool(told) and sum(token.text.isupper() for token in told) * 2 > len(told)
    small, inside, times = set[str](), set[str](), dict[str, int]()
    for tokens, says_nothing in ((titled, title_case), (told, False)):
        for text, _, _, starts in tokens:
            if text[0].islower():
                small.add(_word(text))
            elif text[0].isupper():
                word = _word(text)
                times[word] = times.get(word, 0) + 1
                if not starts and not says_nothing:
                    inside.add(word)
    likely = {word for word, count in times.items() if count > 1 and word not in small}
    return _Names(True, title_case, shouted, frozenset(inside), frozenset(likely))


def _marks(tokens: list[_Token], names: _Names, spoken: list[Spoken], language: str | None) -> Iterator[Mark]:
    """The marks of the tokens, in order; function words have none."""
    starts = {one.start: one for one in spoken}
    inside = {at for one in spoken for at in range(one.start, one.end)}
    contexts = [_context(token.text) for token in tokens]
    for at, token in enumerate(tokens):
        text = token.text
        if token.start in starts and not (at and _is_scale(starts[token.start], tokens[at - 1])):
            key = FIGURE << 28 | _hash("#", str(starts[token.start].value))
        elif token.start in inside:
            continue
        elif text[0].isdigit() and _NUMERIC_DATE.fullmatch(text):
            for day in _days_in_digits(text):
                yield Mark(DAY << 28 | day, contexts[at - 1] if at else 0, 0, text, at)
            continue
        elif text[0].isdigit():
            digits = _digits(text)
            beside = [tokens[other].text for other in (at - 1, at + 1, at + 2) if 0 <= other < len(tokens)]
            if not digits:
                key = NAME << 28 | _word_hash(text.casefold())
            elif len(digits) <= 2 and any(_month(word, language) for word in beside):
                key = DAY << 28 | _hash("d", digits.lstrip("0"))
            else:
                key = FIGURE << 28 | _hash("#", _scaled(digits, starts, tokens, at))
        else:
            key = _meaning(text, language)
            if key >> 28 == WORD and names.cased:
                kind = NAME if text[0].isupper() and _is_name(token, names) else TITLE_WORD
                key = kind << 28 | key & _HASH
        if key:
            before = contexts[at - 1] if at else 0
            after = contexts[at + 1] if at + 1 < len(tokens) else 0
            yield Mark(key, before, after, text, at)


@lru_cache(maxsize=65_536)
def _meaning(token: str, language: str | None) -> int:
    """A word as the key of a mark: a day, a month or a word; 0 for a function word."""
    folded = token.casefold()
    if len(folded) < 2 or folded in FUNCTION_WORDS:
        return 0
    if (day := weekday_of(folded)) is not None and len(folded) > 2:
        return WEEKDAY << 28 | _hash("e", str(day))
    # In lower case, "may", "march" and "mars" are words.
    if len(folded) > 3 and (token[0].isupper() or language not in ("en", None)) and (month := _month(token, language)):
        return MONTH << 28 | _hash("m", str(month))
    return WORD << 28 | _word_hash(_word(token))


def _hashes_of(token: str, language: str | None) -> tuple[int, ...]:
    """The hashes that a word or number adds to the vocabulary; a small number may be a day of the month."""
    if not token[0].isdigit():
        key = _meaning(token, language)
        return (key & _HASH,) if key else ()
    if _NUMERIC_DATE.fullmatch(token):
        return _days_in_digits(token)
    digits = _digits(token)
    if not digits:
        return (_word_hash(token.casefold()),)
    return (_hash("#", digits), _hash("d", digits.lstrip("0"))) if len(digits) <= 2 else (_hash("#", digits),)


def _days_in_digits(date: str) -> tuple[int, ...]:
    """The hashes of both numbers of a date in digits, each taken as a day."""
    return tuple(_hash("d", one.lstrip("0")) for one in re.split("[/.]", date)[:2])


def _is_scale(spoken: Spoken, before: _Token) -> bool:
    """Whether a number in words is the scale of the number in digits before it."""
    return spoken.value >= 1_000 and before.text[0].isdigit()


def _scaled(digits: str, spoken: dict[int, Spoken], tokens: list[_Token], at: int) -> str:
    """The value of a number in digits with its scale: "600 million" equals "six hundred million"."""
    scale = spoken.get(tokens[at + 1].start) if at + 1 < len(tokens) else None
    if scale is None or scale.value < 1_000 or ":" in digits:
        return digits
    whole, _, part = digits.partition(".")
    return str(int(whole + part) * scale.value // 10 ** len(part)) if scale.value >= 10 ** len(part) else digits


def _is_name(token: _Token, names: _Names) -> bool:
    word = _word(token.text)
    shown = word in names.inside or word in names.likely or (token.text.isupper() and len(token.text) > 2)
    return shown and not names.shouted


def _context(token: str) -> int:
    """The digest of a word as a neighbour; all numbers have the same digest."""
    return _near("#" if token[0].isdigit() else _word(token))


def _digits(token: str) -> str:
    """The number in ASCII digits, without thousands separators; "" if letters are attached to it."""
    if token.isalnum() and not token.isdecimal():
        return ""
    groups = re.split("[.,:\u066b\u066c]", token)
    plain = ["".join(str(unicodedata.decimal(char, "")) for char in group) for group in groups]
    if len(plain) > 1 and ":" not in token and all(len(group) == 3 for group in plain[1:]):
        return "".join(plain)
    return ".".join(plain)


@lru_cache(maxsize=16_384)
def _month(word: str, language: str | None) -> int:
    found = month_of(word, language) if len(word) > 2 and word[0].isalpha() else None
    return 0 if found is None else found.number


def _identity_unspaced(title: str, text: str, language: str | None) -> Identity:
    body = text[_dateline_end(text) :]
    identity = Identity([], set(), set())
    known: set[int] = set()
    for whole, limit in ((body, VOCABULARY_CHARS_UNSPACED), (title, TITLE_CHARS)):
        lead = LEAD_CHARS_UNSPACED if whole is body else TITLE_CHARS
        for mark, counts in _marks_unspaced(whole[:limit], language):
            identity.vocabulary.add(mark.key & _HASH)
            if whole is title:
                identity.in_title.add(mark.key)
            if counts and mark.at < lead and mark.key not in known:
                known.add(mark.key)
                identity.marks.append(_of_title(mark) if whole is title else mark)
                if whole is title:
                    identity.in_title.add(identity.marks[-1].key)
    return identity


def _marks_unspaced(text: str, language: str | None) -> Iterator[tuple[Mark, bool]]:
    """The marks of a text, each with whether it is kept as a mark: every second of the overlapping pairs of characters."""
    taken: set[int] = set()

    def mark(kind: int, prefix: str, value: str, start: int, end: int) -> Mark:
        before = _near(text[start - 1]) if start else 0
        after = _near(text[end]) if end < len(text) else 0
        hashed = _hash(prefix, value) if prefix else _word_hash(value)
        return Mark(kind << 28 | hashed, before, after, text[start:end], start)

    for found in _WEEKDAY_UNSPACED.finditer(text):
        taken.update(range(*found.span()))
        yield mark(WEEKDAY, "e", str(_WEEKDAYS_UNSPACED[found[1] or found[2]]), *found.span()), True
    for found in _DATE_UNSPACED.finditer(text):
        taken.update(range(*found.span()))
        yield mark(DAY, "d", str(int(found[2])), *found.span()), True
        if found[1]:
            yield mark(MONTH, "m", str(int(found[1])), *found.span()), True
    for found in _NAMED_DATE_UNSPACED.finditer(text):
        if found.start() not in taken and (month := _month(found[2], language)):
            taken.update(range(*found.span()))
            yield mark(DAY, "d", str(int(found[1])), *found.span(1)), True
            yield mark(MONTH, "m", str(month), *found.span(2)), True
    for found in _MONTH_UNSPACED.finditer(text):
        if found.start() not in taken:
            taken.update(range(*found.span()))
            yield mark(MONTH, "m", str(int(found[1])), *found.span()), True
    for found in _NUMBER_UNSPACED.finditer(text):
        if found.start() not in taken:
            taken.update(range(*found.span()))
            yield mark(FIGURE, "#", _digits(found[1].replace("：", ":")) + (found[2] or ""), *found.span()), True
    for one in spoken_numbers(text, language):
        if one.start not in taken:
            taken.update(range(one.start, one.end))
            yield mark(FIGURE, "#", str(one.value), one.start, one.end), True
    for found in _KATAKANA.finditer(text):
        if found.start() not in taken:
            taken.update(range(*found.span()))
            yield mark(NAME, "", found[0], *found.span()), True
    for run in _UNSPACED_RUN.finditer(text):
        even = 0
        for start in range(run.start(), run.end() - 1):
            pair = text[start : start + 2]
            if start in taken or start + 1 in taken or not _LITTLE.isdisjoint(pair) or _KANA_PAIR.search(pair):
                even = 0
                continue
            yield mark(WORD, "p", pair, start, start + 2), even % 2 == 0
            even += 1
    for found in _TOKEN.finditer(text):
        if found[0].isascii() and found[0].isalpha() and len(found[0]) > 1:
            yield mark(NAME, "", _word(found[0]), *found.span()), True
