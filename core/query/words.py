"""Words of a text: their places, and the keys by which they are compared. Documents and queries are split by the same rules.

A *word* is a run of Unicode letters, marks and digits. Each has a *place* (0, 1, 2 …), a stretch of code points of the
original string, and one or more *keys*, the folded forms by which it is found:

- case and diacritics are folded (``Élysée`` is ``elysee``, Turkish ``İ`` and ``ı`` are ``i``); Cyrillic ``й`` and ``ї`` stay;
- Devanagari: the dot below is removed; the signs of a nasal before a consonant of its class are one;
- Arabic and Persian: vowel signs and tatweel are removed; the forms of alef, yeh, kaf and heh are unified; digits become 0–9;
- invisible characters inside a word (soft hyphen, joiners and non-joiners, marks of direction) are ignored;
- in Arabic and Hebrew texts a word has further keys without its joined particles (``folding.without_particles``);
- hyphens separate words: ``Al-Tanf`` is two words. Apostrophes, the signs in Hebrew words and half-spaces in Arabic
  script either separate words or are inside one, which then has several keys (``joints``);
- initials are one word with two keys: ``us`` and ``u.s.`` find ``U.S.``; the query ``U.S.`` finds only the dotted form;
- numbers keep inner points and commas: ``3.5`` is one word;
- scripts that are written without spaces (Chinese, Japanese, Thai …; also Korean, because of its endings) have one
  place per character. Its keys are the character and the pair with its successor, so a query finds any part of a run. A
  half-width kana with its sign, and the letters of a Korean syllable, are one character.

Raise VERSION with every change in how words are split or folded, and add to ``readings`` what it changes for stored queries.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import regex  # type: ignore[import-untyped]

from core.query.folding import INVISIBLE, as_written, fold, without_particles
from core.query.joints import HALF_SPACE, has_marks, joint_pattern, keys_of_pieces, places_of

VERSION = 4
"""Version of splitting and folding, stored with each saved subscription."""

UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc\uff70\uff9e\uff9f"
)
"""Scripts that are written without spaces between words, and Hangul, of which parts of words are also found: for a set."""
_BASIC = rf"\p{{L}}\p{{M}}\p{{N}}{INVISIBLE}"
_CACHED_CHUNK = 48  # longer ones are rare, and a hostile text must not fill the cache with megabytes
_CACHED_CHUNKS = 1 << 16  # some 20 MB in each of the caches


def _chunk_pattern(wild: str) -> regex.Pattern[str]:
    word = rf"[{_BASIC}{wild}]"
    return regex.compile(rf"{word}++(?:(?:[.,]|{joint_pattern(wild)}){word}++)*+")


def _part_pattern(wild: str) -> regex.Pattern[str]:
    spaced = rf"[[{_BASIC}{wild}]--[{UNSPACED}]]"
    behind = rf"(?:\.?[{wild}]+)?" if wild else ""
    return regex.compile(
        rf"(?P<unspaced>[{UNSPACED}][{UNSPACED}\p{{M}}{INVISIBLE}]*+)"
        rf"|(?P<initials>(?<!{spaced})\p{{L}}(?:\.\p{{L}})+{behind}(?!{spaced}))"
        rf"|\p{{Nd}}+(?:[.,]\p{{Nd}}+)+{f'[{wild}]*' if wild else ''}"
        rf"|{spaced}+(?:{joint_pattern(wild)}{spaced}+)*",
        regex.V1,
    )


# Coarse chunks contain whole chunks, with dots and commas around them. They end at frequent characters that are in no
# word; the standard library's expression finds them five times as fast as regex finds chunks.
_IN_COARSE = (
    r"[^\x00-\x26\x28-\x2b\x2d\x2f\x3a-\x40\x5b-\x5f\x7b-\xa0\u2000-\u200b\u2010-\u2017\u201c-\u2029\u3000-\u3002]+"
)
_COARSE = re.compile(rf"{_IN_COARSE}(?:(?<=[\u05d0-\u05ea])[\"“”„](?=[\u05d0-\u05ea]){_IN_COARSE})*")
_CHUNK, _PART = _chunk_pattern(""), _part_pattern("")
_QUERY_CHUNK, _QUERY_PART = _chunk_pattern("*?"), _part_pattern("*?")
# A Korean syllable may be written as two or three letters, a half-width kana with a separate character for its sign.
_UNIT = regex.compile(
    r"(?:[\u1100-\u115f\ua960-\ua97c]+[\u1160-\u11a7\ud7b0-\ud7c6]*[\u11a8-\u11ff\ud7cb-\ud7fb]*"
    rf"|[{UNSPACED}])[\p{{M}}\uff9e\uff9f{INVISIBLE}]*"
)


class Scan(NamedTuple):
    """The words of a text. Place p is code points ``starts[p]`` (inclusive) to ``ends[p]`` (exclusive), both ascending.

    ``postings`` has the places of each key, ascending. The key of a pair is at its first place and ends one later.
    ``plain``: words of ASCII letters and digits in lower case, possibly repeated; ``others``: the places of all other
    words. In a text that is not mostly ASCII, all words are in ``others``.
    """

    starts: list[int]
    ends: list[int]
    postings: dict[str, list[int]]
    plain: Sequence[str]
    others: Sequence[int]


class QueryWord(NamedTuple):
    """One word of a query. ``key`` is folded and may contain ``*`` and ``?``; ``written`` is the word before folding.

    ``offset`` and ``width`` are in places, ``start`` in code points. ``pieces``: see ``joints``; here only for half-spaces.
    """

    key: str
    start: int
    offset: int
    width: int
    unspaced: bool
    written: str
    pieces: tuple[str, ...] = ()


_Part = tuple[int, int, tuple[str, ...]]  # start and end within the chunk, keys


def _analyse(coarse: str, particles: bool) -> str | tuple[_Part, ...]:
    """The places of a coarse chunk; for most, which are one place with one key, only the key."""
    if coarse.isascii() and coarse.isalnum():
        return coarse.lower()
    parts: list[_Part] = []
    for chunk in _CHUNK.finditer(coarse):
        parts += _cut(chunk[0], chunk.start(), particles)
    if len(parts) == 1 and parts[0][:2] == (0, len(coarse)) and len(parts[0][2]) == 1:
        return parts[0][2][0]
    return tuple(parts)


def _cut(chunk: str, base: int, particles: bool) -> list[_Part]:
    parts: list[_Part] = []
    for part in _PART.finditer(chunk):
        if part["unspaced"]:
            units = [(unit.start(), unit.end(), fold(unit[0])) for unit in _UNIT.finditer(chunk, *part.span())]
            units = [unit for unit in units if unit[2]]
            for i, (start, end, key) in enumerate(units):
                pair = (key + units[i + 1][2],) if i + 1 < len(units) else ()
                parts.append((base + start, base + end, (key, *pair)))
        elif part["initials"]:
            if key := fold(part[0]):
                parts.append((base + part.start(), base + part.end(), (key, key.replace(".", ""))))
        elif not has_marks(part[0]):
            _add(parts, base + part.start(), base + part.end(), (fold(part[0]),), particles)
        else:
            begin = base + part.start()
            for place in places_of(part[0]):
                keys = keys_of_pieces(place.pieces) if place.pieces else (fold(part[0][place.start : place.end]),)
                _add(parts, begin + place.start, begin + place.end, keys, particles)
    return parts


def _add(parts: list[_Part], start: int, end: int, keys: tuple[str, ...], particles: bool) -> None:
    if not keys[0]:
        return
    if particles:
        keys = tuple(dict.fromkeys((*keys, *chain.from_iterable(map(without_particles, keys[:2])))))
    parts.append((start, end, keys))


class _Chunks(dict[str, "str | tuple[_Part, ...]"]):
    """Cache of coarse chunks. It reduces the time to split a text to a third; lru_cache would reduce it to half."""

    def __init__(self, particles: bool) -> None:
        self._particles = particles

    def __missing__(self, coarse: str) -> str | tuple[_Part, ...]:
        analysed = _analyse(coarse, self._particles)
        if len(coarse) <= _CACHED_CHUNK:
            if len(self) >= _CACHED_CHUNKS:
                self.clear()
            self[coarse] = analysed
        return analysed


_plain_chunks, _arabic_chunks = _Chunks(False), _Chunks(True)


class _Keys(dict[str, tuple[str, ...]]):
    """Cache: stretches between white space → the keys of their words."""

    def __init__(self, particles: bool) -> None:
        self._chunks = _arabic_chunks if particles else _plain_chunks

    def __missing__(self, stretch: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for coarse in _COARSE.findall(stretch):
            analysed = self._chunks[coarse]
            if isinstance(analysed, str):
                found[analysed] = None
            else:
                found.update((key, None) for part in analysed for key in part[2])
        keys = tuple(found)
        if len(stretch) <= _CACHED_CHUNK:
            if len(self) >= _CACHED_CHUNKS:
                self.clear()
            self[stretch] = keys
        return keys


_plain_keys, _arabic_keys = _Keys(False), _Keys(True)


# For ASCII: characters that are in no word become spaces, letters become lower case. Points, commas and apostrophes may
# be in a word.
_FOREIGN = b"?"
_MARKS = "?.,'`"
_SMALL = bytes(
    ord(chr(code).lower()) if code < 128 and (chr(code).isalnum() or chr(code) in _MARKS) else ord(" ")
    for code in range(256)
)
# The same with one character per kind, and what marks become if they are in no word.
_KINDS = bytes(
    ord("?")
    if chr(code) == "?"
    else ord("a")
    if chr(code).isalnum() and code < 128
    else ord(".")
    if chr(code) in _MARKS
    else ord(" ")
    for code in range(256)
)
_NO_MARKS = bytes(ord(" ") if chr(code) in _MARKS else code for code in range(256))
_MOSTLY_ASCII = 8


def keys_of(text: str, particles: bool = False) -> set[str]:
    """The keys of all words of ``text``, the same as from ``scan``, in a fifth of the time.

    No word contains white space, so each stretch can be split separately. In a Latin text, nearly every stretch becomes
    its own key by lower-casing it and removing marks at its ends, which operations on bytes do for a whole text at
    once. The other stretches, which have a mark before a letter or a letter beyond ASCII, are looked up one by one.
    """
    keys = _arabic_keys if particles else _plain_keys
    small = text.replace("?", " ").encode("ascii", "replace")
    if small.count(_FOREIGN) * _MOSTLY_ASCII > len(small):
        return set(chain.from_iterable(map(keys.__getitem__, set(text.split()))))
    small = _joined(small)
    kinds = small.translate(_KINDS)
    plain = bytearray(small.translate(_SMALL).translate(_NO_MARKS))
    found: set[str] = set()
    for sign in (b".a", _FOREIGN):
        at = kinds.find(sign)
        while at >= 0:
            # There is one byte per code point, so the position gives the stretch as written.
            begin, end = kinds.rfind(b" ", 0, at) + 1, kinds.find(b" ", at) % (len(kinds) + 1)  # -1: the end
            found.update(keys[text[begin:end]])
            plain[begin:end] = b" " * (end - begin)
            at = kinds.find(sign, end)
    found.update(plain.decode("ascii").split())
    return found


def _joined(small: bytes) -> bytes:
    # A quotation mark between two letters may belong to a Hebrew word.
    return small.replace(b'?"?', b"???") if b'?"' in small else small


def scan(text: str, particles: bool = False) -> Scan:
    """Split ``text`` into words; with ``particles``, Arabic and Hebrew words also have keys without these. Never raises."""
    chunks = _arabic_chunks if particles else _plain_chunks
    small = text.replace("?", " ").encode("ascii", "replace")
    if small.count(_FOREIGN) * _MOSTLY_ASCII <= len(small):
        return _scan_latin(text, _bare(small), chunks)
    starts: list[int] = []
    ends: list[int] = []
    postings: defaultdict[str, list[int]] = defaultdict(list)
    _place(text, 0, len(text), chunks, starts, ends, postings)
    postings.default_factory = None
    return Scan(starts, ends, postings, (), range(len(starts)))


def _bare(small: bytes) -> bytes:
    """In lower case, without characters that are in no word and marks at the ends of words: "talks," becomes "talks"."""
    small = _joined(small).translate(_SMALL)
    for closing in (b". ", b", ", b"' ", b" '", b"` ", b" `"):
        small = small.replace(closing, b"  ")
    return small


def _scan_latin(text: str, small: bytes, chunks: _Chunks) -> Scan:
    """``scan`` with the bytes of ``keys_of``, one per code point: three fifths of the time if nearly all is ASCII."""
    inside = np.frombuffer(b" " + small + b" ", np.uint8) != ord(" ")
    edges = np.flatnonzero(inside[1:] != inside[:-1]).tolist()
    firsts, lasts = edges[::2], edges[1::2]
    starts: list[int] = []
    ends: list[int] = []
    postings: defaultdict[str, list[int]] = defaultdict(list)
    taken = shift = 0
    others: list[int] = []
    stretches = small.decode("ascii").split()
    for number, stretch in enumerate(stretches):
        if stretch.isalnum():
            postings[stretch].append(number + shift)
            continue
        starts += firsts[taken:number]
        ends += lasts[taken:number]
        before = len(starts)
        _place(text, firsts[number], lasts[number], chunks, starts, ends, postings)
        others += range(before, len(starts))
        taken = number + 1
        shift = len(starts) - taken
    starts += firsts[taken:]
    ends += lasts[taken:]
    postings.default_factory = None
    plain = list(filter(str.isalnum, stretches)) if others else stretches
    return Scan(starts, ends, postings, plain, others)


def _place(
    text: str,
    begin: int,
    stop: int,
    chunks: _Chunks,
    starts: list[int],
    ends: list[int],
    postings: defaultdict[str, list[int]],
) -> None:
    """Add the words of a stretch of ``text``."""
    for found in _COARSE.finditer(text, begin, stop):
        base, end = found.span()
        analysed = chunks[found[0]]
        if isinstance(analysed, str):
            postings[analysed].append(len(starts))
            starts.append(base)
            ends.append(end)
            continue
        for part_start, part_end, keys in analysed:
            for key in keys:
                postings[key].append(len(starts))
            starts.append(base + part_start)
            ends.append(base + part_end)


def query_words(text: str) -> list[QueryWord]:
    """The words of a query's term or phrase, split like a document in ``scan``, with ``*`` and ``?`` treated as letters.

    A ``*`` at the end of an unspaced run is left out: any part of a run is found anyway.
    """
    words: list[QueryWord] = []
    offset = 0
    for chunk in _QUERY_CHUNK.finditer(text):
        base, in_unspaced = chunk.start(), False
        for part in _QUERY_PART.finditer(chunk[0]):
            if part["unspaced"]:
                units = [key for unit in _UNIT.finditer(part[0]) if (key := fold(unit[0]))]
                start = base + part.start()
                pairs = [a + b for a, b in pairwise(units)]
                words.extend(
                    QueryWord(key, start, offset + i, 2 if pairs else 1, True, key)
                    for i, key in enumerate(pairs or units)
                )
                offset += len(units)
            elif in_unspaced and not part[0].strip("*") and part.end() == len(chunk[0]):
                continue
            else:
                for place in places_of(part[0]):
                    written = part[0][place.start : place.end]
                    if key := _query_key(written, place.pieces, initials=bool(part["initials"])):
                        pieces = place.pieces if HALF_SPACE in written else ()
                        start = base + part.start() + place.start
                        words.append(QueryWord(key, start, offset, 1, False, as_written(written), pieces))
                        offset += 1
            in_unspaced = bool(part["unspaced"])
    return words


def _query_key(written: str, pieces: tuple[str, ...], *, initials: bool) -> str:
    if initials:
        # "U.S.*" matches words that begin with the initials, whether a point follows or not.
        return fold(written).replace(".*", "*").replace(".?", "?")
    return fold("".join(pieces) if pieces else written)
