"""The base of a partial replay: the run that it continues, as of the replay's start. It is read in place, not copied.

Editors' decisions move articles in the base's own rows, even after that start; ``pipeline.ledger.moved`` has the values to use.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from core.records import OrderKey
from core.records.canary import canary_run
from core.store.engine import Store
from pipeline.ledger.tables import replays


class Base(NamedTuple):
    """The part of ``run`` that a replay knows: its rows at places before ``before``."""

    run: str
    before: str


def place_at(time_ms: int) -> str:
    """A place before all places with event times from ``time_ms`` on."""
    return OrderKey(time_ms, "", "").sortable().partition(":")[0]


def base_of(store: Store, run: str) -> Base | None:
    """``read_base`` in a separate transaction. Raises StoreError."""
    with store.reading() as connection:
        return read_base(connection, run)


def read_base(connection: sa.Connection, run: str) -> Base | None:
    """The base of a replay; None for every other run, and for a replay without a base."""
    query = sa.select(replays.c.base, replays.c.from_ms).where(replays.c.name == run)
    row = connection.execute(query).one_or_none()
    return None if row is None or row.base is None else Base(row.base, place_at(row.from_ms))


def stored_under(run: str) -> tuple[str, str]:
    """The values of the column ``run`` in a run's rows: its own name, and that of its canaries."""
    return run, canary_run(run)


def run_of_rows(stored: str) -> str:
    """The run to which rows with this value of the column ``run`` belong: the inverse of ``stored_under``."""
    return stored.removesuffix(canary_run(""))


def known(run: str, base: Base | None, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Conditions, oldest first, that together select what the run may know of a table with ``run`` and ``place``.

    Separate conditions, since for an OR of them SQLite reads whole runs.
    """
    mine = table.c.run.in_(stored_under(run))
    if base is None:
        return [mine]
    return [table.c.run.in_(stored_under(base.run)) & (table.c.place < base.before), mine]
