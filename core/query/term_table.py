"""The terms of all stored queries, with numbers and frequencies (``required_terms`` explains terms)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable

import numpy as np
from numpy.typing import NDArray

from core.query.by_term import ByTerm
from core.query.columns import Column, Numbers
from core.query.document import Document
from core.query.required_terms import BESIDE, guessed_weight, is_word, prefix_length

_GUESS_WORTH = 8
"""The number of documents as which a guess of a term's frequency counts."""
_NOT_COUNTED = -1
_WORDS_COUNTED = 1 << 16
"""Most words whose frequency is kept, in about 10 MB; beyond that the rarest are dropped and guessed again."""


def most_met(met: Counter[str], most: int) -> Counter[str]:
    """The most frequent words, at most ``most``. Words with equal counts stay or go together, so that order has no effect."""
    least = 1
    while len(met) > most:
        least += 1
        met = Counter({word: count for word, count in met.items() if count >= least})
    return met


class TermTable:
    """Terms by number, from 1, with the share of documents that had each."""

    def __init__(self, few_pairs: int) -> None:
        self._few_pairs = few_pairs
        self.documents = 0
        """Number of documents counted."""
        self._present = Column("b")  # whether the current document has the term
        self._met = Counter[str]()  # number of sampled documents with each word
        self._sampled = 0
        self._clear()

    def _clear(self) -> None:
        self._names = [""]
        self._numbers = ByTerm[int](self._few_pairs)
        self._guess, self._seen, self._since = Column("d"), Column("q"), Column("q")
        for column in (self._guess, self._seen, self._since):
            column.append([0])
        self._present.reserve(1)

    def __len__(self) -> int:
        return len(self._names) - 1

    def name(self, number: int) -> str:
        """The term with this number."""
        return self._names[number]

    def number(self, term: str) -> int:
        """The number of a term, assigned if it has none."""
        if (known := self._numbers.get(term)) is not None:
            return known
        number = len(self._names)
        self._numbers.set(term, number)
        self._names.append(term)
        self._guess.numbers.append(self.weight(term))
        self._seen.numbers.append(0)
        self._since.numbers.append(_NOT_COUNTED if prefix_length(term) else self.documents)
        self._present.reserve(number + 1)
        return number

    def weight(self, term: str) -> float:
        """Share of documents with the term: the count, combined with an initial guess."""
        number = self._numbers.get(term)
        if number is not None and number < len(self._since):
            if self._since.numbers[number] == _NOT_COUNTED:
                return float(self._guess.numbers[number])
            seen = self._guess.numbers[number] * _GUESS_WORTH + self._seen.numbers[number]
            return float(seen / (_GUESS_WORTH + self.documents - self._since.numbers[number]))
        first, space, second = term.partition(" ")
        if space and ":" not in term:
            return BESIDE * min(self.weight(first), self.weight(second))
        if is_word(term):
            return (guessed_weight(term) * _GUESS_WORTH + self._met.get(term, 0)) / (_GUESS_WORTH + self._sampled)
        return guessed_weight(term)

    def counted(self, number: int, *, from_now: bool) -> None:
        """Start or stop counting a prefix: only prefixes under which queries are filed are looked up."""
        if prefix_length(self._names[number]):
            self._guess.numbers[number] = self.weight(self._names[number])
            self._seen.numbers[number] = 0
            self._since.numbers[number] = self.documents if from_now else _NOT_COUNTED

    def weights(self, numbers: Numbers) -> NDArray[np.float64]:
        """``weight`` of terms other than prefixes, by number."""
        seen = self._guess.values[numbers] * _GUESS_WORTH + self._seen.values[numbers]
        weights: NDArray[np.float64] = seen / (_GUESS_WORTH + self.documents - self._since.values[numbers])
        return weights

    def numbers_in(self, document: Document, lengths: Container[int]) -> Numbers:
        """The numbers of the terms in ``document``; only prefixes of these ``lengths``."""
        return np.array(self._numbers.found_in(document, lengths), np.int32)

    def mark(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Flags by number for the terms in ``numbers``. Valid until ``unmark``; until then the table must not grow."""
        present = self._present.values
        present[numbers] = True
        return present

    def unmark(self, numbers: Numbers) -> None:
        """Clear the flags that ``mark`` has set."""
        self._present.values[numbers] = False

    def prefix_length(self, number: int) -> int:
        """The length of a prefix, 0 for other terms."""
        return prefix_length(self._names[number])

    def count(self, document: Document, numbers: Numbers, *, words: bool) -> None:
        """Count a document with the terms of these numbers; ``words``: its other words, for future queries."""
        self.documents += 1
        self._seen.values[numbers] += 1
        if words:
            self._sampled += 1
            self._met.update(document.words)
            if len(self._met) > _WORDS_COUNTED:
                self._met = most_met(self._met, _WORDS_COUNTED // 2)

    def keep(self, numbers: Iterable[int]) -> Numbers:
        """Drop all terms except those with these numbers, which ascend. Returns the new number of each old one."""
        names, guess, seen, since = self._names, self._guess, self._seen, self._since
        self._clear()
        renumbered = np.zeros(len(names), np.int32)
        for old in numbers:
            renumbered[old] = len(self._names)
            self._numbers.set(names[old], len(self._names))
            self._names.append(names[old])
        kept = np.flatnonzero(renumbered)
        for column, was in ((self._guess, guess), (self._seen, seen), (self._since, since)):
            column.append(was.values[kept].tolist())
        return renumbered
