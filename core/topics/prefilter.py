"""Finds which topics an article may have, by its words: most articles have none, which must cost almost nothing. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from core.query import CompiledQuery, Document
from core.query.compiled import AllOf
from core.query.required_terms import RequiredTerms, guessed_weight, required_terms


class _Filed(NamedTuple):
    """A query filed under one term. ``others``: a document must also have a term of each of these sets."""

    topic: int
    others: tuple[RequiredTerms, ...]


class TopicPrefilter:
    """Finds which topics an article may have, by its words.

    A topic needs a match of one of its queries of positive weight, and each part of an AND needs one of its required
    terms (``core.query.required_terms``). These are looked up among the article's words. For two adjacent words it only
    checks that both occur, since finding the places of words takes longer than all the rest. So the filter lets too
    many topics through, but never too few, for the article and for any part of it. It keeps no state of documents.
    """

    def __init__(self, queries: Iterable[tuple[int, CompiledQuery]]) -> None:
        self._always: list[_Filed] = []
        self._by_word: defaultdict[str, list[_Filed]] = defaultdict(list)
        self._by_prefix: defaultdict[int, dict[str, list[_Filed]]] = defaultdict(dict)
        for topic, query in queries:
            parts = query.root.parts if isinstance(query.root, AllOf) else (query.root,)
            needs = sorted(
                (found for part in parts if (found := required_terms(part, guessed_weight)) is not None),
                key=_commonness,
            )
            filed = _Filed(topic, tuple(needs[1:]))
            for term in needs[0] if needs else (":",):
                self._file(term, filed)

    def _file(self, term: str, filed: _Filed) -> None:
        if _needs_more(term):
            self._always.append(filed)
        elif term.endswith("*"):
            self._by_prefix[len(term) - 1].setdefault(term[:-1], []).append(filed)
        else:
            self._by_word[term.partition(" ")[0]].append(filed._replace(others=((term,), *filed.others)))

    def topics(self, document: Document) -> set[int]:
        """The numbers of the topics that ``document``, or a part of it, may have."""
        met = list(self._always)
        for word in self._by_word.keys() & document.words:
            met += self._by_word[word]
        for length, by_prefix in self._by_prefix.items():
            for prefix in by_prefix.keys() & document.prefixes(length):
                met += by_prefix[prefix]
        found: set[int] = set()
        for topic, others in met:
            if topic not in found and all(any(_holds(term, document) for term in each) for each in others):
                found.add(topic)
        return found


def _commonness(terms: RequiredTerms) -> float:
    return sum(map(guessed_weight, terms))


def _needs_more(term: str) -> bool:
    """Whether a term (a stem or a field) can't be decided by words alone."""
    return ":" in term or "~" in term


def _holds(term: str, document: Document) -> bool:
    if _needs_more(term):
        return True
    if term.endswith("*"):
        return term[:-1] in document.prefixes(len(term) - 1)
    return all(word in document.words for word in term.split(" "))
