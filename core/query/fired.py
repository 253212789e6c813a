"""The part of a query that made an article match, in a line that a reader of the alert understands. Pure."""

from __future__ import annotations

from itertools import islice

from core.query.ast import And, Node, Or, Query
from core.query.document import Document
from core.query.format import format_node
from core.query.lower import lower

MOST_CHARS = 300
MOST_ALTERNATIVES = 3
LONGEST_EXPLAINED = 20_000
"""A longer query isn't taken apart: that costs its length times its depth."""


def fired(query: Query, document: Document) -> str:
    """What held of ``query``: of an OR the parts that held (three at most), of an AND all. Empty where nothing did.

    At most 300 characters.
    """
    if len(query.text) > LONGEST_EXPLAINED or not lower(query.root).holds(document):
        return ""
    line = _held(query.root, document, top=True)
    return line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]} …"


def _held(node: Node, document: Document, *, top: bool = False) -> str:
    """Of a node that holds. Functions, fields and NEAR are shown whole: what is inside them holds only together."""
    match node:
        case Or(parts=parts):
            holding = (part for part in parts if lower(part).holds(document))
            held = list(islice(holding, MOST_ALTERNATIVES + 1))
            line = " OR ".join(_held(part, document) for part in held[:MOST_ALTERNATIVES])
            line += " …" if len(held) > MOST_ALTERNATIVES else ""
            return line if top or len(held) == 1 else f"({line})"
        case And(parts=parts):
            line = " AND ".join(_held(part, document) for part in parts)
            return line if top else f"({line})"
    return format_node(node)
