"""Steps of migrations that run while services read and write. For authors of ``migrations/versions``.

A migration of a table with rows uses these in place of Alembic's own operations. On PostgreSQL each step is a
transaction of its own (the only way to build an index beside writers). An interrupted migration is run again from its
beginning, so a step that was already done does nothing. On SQLite everything is one transaction, with no service
running.

A running service of the previous version must cope with an unknown column (nullable, or with a constant default),
another table, and an index more or less. Columns and tables that it reads or writes are removed only in a later version
(docs/extending.md).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
import structlog
from alembic import op
from sqlalchemy.exc import DBAPIError

log = structlog.get_logger()

LOCK_WAIT_MS = 500
"""How long a change waits for an exclusive lock on a table. Other requests for the table wait behind it meanwhile."""

PAUSE_S = 1.0
GIVE_UP_S = 600.0
BATCH_PAUSE_S = 0.02
_LOCK_NOT_AVAILABLE = "55P03"


def briefly(change: Callable[[], object]) -> None:
    """Make a change that needs an exclusive lock for a moment: one statement, quick however large the table is.

    It waits for the lock for half a second, lets others continue, and tries again, for at most ten minutes: a long
    transaction, such as a dump's, would block it, and it would block all that come after it.
    """
    if not _on_postgres():
        change()
        return
    with _outside_a_transaction() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = {LOCK_WAIT_MS}")
        ends = time.monotonic() + GIVE_UP_S
        try:
            while not _made(change, last=time.monotonic() >= ends):
                time.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def add_column(table: str, column: sa.Column[object]) -> None:
    """Add a column that is nullable or has a constant ``server_default``; no row is rewritten."""
    if _on_postgres() or column.name not in {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}:
        briefly(lambda: op.add_column(table, column, if_not_exists=_on_postgres() or None))


def add_index(
    name: str, table: str, columns: Sequence[str], *, where: sa.TextClause | None = None, unique: bool = False
) -> None:
    """Build an index while others read and write the table. Leftovers of an interrupted build are removed first."""
    if not _on_postgres():
        op.create_index(name, table, list(columns), unique=unique, sqlite_where=where, if_not_exists=True)
        return
    with _outside_a_transaction() as connection:
        valid = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
        if connection.execute(valid, {"name": name}).scalar() is False:
            log.warning("rebuilding an index that was left incomplete", index=name)
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            name,
            table,
            list(columns),
            unique=unique,
            postgresql_where=where,
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def drop_index(name: str, table: str) -> None:
    """Remove an index while others use the table."""
    if not _on_postgres():
        op.drop_index(name, table, if_exists=True)
        return
    with _outside_a_transaction():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


def in_batches(step: Callable[[sa.Connection], int], *, pause_s: float = BATCH_PAUSE_S) -> int:
    """Call ``step`` until it returns 0, with pauses; returns the sum. For moving data.

    ``step`` changes some thousand rows with one statement, which is one transaction on PostgreSQL, and returns their
    number. It must find the remaining rows itself.
    """
    total = 0
    with _outside_a_transaction() as connection:
        while changed := step(connection):
            total += changed
            if _on_postgres():
                time.sleep(pause_s)
    return total


def _made(change: Callable[[], object], *, last: bool) -> bool:
    try:
        change()
    except DBAPIError as error:
        if last or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _on_postgres() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")


@contextmanager
def _outside_a_transaction() -> Iterator[sa.Connection]:
    if not _on_postgres():
        yield op.get_bind()
        return
    with op.get_context().autocommit_block():
        yield op.get_bind()
