"""What was delivered: how long it took since the store, counted as it is noted; and forgetting it after its time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import sqlalchemy as sa

from core.store import tables as t
from core.store.counts import add_counts, latency_counts
from core.store.engine import Store, chunks
from desk.delivery.store import tables as d

OVER = ("sent", "muted", "withdrawn")
"""Deliveries that nothing will happen to any more. Failed ones are not among them: a person may try them again."""


def count_delivered(store: Store, connection: sa.Connection, sent_ms: Mapping[str, int]) -> None:
    """Count, in the caller's transaction, how long the alerts of messages (id → when they went out) took since the store.

    Alerts that were held (digests, quiet hours, gathering) are left out: that wait was asked for.
    """
    c, a, s = d.deliveries.c, t.alerts.c, t.commits.c
    waits: defaultdict[str, list[int]] = defaultdict(list)
    joined = d.deliveries.join(t.alerts, (a.run == c.run) & (a.id == c.alert)).join(
        t.commits, (s.run == a.run) & (s.seq == a.seq)
    )
    query = sa.select(c.message, c.run, s.stored_ms).select_from(joined)
    for part in chunks(sorted(sent_ms)):
        mine = query.where(c.message.in_(part), c.status == "sent", c.kind == "alert", c.due_ms <= c.planned_ms)
        for message, run, stored_ms in connection.execute(mine):
            waits[run].append(sent_ms[message] - stored_ms)
    for run, found in sorted(waits.items()):
        add_counts(store, connection, run, latency_counts("store_to_delivery", found))


def forget_sent(store: Store, *, before_ms: int, limit: int) -> int:
    """Delete up to ``limit`` deliveries that were due, and went out, before ``before_ms``, with their messages.

    Returns how many rows went; 0: nothing is left to do. All of a story stays as long as a subscription was told
    of it later than that: a retraction must find whom it was told, and gathering when. A message stays as long as one
    of its deliveries does, or it could be planned and sent anew. Raises StoreError.
    """
    c, m = d.deliveries.c, d.messages.c
    later = d.deliveries.alias()
    goes_on = sa.exists().where(
        later.c.subscription == c.subscription,
        later.c.story == c.story,
        (later.c.due_ms >= before_ms) | (later.c.sent_ms >= before_ms),
    )
    # What stood still for months and went out today is not old. The index is on when it was due.
    before = c.due_ms < before_ms, c.sent_ms.is_(None) | (c.sent_ms < before_ms)
    old = sa.select(c.id, c.message).where(c.status.in_(OVER), *before, ~goes_on).limit(limit)
    left = sa.exists().where(c.message == m.id)
    # Trials of a channel, and what was cancelled: they have no deliveries.
    single = (
        sa.select(m.id)
        .where(m.status.in_(("sent", "cancelled")), m.due_ms < before_ms, m.queued_ms < before_ms, ~left)
        .limit(limit)
    )
    with store.reading() as connection:
        rows = connection.execute(old).all()
        alone = [] if rows else list(connection.execute(single).scalars())
    if not rows and not alone:
        return 0
    gone = 0
    with store.writing() as connection:
        for part in chunks([row.id for row in rows]):
            theirs = c.id.in_(part), c.status.in_(OVER)
            gone += connection.execute(d.deliveries.delete().where(*theirs)).rowcount
        for part in chunks(sorted({row.message for row in rows if row.message is not None} | set(alone))):
            done = m.id.in_(part), m.status.in_(("sent", "cancelled")), ~left
            gone += connection.execute(d.messages.delete().where(*done)).rowcount
    return gone
