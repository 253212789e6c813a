"""The slow way to run a query: walks the tree, tries every place, shares only the cutting of words with the real one."""

from __future__ import annotations

import re

from pipeline.query.ast import And, Exact, Node, Not, Or, Phrase, Prefix, Term, WordPattern
from pipeline.query.words import scan
from pipeline.records.article import Match


class SlowDocument:
    def __init__(self, title: str, text: str) -> None:
        self.fields = {"title": (title, scan(title)), "text": (text, scan(text))}


def fits(word: WordPattern, key: str) -> bool:
    match word:
        case Exact(wanted, _):
            return key == wanted
        case Prefix(beginning):
            return key.startswith(beginning)
        case _:
            shape = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in word.pattern)
            return re.fullmatch(shape, key, re.DOTALL) is not None


def leaf(words: tuple[tuple[int, WordPattern], ...], document: SlowDocument) -> set[Match]:
    found = set()
    for name, (text, (starts, ends, postings)) in document.fields.items():
        keys_at = [{key for key, places in postings.items() if place in places} for place in range(len(starts))]
        for first in range(len(starts)):
            last = first
            for offset, word in words:
                here = first + offset
                if here >= len(starts) or not any(fits(word, key) for key in keys_at[here]):
                    break
                last = here + (word.width if isinstance(word, Exact) else 1) - 1
            else:
                found.add(Match(name, starts[first], ends[last], text[starts[first] : ends[last]]))
    return found


def evaluate(node: Node, document: SlowDocument) -> set[Match] | None:
    match node:
        case Term(word):
            return leaf(((0, word),), document) or None
        case Phrase(words):
            return leaf(words, document) or None
        case Not(part):
            return set() if evaluate(part, document) is None else None
        case And(parts):
            results = [evaluate(part, document) for part in parts]
            return None if any(result is None for result in results) else set().union(*(r for r in results if r))
        case Or(parts):
            results = [result for part in parts if (result := evaluate(part, document)) is not None]
            return set().union(*results) if results else None


def matches(node: Node, title: str, text: str) -> tuple[Match, ...] | None:
    found = evaluate(node, SlowDocument(title, text))
    return None if found is None else tuple(sorted(found))
