"""Reading and setting the stored limits of texts (``core.records.text_limits``)."""

from __future__ import annotations

import sqlalchemy as sa

from core.durations import DAY_MS
from core.errors import UsageError
from core.records.text_limits import DEFAULT, NO_LIMITS, TextLimit, TextLimits
from core.store import tables as t
from core.store.engine import Store
from core.store.metadata import storable
from core.store.subscriptions import MARGIN_MS

SHORTEST_DAYS = 7
"""Versions, copies and news in a story are compared within days; the rest is margin."""


def read_text_limits(connection: sa.Connection) -> TextLimits:
    """All limits of a store."""
    rows = connection.execute(sa.select(t.text_limits)).all()
    found = [
        TextLimit(source=row.source, effective_from_ms=row.effective_from_ms, keep_ms=row.keep_ms, by=row.set_by)
        for row in rows
    ]
    return TextLimits(found) if found else NO_LIMITS


def text_limits_of(store: Store) -> TextLimits:
    """Like ``read_text_limits``, in its own transaction. Raises StoreError."""
    with store.reading() as connection:
        return read_text_limits(connection)


def limits_as_saved(store: Store, now_ms: int) -> dict[str, TextLimit]:
    """Source → the limit that was saved last, which is in force once its margin is over. Raises StoreError."""
    return text_limits_of(store).in_force(now_ms + MARGIN_MS)


def keep_texts(store: Store, source: str, days: float | None, *, by: str, now_ms: int) -> None:
    """Keep texts of ``source`` for ``days``, from now plus the margin of stored queries on.

    0: no limit; None: like the default. Nothing changes if that is already in force. Raises StoreError; UsageError for
    a limit below seven days.
    """
    if days is not None and (0 < days < SHORTEST_DAYS or days < 0):
        least = f"texts are kept for {SHORTEST_DAYS} days or more (0: no limit)"
        raise UsageError(least, hint="newer texts still affect decisions")
    keep_ms = None if days is None else round(days * DAY_MS)
    start = now_ms + MARGIN_MS
    with store.writing() as connection:
        store.serialise(connection, "text_limits")
        limits = read_text_limits(connection)
        known = limits.in_force(start).get(source)
        if (known.keep_ms if known else (0 if source == DEFAULT else None)) == keep_ms:
            return
        row = {"source": source, "effective_from_ms": start, "keep_ms": keep_ms, "set_by": storable(by)}
        store.upsert(connection, t.text_limits, [row])
