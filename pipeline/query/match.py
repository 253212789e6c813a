"""A query made ready to run, and its run over one document."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.query.ast import And, Exact, Node, Not, Or, Phrase, Prefix, Query, Term, Wild, WordPattern
from pipeline.query.document import Document, Hits
from pipeline.records.article import Match

Found = list[Hits]
"""Hits of the leaves that made a node match, leaf by leaf."""
Evaluator = Callable[[Document], Found | None]
"""None where the document does not match."""


class CompiledQuery:
    """A query that can be run over any number of documents; it keeps nothing of them."""

    __slots__ = ("_evaluate", "query", "required")

    def __init__(self, query: Query, evaluate: Evaluator, required: frozenset[str]) -> None:
        self.query, self.required, self._evaluate = query, required, evaluate

    def match(self, document: Document) -> tuple[Match, ...] | None:
        """What in ``document`` made the query match, sorted, without repeats; None where it does not match.

        These are the stretches of the leaves (terms and phrases) of every part that holds: of ``(a AND b) OR c`` only c's
        where b is missing. Nothing below a NOT is shown, so a document that matches for what it lacks gives ``()``.
        """
        if not self.required <= document.words:
            return None
        found = self._evaluate(document)
        if found is None:
            return None
        if not found:
            return ()
        hits = found[0] if len(found) == 1 else sorted(set().union(*found))
        return tuple(map(document.match_of, hits))


def compile_query(query: Query) -> CompiledQuery:
    """Make ``query`` ready to run. Depth was limited when it was parsed."""
    return CompiledQuery(query, compile_node(query.root), frozenset(_required(query.root)))


def compile_node(node: Node) -> Evaluator:
    """The evaluator of one node."""
    match node:
        case Term(word=Exact(key, width)):
            return _exact(key, width)
        case Term(word=(Prefix() | Wild()) as pattern):
            return _leaf(lambda document, name: document.pattern_hits(pattern, name), _name(pattern))
        case Phrase(words):
            name = " ".join(f"{offset}:{_name(pattern)}" for offset, pattern in words)
            return _leaf(lambda document, name: document.phrase_hits(node, name), f" {name}")
        case And(parts):
            return _all([compile_node(part) for part in sorted(parts, key=_cost)])
        case Or(parts):
            return _any([compile_node(part) for part in parts])
        case Not(part):
            return _absent(compile_node(part))
    raise TypeError(f"no evaluator for {type(node).__name__}")


def _name(pattern: WordPattern) -> str:
    """A name among a document's remembered hits. No key of a word holds a space or a wildcard."""
    match pattern:
        case Exact(key, _):
            return key
        case Prefix(key):
            return f"{key}*"
        case Wild(text):
            return text


def _cost(node: Node) -> int:
    """Cheap parts first: an AND stops at the first that fails."""
    match node:
        case Term(word=Exact()):
            return 0
        case Term():
            return 1
        case Phrase():
            return 2
        case _:
            return 3


def _required(node: Node) -> set[str]:
    """Keys of words without which ``node`` can't match: those of terms and phrases that are joined by AND alone."""
    match node:
        case Term(word=Exact(key, _)):
            return {key}
        case Phrase(words):
            return {pattern.key for _, pattern in words if isinstance(pattern, Exact)}
        case And(parts):
            return set().union(*map(_required, parts))
        case _:
            return set()


def _exact(key: str, width: int) -> Evaluator:
    def evaluate(document: Document) -> Found | None:
        hits = document.exact_hits(key, width)
        return [hits] if hits else None

    return evaluate


def _leaf(find: Callable[[Document, str], Hits], name: str) -> Evaluator:
    def evaluate(document: Document) -> Found | None:
        hits = find(document, name)
        return [hits] if hits else None

    return evaluate


def _all(parts: list[Evaluator]) -> Evaluator:
    def evaluate(document: Document) -> Found | None:
        together: Found = []
        for part in parts:
            found = part(document)
            if found is None:
                return None
            together += found
        return together

    return evaluate


def _any(parts: list[Evaluator]) -> Evaluator:
    def evaluate(document: Document) -> Found | None:
        matched = False
        together: Found = []
        for part in parts:
            found = part(document)
            if found is not None:
                matched = True
                together += found
        return together if matched else None

    return evaluate


def _absent(part: Evaluator) -> Evaluator:
    def evaluate(document: Document) -> Found | None:
        return [] if part(document) is None else None

    return evaluate
