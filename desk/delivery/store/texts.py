"""Removing what messages quoted of texts whose limit is over (``core.store.text_limits``); who was sent what stays."""

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
    """Remove what is gone as of now from the next ``most`` deliveries; the one looked at last, None once there is none left.

    Deliveries that wait go out without it. A record that changes between reading and writing stays for the next pass, so that
    only what has to go is looked for while others can write. Raises StoreError.
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
