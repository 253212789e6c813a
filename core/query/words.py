"""Words of a text: their places and the keys they are compared by. Documents and queries are cut by the same rules.

A *word* is a run of Unicode letters, marks and digits. Each has a *place* (0, 1, 2 …), a stretch of code points of the
original string, and one or more *keys*, the folded forms that it is found by:

- case and diacritics are folded (``Élysée`` is ``elysee``, Turkish ``İ`` and ``ı`` are ``i``); Cyrillic ``й`` and ``ї`` stay;
- Arabic and Persian: vowel signs and tatweel go; the forms of alef, yeh, kaf and heh become one each; all digits are 0–9;
- invisible characters inside a word (soft hyphen, joiners and non-joiners, marks of direction) are ignored;
- in Arabic texts a word has further keys, without the particles written onto it (``folding.without_particles``);
- hyphens and apostrophes separate words: ``Al-Tanf`` is two words; the name alone finds ``Iran's``, ``l'Iran``, ``Türkiye'de``.
  Two exceptions: ``don't`` is one word (else ``Don`` would find it), and so are Cyrillic words like ``зв'язок``;
- initials are one word with two keys: ``us`` and ``u.s.`` find ``U.S.``; the query ``U.S.`` finds only the dotted form;
- digits keep inner points and commas: ``3.5`` is one word;
- scripts that are written without spaces (Chinese, Japanese, Thai …; Korean too, for its endings) give one place a character.
  Each has itself and the pair with its successor as keys, so a query finds any part of a run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import chain, filterfalse, pairwise
from typing import NamedTuple

import numpy as np
import regex  # type: ignore[import-untyped]

from core.query.folding import APOSTROPHES, INVISIBLE, as_written, fold, without_particles

_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc\uff70\uff9e\uff9f"
)
_BASIC = rf"\p{{L}}\p{{M}}\p{{N}}{INVISIBLE}"
_CACHED_CHUNK = 48  # longer ones are rare, and a hostile text must not fill the cache with megabytes
_CACHED_CHUNKS = 1 << 16  # some 20 MB in each of the caches


def _chunk_pattern(wild: str) -> regex.Pattern[str]:
    word = rf"[{_BASIC}{wild}]"
    return regex.compile(rf"{word}++(?:[.,{APOSTROPHES}]{word}++)*+")


def _part_pattern(wild: str) -> regex.Pattern[str]:
    spaced = rf"[[{_BASIC}{wild}]--[{_UNSPACED}]]"
    return regex.compile(
        rf"(?P<unspaced>[{_UNSPACED}][{_UNSPACED}\p{{M}}{INVISIBLE}]*+)"
        rf"|(?P<initials>(?<!{spaced})\p{{L}}(?:\.\p{{L}})+(?!{spaced}))"
        r"|\p{Nd}+(?:[.,]\p{Nd}+)+"
        rf"|{spaced}+(?:(?:(?<=\p{{Cyrillic}})[{APOSTROPHES}](?=\p{{Cyrillic}})|(?<=[nN])[{APOSTROPHES}](?=[tT](?!{spaced})))"
        rf"{spaced}+)*",
        regex.V1,
    )


# Coarse chunks contain whole chunks, with dots and commas around them. They end at the frequent characters that are in no
# word; the standard library's expression finds them five times as fast as regex finds chunks.
_COARSE = re.compile(
    r"[^\x00-\x26\x28-\x2b\x2d\x2f\x3a-\x40\x5b-\x60\x7b-\xa0\u2000-\u200b\u2010-\u2017\u201c-\u2029\u3000-\u3002]+"
)
_CHUNK, _PART = _chunk_pattern(""), _part_pattern("")
_QUERY_CHUNK, _QUERY_PART = _chunk_pattern("*?"), _part_pattern("*?")
_UNIT = regex.compile(rf"[{_UNSPACED}][\p{{M}}{INVISIBLE}]*")


class Scan(NamedTuple):
    """The words of a text. Place p is code points ``starts[p]`` (inclusive) to ``ends[p]`` (exclusive), both ascending.

    ``postings`` has the places of each key, ascending. The key of a pair is at its first place and ends one later.
    """

    starts: list[int]
    ends: list[int]
    postings: dict[str, list[int]]


class QueryWord(NamedTuple):
    """One word of a query. ``key`` is folded and may hold ``*`` and ``?``; ``written`` is the word before folding.

    ``offset`` and ``width`` are in places, ``start`` in code points.
    """

    key: str
    start: int
    offset: int
    width: int
    unspaced: bool
    written: str


_Part = tuple[int, int, tuple[str, ...]]  # start and end within the chunk, keys


def _analyse(coarse: str, particles: bool) -> str | tuple[_Part, ...]:
    """The places of a coarse chunk; only the key for most, which are one place with one key."""
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
        elif key := fold(part[0]):
            keys: tuple[str, ...] = (key,)
            if part["initials"]:
                keys = (key, key.replace(".", ""))
            elif particles:
                keys = (key, *without_particles(key))
            parts.append((base + part.start(), base + part.end(), keys))
    return parts


class _Chunks(dict[str, "str | tuple[_Part, ...]"]):
    """Cache of coarse chunks: cutting a text with it takes a third of the time; with lru_cache it would take half."""

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
    """Stretches between white space → the keys of their words."""

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


# For ASCII: what is in no word becomes a space, letters become lower case. Points, commas and apostrophes may be in a word.
_FOREIGN = b"?"
_SMALL = bytes(
    ord(chr(code).lower()) if code < 128 and (chr(code).isalnum() or chr(code) in "?.,'") else ord(" ")
    for code in range(256)
)
_MOSTLY_ASCII = 8


def keys_of(text: str, particles: bool = False) -> set[str]:
    """The keys of all words of ``text``: those of ``scan``, in a fifth of the time.

    No word contains white space, so each stretch can be cut separately; and in a Latin text nearly every stretch is its own
    key once it is lower case, which bytes do for a whole text at once.
    """
    keys = _arabic_keys if particles else _plain_keys
    small = text.replace("?", " ").encode("ascii", "replace")
    if small.count(_FOREIGN) * _MOSTLY_ASCII > len(small):
        return set(chain.from_iterable(map(keys.__getitem__, set(text.split()))))
    small = _bare(small)
    found = set(small.decode("ascii").split())
    odd = list(filterfalse(str.isalnum, found))
    found.difference_update(odd)
    found.update(chain.from_iterable(keys[stretch] for stretch in odd if "?" not in stretch))
    at = small.find(_FOREIGN)
    while at >= 0:
        # There is one byte per code point, so the stretch as written is found by its position.
        end = small.find(b" ", at) % (len(small) + 1)  # -1: the end
        found.update(keys[text[small.rfind(b" ", 0, at) + 1 : end]])
        at = small.find(_FOREIGN, end)
    return found


def scan(text: str, particles: bool = False) -> Scan:
    """Cut ``text`` into words; with ``particles``, Arabic ones have keys without them too. Never raises."""
    chunks = _arabic_chunks if particles else _plain_chunks
    small = text.replace("?", " ").encode("ascii", "replace")
    if small.count(_FOREIGN) * _MOSTLY_ASCII <= len(small):
        return _scan_latin(text, _bare(small), chunks)
    starts: list[int] = []
    ends: list[int] = []
    postings: defaultdict[str, list[int]] = defaultdict(list)
    _place(text, 0, len(text), chunks, starts, ends, postings)
    postings.default_factory = None
    return Scan(starts, ends, postings)


def _bare(small: bytes) -> bytes:
    """In lower case, without what is in no word and without marks at the ends of words, so that "talks," is not a stretch."""
    small = small.translate(_SMALL)
    for closing in (b". ", b", ", b"' ", b" '"):
        small = small.replace(closing, b"  ")
    return small


def _scan_latin(text: str, small: bytes, chunks: _Chunks) -> Scan:
    """``scan`` by the bytes of ``keys_of``, one per code point: three fifths of the time if nearly all is ASCII."""
    inside = np.frombuffer(b" " + small + b" ", np.uint8) != ord(" ")
    edges = np.flatnonzero(inside[1:] != inside[:-1]).tolist()
    firsts, lasts = edges[::2], edges[1::2]
    starts: list[int] = []
    ends: list[int] = []
    postings: defaultdict[str, list[int]] = defaultdict(list)
    taken = shift = 0
    for number, stretch in enumerate(small.decode("ascii").split()):
        if stretch.isalnum():
            postings[stretch].append(number + shift)
            continue
        starts += firsts[taken:number]
        ends += lasts[taken:number]
        _place(text, firsts[number], lasts[number], chunks, starts, ends, postings)
        taken = number + 1
        shift = len(starts) - taken
    starts += firsts[taken:]
    ends += lasts[taken:]
    postings.default_factory = None
    return Scan(starts, ends, postings)


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
    """The words of a query's term or phrase, cut as ``scan`` cuts a document, with ``*`` and ``?`` taken as letters.

    A ``*`` that ends an unspaced run is left out: any part of a run is found anyway.
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
            elif key := fold(part[0]):
                words.append(QueryWord(key, base + part.start(), offset, 1, False, as_written(part[0])))
                offset += 1
            in_unspaced = bool(part["unspaced"])
    return words
