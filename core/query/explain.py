"""Shows a query to people: its tree as text, which clauses matched in a document and where, the matched clause in a line."""

from __future__ import annotations

import re
from itertools import islice

import msgspec

from core.query.ast import And, AtLeast, Cased, Field, Lead, Near, Node, Not, Or, Phrase, Query, Stemmed, Term, children
from core.query.budget import MOST_STEPS, NotDecided
from core.query.compile import Around, around, compile_node
from core.query.compiled import Compiled
from core.query.document import Document, Shown
from core.query.parse import BARE, PREFIXES, ParseProblem, check_word
from core.records.article import Match

MOST_CHARS = 300
MOST_ALTERNATIVES = 3
LONGEST_EXPLAINED = 20_000
"""A longer query is not explained: the cost is its length times its depth."""
EXPLAINED_STEPS = 8 * MOST_STEPS
"""Steps for all clauses of a query together; each one may take as many as a query."""

_OR, _AND, _NOT, _NEAR, _SINGLE = range(5)  # how tightly a node binds
_BARE = re.compile(BARE)
_TAKEN = re.compile(rf"(?:AND|OR|NOT|O?NEAR/[0-9]+)$|(?:{'|'.join(PREFIXES)}):", re.IGNORECASE)


def format_query(query: Query) -> str:
    """The query as one line that parses to an equal query: explicit AND, straight quotes, no unnecessary parentheses or quotes.

    Words stay as written.
    """
    return _text(query.root, _OR)


def format_node(node: Node) -> str:
    """``format_query`` for a part of a query."""
    return _text(node, _OR)


def _text(node: Node, within: int) -> str:
    binds, text = _bound(node)
    return text if binds >= within else f"({text})"


def _bound(node: Node) -> tuple[int, str]:
    match node:
        case Term(text=text) | Phrase(text=text):
            return _SINGLE, text if _stands_bare(text) else f'"{text}"'
        case And(parts=parts):
            return _AND, " AND ".join(_text(part, _NOT) for part in parts)
        case Or(parts=parts):
            return _OR, " OR ".join(_text(part, _AND) for part in parts)
        case Not(part=part):
            return _NOT, f"NOT {_text(part, _NOT)}"
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            operator = f"{'ONEAR' if ordered else 'NEAR'}/{distance}"
            return _NEAR, f"{_text(left, _NEAR)} {operator} {_text(right, _SINGLE)}"
        case Field(name=name, part=part):
            return _SINGLE, f"{name}:{_text(part, _SINGLE)}"
        case Cased(part=part):
            return _SINGLE, f"cs:{_text(part, _SINGLE)}"
        case Stemmed(part=part):
            return _SINGLE, f"stem:{_text(part, _SINGLE)}"
        case AtLeast(count=count, part=part):
            return _SINGLE, f"ATLEAST/{count}({_text(part, _OR)})"
        case Lead(count=count, part=part):
            return _SINGLE, f"LEAD/{count}({_text(part, _OR)})"
    raise TypeError(f"no text for {type(node).__name__}")


def _stands_bare(text: str) -> bool:
    if not _BARE.fullmatch(text) or _TAKEN.match(text):
        return False
    try:
        check_word(text, 0)
    except ParseProblem:
        return False
    return True


class Explanation(msgspec.Struct, frozen=True):
    """One clause: its kind (``Term``, ``And`` …), its text, whether it matched and what, and its parts in order.

    ``start`` and ``end`` are code points of the query. ``matches`` are stretches of the document's fields, including
    ``source``, ``url`` and so on. Each clause is tried alone, below its enclosing fields and functions: a part of a
    NEAR matches if its words occur at all, and a NOT fails because of its parts that match. ``undecided``: the clause
    takes more steps than a query may on this document, or the steps of the whole explanation are used up.
    """

    kind: str
    clause: str
    start: int
    end: int
    held: bool
    matches: tuple[Match, ...]
    parts: tuple[Explanation, ...]
    undecided: bool = False


def explain(query: Query, document: Document) -> Explanation:
    """The tree of ``query`` with the matches of each clause in ``document``. Costs one match per level of the query."""
    return _Explainer(document).explain(query.root, Around())


class _Explainer:
    def __init__(self, document: Document) -> None:
        self._document, self._left = document, EXPLAINED_STEPS

    def explain(self, node: Node, outer: Around) -> Explanation:
        held, undecided, found = self._tried(compile_node(node, outer))
        inner = around(node, outer)
        return Explanation(
            kind=type(node).__name__,
            clause=format_node(node),
            start=node.start,
            end=node.end,
            held=held,
            matches=self._document.matches_of(found, shown=False),
            parts=tuple(self.explain(part, inner) for part in children(node)),
            undecided=undecided,
        )

    def _tried(self, node: Compiled) -> tuple[bool, bool, set[int]]:
        """Whether a clause matches, whether that was left undecided, and its hits."""
        document, budget = self._document, self._document.budget
        held, found = False, Shown()
        budget.begin(min(MOST_STEPS, self._left))
        try:
            held = node.holds(document)
            if held:
                node.show(document, None, found)
        except NotDecided:
            return held, not held, Shown()
        finally:
            self._left = max(0, self._left - (budget.limit - budget.left))
        return held, False, found


def matched_clause(query: Query, document: Document, steps: int = EXPLAINED_STEPS) -> str:
    """The part of ``query`` that made the document match, as one line for a reader of the alert.

    For an OR the matching parts (at most three), for an AND all parts. At most 300 characters. Empty if the query does
    not match or is longer than LONGEST_EXPLAINED, or if finding the parts takes more than ``steps``.
    ``document.budget`` has the steps that it took.
    """
    if len(query.text) > LONGEST_EXPLAINED:
        return ""
    document.budget.begin(steps)
    try:
        if not compile_node(query.root).holds(document):
            return ""
        line = _held(query.root, document, top=True)
    except NotDecided:
        return ""
    return line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]} …"


def _held(node: Node, document: Document, *, top: bool = False) -> str:
    """``matched_clause`` of a matching node. Functions, fields and NEAR are shown whole: their parts only match together."""
    match node:
        case Or(parts=parts):
            holding = (part for part in parts if compile_node(part).holds(document))
            held = list(islice(holding, MOST_ALTERNATIVES + 1))
            line = " OR ".join(_held(part, document) for part in held[:MOST_ALTERNATIVES])
            line += " …" if len(held) > MOST_ALTERNATIVES else ""
            return line if top or len(held) == 1 else f"({line})"
        case And(parts=parts):
            line = " AND ".join(_held(part, document) for part in parts)
            return line if top else f"({line})"
    return format_node(node)
