"""Compiled nodes of a query: NEAR, counts, and AND, OR, NOT around the leaves of ``terms``. Made by ``compile``.

A *positional* node has places of its own (``hits``); the others only hold or not. ``holds`` is cheap and decides;
``show`` collects the places of the leaves that made a node hold, and is only called if it does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from core.query.document import MASK, Document, Hits, hit
from core.query.terms import Leaf, Pair, Word

_MOST_PAIRS = 1_000_000
"""Pairs of places that one NEAR may have in a document. News has thousands; a hostile page could use up all memory."""


class Never:
    """Holds for no document: the same words in two fields at once."""

    __slots__ = ()
    positional = True

    def holds(self, document: Document) -> bool:  # noqa: ARG002
        """Whether the document matches."""
        return False

    def hits(self, document: Document) -> Hits:  # noqa: ARG002
        """Where it matches."""
        return ()

    def show(self, document: Document, kept: set[int] | None, out: set[int]) -> None:
        """Add nothing to ``out``."""


class AllOf:
    """AND. Never positional. Words come first, then leaves, then the rest, so that what fails fails early."""

    __slots__ = ("_later", "guard", "parts", "required", "unguarded")
    positional = False

    def __init__(self, parts: tuple[Compiled, ...]) -> None:
        self.parts = parts
        self.required = frozenset(part.key for part in parts if isinstance(part, Word))
        self._later = tuple(sorted((part for part in parts if not isinstance(part, Word)), key=_cost))
        lists = [part for part in parts if isinstance(part, AnyOf) and part.plain]
        shortest = min(lists, key=lambda part: len(part.keys), default=None)
        self.guard: frozenset[str] | None = None if shortest is None else shortest.keys
        """Words of which the document must have at least one: the shortest list of plain words."""
        self.unguarded: tuple[Compiled, ...] = tuple(part for part in self._later if part is not shortest)
        """The parts other than ``required`` and ``guard``."""

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        if not self.required <= document.words:
            return False
        for part in self._later:  # noqa: SIM110 - a third quicker than all(), and the innermost loop
            if not part.holds(document):
                return False
        return True

    def show(self, document: Document, kept: set[int] | None, out: set[int]) -> None:  # noqa: ARG002
        """Add the hits of all parts to ``out``."""
        for part in self.parts:
            part.show(document, None, out)


class AnyOf:
    """OR. Positional if all its parts are. Lists of words, thousands long on some desks, are one set."""

    __slots__ = ("_by_key", "_others", "_pairs", "_pairs_by_word", "_rest", "keys", "parts", "positional")

    def __init__(self, parts: tuple[Compiled, ...]) -> None:
        self.parts = parts
        self.positional: bool = all(part.positional for part in parts)
        self.keys = frozenset(part.key for part in parts if isinstance(part, Word) and part.width == 1)
        self._others = tuple(part for part in parts if not isinstance(part, Word) or part.width > 1)
        self._pairs = {part.bigram: part for part in parts if isinstance(part, Pair)}
        self._pairs_by_word: dict[str, list[Pair]] | None = None
        self._by_key: dict[str, list[Compiled]] = {}
        rest = []
        for part in self._others:
            if isinstance(part, Pair):
                continue
            # The longest word of a phrase is seldom in a document that lacks the phrase.
            if isinstance(part, Leaf) and part.keys:
                self._by_key.setdefault(max(part.keys, key=len), []).append(part)
            else:
                rest.append(part)
        self._rest = tuple(rest)

    @property
    def plain(self) -> bool:
        """Whether all parts are single words."""
        return not self._others

    def _likely(self, document: Document) -> Sequence[Compiled]:
        """Those of the parts other than words that ``document`` has a word of."""
        if not self._others:
            return ()
        likely = list(self._rest)
        if self._by_key:
            for key in self._by_key.keys() & document.words:
                likely += self._by_key[key]
        if not self._pairs:
            return likely
        if (known := document.known_bigrams) is not None:
            likely += map(self._pairs.__getitem__, self._pairs.keys() & known)
        else:
            likely += self._pairs_by_their_words(document)
        return likely

    def _pairs_by_their_words(self, document: Document) -> Iterator[Pair]:
        """For a document whose bigrams are not known: only without an index, so the table is built late."""
        if self._pairs_by_word is None:
            self._pairs_by_word = {}
            for pair in self._pairs.values():
                self._pairs_by_word.setdefault(max(pair.first, pair.second, key=len), []).append(pair)
        for word in self._pairs_by_word.keys() & document.words:
            yield from (pair for pair in self._pairs_by_word[word] if pair.holds(document))

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        if not self.keys.isdisjoint(document.words):
            return True
        if not self._others:
            return False
        if self._pairs and (known := document.known_bigrams) is not None and not self._pairs.keys().isdisjoint(known):
            return True
        for part in self._likely(document):  # noqa: SIM110 - see AllOf
            if part.holds(document):
                return True
        return False

    def hits(self, document: Document) -> Hits:
        """Where it matches, if it is positional."""
        return document.hits(self)

    def find(self, document: Document) -> Iterator[int]:
        """Where it matches, not cached."""
        for key in self.keys & document.words:
            yield from document.word_hits(key)
        for part in self._likely(document):
            yield from part.hits(document)  # type: ignore[union-attr]

    def show(self, document: Document, kept: set[int] | None, out: set[int]) -> None:
        """Add the hits of the parts that hold to ``out``; with ``kept`` only those of parts that have a place in it."""
        for key in self.keys & document.words:
            hits = document.word_hits(key)
            out.update(hits if kept is None else kept.intersection(hits))
        for part in self._likely(document):
            if kept is not None:
                part.show(document, kept.intersection(part.hits(document)), out)  # type: ignore[union-attr]
            elif part.holds(document):
                part.show(document, None, out)


class NoneOf:
    """NOT."""

    __slots__ = ("part",)
    positional = False

    def __init__(self, part: Compiled) -> None:
        self.part = part

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        return not self.part.holds(document)

    def show(self, document: Document, kept: set[int] | None, out: set[int]) -> None:
        """Add nothing to ``out``."""


class Close:
    """NEAR of two positional nodes. Its hits are the stretches from the first to the last word of a pair."""

    __slots__ = ("distance", "left", "ordered", "right")
    positional = True

    def __init__(self, left: Positional, right: Positional, distance: int, ordered: bool) -> None:
        self.left, self.right, self.distance, self.ordered = left, right, distance, ordered

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        if not (self.left.holds(document) and self.right.holds(document)):
            return False
        left, right = self.left.hits(document), self.right.hits(document)
        return _follows(left, right, self.distance) or (not self.ordered and _follows(right, left, self.distance))

    def hits(self, document: Document) -> Hits:
        """Where it matches."""
        return tuple(sorted({_joined(one, other) for one, other in self._pairs(document)}))

    def show(self, document: Document, kept: set[int] | None, out: set[int]) -> None:
        """Add the hits of the leaves of every pair to ``out``; with ``kept`` only of pairs whose stretch is in it."""
        pairs = self._pairs(document)
        if kept is not None:
            pairs = [pair for pair in pairs if _joined(*pair) in kept]
        self.left.show(document, {one for one, _ in pairs}, out)
        self.right.show(document, {other for _, other in pairs}, out)

    def _pairs(self, document: Document) -> list[tuple[int, int]]:
        """Hits of left and right that are near each other; left comes first in the pair, whichever is first in the text."""
        left, right = self.left.hits(document), self.right.hits(document)
        pairs = _following(left, right, self.distance)
        if not self.ordered:
            pairs += [(one, other) for other, one in _following(right, left, self.distance)]
        return pairs


class Counted:
    """ATLEAST of a positional node."""

    __slots__ = ("count", "part")
    positional = False

    def __init__(self, count: int, part: Positional) -> None:
        self.count, self.part = count, part

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        return len(self.part.hits(document)) >= self.count

    def show(self, document: Document, kept: set[int] | None, out: set[int]) -> None:  # noqa: ARG002
        """Add all hits to ``out``."""
        self.part.show(document, None, out)


Positional = Leaf | Never | AnyOf | Close
Compiled = Positional | AllOf | NoneOf | Counted


def _cost(node: Compiled) -> int:
    match node:
        case Leaf(words=words):
            return len(words)
        case AnyOf(plain=True) | NoneOf(part=AnyOf(plain=True) | Word()):
            return 0
        case AnyOf():
            return 10
        case _:
            return 20


def _joined(one: int, other: int) -> int:
    first, last = (one, other) if one < other else (other, one)
    return first & ~MASK | last & MASK


def _window(after: int, distance: int) -> tuple[int, int]:
    """Bounds of the hits that begin at most ``distance`` words after the hit ``after``."""
    field, last = after >> 64, after & MASK
    return hit(field, last + 1, 0), hit(field, last + 2 + distance, 0)


def _follows(earlier: Sequence[int], later: Sequence[int], distance: int) -> bool:
    for one in earlier:
        low, high = _window(one, distance)
        place = bisect_left(later, low)
        if place < len(later) and later[place] < high:
            return True
    return False


def _following(earlier: Sequence[int], later: Sequence[int], distance: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for one in earlier:
        low, high = _window(one, distance)
        place = bisect_left(later, low)
        while place < len(later) and later[place] < high:
            pairs.append((one, later[place]))
            place += 1
        if len(pairs) > _MOST_PAIRS:
            raise OverflowError(f"a NEAR has more than {_MOST_PAIRS} pairs of places in one document")
    return pairs
