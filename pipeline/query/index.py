"""Many queries against one document: a presearcher that picks candidates by the document's words, then the exact match.

Each query is filed under words without which it can't match (``necessary``): for an AND under one part's, the one whose
words are rarest; for an OR under those of every branch. A query with no such words (``NOT a``, ``a OR NOT b``) is tried on
every document. What is rare is guessed from the length of a word at first; a query that is tried in vain again and again is
filed anew by what was seen since. So adding and removing touch one query only, and results never depend on the filing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from pipeline.query.ast import And, Exact, Node, Not, Or, Phrase, Prefix, Query, Term, Wild, WordPattern
from pipeline.query.document import Document
from pipeline.query.match import CompiledQuery, compile_query
from pipeline.records.article import Match

Id = TypeVar("Id", bound=Hashable)

_PREFIX_LENGTH = 6  # longer prefixes are filed by their beginning: each length costs a slice of every word
_PATIENCE = 16


class Anchor(NamedTuple):
    """A word (or, with ``prefix``, the beginning of one) that a query is filed under."""

    key: str
    prefix: bool


Anchors = frozenset[Anchor]
Weight = Callable[[Anchor], float]


class QueryFailure(NamedTuple, Generic[Id]):
    """A query that raised ``error`` on a document; a fault of the program, since a query that parsed should never."""

    id: Id
    error: Exception


class IndexResult(NamedTuple, Generic[Id]):
    """What ``QueryIndex.evaluate`` found: matches by query, in the order of filing, and the queries that failed."""

    matches: dict[Id, tuple[Match, ...]]
    failures: list[QueryFailure[Id]]


def necessary(node: Node, weight: Weight) -> Anchors | None:
    """Words of which every document that ``node`` matches has at least one; None where none can be named.

    Of several such sets the one of least ``weight`` is taken.
    """
    match node:
        case Term(word):
            return frozenset((_anchor(word),))
        case Phrase(words):
            return frozenset((min((_anchor(word) for _, word in words), key=lambda anchor: (weight(anchor), anchor)),))
        case And(parts):
            choices = [found for part in parts if (found := necessary(part, weight)) is not None]
            return min(choices, key=lambda found: (sum(map(weight, found)), sorted(found))) if choices else None
        case Or(parts):
            branches = [necessary(part, weight) for part in parts]
            known = [branch for branch in branches if branch is not None]
            return frozenset().union(*known) if len(known) == len(branches) else None
        case Not():
            return None


def _anchor(word: WordPattern) -> Anchor:
    match word:
        case Exact(key, _):
            return Anchor(key, False)
        case Prefix(key):
            return Anchor(key[:_PREFIX_LENGTH], True)
        case Wild(pattern):
            literal = pattern.replace("?", "*").partition("*")[0]
            return Anchor(literal[:_PREFIX_LENGTH], True)


class _Entry(Generic[Id]):
    """One filed query. ``vain`` counts tries without a match since it was filed; at ``patience`` it is filed anew."""

    __slots__ = ("anchors", "id", "order", "patience", "query", "vain")

    def __init__(self, id: Id, query: CompiledQuery, order: int) -> None:  # noqa: A002 - the public word for it
        self.id, self.query, self.order = id, query, order
        self.anchors: Anchors | None = None
        self.vain, self.patience = 0, _PATIENCE


class QueryIndex(Generic[Id]):
    """Queries by id. One instance belongs to one thread."""

    def __init__(self) -> None:
        self._entries: dict[Id, _Entry[Id]] = {}
        self._by_word: dict[str, dict[Id, _Entry[Id]]] = {}
        self._by_prefix: dict[int, dict[str, dict[Id, _Entry[Id]]]] = {}
        self._always: dict[Id, _Entry[Id]] = {}
        self._seen: dict[Anchor, int] = {}
        self._since: dict[Anchor, int] = {}
        self._documents = 0
        self._added = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return id in self._entries

    def add(self, id: Id, query: Query | CompiledQuery) -> None:  # noqa: A002
        """File ``query`` under ``id``; an earlier one of this id is replaced."""
        self.remove(id)
        compiled = query if isinstance(query, CompiledQuery) else compile_query(query)
        entry = self._entries[id] = _Entry(id, compiled, self._added)
        self._added += 1
        self._file(entry, necessary(compiled.query.root, self._weight))

    def remove(self, id: Id) -> None:  # noqa: A002
        """Forget the query of this id; nothing happens where there is none."""
        if (entry := self._entries.pop(id, None)) is not None:
            self._unfile(entry)

    def match(self, document: Document) -> dict[Id, tuple[Match, ...]]:
        """The queries that match, with what they matched. Where failures must not be lost, use ``evaluate``."""
        return self.evaluate(document).matches

    def evaluate(self, document: Document) -> IndexResult[Id]:
        """Run all queries on ``document``. One that fails is reported and the others go on."""
        self._documents += 1
        matches: list[tuple[int, Id, tuple[Match, ...]]] = []
        failures: list[QueryFailure[Id]] = []
        refile: list[_Entry[Id]] = []
        for entry in self._candidates(document).values():
            try:
                found = entry.query.match(document)
            except Exception as error:  # a value, so that the other queries still run
                failures.append(QueryFailure(entry.id, error))
                continue
            if found is not None:
                matches.append((entry.order, entry.id, found))
                continue
            entry.vain += 1
            if entry.vain >= entry.patience:
                refile.append(entry)
        for entry in refile:
            self._refile(entry)
        matches.sort(key=lambda item: item[0])
        return IndexResult({id: found for _, id, found in matches}, failures)  # noqa: A001

    def candidates(self, document: Document) -> list[Id]:
        """The queries that the presearcher can't rule out for ``document``, or for any part of it, in the order of filing."""
        self._documents += 1
        return [entry.id for entry in sorted(self._candidates(document).values(), key=lambda entry: entry.order)]

    def anchors(self, id: Id) -> Anchors | None:  # noqa: A002
        """What the query is filed under now (None: it is always tried); for ``explain``. Raises KeyError."""
        return self._entries[id].anchors

    def _candidates(self, document: Document) -> dict[Id, _Entry[Id]]:
        found = dict(self._always)
        seen = self._seen
        for word in document.words & self._by_word.keys():
            anchor = Anchor(word, False)
            seen[anchor] = seen.get(anchor, 0) + 1
            found.update(self._by_word[word])
        for length, by_prefix in self._by_prefix.items():
            for beginning in {word[:length] for word in document.words} & by_prefix.keys():
                anchor = Anchor(beginning, True)
                seen[anchor] = seen.get(anchor, 0) + 1
                found.update(by_prefix[beginning])
        return found

    def _weight(self, anchor: Anchor) -> float:
        """Share of documents that hold the anchor: a guess by length, worth 8 documents, mended by what was seen."""
        letters = len(anchor.key) if anchor.key.isascii() else 2 * len(anchor.key)
        guess = (3.0 if anchor.prefix else 1.0) / letters**2
        if anchor not in self._since:
            return guess  # an anchor is counted only while a query is filed under it
        return (guess * 8 + self._seen.get(anchor, 0)) / (8 + self._documents - self._since[anchor])

    def _file(self, entry: _Entry[Id], anchors: Anchors | None) -> None:
        entry.anchors = anchors
        if anchors is None:
            self._always[entry.id] = entry
            return
        for key, prefix in anchors:
            table = self._by_prefix.setdefault(len(key), {}) if prefix else self._by_word
            table.setdefault(key, {})[entry.id] = entry
            self._since.setdefault(Anchor(key, prefix), self._documents)

    def _unfile(self, entry: _Entry[Id]) -> None:
        self._always.pop(entry.id, None)
        for key, prefix in entry.anchors or ():
            table = self._by_prefix[len(key)] if prefix else self._by_word
            table[key].pop(entry.id, None)
            if not table[key]:
                del table[key]
                self._seen.pop(Anchor(key, prefix), None)
                self._since.pop(Anchor(key, prefix), None)
            if prefix and not table:
                del self._by_prefix[len(key)]

    def _refile(self, entry: _Entry[Id]) -> None:
        anchors = necessary(entry.query.query.root, self._weight)
        if anchors != entry.anchors:
            self._unfile(entry)
            self._file(entry, anchors)
        entry.vain, entry.patience = 0, entry.patience * 2
