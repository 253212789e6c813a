"""Values filed by terms, and look-up of those whose terms a document has (``required_terms`` explains terms)."""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import chain
from typing import Generic, TypeVar

from core.query.document import Document
from core.query.required_terms import metadata_terms
from core.query.stems import stems_in_text
from core.query.terms import Pair, pair_of

V = TypeVar("V")

_KEPT = 1 << 16
"""Number of words whose stems are cached across documents."""
_FEW_LIKELY = 24
"""How many pairs whose words the document has are looked up one by one at most."""


class ByTerm(Generic[V]):
    """A table for each kind of term: a document has a set of each kind, so one look-up per table finds all its terms.

    ``few_pairs``: up to how many pairs in the table, only those whose words the document has are looked up. Making all
    pairs of a document takes three times as long as finding its words.
    """

    def __init__(self, few_pairs: int) -> None:
        self._few_pairs = few_pairs
        self._words: dict[str, V] = {}
        self._bigrams: dict[str, V] = {}
        self._by_word: dict[str, list[Pair]] | None = None  # pairs by their longer word, if there are few
        self._prefixes: dict[int, dict[str, V]] = {}
        self._stems: dict[str, V] = {}
        self._metadata: dict[str, V] = {}
        self._fields: set[str] = set()  # of the metadata
        self._of_stems: dict[str | None, _OfStems[V]] = {}

    def __len__(self) -> int:
        tables = (self._words, self._bigrams, self._stems, self._metadata, *self._prefixes.values())
        return sum(map(len, tables))

    def __getitem__(self, term: str) -> V:
        table, key = self._place(term)
        return table[key]

    def get(self, term: str) -> V | None:
        """The value of a term, None if it has none."""
        table, key = self._place(term)
        return table.get(key)

    def set(self, term: str, value: V) -> None:
        """Set the value of a term."""
        table, key = self._place(term)
        if table is self._stems and key not in table:
            self._of_stems.clear()  # the cached words lack this one
        elif table is self._bigrams:
            self._by_word = None
        elif table is self._metadata:
            self._fields.add(term.partition(":")[0])
        table[key] = value

    def remove(self, term: str) -> None:
        """Remove a term that has a value."""
        table, key = self._place(term)
        del table[key]
        if table is self._stems:
            self._of_stems.clear()
        elif table is self._bigrams:
            self._by_word = None

    @property
    def prefix_lengths(self) -> list[int]:
        """The lengths of the prefixes that have a value."""
        return [length for length, table in self._prefixes.items() if table]

    def found_in(self, document: Document, lengths: Container[int] | None = None) -> list[V]:
        """The values of the terms in ``document``, each once; only prefixes of these ``lengths`` (None: all)."""
        if self._stems or len(self._bigrams) > self._few_pairs:
            document.cut()
        # Iterates over the smaller of two sets: few terms cost little on a long document.
        words = self._words
        found = [words[key] for key in words.keys() & document.words]
        for length, table in self._prefixes.items():
            if table and (lengths is None or length in lengths):
                found += [table[key] for key in table.keys() & document.prefixes(length)]
        if bigrams := self._bigrams:
            found += map(bigrams.__getitem__, self._pairs_in(document))
        if stems := self._stems:
            found += [stems[key] for key in self._stemmed(document)]
        if self._metadata:
            metadata = self._metadata
            found += [metadata[key] for key in metadata.keys() & set(metadata_terms(document, self._fields))]
        return found

    def _pairs_in(self, document: Document) -> Iterable[str]:
        bigrams = self._bigrams
        if document.known_bigrams is None and len(bigrams) <= self._few_pairs:
            words, by_word = document.words, self._pairs_by_word()
            likely = [
                pair
                for word in by_word.keys() & words
                for pair in by_word[word]
                if pair.first in words and pair.second in words
            ]
            if len(likely) <= _FEW_LIKELY:
                return [pair.bigram for pair in likely if pair.holds(document)]
        return bigrams.keys() & document.bigrams

    def _pairs_by_word(self) -> dict[str, list[Pair]]:
        if self._by_word is None:
            self._by_word = {}
            for bigram in self._bigrams:
                first, _, second = bigram.partition(" ")
                self._by_word.setdefault(max(first, second, key=len), []).append(pair_of(first, second))
        return self._by_word

    def _stemmed(self, document: Document) -> Iterable[str]:
        if (known := self._of_stems.get(document.language)) is None:
            known = self._of_stems[document.language] = _OfStems(self._stems, document.language)
        return set(chain.from_iterable(map(known.__getitem__, document.written)))

    def _place(self, term: str) -> tuple[dict[str, V], str]:
        """The table of a term, and its key in it."""
        if ":" in term:
            return self._metadata, term
        if "~" in term:
            return self._stems, term
        if term[-1] == "*":
            return self._prefixes.setdefault(len(term) - 1, {}), term[:-1]
        if " " in term:
            return self._bigrams, term
        return self._words, term


class _OfStems(dict[str, tuple[str, ...]], Generic[V]):
    """Word as written → which of its stems are in a table, in a document of one language (None: unknown)."""

    def __init__(self, stems: dict[str, V], language: str | None) -> None:
        self._table, self._stems = stems, stems_in_text(language)

    def __missing__(self, word: str) -> tuple[str, ...]:
        if len(self) >= _KEPT:
            self.clear()
        self[word] = stems = tuple(stem for stem in self._stems[word] if stem in self._table)
        return stems
