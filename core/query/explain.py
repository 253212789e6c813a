"""Which clause of a query held on a document, and where."""

from __future__ import annotations

import msgspec

from core.query.ast import Node, Query
from core.query.check import children
from core.query.document import Document
from core.query.format import format_node
from core.query.lower import Around, around, lower
from core.records.article import Match


class Explanation(msgspec.Struct, frozen=True):
    """One clause: its kind (``Term``, ``And`` …), its text, whether it held, what it matched, and its parts in order.

    ``start`` and ``end`` are code points of the query. ``matches`` are stretches of the document's fields, here also of
    ``source``, ``url`` and the like. Each clause is tried by itself, under the fields and functions around it: a part of a
    NEAR holds where its words occur at all, and a part of a NOT that holds is why the NOT doesn't.
    """

    kind: str
    clause: str
    start: int
    end: int
    held: bool
    matches: tuple[Match, ...]
    parts: tuple[Explanation, ...]


def explain(query: Query, document: Document) -> Explanation:
    """The tree of ``query`` with what each clause found in ``document``. Costs the depth of the query times a match."""
    return _explain(query.root, Around(), document)


def _explain(node: Node, outer: Around, document: Document) -> Explanation:
    core = lower(node, outer)
    held = core.holds(document)
    found: set[int] = set()
    if held:
        core.show(document, None, found)
    inner = around(node, outer)
    return Explanation(
        kind=type(node).__name__,
        clause=format_node(node),
        start=node.start,
        end=node.end,
        held=held,
        matches=document.matches_of(found, shown=False),
        parts=tuple(_explain(part, inner, document) for part in children(node)),
    )
