"""Matches many queries against one document: most are ruled out many at a time by the document's words, the rest is run.

Each query has conditions on terms (``required_terms``): sets of which a match has a term, and sets of which it has
none. The query is filed under the set with the rarest terms and reached by these; its other sets are then checked for
all reached queries together (``clause_table``). Most queries consist only of such sets, which decides them; for the
others, the remaining part is run. A query without a set to file it under (``NOT a``, ``a OR NOT b``) is tried on every
document. The frequency of a term is first guessed from its form and then counted; a query that is tried in vain again
and again is refiled. So adding and removing affect only one query, and results never depend on the filing.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable
from itertools import chain
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from core.query.ast import Query
from core.query.budget import NotDecided
from core.query.by_term import ByTerm
from core.query.clause_table import ClauseTable
from core.query.columns import Column, Numbers
from core.query.compile import CompiledQuery, compile_query
from core.query.compiled import Compiled
from core.query.document import Document
from core.query.required_terms import RequiredTerms, conditions, has_prefix, prefixes_in, together
from core.query.term_table import TermTable
from core.records.article import Match

Id = TypeVar("Id", bound=Hashable)


class Tuning(NamedTuple):
    """From which numbers on an index takes another way to the same results; measured, and of no other effect."""

    few: int = 300
    """Up to this many reached queries are tried one by one: checking them together takes as long."""
    few_known: int = 150
    """The same if the numbers of the document's terms are already known."""
    patience: int = 64
    """Number of vain tries of a query after which it is first refiled, then after twice as many. Refiling costs as much."""
    knowing: int = 48
    """Documents to count before any query is refiled."""
    small: int = 20_000
    """Up to this many queries, a document's terms are looked up only if many queries are reached, and counted only for
    samples."""
    sampled: int = 16
    """One in so many documents is counted (words of no query, terms of a small index),"""
    sampled_at_first: int = 256
    """and all of the first so many."""
    refiled_each: int = 16
    """Number of documents after which queries are refiled."""
    refiled_at_most: int = 4_096
    """How many at once, in some ten milliseconds."""
    share_refiled: int = 64
    """It is not done for less than a 64th of all, since a few cost nearly as much as many. An index that starts with
    hundreds of thousands of queries and no counts is well filed after some hundred documents."""
    wasted_terms: int = 1 << 16
    """``ClauseTable``."""
    few_pairs: int = 2_000
    """``ByTerm``."""


TUNING = Tuning()


class QueryFailure(NamedTuple, Generic[Id]):
    """A query that raised ``error`` on a document; NotDecided if it needed too many steps."""

    id: Id
    error: Exception


class Decided(NamedTuple, Generic[Id]):
    """The result of ``QueryIndex.decide``: the queries that match, in the order of adding, and those that failed."""

    matching: list[Id]
    failures: list[QueryFailure[Id]]

    @property
    def undecided(self) -> list[Id]:
        """The queries that failed because they needed too many steps."""
        return [one.id for one in self.failures if isinstance(one.error, NotDecided)]


class IndexResult(NamedTuple, Generic[Id]):
    """The result of ``QueryIndex.evaluate``: matches by query, in the order of adding, and the queries that failed."""

    matches: dict[Id, tuple[Match, ...]]
    failures: list[QueryFailure[Id]]

    @property
    def undecided(self) -> list[Id]:
        """The queries that failed because they needed too many steps."""
        return [one.id for one in self.failures if isinstance(one.error, NotDecided)]


_Found = tuple[int, Id, tuple[Match, ...]]
"""A matching query: its place in the order of adding, its id, and its matches if they were requested."""


class _Entry(NamedTuple, Generic[Id]):
    """A query in its slot. ``rest``: the part to run on documents that satisfy its conditions.

    ``first`` is a word that it needs beside the one that it is filed under; ``more``: all words that it needs, if there
    are more.
    """

    slot: int
    found: _Found[Id]
    query: CompiledQuery
    rest: tuple[Compiled, ...] = ()
    by_weight: bool = False  # its conditions depend on the weights of terms
    first: str | None = None
    more: frozenset[str] | None = None


_order = itemgetter(0)


class QueryIndex(Generic[Id]):
    """Queries by id. One instance belongs to one thread. ``tuning`` changes no result."""

    def __init__(self, tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self._slots: dict[Id, int] = {}
        self._added = self._documents = 0
        self._terms = TermTable(tuning.few_pairs)
        self._clear()

    def _clear(self) -> None:
        self._entries: list[_Entry[Id]] = []  # by slot; the value of a free slot is meaningless
        self._free: list[int] = []
        self._clauses = ClauseTable(self._tuning.wasted_terms)
        self._filed: ByTerm[array[int]] = ByTerm(
            self._tuning.few_pairs
        )  # slots by the terms under which they are filed
        self._by_number: dict[int, array[int]] = {}  # the same by the numbers of the terms
        self._always = array("i")  # slots that are filed under no term
        self._vain, self._patience = Column("q"), Column("q")
        self._marks = Column("b")  # of the current document

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return id in self._slots

    def add(self, id: Id, query: Query | CompiledQuery) -> None:  # noqa: A002
        """Add ``query`` under ``id``; it replaces an earlier query with this id."""
        self.remove(id)
        compiled = query if isinstance(query, CompiledQuery) else compile_query(query)
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._entries)
            self._entries.append(_Entry(slot, (0, id, ()), compiled))
            for column in (self._vain, self._patience, self._marks):
                column.reserve(slot + 1)
        self._slots[id] = slot
        self._vain.numbers[slot], self._patience.numbers[slot] = 0, self._tuning.patience
        self._write(_Entry(slot, (self._added, id, ()), compiled))
        self._added += 1

    def remove(self, id: Id) -> None:  # noqa: A002
        """Remove the query with this id, if there is one."""
        if (slot := self._slots.pop(id, None)) is None:
            return
        self._unfile(slot, self._clauses.filed(slot))
        self._clauses.erase(slot)
        self._free.append(slot)
        if not self._slots:
            self._clear()
            self._terms.keep(())
        elif self._clauses.wasteful:
            self._compact()

    def match(self, document: Document) -> dict[Id, tuple[Match, ...]]:
        """The matching queries with their matches. Failures are dropped; ``evaluate`` reports them."""
        return self.evaluate(document).matches

    def evaluate(self, document: Document) -> IndexResult[Id]:
        """Run all queries on ``document``. One that raises is reported in ``failures``; the others still run."""
        found, failures = self._found(document, shown=True)
        return IndexResult({identity: matches for _, identity, matches in found}, failures)

    def decide(self, document: Document) -> Decided[Id]:
        """The matching queries without their matches: ``spans`` returns these for the few whose alerts need them."""
        found, failures = self._found(document, shown=False)
        return Decided([identity for _, identity, _ in found], failures)

    def spans(self, id: Id, document: Document, most: int | None = None) -> tuple[Match, ...]:  # noqa: A002
        """The matches of a query in ``document``; the first ``most`` each in the text and in the rest. Raises KeyError."""
        return self._entry(id).query.match(document, most) or ()

    def matching(self, document: Document) -> list[Id]:
        """``decide``, with failures raised."""
        decided = self.decide(document)
        if decided.failures:
            raise decided.failures[0].error
        return decided.matching

    def candidates(self, document: Document) -> list[Id]:
        """The queries that are tried, in the order of adding: those filed under a term of ``document``, or under none."""
        entries = map(self._entries.__getitem__, self._reached(document))
        return [identity for _, identity, _ in sorted((entry.found for entry in entries), key=_order)]

    def required_terms(self, id: Id) -> RequiredTerms | None:  # noqa: A002
        """The terms under which the query is filed now, sorted (None: it is always tried). Raises KeyError."""
        slot = self._slots[id]
        if slot in self._always:
            return None
        return tuple(sorted({self._terms.name(number) for number in self._clauses.filed(slot)}))

    def _entry(self, id: Id) -> _Entry[Id]:  # noqa: A002
        return self._entries[self._slots[id]]

    def _found(self, document: Document, *, shown: bool) -> tuple[list[_Found[Id]], list[QueryFailure[Id]]]:
        """The matching queries, if ``shown`` with their matches, and the failed ones; both in the order of adding."""
        slots, refused, numbers = self._tried(document)
        found: list[_Found[Id]] = []
        failures: list[tuple[int, QueryFailure[Id]]] = []
        words, by_words = document.words, numbers is None
        for slot, match, query, rest, _, first, more in map(self._entries.__getitem__, slots):
            if by_words:
                # If there are few, the words alone rule out most of them, and more is left to run.
                if (
                    (first is not None and first not in words)
                    or (more is not None and not more <= words)
                    or (query.guard is not None and query.guard.isdisjoint(words))
                ):
                    refused.append(slot)
                    continue
                rest = query.unguarded
            try:
                if rest and not query.holds_besides(document, rest):
                    refused.append(slot)
                elif shown:
                    found.append((match[0], match[1], query.shown(document)))
                else:
                    found.append(match)
            except Exception as error:  # returned, so that the other queries are still run
                failures.append((match[0], QueryFailure(match[1], error)))
        if refused:
            self._vain_tries(refused)
        found.sort(key=_order)
        failures.sort(key=_order)
        return found, [failure for _, failure in failures]

    def _tried(self, document: Document) -> tuple[Iterable[int], list[int], Numbers | None]:
        """The slots of the queries to run, those that the document's terms rule out, and the terms, if they were looked up."""
        self._documents += 1
        tuning = self._tuning
        sampled = self._documents < tuning.sampled_at_first or self._documents % tuning.sampled == 0
        terms, numbers = self._terms, None
        if sampled or len(self._slots) > tuning.small:
            # First, since it needs the places of the words for all kinds of terms.
            numbers = terms.numbers_in(document, self._filed.prefix_lengths)
            terms.count(document, numbers, words=sampled)
        if numbers is None:
            reached = self._reached(document)
            if len(reached) <= tuning.few:
                return reached, [], None
            numbers = terms.numbers_in(document, self._filed.prefix_lengths)
            slots: Numbers = np.fromiter(reached, np.int32, len(reached))
        else:
            slots = self._reached_by(numbers)
            if len(slots) <= tuning.few_known:
                return slots.tolist(), [], None
        fits = self._clauses.fitting(slots, terms.mark(numbers))
        terms.unmark(numbers)
        return slots[fits].tolist(), slots[~fits].tolist(), numbers

    def _vain_tries(self, slots: list[int]) -> None:
        """Count vain tries of queries, and occasionally refile those with many."""
        tuning = self._tuning
        if len(slots) <= tuning.few:
            vain_tries = self._vain.numbers
            for slot in slots:
                vain_tries[slot] += 1
        else:
            self._vain.values[np.array(slots, np.int32)] += 1
        if self._terms.documents >= tuning.knowing and self._documents % tuning.refiled_each == 0:
            tired = np.flatnonzero(self._vain.values >= self._patience.values)[: tuning.refiled_at_most].astype(
                np.int32
            )
            if len(tired) * tuning.share_refiled >= min(len(self._slots), tuning.refiled_at_most):
                self._refile(tired)

    def _reached(self, document: Document) -> set[int]:
        """The slots of the queries that are filed under a term of ``document``, or under none."""
        return set(chain(self._always, *self._filed.found_in(document)))

    def _reached_by(self, numbers: Numbers) -> Numbers:
        """``_reached`` by the numbers of the document's terms, for many queries; ascending."""
        by_number = self._by_number
        lists = [by_number[number] for number in numbers.tolist() if number in by_number]
        marks = self._marks.values
        marks[np.frombuffer(b"".join((*lists, self._always)), np.int32)] = True
        slots: Numbers = np.flatnonzero(marks).astype(np.int32)
        marks[slots] = False
        return slots

    def _write(self, entry: _Entry[Id]) -> None:
        """Work out the conditions of a query, store them and file the query."""
        terms, slot = self._terms, entry.slot
        asked = [(part, conditions(part, terms.weight)) for part in entry.query.parts]
        every = together([each for _, each in asked])
        # Prefixes require a scan of all words, so they are only checked on few documents unless one is the rarest term.
        rest = tuple(part for part, each in asked if not each.exact or has_prefix(each))
        by_weight = every.by_weight or has_prefix(every)
        self._entries[slot] = entry._replace(rest=rest, by_weight=by_weight)
        if not all(every.any_of):
            self._clauses.write(slot, (), ())  # nothing can match, so it is not filed
            return
        weights = [sum(map(terms.weight, each)) for each in every.any_of]
        rarest = weights.index(min(weights)) if weights else -1
        filed = [each for number, each in enumerate(every.any_of) if number == rarest]
        others = [each for number, each in enumerate(every.any_of) if number != rarest and not prefixes_in(each)]
        any_of = [[terms.number(term) for term in dict.fromkeys(each)] for each in (*filed, *others)]
        excluded = (each for each in every.none_of if not prefixes_in(each))
        none_of = [[terms.number(term) for term in dict.fromkeys(each)] for each in excluded]
        self._clauses.write(slot, any_of, none_of)
        self._file(slot)

    def _file(self, slot: int) -> None:
        filed = self._clauses.filed(slot)
        if not filed:
            self._always.append(slot)
        needed = set(self._entries[slot].query.required)
        if len(filed) == 1:
            needed.discard(self._terms.name(filed[0]))
        first = min(needed, key=lambda word: (self._terms.weight(word), word), default=None)
        more = self._entries[slot].query.required if len(needed) > 1 else None
        self._entries[slot] = self._entries[slot]._replace(first=first, more=more)
        for number in filed:
            term = self._terms.name(number)
            if (slots := self._filed.get(term)) is None:
                slots = self._by_number[number] = array("i")
                self._filed.set(term, slots)
                self._terms.counted(number, from_now=True)
            slots.append(slot)

    def _unfile(self, slot: int, filed: list[int]) -> None:
        if not filed and slot in self._always:
            self._always.remove(slot)
        for number in filed:
            term = self._terms.name(number)
            slots = self._filed[term]
            slots.remove(slot)
            if not slots:
                self._filed.remove(term)
                del self._by_number[number]
                self._terms.counted(number, from_now=False)

    def _refile(self, slots: Numbers) -> None:
        """Refile queries that were tried in vain again and again under the terms that are rarest now."""
        self._vain.values[slots] = 0
        self._patience.values[slots] *= 2
        filed = {slot: self._clauses.filed(slot) for slot in slots.tolist()}
        filed = {slot: terms for slot, terms in filed.items() if terms}
        for slot in [slot for slot in filed if self._entries[slot].by_weight]:
            self._unfile(slot, filed.pop(slot))
            self._write(self._entries[slot])
        for slot in self._clauses.refile(np.fromiter(filed, np.int32, len(filed)), self._terms.weights):
            self._unfile(slot, filed[slot])
            self._file(slot)

    def _compact(self) -> None:
        left = self._clauses.compact()
        renumbered = self._terms.keep(left.tolist())
        self._clauses.renumber(renumbered)
        self._by_number = {int(renumbered[number]): slots for number, slots in self._by_number.items()}
