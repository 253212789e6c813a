"""Many queries against one document: what no document's words refuse is run, the rest is refused many at a time.

Each query has conditions by terms (``required_terms``): sets of which a match has a term, and sets of which it has none. It
is filed under the set whose terms are rarest, and reached by them; its other sets are then looked up for all queries
together (``clause_table``). Most queries are nothing but such sets, so they are decided by that; of the others what is left
is run. A query without a set to file it under (``NOT a``, ``a OR NOT b``) is tried on every document. How rare a term is is
guessed from its form at first and counted from then on; a query that is refused again and again is filed again. So adding
and removing touch one query only, and results never depend on the filing.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from core.query.ast import Query
from core.query.budget import NotDecided
from core.query.clause_table import ClauseTable
from core.query.columns import Column, Numbers
from core.query.compile import CompiledQuery, compile_query
from core.query.compiled import Compiled
from core.query.document import Document
from core.query.required_terms import RequiredTerms, conditions, has_prefix, prefixes_in, together
from core.query.term_table import TermTable
from core.records.article import Match

Id = TypeVar("Id", bound=Hashable)

_FEW = 150
"""Queries that are tried one by one if no more are reached: looking them up together takes as long."""
_PATIENCE = 64
"""Documents that refuse a query after which it is filed again the first time, then after twice as many. It costs as much."""
_KNOWING = 48
"""Documents to count before a query is filed again."""
_REFILED_EACH, _REFILED_AT_MOST = 16, 4_096
"""Documents after which queries are filed again, and how many are at once, in some ten milliseconds.

So an index that starts with hundreds of thousands of queries and no counts is filed well after some hundred documents.
"""


class QueryFailure(NamedTuple, Generic[Id]):
    """A query that raised ``error`` on a document; NotDecided if it would have taken too many steps."""

    id: Id
    error: Exception


class Decided(NamedTuple, Generic[Id]):
    """The result of ``QueryIndex.decide``: the queries that match, in the order of adding, and those that failed."""

    matching: list[Id]
    failures: list[QueryFailure[Id]]

    @property
    def undecided(self) -> list[Id]:
        """The queries that failed because they would have taken too many steps."""
        return [one.id for one in self.failures if isinstance(one.error, NotDecided)]


class IndexResult(NamedTuple, Generic[Id]):
    """The result of ``QueryIndex.evaluate``: matches by query, in the order of adding, and the queries that failed."""

    matches: dict[Id, tuple[Match, ...]]
    failures: list[QueryFailure[Id]]

    @property
    def undecided(self) -> list[Id]:
        """The queries that failed because they would have taken too many steps."""
        return [one.id for one in self.failures if isinstance(one.error, NotDecided)]


class _Entry(NamedTuple, Generic[Id]):
    """A query in its slot. ``rest``: what is left to be run on a document that its conditions admit."""

    order: int
    slot: int
    id: Id
    query: CompiledQuery
    rest: tuple[Compiled, ...]
    by_weight: bool  # its conditions depend on the weight of terms


_Found = tuple[_Entry[Id], tuple[Match, ...]]


def _order(found: _Found[Id]) -> int:
    return found[0].order


class QueryIndex(Generic[Id]):
    """Queries by id. One instance belongs to one thread."""

    def __init__(self) -> None:
        self._slots: dict[Id, int] = {}
        self._added = 0
        self._terms = TermTable()
        self._clear()

    def _clear(self) -> None:
        self._entries: list[_Entry[Id]] = []  # by slot; that of a free one is meaningless
        self._free: list[int] = []
        self._clauses = ClauseTable()
        self._by_term: dict[int, array[int]] = {}  # slots by the terms that they are filed under
        self._lengths = Counter[int]()  # of the prefixes among these terms
        self._always = array("i")  # slots that are filed under none
        self._vain, self._patience = Column("q"), Column("q")
        self._tried = Column("b")  # marks of the document at hand

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return id in self._slots

    def add(self, id: Id, query: Query | CompiledQuery) -> None:  # noqa: A002
        """Add ``query`` under ``id``; an earlier one with this id is replaced."""
        self.remove(id)
        compiled = query if isinstance(query, CompiledQuery) else compile_query(query)
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._entries)
            self._entries.append(_Entry(0, slot, id, compiled, (), False))
            for column in (self._vain, self._patience, self._tried):
                column.reserve(slot + 1)
        self._slots[id] = slot
        self._vain.numbers[slot], self._patience.numbers[slot] = 0, _PATIENCE
        self._write(_Entry(self._added, slot, id, compiled, (), False))
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
        """The queries that match, with what they matched. Failures are dropped; ``evaluate`` reports them."""
        return self.evaluate(document).matches

    def evaluate(self, document: Document) -> IndexResult[Id]:
        """Run all queries on ``document``. One that raises is reported in ``failures``; the others still run."""
        found, failures = self._found(document, shown=True)
        return IndexResult({entry.id: matches for entry, matches in found}, failures)

    def decide(self, document: Document) -> Decided[Id]:
        """The queries that match, without what they matched: ``spans`` has that of the few whose alerts need it."""
        found, failures = self._found(document, shown=False)
        return Decided([entry.id for entry, _ in found], failures)

    def spans(self, id: Id, document: Document, most: int | None = None) -> tuple[Match, ...]:  # noqa: A002
        """What a query that matches ``document`` matched; of the text and of the rest the first ``most``. Raises KeyError."""
        return self._entry(id).query.match(document, most) or ()

    def matching(self, document: Document) -> list[Id]:
        """``decide``, with failures raised."""
        decided = self.decide(document)
        if decided.failures:
            raise decided.failures[0].error
        return decided.matching

    def candidates(self, document: Document) -> list[Id]:
        """The queries that are filed under a term of ``document``, or under none, in the order of adding: those tried."""
        slots = self._reached(self._terms.numbers_in(document, self._lengths))
        return [entry.id for entry in sorted(map(self._entries.__getitem__, slots.tolist()), key=lambda one: one.order)]

    def required_terms(self, id: Id) -> RequiredTerms | None:  # noqa: A002
        """The terms that the query is filed under now, sorted (None: it is always tried). Raises KeyError."""
        slot = self._slots[id]
        if slot in self._always:
            return None
        return tuple(sorted({self._terms.name(number) for number in self._clauses.filed(slot)}))

    def _entry(self, id: Id) -> _Entry[Id]:  # noqa: A002
        return self._entries[self._slots[id]]

    def _found(self, document: Document, *, shown: bool) -> tuple[list[_Found[Id]], list[QueryFailure[Id]]]:
        """The queries that match, in the order of adding, if ``shown`` with what they matched; and those that failed."""
        possible, refused = self._possible(document)
        found: list[_Found[Id]] = []
        failures: list[QueryFailure[Id]] = []
        for entry, rest in possible:
            try:
                if not rest or entry.query.holds_besides(document, rest):
                    found.append((entry, entry.query.shown(document) if shown else ()))
                    continue
            except Exception as error:  # returned, so that the other queries still run
                failures.append(QueryFailure(entry.id, error))
                continue
            refused.append(entry.slot)
        if refused:
            self._vain_tries(refused)
        found.sort(key=_order)
        return found, failures

    def _possible(self, document: Document) -> tuple[list[tuple[_Entry[Id], tuple[Compiled, ...]]], list[int]]:
        """The queries that are not refused by the document's words, with the parts left to be run; the slots of the others."""
        terms = self._terms
        numbers = terms.numbers_in(document, self._lengths)
        terms.count(document, numbers)
        slots = self._reached(numbers)
        if len(slots) <= _FEW:
            return self._one_by_one(slots, document.words)
        fits = self._clauses.fitting(slots, terms.mark(numbers))
        terms.unmark(numbers)
        entries = map(self._entries.__getitem__, slots[fits].tolist())
        return [(entry, entry.rest) for entry in entries], slots[~fits].tolist()

    def _one_by_one(
        self, slots: Numbers, words: set[str]
    ) -> tuple[list[tuple[_Entry[Id], tuple[Compiled, ...]]], list[int]]:
        """``_possible`` for a few: by their words only, so more is left to be run."""
        possible: list[tuple[_Entry[Id], tuple[Compiled, ...]]] = []
        refused: list[int] = []
        for entry in map(self._entries.__getitem__, slots.tolist()):
            query = entry.query
            if query.required <= words and (query.guard is None or not query.guard.isdisjoint(words)):
                possible.append((entry, query.unguarded))
            else:
                refused.append(entry.slot)
        return possible, refused

    def _vain_tries(self, slots: list[int]) -> None:
        """Count that queries were tried in vain, and now and then file those again that have been so often."""
        vain = self._vain.values
        vain[np.array(slots, np.int32)] += 1
        documents = self._terms.documents
        if documents >= _KNOWING and documents % _REFILED_EACH == 0:
            tired = np.flatnonzero(vain >= self._patience.values)[:_REFILED_AT_MOST].astype(np.int32)
            if len(tired):
                self._refile(tired)

    def _reached(self, numbers: Numbers) -> Numbers:
        """The queries that are filed under one of the terms, or under none, each once."""
        by_term = self._by_term
        lists = [by_term[number] for number in numbers.tolist() if number in by_term]
        found = np.frombuffer(b"".join((*lists, self._always)), np.int32)
        marks = self._tried.values
        marks[found] = True
        slots: Numbers = np.flatnonzero(marks).astype(np.int32)
        marks[slots] = False
        return slots

    def _write(self, entry: _Entry[Id]) -> None:
        """Find out the conditions of a query, store them and file it."""
        terms, slot = self._terms, entry.slot
        asked = [(part, conditions(part, terms.weight)) for part in entry.query.parts]
        every = together([each for _, each in asked])
        # What begins with what takes a look at every word, so it is only asked of a few documents, unless it is the rarest.
        rest = tuple(part for part, each in asked if not each.exact or has_prefix(each))
        by_weight = every.by_weight or has_prefix(every)
        self._entries[slot] = entry._replace(rest=rest, by_weight=by_weight)
        if not all(every.any_of):
            self._clauses.write(slot, (), ())  # nothing can match, so it is filed nowhere
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
        for number in filed:
            if (slots := self._by_term.get(number)) is None:
                slots = self._by_term[number] = array("i")
                self._lengths[self._terms.prefix_length(number)] += 1
                self._terms.counted(number, from_now=True)
            slots.append(slot)

    def _unfile(self, slot: int, filed: list[int]) -> None:
        if not filed and slot in self._always:
            self._always.remove(slot)
        for number in filed:
            slots = self._by_term[number]
            slots.remove(slot)
            if not slots:
                del self._by_term[number]
                self._lengths[self._terms.prefix_length(number)] -= 1
                self._terms.counted(number, from_now=False)

    def _refile(self, slots: Numbers) -> None:
        """File queries that were tried in vain again and again under what is rarest by now."""
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
        self._by_term = {int(renumbered[number]): slots for number, slots in self._by_term.items()}
