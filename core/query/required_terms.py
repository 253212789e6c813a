"""Required terms: without one of them a query can't match, so the index of queries files it under them.

Most queries consist only of such conditions: words, phrases of two, lists of these, and excluded lists.

A term is a string whose form shows its kind, since no key of a word contains a space or any of ``* ~ :``: ``syria`` is
a word, ``tanf al`` two adjacent words, ``sanc*`` a word with this prefix, ``ru~переговор`` a word with this stem in a
document in this language, ``source:reuters`` a word in this field, ``url:*`` any value of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from core.query.ast import Exact, Prefix, Wild
from core.query.compiled import AllOf, AnyOf, Close, Compiled, Counted, Never, NoneOf
from core.query.document import Document
from core.query.terms import CasedWord, Leaf, Pair, StemmedWord, Word, WordTest, query_stems

PREFIX_LENGTH = 6  # longer prefixes are filed under their first letters: each length requires slicing every word

RequiredTerms = tuple[str, ...]
Weight = Callable[[str], float]
"""Frequency of a term: the share of documents that have it."""

BESIDE = 0.1
"""How often the two words of a phrase are adjacent, per occurrence of the rarer one: a guess."""

_IN_TEXT = (None, "title", "body")
_MARKS = frozenset("*~: ")
_MOST_PAIRS = 8
"""Most pairs of one phrase that are required: more would rule out hardly any further documents, and cost memory."""


class Conditions(NamedTuple):
    """What a document must have and lack to match a node, as sets of terms.

    It has at least one term of each set in ``any_of``, and none of any set in ``none_of``. ``exact``: these conditions
    are also sufficient. ``by_weight``: the sets were chosen among several by the weight of terms.
    """

    any_of: tuple[RequiredTerms, ...] = ()
    none_of: tuple[RequiredTerms, ...] = ()
    exact: bool = False
    by_weight: bool = False


def required_terms(node: Compiled, weight: Weight) -> RequiredTerms | None:
    """Terms of which every document that matches ``node`` has at least one, sorted; None if there is no such set.

    If there are several sets, it returns the one with the least ``weight``. An empty set means that nothing can match.
    """
    found = conditions(node, weight).any_of
    return tuple(sorted(set(_rarest(found, weight)))) if found else None


def conditions(node: Compiled, weight: Weight) -> Conditions:
    """The conditions of ``node``. An empty set in ``any_of`` means that nothing can match."""
    match node:
        case Word(key=key):
            return Conditions(((key,),), exact=True)
        case Pair(bigram=bigram):
            return Conditions(((bigram,),), exact=True)
        case Leaf(bigrams=bigrams) if bigrams:
            longest = sorted(bigrams, key=len, reverse=True)[:_MOST_PAIRS]
            return Conditions(tuple((bigram,) for bigram in longest))
        case Leaf(words=words, scope=scope):
            return Conditions(tuple(tuple(_of_word(word, scope)) for _, word in words), exact=_is_term(node))
        case AllOf(parts=parts):
            return together([conditions(part, weight) for part in parts])
        case AnyOf(parts=parts):
            return _either([conditions(part, weight) for part in parts], weight)
        case Close(left=left, right=right):
            return together([conditions(left, weight), conditions(right, weight)])._replace(exact=False)
        case Counted(part=part):
            return conditions(part, weight)._replace(exact=False)
        case Never():
            return Conditions(((),), exact=True)
        case NoneOf(part=part):
            inner = conditions(part, weight)
            if inner.exact and len(inner.any_of) == 1 and not inner.none_of:
                return Conditions((), inner.any_of if inner.any_of[0] else (), exact=True)
            return Conditions()
    raise TypeError(f"{type(node).__name__} has no conditions")


def together(parts: Sequence[Conditions]) -> Conditions:
    """The conditions of an AND."""
    return Conditions(
        tuple(chain.from_iterable(part.any_of for part in parts)),
        tuple(chain.from_iterable(part.none_of for part in parts)),
        all(part.exact for part in parts),
        any(part.by_weight for part in parts),
    )


def _either(parts: Sequence[Conditions], weight: Weight) -> Conditions:
    """The conditions of an OR: one set, with the rarest set of each part."""
    if not all(part.any_of for part in parts):
        return Conditions()
    several = any(len(part.any_of) > 1 for part in parts)
    terms = chain.from_iterable(_rarest(part.any_of, weight) for part in parts)
    exact = not several and all(part.exact and not part.none_of for part in parts)
    by_weight = several or any(part.by_weight for part in parts)
    return Conditions((tuple(dict.fromkeys(terms)),), (), exact, by_weight)


def _rarest(several: Sequence[RequiredTerms], weight: Weight) -> RequiredTerms:
    if len(several) == 1:
        return several[0]
    return min(several, key=lambda terms: (sum(_weight_of(term, weight) for term in terms), sorted(terms)))


def _weight_of(term: str, weight: Weight) -> float:
    first, space, second = term.partition(" ")
    return BESIDE * min(weight(first), weight(second)) if space and ":" not in term else weight(term)


def _is_term(leaf: Leaf) -> bool:
    """Whether a leaf matches if, and only if, a document has one of its terms."""
    (_, word), *more = leaf.words
    if more or leaf.lead:
        return False
    match word:
        case Exact():
            return leaf.scope not in _IN_TEXT
        case Prefix(key=key):
            return leaf.scope is None and len(key) <= PREFIX_LENGTH
        case StemmedWord():
            return leaf.scope is None
    return False


def _of_word(word: WordTest, scope: str | None) -> list[str]:
    if scope not in _IN_TEXT:
        return [f"{scope}:{word.key}" if isinstance(word, Exact) else f"{scope}:*"]
    match word:
        case Exact(key, _):
            return [key]
        case Prefix(key):
            return [f"{key[:PREFIX_LENGTH]}*"]
        case Wild(pattern):
            literal = re.split(r"[*?]", pattern, maxsplit=1)[0]
            return [f"{literal[:PREFIX_LENGTH]}*"]
        case CasedWord(pattern, _):
            return _of_word(pattern, scope)
        case StemmedWord(key, written):
            return [key, *sorted(query_stems(written))]


def is_word(term: str) -> bool:
    """Whether a term is a single word."""
    return _MARKS.isdisjoint(term)


def prefix_length(term: str) -> int:
    """The length of a prefix; 0 for other terms."""
    return len(term) - 1 if term[-1:] == "*" and ":" not in term else 0


def prefixes_in(terms: RequiredTerms) -> bool:
    """Whether any of the terms is a prefix."""
    return any(map(prefix_length, terms))


def has_prefix(asked: Conditions) -> bool:
    """Whether any term of the conditions is a prefix."""
    return any(map(prefixes_in, (*asked.any_of, *asked.none_of)))


def metadata_terms(document: Document, fields: Collection[str]) -> list[str]:
    """The terms of ``document`` in these fields other than title and text."""
    found: list[str] = []
    for name in fields:
        if document.metadata[name]:
            found.append(f"{name}:*")
            found += (f"{name}:{key}" for field in document.scope(name) for key in field.postings)
    return found


@lru_cache(maxsize=1 << 16)
def guessed_weight(term: str) -> float:
    """Share of documents with the term, guessed from its form: short words are frequent."""
    name, colon, key = term.partition(":")
    if colon:
        shares = {"lang": 0.3, "url": 0.1, "source": 0.02, "topic": 0.05, "kind": 0.1, "author": 0.01}
        return 1.0 if key == "*" else shares[name]
    key = term.rpartition("~")[2].partition(" ")[0]
    letters = (len(key) if key.isascii() else 2 * len(key)) - key.endswith("*")
    return (3.0 if term[-1] == "*" or "~" in term else 1.0) / max(letters, 1) ** 2
