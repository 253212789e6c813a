"""Leaves of a compiled query: words and phrases, each with the fields and the range of first places to search."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import cast

import msgspec

from core.query import chains
from core.query.ast import Exact, Prefix, Wild, WordPattern
from core.query.document import Document, Hits, Shown, hit
from core.query.stems import all_stems
from core.query.text_field import TextField


class CasedWord(msgspec.Struct, frozen=True):
    """A word that matches ``pattern`` when folded and ``shape`` (with ``*`` and ``?``) as written."""

    pattern: WordPattern
    shape: str


class StemmedWord(msgspec.Struct, frozen=True):
    """The word ``key``, or one with the same stem as ``written`` in the document's language."""

    key: str
    written: str


WordTest = Exact | Prefix | Wild | CasedWord | StemmedWord


class Leaf:
    """Words at fixed distances within one field. ``lead``: how many of a field's first places count; 0: all.

    ``scope`` is the name of the field; None: title and text. Leaves are shared (``leaf``) and compared by identity.
    """

    __slots__ = ("_by_bigram", "_by_keys", "_in_text", "_patterns", "bigrams", "keys", "lead", "scope", "words")
    positional = True
    costly = False
    depth = 0

    def __init__(self, words: tuple[tuple[int, WordTest], ...], scope: str | None, lead: int) -> None:
        self.words, self.scope, self.lead = words, scope, lead
        self._in_text = in_text = scope in (None, "title", "body")
        self.keys = frozenset(word.key for _, word in words if isinstance(word, Exact) and in_text)
        self._patterns = tuple(word for _, word in words if isinstance(word, Prefix | Wild) and in_text)
        self.bigrams: tuple[str, ...] = ()
        """All pairs of adjacent words, in the form of ``Document.bigrams``."""
        if in_text:
            self.bigrams = tuple(
                f"{one.key} {other.key}"
                for (at, one), (then, other) in pairwise(words)
                if isinstance(one, Exact) and isinstance(other, Exact) and then == at + 1
            )
        self._by_bigram = len(words) == 2 and bool(self.bigrams) and scope is None and not lead
        # One word or pattern anywhere: it is enough that the document contains it.
        self._by_keys = len(words) == 1 and scope is None and not lead and bool(self.keys or self._patterns)

    def holds(self, document: Document) -> bool:
        """Whether the document matches. Most documents lack a word, which is known without computing places."""
        if not self.keys <= document.words:
            return False
        for pattern in self._patterns:
            if not _has(document, pattern):
                return False
        if self._by_keys:
            return True
        if self.bigrams and (known := document.known_bigrams) is not None:
            if self._by_bigram:
                return self.bigrams[0] in known
            if not known.issuperset(self.bigrams):
                return False
        return bool(document.hits(self))

    def hits(self, document: Document) -> Hits:
        """Where it matches."""
        return document.hits(self)

    def show(self, document: Document, kept: set[int] | None, out: Shown) -> None:
        """Add the hits to ``out``; with ``kept`` only those in it."""
        if kept is not None:
            out.update(kept.intersection(self.hits(document)))
        elif self._in_text and not self.costly:
            out.take_of(self.hits, document)
        else:
            out.take(self.hits(document))

    def begins(self, document: Document, end: chains.Fits) -> list[int]:
        """See ``chains.Side``."""
        return chains.begins_of(self.hits(document), document.budget, end)

    def ends(self, document: Document, begin: chains.Fits) -> list[int]:
        """See ``chains.Side``."""
        return chains.ends_of(self.hits(document), document.budget, begin)

    def show_within(self, document: Document, begin: chains.Fits, end: chains.Fits, out: Shown) -> None:
        """See ``chains.Side``."""
        out |= chains.shown_of(self.hits(document), document.budget, begin, end)

    def find(self, document: Document) -> Iterable[int]:
        """Where it matches, not cached."""
        extent, last_word = self.words[-1]
        extent += last_word.width if isinstance(last_word, Exact) else 1
        for field in document.scope(self.scope):
            if len(self.words) > _LONG_PHRASE:
                starts = _starts_of_long(field, self.words)
            else:
                starts = set(places(field, self.words[0][1]))
                for offset, word in self.words[1:]:
                    if not starts:
                        break
                    starts.intersection_update([place - offset for place in places(field, word)])
            for start in starts:
                if not self.lead or start + extent <= self.lead:
                    yield hit(field.number, start, start + extent - 1)


class WildLeaf(Leaf):
    """A leaf with a wildcard within a word: it compares its pattern with every word that has the same beginning."""

    __slots__ = ("_wild",)
    costly = True

    def __init__(self, words: tuple[tuple[int, WordTest], ...], scope: str | None, lead: int) -> None:
        super().__init__(words, scope, lead)
        patterns = [pattern for _, word in words if (pattern := _wild(word))]
        self._wild = tuple((_literal(pattern), 1 + pattern.count("*")) for pattern in patterns)

    def holds(self, document: Document) -> bool:
        """Whether the document matches. Raises NotDecided."""
        if not self.keys <= document.words:
            return False
        self._spend(document)
        return super().holds(document)

    def hits(self, document: Document) -> Hits:
        """Where it matches. Raises NotDecided."""
        self._spend(document)
        return super().hits(document)

    def _spend(self, document: Document) -> None:
        spend = document.budget.spend
        for literal, pieces in self._wild:
            spend(1 + document.beginning_steps(literal) * pieces)


class Pair(Leaf):
    """Two adjacent words in title and text: the usual phrase. Takes half the time of ``Leaf``."""

    __slots__ = ("bigram", "first", "second")

    def __init__(self, first: str, second: str) -> None:
        super().__init__(((0, Exact(first)), (1, Exact(second))), None, 0)
        self.first, self.second, self.bigram = first, second, f"{first} {second}"

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        if (known := document.known_bigrams) is not None:
            return self.bigram in known
        words = document.words
        return self.first in words and self.second in words and bool(document.hits(self))

    def find(self, document: Document) -> Iterable[int]:
        """Where it matches, not cached."""
        for field in document.fields:
            postings = field.postings
            if (firsts := postings.get(self.first)) and (seconds := postings.get(self.second)):
                behind = set(seconds)
                yield from (hit(field.number, place, place + 1) for place in firsts if place + 1 in behind)


class Word(Leaf):
    """A single word of title and text: by far the most frequent leaf."""

    __slots__ = ("key", "width")

    def __init__(self, key: str, width: int) -> None:
        super().__init__(((0, Exact(key, width)),), None, 0)
        self.key, self.width = key, width

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        return self.key in document.words

    def hits(self, document: Document) -> Hits:
        """Where it matches."""
        return document.word_hits(self.key, self.width)


class Beginning(Leaf):
    """A single word with ``*`` at its end, in title and text. A page may have hundreds of thousands of such words."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        super().__init__(((0, Prefix(key)),), None, 0)
        self.key = key

    def find(self, document: Document) -> Hits:
        """Where it matches, not cached."""
        return document.hits_beginning(self.key)


@lru_cache(maxsize=1 << 17)
def leaf(words: tuple[tuple[int, WordTest], ...], scope: str | None, lead: int) -> Leaf:
    """The leaf for these words, shared between queries, so that its hits are computed once per document."""
    if scope is None and not lead:
        match words:
            case ((0, Exact(key=key, width=width)),):
                return Word(key, width)
            case ((0, Exact(key=first, width=1)), (1, Exact(key=second, width=1))):
                return Pair(first, second)
            case ((0, Prefix(key=key)),):
                return Beginning(key)
            case ((0, StemmedWord() as stemmed),):
                return StemmedLeaf(stemmed)
    return WildLeaf(words, scope, lead) if any(_wild(word) for _, word in words) else Leaf(words, scope, lead)


def pair_of(first: str, second: str) -> Pair:
    """The leaf for two adjacent words by their keys, shared as in ``leaf``."""
    return cast("Pair", leaf(((0, Exact(first)), (1, Exact(second))), None, 0))


class StemmedLeaf(Leaf):
    """One inflected word in title and text: deciding whether a document has it needs no places."""

    __slots__ = ("_key", "_stems")

    def __init__(self, word: StemmedWord) -> None:
        super().__init__(((0, word),), None, 0)
        self._key, self._stems = word.key, query_stems(word.written)

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        return self._key in document.words or not self._stems.isdisjoint(document.stems)


_LONG_PHRASE = 16
"""Number of words above which a phrase is found with bit sets, since a page may repeat one word as often as the phrase does."""


def _starts_of_long(field: TextField, words: tuple[tuple[int, WordTest], ...]) -> set[int]:
    known: dict[WordTest, int] = {}
    starts = -1
    for offset, word in words:
        if word not in known:
            bits = bytearray(len(field.starts) // 8 + 1)
            for place in places(field, word):
                bits[place >> 3] |= 1 << (place & 7)
            known[word] = int.from_bytes(bits, "little")
        starts &= known[word] >> offset
        if not starts:
            break
    shown = f"{starts:b}"[::-1]
    return {place for place, bit in enumerate(shown) if bit == "1"}


def _wild(word: WordTest) -> str:
    """The pattern of a word with a wildcard within it; otherwise empty."""
    match word:
        case Wild(pattern) | CasedWord(Wild(pattern), _):
            return pattern
    return ""


def _literal(pattern: str) -> str:
    """The prefix that a word must have to match the pattern."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def _has(document: Document, pattern: Prefix | Wild) -> bool:
    if isinstance(pattern, Prefix):
        return document.has_beginning(pattern.key)
    fits = wild_regex(pattern.pattern).fullmatch
    return any(map(fits, document.beginning(_literal(pattern.pattern))))


def places(field: TextField, word: WordTest) -> Collection[int]:
    """The places in ``field`` whose word passes the test."""
    match word:
        case Exact(key, _):
            return field.postings.get(key, ())
        case Prefix(key):
            return {place for found in field.beginning(key) for place in field.postings[found]}
        case Wild(pattern):
            fits = wild_regex(pattern).fullmatch
            keys = (key for key in field.beginning(_literal(pattern)) if fits(key))
            return {place for key in keys for place in field.postings[key]}
        case CasedWord(pattern, shape):
            fits = wild_regex(shape).fullmatch
            return {place for place in places(field, pattern) if any(map(fits, field.written(place)))}
        case StemmedWord(key, written):
            stemmed = (field.by_stem.get(stem, ()) for stem in query_stems(written))
            return set(field.postings.get(key, ())).union(*stemmed)


@lru_cache(maxsize=1 << 14)
def query_stems(written: str) -> frozenset[str]:
    """Stems of a query's word in every language that it may belong to."""
    return all_stems(written)


@lru_cache(maxsize=1 << 12)
def wild_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern with ``*`` and ``?``, without backtracking into an earlier ``*``.

    Taking the first place at which a piece matches is enough, since only the last piece is bound to the end. So the
    time is at most the length of the word times that of the pattern, whatever a hostile page puts into a word.
    """
    first, *pieces = (".".join(map(re.escape, piece.split("?"))) for piece in pattern.split("*"))
    if not pieces:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[:-1])
    last = pieces[-1]
    return re.compile(f"{first}{middle}.*{last}", re.DOTALL)
