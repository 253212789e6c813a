"""Lists of terms, which rules of topics refer to; finds all of them at once among an article's words. Pure.

A term is a word or a phrase; a word that ends in ``*`` matches every word with that beginning. Terms are folded and
split like queries (``core.query.words``). A list may name countries, whose names in the article's language come from
CLDR.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

from babel import Locale, UnknownLocaleError

from core.query import Document
from core.query.words import query_words

ANY = "any"
"""The key of terms that are tried on articles in every language."""
_SEPARATOR = re.compile(r"[,\n]")
_CACHED_WORDS = 1 << 16
_CACHED_LENGTH = 48
_HEBREW = re.compile(r"[\u05d0-\u05ea]{2}")
_HEBREW_PARTICLES = ("", "ה", "ב", "ל", "מ", "ש", "ו", "כ", "וה", "וב", "ול", "ומ", "שב", "שה", "מה", "כש")
"""Hebrew particles joined to the following word: and, the, in, to, from, that, as."""
_LEAST_OF_A_STEM = 4
_VOWELS = "aeiouyáéíóúýěəоаеиіыуюяёїєαεηιουω"


class Element(NamedTuple):
    """One word of a term, ``offset`` places after its beginning. ``prefix``: any word that begins with ``key``."""

    offset: int
    key: str
    prefix: bool


class Term(NamedTuple):
    """The words of a term and how many places it takes."""

    elements: tuple[Element, ...]
    width: int


class Hit(NamedTuple):
    """Where a term was found: number of the field (0: text, 1: title), first and last place (inclusive)."""

    field: int
    first: int
    last: int


def cut_terms(written: str, language: str) -> Iterator[Term]:
    """The terms of a list, separated by commas or line breaks. Raises ValueError, which quotes the term."""
    for piece in _SEPARATOR.split(written):
        term = piece.strip()
        if not term:
            continue
        if language in (ANY, "he") and _HEBREW.match(term):
            yield from (_term(particle + term) for particle in _HEBREW_PARTICLES)
        else:
            yield _term(term)


@lru_cache(maxsize=1 << 15)
def _term(written: str) -> Term:
    words = query_words(written)
    if not words:
        raise ValueError(f"{written!r} has no word in it")
    elements = []
    for word in words:
        key = word.key.rstrip("*")
        if not key or "*" in key or "?" in key:
            raise ValueError(f"{written!r}: * is only allowed at the end of a word, and ? is not allowed")
        elements.append(Element(word.offset, key, key != word.key))
    return Term(tuple(elements), words[-1].offset + words[-1].width)


@lru_cache(maxsize=4_096)
def country_names(country: str, language: str, stemmed: bool = False) -> tuple[str, ...]:
    """The names of a country (ISO 3166, two letters) in a language, as terms; empty if CLDR does not have the language.

    With ``stemmed``, also any word that begins like the last word without its final vowel: most languages add endings there.
    """
    try:
        name = Locale.parse(language).territories.get(country, "")
    except (UnknownLocaleError, ValueError):
        return ()
    name = re.sub(r"[(（].*|[\u200e\u200f\u061c]", "", name).strip()
    if not name or not stemmed:
        return (name,) if name else ()
    stem = name.rstrip("'’")
    if len(stem.split()[-1]) > _LEAST_OF_A_STEM and stem[-1].lower() in _VOWELS:
        stem = stem[:-1]
    cut = len(stem.split()[-1]) >= _LEAST_OF_A_STEM and stem[-1].isalpha()
    return (name, f"{stem}*") if cut else (name,)


def is_country(code: str) -> bool:
    """Whether CLDR has a name for this code."""
    return code in Locale("en").territories and len(code) == 2 and code.isalpha()


class _Filed(NamedTuple):
    """A term of a list; ``against``: it is a phrase in which the list's other terms don't count."""

    number: int
    against: bool
    term: Term


class TermTable:
    """Finds terms of many lists, in one language, in an article. Not thread-safe: it caches look-ups of words."""

    def __init__(self, lists: Sequence[tuple[Iterable[Term], Iterable[Term]]]) -> None:
        """``lists``: for each list, its terms and the phrases in which they don't count."""
        self._exact: defaultdict[str, list[_Filed]] = defaultdict(list)
        self._prefixes: defaultdict[int, defaultdict[str, list[_Filed]]] = defaultdict(lambda: defaultdict(list))
        for number, (terms, against) in enumerate(lists):
            for negated, each in ((False, terms), (True, against)):
                for term in dict.fromkeys(each):
                    self._file(_Filed(number, negated, term))
        self._lengths = sorted(self._prefixes)
        self._known: dict[str, tuple[_Filed, ...]] = {}

    def _file(self, filed: _Filed) -> None:
        # The longest whole word is the rarest, but for articles and particles (al-Sharaa*), which nearly every text has.
        anchor = max(
            filed.term.elements, key=lambda one: (len(one.key) >= _LEAST_OF_A_STEM, not one.prefix, len(one.key))
        )
        if anchor.prefix:
            self._prefixes[len(anchor.key)][anchor.key].append(filed)
        else:
            self._exact[anchor.key].append(filed)

    def _of_word(self, word: str) -> tuple[_Filed, ...]:
        found = list(self._exact.get(word, ()))
        for length in self._lengths[: bisect_right(self._lengths, len(word))]:
            found += self._prefixes[length].get(word[:length], ())
        if len(word) <= _CACHED_LENGTH:
            if len(self._known) >= _CACHED_WORDS:
                self._known.clear()
            self._known[word] = tuple(found)
        return tuple(found)

    def met(self, document: Document) -> dict[_Filed, None]:
        """The terms whose filed word is in the article, in any order."""
        known = self._known
        return {
            filed: None for word in document.words for filed in (known[word] if word in known else self._of_word(word))
        }

    def lists(self, met: Iterable[_Filed]) -> set[int]:
        """The numbers of the lists that may have a hit."""
        return {filed.number for filed in met if not filed.against}

    def hits(self, document: Document, met: Iterable[_Filed], wanted: set[int]) -> dict[int, list[Hit]]:
        """The hits of the ``wanted`` lists, by list number, in order of place."""
        places = _Places(document)
        found: defaultdict[int, set[Hit]] = defaultdict(set)
        against: defaultdict[int, set[Hit]] = defaultdict(set)
        for filed in met:
            if filed.number in wanted:
                (against if filed.against else found)[filed.number].update(places.of_term(filed.term))
        return {
            number: _outside(sorted(hits), sorted(against[number])) if number in against else sorted(hits)
            for number, hits in found.items()
        }


class _Places:
    """The places of words in one document, each looked up once."""

    def __init__(self, document: Document) -> None:
        self._fields = [field for field in document.fields if field.text]
        self._known: dict[tuple[int, str, bool], frozenset[int]] = {}

    def _of(self, at: int, element: Element) -> frozenset[int]:
        asked = (at, element.key, element.prefix)
        if (known := self._known.get(asked)) is None:
            field = self._fields[at]
            keys = field.beginning(element.key) if element.prefix else (element.key,)
            known = frozenset(chain.from_iterable(field.postings.get(key, ()) for key in keys))
            self._known[asked] = known
        return known

    def of_term(self, term: Term) -> Iterator[Hit]:
        for at, field in enumerate(self._fields):
            firsts: set[int] | frozenset[int] | None = None
            for element in term.elements:
                places = self._of(at, element)
                shifted = {place - element.offset for place in places} if element.offset else places
                firsts = shifted if firsts is None else firsts & shifted
                if not firsts:
                    break
            for first in firsts or ():
                yield Hit(field.number, first, first + term.width - 1)


def _outside(hits: list[Hit], against: list[Hit]) -> list[Hit]:
    """The hits that do not overlap a phrase of ``against``; both are sorted."""
    if not against:
        return hits
    firsts = [(one.field, one.first) for one in against]
    # The furthest place that any phrase so far reaches, since phrases may be nested.
    reach = list(accumulate(((one.field, one.last) for one in against), max))
    kept = []
    for one in hits:
        before = bisect_right(firsts, (one.field, one.last)) - 1
        if before < 0 or reach[before] < (one.field, one.first):
            kept.append(one)
    return kept


def terms_of(
    by_language: Mapping[str, str], countries: Iterable[str], language: str | None, stemmed: bool = False
) -> Iterator[Term]:
    """The terms of a list for articles in ``language``; None: those of all languages in the list.

    ``stemmed``: also country names with endings, for a language without its own terms.
    """
    chosen = (ANY, language) if language else tuple(by_language)
    for key in chosen:
        if key in by_language:
            yield from cut_terms(by_language[key], key)
    for country in countries:
        for known in (language,) if language else ("en", *(key for key in by_language if key != ANY)):
            yield from chain.from_iterable(cut_terms(name, known) for name in country_names(country, known, stemmed))
