"""Removes quotations in messages of texts whose limit is over (``core.store.text_limits``); who was sent what is kept."""

from __future__ import annotations

import sqlalchemy as sa

from core.records.without_text import stored_alert_without_text
from core.store import Store
from core.store.text_limits import text_limits_of
from desk.delivery.store import tables as d

LastDelivery = tuple[int, str]
"""(planned_ms, id) of a delivery."""
FIRST: LastDelivery = (-1, "")


def remove_quotations(store: Store, now_ms: int, after: LastDelivery, most: int) -> LastDelivery | None:
    """Remove quotations of texts that are gone from the next ``most`` deliveries. Returns the last one read; None at the end.

    Deliveries that still wait are sent without them. A record that changes between reading and writing is left for the next
    pass, so nothing is searched while others wait to write. Raises StoreError.
    """
    limits, c = text_limits_of(store), d.deliveries.c
    if not limits:
        return None
    gone, place = limits.as_of(now_ms), sa.tuple_(c.planned_ms, c.id)
    query = sa.select(c.id, c.planned_ms, c.record).where(
        c.planned_ms >= after[0], c.planned_ms < limits.latest_before_ms(now_ms), place > after, c.kind == "alert"
    )
    with store.reading() as connection:
        rows = connection.execute(query.order_by(c.planned_ms, c.id).limit(most)).all()
    changes = [
        {"of": row.id, "was": row.record, "kept": kept}
        for row in rows
        if (kept := stored_alert_without_text(row.record, gone)) is not None and kept != row.record
    ]
    if changes:
        same = (c.id == sa.bindparam("of")) & (c.record == sa.bindparam("was"))
        with store.writing() as connection:
            connection.execute(d.deliveries.update().where(same).values(record=sa.bindparam("kept")), changes)
    return (rows[-1].planned_ms, rows[-1].id) if rows else None
