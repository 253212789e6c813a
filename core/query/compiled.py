"""Compiled nodes of a query: NEAR, counts, and AND, OR, NOT around the leaves of ``terms``. Created by ``compile``.

A *positional* node has places of its own (``hits``); the others only match or don't. ``holds`` is cheap and decides;
``show`` collects the places of the leaves that made a node match, and is only called if it does. ``costly`` nodes count
their steps in the document's ``budget``, and raise NotDecided if there are too many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import methodcaller

from core.query import chains
from core.query.chains import DEEPEST, Fits
from core.query.document import MASK, Document, Hits, Shown, hit
from core.query.terms import Leaf, Pair, Word


class Never:
    """Matches no document: the same words in two fields at once."""

    __slots__ = ()
    positional = True
    costly = False
    depth = 0

    def holds(self, document: Document) -> bool:  # noqa: ARG002
        """Whether the document matches."""
        return False

    def begins(self, document: Document, end: Fits) -> list[int]:  # noqa: ARG002
        """See ``chains.Side``."""
        return []

    ends = begins

    def show_within(self, document: Document, begin: Fits, end: Fits, out: Shown) -> None:
        """See ``chains.Side``."""

    def hits(self, document: Document) -> Hits:  # noqa: ARG002
        """Where it matches."""
        return ()

    def show(self, document: Document, kept: set[int] | None, out: Shown) -> None:
        """Add nothing to ``out``."""


class AllOf:
    """AND. Never positional. Words are tried first, then leaves, then the rest, costly parts last, to fail early."""

    __slots__ = ("_later", "costly", "guard", "ordered", "parts", "required", "unguarded")
    positional = False

    def __init__(self, parts: tuple[Compiled, ...]) -> None:
        self.parts = parts
        self.costly: bool = any(part.costly for part in parts)
        self.required = frozenset(part.key for part in parts if isinstance(part, Word))
        later = (part for part in parts if not isinstance(part, Word))
        self._later = tuple(sorted(later, key=lambda part: (part.costly, _cost(part))))
        self.ordered: tuple[Compiled, ...] = (*(part for part in parts if isinstance(part, Word)), *self._later)
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
        for part in self._later:  # noqa: SIM110 - a third faster than all(), in the innermost loop
            if not part.holds(document):
                return False
        return True

    def show(self, document: Document, kept: set[int] | None, out: Shown) -> None:  # noqa: ARG002
        """Add the hits of all parts to ``out``."""
        for part in self.parts:
            part.show(document, None, out)


class AnyOf:
    """OR. Positional if all its parts are. A list of words, which may be thousands long, is one set."""

    __slots__ = (
        "_by_key",
        "_costly",
        "_only_pairs",
        "_others",
        "_pairs",
        "_pairs_by_word",
        "_rest",
        "costly",
        "depth",
        "keys",
        "parts",
        "positional",
    )

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
            if isinstance(part, Pair) or part.costly:
                continue
            # The longest word of a phrase is rarely in a document that lacks the phrase.
            if isinstance(part, Leaf) and part.keys:
                self._by_key.setdefault(max(part.keys, key=len), []).append(part)
            else:
                rest.append(part)
        self._rest = tuple(rest)
        self._only_pairs = len(self._pairs) == len(self._others)
        # These come last, in a fixed order: the steps spent before one of them matches must not depend on a set's
        # order.
        self._costly = tuple(part for part in parts if part.costly)
        self.costly: bool = bool(self._costly)
        self.depth: int = max(
            (part.depth for part in parts if not isinstance(part, AllOf | NoneOf | Counted)), default=0
        )

    @property
    def plain(self) -> bool:
        """Whether all parts are single words."""
        return not self._others

    def _likely(self, document: Document) -> Sequence[Compiled]:
        """The parts other than words and costly ones of which ``document`` has a word."""
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
        """For a document whose bigrams are not known. That happens only without an index, so the table is built late."""
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
        if self._pairs and (known := document.known_bigrams) is not None:
            if not self._pairs.keys().isdisjoint(known):
                return True
            if self._only_pairs:
                return False
        for part in self._likely(document):
            if part.holds(document):
                return True
        for part in self._costly:  # noqa: SIM110 - see AllOf
            if part.holds(document):
                return True
        return False

    def hits(self, document: Document) -> Hits:
        """Where it matches, if it is positional."""
        return document.budget.hits(self, document) if self.costly else document.hits(self)

    def find(self, document: Document) -> Iterator[int]:
        """Where it matches, not cached."""
        for key in self.keys & document.words:
            yield from document.word_hits(key)
        for part in (*self._likely(document), *self._costly):
            yield from part.hits(document)  # type: ignore[union-attr]

    def begins(self, document: Document, end: Fits) -> list[int]:
        """See ``chains.Side``."""
        if not self.depth:
            return chains.begins_of(self.hits(document), document.budget, end)
        return sorted({one for part in self._sides(document) for one in part.begins(document, end)})

    def ends(self, document: Document, begin: Fits) -> list[int]:
        """See ``chains.Side``."""
        if not self.depth:
            return chains.ends_of(self.hits(document), document.budget, begin)
        return sorted({one for part in self._sides(document) for one in part.ends(document, begin)})

    def show_within(self, document: Document, begin: Fits, end: Fits, out: Shown) -> None:
        """See ``chains.Side``."""
        for part in self._sides(document):
            part.show_within(document, begin, end, out)

    def _sides(self, document: Document) -> Iterator[Positional]:
        for part in self.parts:
            if not isinstance(part, Word) or part.key in document.words:
                yield part  # type: ignore[misc]  # called only for an OR that is positional

    def show(self, document: Document, kept: set[int] | None, out: Shown) -> None:
        """Add the hits of the matching parts to ``out``; with ``kept`` only those of parts with a place in it."""
        for key in self.keys & document.words:
            if kept is None:
                out.take_of(methodcaller("word_hits", key), document)
            else:
                out.update(kept.intersection(document.word_hits(key)))
        for part in (*self._likely(document), *self._costly):
            if kept is not None:
                part.show(document, kept.intersection(part.hits(document)), out)  # type: ignore[union-attr]
            elif part.holds(document):
                part.show(document, None, out)


class NoneOf:
    """NOT."""

    __slots__ = ("costly", "part")
    positional = False

    def __init__(self, part: Compiled) -> None:
        self.part = part
        self.costly: bool = part.costly

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        return not self.part.holds(document)

    def show(self, document: Document, kept: set[int] | None, out: Shown) -> None:
        """Add nothing to ``out``."""


class Close:
    """NEAR of two positional nodes. Its hits are the stretches from the first to the last word of a pair.

    With a NEAR in it, it is decided and shown without these pairs unless it is deeper than ``chains.DEEPEST``.
    """

    __slots__ = ("depth", "distance", "left", "ordered", "right")
    positional = True
    costly = True

    def __init__(self, left: Positional, right: Positional, distance: int, ordered: bool) -> None:
        self.left, self.right, self.distance, self.ordered = left, right, distance, ordered
        self.depth: int = 1 + max(left.depth, right.depth)

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        if not (self.left.holds(document) and self.right.holds(document)):
            return False
        if 1 < self.depth <= DEEPEST:
            return any(chains.any_follows(one, other, self.distance, document) for one, other in self._orders())
        left, right = self._sides(document)
        return _follows(left, right, self.distance) or (not self.ordered and _follows(right, left, self.distance))

    def hits(self, document: Document) -> Hits:
        """Where it matches."""
        return document.budget.hits(self, document)

    def find(self, document: Document) -> Iterator[int]:
        """Where it matches, not cached."""
        left, right = self._sides(document)
        for one, others in self._near(left, right, document):
            first = one & ~MASK
            yield from {first | other & MASK for other in others}
        if not self.ordered:
            for one, others in self._near(right, left, document):
                first = one & ~MASK
                yield from {first | other & MASK for other in others}

    def show(self, document: Document, kept: set[int] | None, out: Shown) -> None:
        """Add the leaves' hits of every pair to ``out``; with ``kept`` only of pairs whose stretch is in it."""
        if kept is None and 1 < self.depth <= DEEPEST:
            self.show_within(document, None, None, out)
            return
        left, right = self._sides(document)
        if kept is None:
            lefts, rights = _followed(left, right, self.distance)
            if not self.ordered:
                more_rights, more_lefts = _followed(right, left, self.distance)
                lefts, rights = lefts | more_lefts, rights | more_rights
        else:
            lefts, rights = self._kept(left, right, kept, document)
            if not self.ordered:
                more_rights, more_lefts = self._kept(right, left, kept, document)
                lefts, rights = lefts | more_lefts, rights | more_rights
        self.left.show(document, lefts, out)
        self.right.show(document, rights, out)

    def begins(self, document: Document, end: Fits) -> list[int]:
        """See ``chains.Side``."""
        if self.depth > DEEPEST:
            return chains.begins_of(self.hits(document), document.budget, end)
        found = (chains.begins_in_order(*one, self.distance, document, end) for one in self._orders())
        return sorted({begin for each in found for begin in each})

    def ends(self, document: Document, begin: Fits) -> list[int]:
        """See ``chains.Side``."""
        if self.depth > DEEPEST:
            return chains.ends_of(self.hits(document), document.budget, begin)
        found = (chains.ends_in_order(*one, self.distance, document, begin) for one in self._orders())
        return sorted({end for each in found for end in each})

    def show_within(self, document: Document, begin: Fits, end: Fits, out: Shown) -> None:
        """See ``chains.Side``."""
        if self.depth > DEEPEST:
            self.show(document, chains.shown_of(self.hits(document), document.budget, begin, end), out)
            return
        for one, other in self._orders():
            chains.show_in_order(one, other, self.distance, document, begin, end, out)

    def _orders(self) -> Iterator[tuple[Positional, Positional]]:
        """The orders in which the sides may come."""
        yield self.left, self.right
        if not self.ordered:
            yield self.right, self.left

    def _sides(self, document: Document) -> tuple[Hits, Hits]:
        left, right = self.left.hits(document), self.right.hits(document)
        document.budget.spend(len(left) + len(right))
        return left, right

    def _near(self, earlier: Hits, later: Hits, document: Document) -> Iterator[tuple[int, Hits]]:
        """Each hit of ``earlier`` with the hits of ``later`` that follow within ``distance`` words, if there are any."""
        budget = document.budget
        for one in earlier:
            low, high = _window(one, self.distance)
            begin = bisect_left(later, low)
            end = bisect_left(later, high, begin)
            if begin < end:
                budget.spend(end - begin)
                yield one, later[begin:end]

    def _kept(self, earlier: Hits, later: Hits, kept: set[int], document: Document) -> tuple[set[int], set[int]]:
        """The hits of both sides in pairs whose stretch is in ``kept``."""
        ones, others = set[int](), set[int]()
        for one, behind in self._near(earlier, later, document):
            first = one & ~MASK
            if found := [other for other in behind if first | other & MASK in kept]:
                ones.add(one)
                others.update(found)
        return ones, others


class Counted:
    """ATLEAST of a positional node."""

    __slots__ = ("costly", "count", "part")
    positional = False

    def __init__(self, count: int, part: Positional) -> None:
        self.count, self.part = count, part
        self.costly: bool = part.costly

    def holds(self, document: Document) -> bool:
        """Whether the document matches."""
        return len(self.part.hits(document)) >= self.count

    def show(self, document: Document, kept: set[int] | None, out: Shown) -> None:  # noqa: ARG002
        """Add all hits to ``out``."""
        self.part.show(document, None, out)


def words_near(node: Close) -> tuple[frozenset[str], frozenset[str] | None]:
    """For a NEAR of words and lists: words that a document must have, and words of which it must have one."""
    required: set[str] = set()
    guard: frozenset[str] | None = None
    for side in (node.left, node.right):
        if isinstance(side, Word):
            required.add(side.key)
        elif isinstance(side, AnyOf) and side.plain and (guard is None or len(side.keys) < len(guard)):
            guard = side.keys
    return frozenset(required), guard


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


def _followed(earlier: Sequence[int], later: Sequence[int], distance: int) -> tuple[set[int], set[int]]:
    """The hits of ``earlier`` that are followed by one of ``later``, and the latter, without making the pairs."""
    ones = set[int]()
    ends: list[tuple[int, int]] = []
    for one in earlier:
        low, high = _window(one, distance)
        begin = bisect_left(later, low)
        if begin < len(later) and later[begin] < high:
            ones.add(one)
            ends.append((begin, bisect_left(later, high, begin)))
    others = set[int]()
    done = 0
    for begin, end in sorted(ends):
        if end > done:
            others.update(later[max(begin, done) : end])
            done = end
    return ones, others
