"""The steps of migrations: services go on reading and writing beside them. For authors of ``migrations/versions``.

A migration that touches a table with rows uses these in place of Alembic's own operations. On PostgreSQL each step is a
transaction of its own (an index can be built beside writers only so), and a migration that was interrupted is run again from
its beginning: so a step that was done already does nothing. SQLite does all in one transaction, with no service running.

What a running service of the version before has to bear: a column that it doesn't know (nullable, or with a constant
default), a table more, an index more or less. What it reads or writes goes only in a later version (docs/extending.md).
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
"""A change that needs a table for itself waits so long for it. Who asks for the table meanwhile waits behind it."""

PAUSE_S = 1.0
GIVE_UP_S = 600.0
BATCH_PAUSE_S = 0.02
_LOCK_NOT_AVAILABLE = "55P03"


def briefly(change: Callable[[], object]) -> None:
    """Make a change that needs a table for itself for a moment: one statement, quick however large the table is.

    It waits for the table for half a second, lets the others go on, and tries again, for ten minutes at most: a long
    transaction, such as that of a dump, would hold it up, and it those that come after it.
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
    """Add a column that may be null or has a constant ``server_default``: no row is rewritten."""
    if _on_postgres() or column.name not in {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}:
        briefly(lambda: op.add_column(table, column, if_not_exists=_on_postgres() or None))


def add_index(
    name: str, table: str, columns: Sequence[str], *, where: sa.TextClause | None = None, unique: bool = False
) -> None:
    """Build an index while others read and write the table. What an interrupted build left is removed first."""
    if not _on_postgres():
        op.create_index(name, table, list(columns), unique=unique, sqlite_where=where, if_not_exists=True)
        return
    with _outside_a_transaction() as connection:
        valid = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
        if connection.execute(valid, {"name": name}).scalar() is False:
            log.warning("an index was left half-built; it is built again", index=name)
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
    """Call ``step`` until it returns 0, with pauses; return the sum. For moving data.

    ``step`` changes some thousand rows with one statement, which is a transaction on PostgreSQL, and returns how many those
    were. It must find by itself what is left to do.
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
