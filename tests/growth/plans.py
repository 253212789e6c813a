"""What PostgreSQL does for each statement: EXPLAIN ANALYZE of all that is executed, as it is executed.

Pages touched and rows looked at are counted, so that no clock is needed and a busy machine changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import sqlalchemy as sa

from tests.statements import before_statements

_KINDS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass
class Plans:
    """The sums over all statements of some work, and what read a table from its beginning: (table, statement, rows)."""

    statements: int = 0
    pages: int = 0
    rows: int = 0
    scans: list[tuple[str, str, int]] = field(default_factory=list)
    dearest: tuple[int, str, str] = (0, "", "")
    """(pages, statement, plan)."""

    def add(self, statement: str, plan: dict[str, Any]) -> None:
        pages = _pages(plan)
        self.statements += 1
        self.pages += pages
        if pages > self.dearest[0]:
            self.dearest = (pages, statement, "\n".join(_lines(plan)))
        for node in _nodes(plan):
            looked = int(
                node.get("Actual Loops", 1)
                * sum(
                    node.get(name, 0)
                    for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
                )
            )
            if "Relation Name" in node or "Index Name" in node:
                self.rows += looked
            if node["Node Type"] == "Seq Scan":
                self.scans.append((node["Relation Name"], statement, looked))


@contextmanager
def watched() -> Iterator[Plans]:
    """Collect the plans of all that is executed on any engine meanwhile."""
    plans = Plans()

    def explain(connection: sa.Connection, statement: str, parameters: Any) -> None:
        if not statement.lstrip().upper().startswith(_KINDS):
            return
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, psycopg.Connection)
        given = parameters[0] if isinstance(parameters, list) and parameters else parameters
        # The real one follows: whatever this one writes is taken back.
        with psycopg.ClientCursor(raw) as cursor:
            cursor.execute("SAVEPOINT plans")
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}", given or None)
            found = cursor.fetchone()
            cursor.execute("ROLLBACK TO SAVEPOINT plans")
        assert found is not None
        plans.add(statement, found[0][0]["Plan"])

    with before_statements(sa.Engine, explain):
        yield plans


def _lines(plan: dict[str, Any], depth: int = 0) -> Iterator[str]:
    what = [plan["Node Type"], plan.get("Relation Name"), plan.get("Index Name")]
    conditions = [plan[name][:160] for name in ("Index Cond", "Filter") if name in plan]
    figures = f"{plan.get('Actual Rows')} rows x {plan.get('Actual Loops')}, {_pages(plan)} pages"
    yield "  " * depth + " ".join(str(one) for one in [*what, *conditions, figures] if one)
    for inner in plan.get("Plans", ()):
        yield from _lines(inner, depth + 1)


def _pages(plan: dict[str, Any]) -> int:
    return int(plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
