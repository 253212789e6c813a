"""Many queries against one document: a presearcher that picks candidates by the document's words, then the exact match.

Each query is filed under its required terms (``required_terms``): for an AND under those of one part, the one whose terms
are rarest; for an OR under those of every branch. A query without required terms (``NOT a``, ``a OR NOT b``) is tried on
every document. At first, how rare a term is is guessed from its length; a query that is tried without a match again and
again is filed again by the frequencies counted since. So adding and removing touch one query only, and results never depend
on the filing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from core.query.ast import Query
from core.query.budget import NotDecided
from core.query.compile import CompiledQuery, compile_query
from core.query.document import Document
from core.query.required_terms import RequiredTerms, guessed_weight, metadata_terms, required_terms
from core.records.article import Match

Id = TypeVar("Id", bound=Hashable)

_DEAR = 8
"""Cost of a try without a match that the words alone did not refuse, in tries that they did."""
_EAGER, _PATIENCE, _KNOWING = 8, 64, 48
"""Cost of tries without a match after which a query is filed again (which costs more than either); the first is enough for a
query that was filed before the third number of documents was counted."""
_REFILED_AT_LEAST = 32
"""Terms of queries that are filed again after one document: this many, or as many as queries were tried if those are more.

The other queries are filed again at their next try. So an index that starts with hundreds of thousands of queries and no
counts is filed well after some hundred documents, and a document costs at most twice as much in the meantime.
"""
_GUESS_WORTH = 8
"""Documents that a guess of a term's frequency counts as."""
_SAMPLED, _SAMPLED_AT_FIRST = 16, 256
"""Words are counted in one of 16 documents, and in each of the first 256: counting costs as much as finding candidates."""
_WORDS_COUNTED = 1 << 16
"""Words whose frequency is kept, in about 10 MB; beyond that the rarest are dropped, and their frequency is guessed again."""


def most_met(met: Counter[str], most: int) -> Counter[str]:
    """The most frequent words, ``most`` at most. Words with equal counts stay or go together, so that order has no effect."""
    least = 1
    while len(met) > most:
        least += 1
        met = Counter({word: count for word, count in met.items() if count >= least})
    return met


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


class _Entry(Generic[Id]):
    """One filed query. ``vain`` is the cost of tries without a match since it was filed; at ``patience`` it is filed again."""

    __slots__ = ("id", "order", "patience", "query", "terms", "vain")

    def __init__(self, id: Id, query: CompiledQuery, order: int) -> None:  # noqa: A002 - the public word for it
        self.id, self.query, self.order = id, query, order
        self.terms: RequiredTerms | None = ()
        self.vain, self.patience = 0, _EAGER


def _order(entry: _Entry[Id]) -> int:
    return entry.order


def _tried_in_vain(entry: _Entry[Id], refile: list[_Entry[Id]]) -> None:
    entry.vain += _DEAR
    if entry.vain >= entry.patience:
        refile.append(entry)


class _Filed(list[_Entry[Id]], Generic[Id]):
    """The queries filed under one term, which was ``seen`` in that many documents after the ``since``-th."""

    __slots__ = ("seen", "since")

    def __init__(self, since: int) -> None:
        self.seen, self.since = 0, since


class QueryIndex(Generic[Id]):
    """Queries by id. One instance belongs to one thread."""

    def __init__(self) -> None:
        self._entries: dict[Id, _Entry[Id]] = {}
        self._by_word: dict[str, _Filed[Id]] = {}
        self._by_bigram: dict[str, _Filed[Id]] = {}
        self._by_prefix: dict[int, dict[str, _Filed[Id]]] = {}
        self._by_stem: dict[str, _Filed[Id]] = {}
        self._by_metadata: dict[str, _Filed[Id]] = {}
        self._always: dict[Id, _Entry[Id]] = {}
        self._met = Counter[str]()  # number of counted documents with each word
        self._counted = 0
        self._documents = 0
        self._tried = 0  # candidates of the last document
        self._added = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return id in self._entries

    def add(self, id: Id, query: Query | CompiledQuery) -> None:  # noqa: A002
        """Add ``query`` under ``id``; an earlier one with this id is replaced."""
        self.remove(id)
        compiled = query if isinstance(query, CompiledQuery) else compile_query(query)
        entry = self._entries[id] = _Entry(id, compiled, self._added)
        self._added += 1
        self._file(entry, required_terms(compiled.root, self._weight))
        if self._counted >= _KNOWING:
            entry.patience = _PATIENCE

    def remove(self, id: Id) -> None:  # noqa: A002
        """Remove the query with this id, if there is one."""
        if (entry := self._entries.pop(id, None)) is not None:
            self._unfile(entry)

    def match(self, document: Document) -> dict[Id, tuple[Match, ...]]:
        """The queries that match, with what they matched. Failures are dropped; ``evaluate`` reports them."""
        return self.evaluate(document).matches

    def evaluate(self, document: Document) -> IndexResult[Id]:
        """Run all queries on ``document``. One that raises is reported in ``failures``; the others still run."""
        self._documents += 1
        matches: list[tuple[int, Id, tuple[Match, ...]]] = []
        failures: list[QueryFailure[Id]] = []
        refile: list[_Entry[Id]] = []
        for entry in self._possible(document, refile):
            try:
                found = entry.query.shown(document) if entry.query.holds_besides(document) else None
            except Exception as error:  # returned, so that the other queries still run
                failures.append(QueryFailure(entry.id, error))
                continue
            if found is not None:
                matches.append((entry.order, entry.id, found))
            else:
                _tried_in_vain(entry, refile)
        self._refile(refile)
        matches.sort(key=lambda item: item[0])
        return IndexResult({id: found for _, id, found in matches}, failures)  # noqa: A001

    def decide(self, document: Document) -> Decided[Id]:
        """The queries that match, without what they matched: ``spans`` has that of the few whose alerts need it."""
        self._documents += 1
        found: list[_Entry[Id]] = []
        failures: list[QueryFailure[Id]] = []
        refile: list[_Entry[Id]] = []
        for entry in self._possible(document, refile):
            try:
                held = entry.query.holds_besides(document)
            except Exception as error:  # returned, so that the other queries still run
                failures.append(QueryFailure(entry.id, error))
                continue
            if held:
                found.append(entry)
            else:
                _tried_in_vain(entry, refile)
        self._refile(refile)
        return Decided([entry.id for entry in sorted(found, key=_order)], failures)

    def spans(self, id: Id, document: Document, most: int | None = None) -> tuple[Match, ...]:  # noqa: A002
        """What a query that matches ``document`` matched; of the text and of the rest the first ``most``. Raises KeyError."""
        return self._entries[id].query.match(document, most) or ()

    def matching(self, document: Document) -> list[Id]:
        """``decide``, with failures raised."""
        decided = self.decide(document)
        if decided.failures:
            raise decided.failures[0].error
        return decided.matching

    def candidates(self, document: Document) -> list[Id]:
        """The queries that the presearcher can't rule out for ``document``, or for any part of it, in the order of adding."""
        self._documents += 1
        return [entry.id for entry in sorted(self._candidates(document), key=_order)]

    def required_terms(self, id: Id) -> RequiredTerms | None:  # noqa: A002
        """The terms that the query is filed under now (None: it is always tried). Raises KeyError."""
        return self._entries[id].terms

    def _possible(self, document: Document, refile: list[_Entry[Id]]) -> list[_Entry[Id]]:
        """The candidates whose required words the document has: most are refused here, in a third of a microsecond."""
        words = document.words
        possible: list[_Entry[Id]] = []
        candidates = self._candidates(document)
        self._tried = len(candidates)
        for entry in candidates:
            query = entry.query
            if query.required <= words and (query.guard is None or not query.guard.isdisjoint(words)):
                possible.append(entry)
            else:
                entry.vain += 1
                if entry.vain >= entry.patience:
                    refile.append(entry)
        return possible

    def _candidates(self, document: Document) -> set[_Entry[Id]]:
        found = set(self._always.values())
        words = document.words
        if self._documents < _SAMPLED_AT_FIRST or self._documents % _SAMPLED == 0:
            self._count(words)
        _collect(self._by_word, words, found)
        if self._by_bigram:
            _collect(self._by_bigram, document.bigrams, found)
        for length, by_prefix in self._by_prefix.items():
            _collect(by_prefix, document.prefixes(length), found)
        if self._by_stem:
            _collect(self._by_stem, document.stems, found)
        if self._by_metadata:
            _collect(self._by_metadata, metadata_terms(document), found)
        return found

    def _count(self, words: set[str]) -> None:
        self._counted += 1
        self._met.update(words)
        if len(self._met) > _WORDS_COUNTED:
            self._met = most_met(self._met, _WORDS_COUNTED // 2)

    def _weight(self, term: str) -> float:
        """Share of documents that have the term: a guess, corrected by counts (for words, also from before they were filed)."""
        table, key = self._place(term)
        if table is self._by_word:
            return (guessed_weight(term) * _GUESS_WORTH + self._met.get(term, 0)) / (_GUESS_WORTH + self._counted)
        filed = table.get(key) if table is not None else None
        if filed is None:
            return guessed_weight(term)
        return (guessed_weight(term) * _GUESS_WORTH + filed.seen) / (_GUESS_WORTH + self._documents - filed.since)

    def _place(self, term: str) -> tuple[dict[str, _Filed[Id]] | None, str]:
        """The table that a term belongs to (None: not created yet), and its key in it."""
        if ":" in term:
            return self._by_metadata, term
        if "~" in term:
            return self._by_stem, term
        if term[-1] == "*":
            return self._by_prefix.get(len(term) - 1), term[:-1]
        if " " in term:
            return self._by_bigram, term
        return self._by_word, term

    def _file(self, entry: _Entry[Id], terms: RequiredTerms | None) -> None:
        entry.terms = terms
        if terms is None:
            self._always[entry.id] = entry
            return
        for term in terms:
            table, key = self._place(term)
            if table is None:
                table = self._by_prefix[len(key)] = {}
            if (filed := table.get(key)) is None:
                filed = table[key] = _Filed(self._documents)
            filed.append(entry)

    def _unfile(self, entry: _Entry[Id]) -> None:
        self._always.pop(entry.id, None)
        for term in entry.terms or ():
            table, key = self._place(term)
            if table is None:
                continue
            filed = table[key]
            filed.remove(entry)
            if not filed:
                del table[key]
                if not table and table is self._by_prefix.get(len(key)):
                    del self._by_prefix[len(key)]

    def _refile(self, impatient: list[_Entry[Id]]) -> None:
        if self._counted < _KNOWING:
            return
        left = max(_REFILED_AT_LEAST, self._tried)
        for entry in impatient:
            left -= len(entry.terms or ()) or 1
            terms = required_terms(entry.query.root, self._weight)
            if terms != entry.terms:
                self._unfile(entry)
                self._file(entry, terms)
            entry.vain, entry.patience = 0, max(_PATIENCE, entry.patience * 2)
            if left <= 0:
                break


def _collect(table: dict[str, _Filed[Id]], keys: Iterable[str], found: set[_Entry[Id]]) -> None:
    for key in table.keys() & keys:
        filed = table[key]
        filed.seen += 1
        found.update(filed)
