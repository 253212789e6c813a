"""Required terms: without one of them a query can't match, so the index of queries files it under them.

A term is a string that shows its kind, since no key of a word contains a space or any of ``* ~ :``: ``syria`` is the word,
``tanf al`` two adjacent words, ``sanc*`` a word with this prefix, ``ru~переговор`` a word with this stem in a document in
this language, ``source:reuters`` a word of this field, ``url:*`` any value of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from core.query.ast import Exact, Prefix, Wild
from core.query.compiled import AllOf, AnyOf, Close, Compiled, Counted, Never, NoneOf
from core.query.document import Document
from core.query.terms import CasedWord, Leaf, StemmedWord, Word, WordTest, query_stems

PREFIX_LENGTH = 6  # longer prefixes are filed under their first letters: each length costs a slice of every word

RequiredTerms = tuple[str, ...]
Weight = Callable[[str], float]
"""Frequency of a term: the share of documents that have it."""

_BESIDE = 0.1
"""How often two words of a phrase are adjacent, per occurrence of the rarer one: a guess."""

_IN_TEXT = (None, "title", "body")


def required_terms(node: Compiled, weight: Weight) -> RequiredTerms | None:
    """Terms of which every document that ``node`` matches has at least one, sorted; None if there is no such set.

    Of several such sets the one with the least ``weight`` is returned. An empty set means that nothing can match.
    """
    found = _cheapest(node, weight)
    return None if found is None else tuple(sorted(set(found[1])))


_Choice = tuple[float, list[str]]


def _cheapest(node: Compiled, weight: Weight) -> _Choice | None:
    match node:
        case Word(key=key):
            return weight(key), [key]
        case Leaf(bigrams=bigrams) if bigrams:
            return min((_BESIDE * min(map(weight, bigram.split(" "))), [bigram]) for bigram in bigrams)
        case Leaf(words=words, scope=scope):
            return min((_weighed(_of_word(word, scope), weight) for _, word in words), key=_order)
        case AllOf(parts=parts):
            choices = [found for part in parts if (found := _cheapest(part, weight)) is not None]
            return min(choices, key=_order) if choices else None
        case AnyOf(parts=parts):
            total, together = 0.0, []
            for part in parts:
                if (found := _cheapest(part, weight)) is None:
                    return None
                total += found[0]
                together += found[1]
            return total, together
        case Close(left=left, right=right):
            return min((found for side in (left, right) if (found := _cheapest(side, weight)) is not None), key=_order)
        case Counted(part=part):
            return _cheapest(part, weight)
        case Never():
            return 0.0, []
        case NoneOf():
            return None
    raise TypeError(f"{type(node).__name__} has no required terms")


def _order(choice: _Choice) -> tuple[float, list[str]]:
    return choice[0], sorted(choice[1]) if len(choice[1]) < 3 else choice[1][:1]


def _weighed(terms: Iterable[str], weight: Weight) -> _Choice:
    held = list(terms)
    return sum(map(weight, held)), held


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


def metadata_terms(document: Document) -> list[str]:
    """The terms that ``document`` has in its fields other than title and text."""
    found: list[str] = []
    for name, values in document.metadata.items():
        if values:
            found.append(f"{name}:*")
            found += (f"{name}:{key}" for field in document.scope(name) for key in field.postings)
    return found


@lru_cache(maxsize=1 << 16)
def guessed_weight(term: str) -> float:
    """Share of documents that have the term, guessed from its form: short words are frequent."""
    name, colon, key = term.partition(":")
    if colon:
        return 1.0 if key == "*" else {"lang": 0.3, "url": 0.1, "source": 0.02, "topic": 0.05, "author": 0.01}[name]
    key = term.rpartition("~")[2].partition(" ")[0]
    letters = (len(key) if key.isascii() else 2 * len(key)) - key.endswith("*")
    return (3.0 if term[-1] == "*" or "~" in term else 1.0) / max(letters, 1) ** 2
