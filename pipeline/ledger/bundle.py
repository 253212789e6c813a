"""What one sink transaction writes of a bundle: outcomes, counts, articles, versions, stories, alerts.

See docs/architecture.md, "Exactly-once results".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records import Alert, Outcome, OutcomeKind, article_id, encode, to_ms
from core.records.canary import canary_run, is_canary
from core.store import counts
from core.store import tables as t
from core.store.counts import SOURCE_CHARS, Counts, latency_counts
from core.store.engine import Store
from core.store.metadata import storable
from core.store.outbox import ALERTS, CANARIES, ENRICHED, PEOPLE, REJECTED, OutboxRow, key_of
from core.store.tables import canaries, source_activity
from pipeline.ledger.rows import alert_cause, alert_places, alert_row, article_row, outcome_row, version_row
from pipeline.ledger.stories import update_stories
from pipeline.stories.stage import Decided


def write_bundle(
    store: Store,
    connection: sa.Connection,
    run: str,
    told: Sequence[Decided],
    alerts: Sequence[Alert],
    *,
    seq: int,
    stored_ms: int,
    gauges: Mapping[str, int],
) -> list[OutboxRow]:
    """Write a bundle in the caller's transaction, and return what the output streams are to be told of it.

    Canaries go the same way under a run name of their own, so that who reads the run never meets them.
    """
    ended = write_outcomes(store, connection, [outcome_row(one.outcome, seq, late=one.late) for one in told])
    counts.add_counts(store, connection, run, ended + bundle_counts(told, stored_ms))
    add_activity(store, connection, run, told)
    counts.set_gauges(store, connection, run, gauges, stored_ms)
    ours = [one for one in told if is_canary(one.outcome.item)]
    if not ours:
        _write_results(store, connection, run, told, alerts, seq)
        return outbox_rows(run, told, alerts)
    theirs = [one for one in told if not is_canary(one.outcome.item)]
    raised = [alert for alert in alerts if is_canary(alert.url)]
    others = [alert for alert in alerts if not is_canary(alert.url)]
    _write_results(store, connection, run, theirs, others, seq)
    _write_results(store, connection, canary_run(run), ours, raised, seq)
    mark_handled(connection, run, ours, raised, stored_ms)
    return outbox_rows(run, theirs, others) + canary_rows(run, raised)


def write_outcomes(store: Store, connection: sa.Connection, rows: Sequence[dict[str, object]]) -> counts.Counts:
    """Insert outcomes, the first write wins. Returns how many raw records that were, by kind."""
    ended: counts.Counts = Counter()
    if rows:
        c = t.outcomes.c
        keys = [column.name for column in t.outcomes.primary_key]
        statement = store.insert(t.outcomes).on_conflict_do_nothing(index_elements=keys)
        # Only what was inserted is counted: what was there had been counted then.
        written = connection.execute(statement.returning(c.kind, c.first_offset, c.last_offset), rows)
        for kind, first, last in written:
            ended[counts.OUTCOMES, kind] += last - first + 1
    return ended


def _write_results(
    store: Store, connection: sa.Connection, run: str, told: Sequence[Decided], alerts: Sequence[Alert], seq: int
) -> None:
    articles = {one.article.id: one for one in told if one.article is not None}
    store.upsert(connection, t.articles, [article_row(one, run, seq) for one in articles.values()])
    store.upsert(connection, t.versions, [version_row(one, run, seq) for one in told if one.entry is not None])
    update_stories(store, connection, run, told, seq)
    places = alert_places(told)
    rows = [alert_row(alert, run, seq, places.get(alert_cause(alert))) for alert in alerts]
    store.insert_new(connection, t.alerts, rows)


def bundle_counts(told: Sequence[Decided], stored_ms: int) -> Counts:
    """What a bundle that is stored at ``stored_ms`` adds, but for its outcomes. Pure."""
    published, fetched, stored = [], [], []
    for one in told:
        stored.append(stored_ms - one.key.time_ms)
        if one.article is None:
            continue
        fetched_ms = to_ms(one.article.fetched_at)
        fetched.append(one.key.time_ms - fetched_ms)
        new = one.outcome.kind is OutcomeKind.PUBLISHED and not one.article.backfill
        if new and one.article.published_at and not one.article.published_flag and not is_canary(one.article.url):
            published.append(fetched_ms - to_ms(one.article.published_at))
    counts = latency_counts("append_to_store", stored)
    counts.update(latency_counts("fetched_to_append", fetched))
    counts.update(latency_counts("published_to_fetched", published))
    return counts


def add_activity(store: Store, connection: sa.Connection, run: str, told: Sequence[Decided]) -> None:
    """Count a bundle's new articles by source, in the caller's transaction. Canaries have none."""
    rows: dict[str, dict[str, Any]] = {}
    for one in told:
        if one.article is not None and one.outcome.kind is OutcomeKind.PUBLISHED and not is_canary(one.article.url):
            # PostgreSQL's index takes no key of any length.
            source = one.article.source[:SOURCE_CHARS]
            row = rows.setdefault(source, {"run": run, "source": source, "articles": 0})
            row["articles"] += 1
            row |= {"last_ms": one.key.time_ms, "last_article": one.article.id}
    if rows:
        statement = store.insert(source_activity)
        c, new = source_activity.c, statement.excluded
        later = new.last_ms >= c.last_ms
        changed = {
            "articles": c.articles + new.articles,
            "last_ms": sa.case((later, new.last_ms), else_=c.last_ms),
            "last_article": sa.case((later, new.last_article), else_=c.last_article),
        }
        connection.execute(
            statement.on_conflict_do_update(index_elements=["run", "source"], set_=changed), list(rows.values())
        )


def outbox_rows(run: str, told: Sequence[Decided], alerts: Sequence[Alert]) -> list[OutboxRow]:
    """What a bundle tells the output streams: enriched articles, rejections, alerts, in order."""
    rows = []
    for one in told:
        if one.article is not None:
            rows.append(OutboxRow(run, ENRICHED, key_of(run, one.article.id), encode(one.article).decode()))
        elif one.outcome.kind is OutcomeKind.REJECTED:
            where = f"{one.outcome.stream}/{one.outcome.partition}/{one.outcome.first_offset}"
            rows.append(OutboxRow(run, REJECTED, key_of(run, where), encode(_sayable(one.outcome)).decode()))
    for alert in alerts:
        record = encode(alert).decode()
        rows.append(OutboxRow(run, ALERTS, key_of(run, alert.id), record))
        if alert.channels:
            rows.append(OutboxRow(run, PEOPLE, key_of(run, alert.id), record))
    return rows


def canary_rows(run: str, alerts: Sequence[Alert]) -> list[OutboxRow]:
    """What the alerts of canaries tell the output streams. The id in the key is the canary's."""
    return [OutboxRow(run, CANARIES, key_of(run, alert.article), encode(alert).decode()) for alert in alerts]


def _sayable(outcome: Outcome) -> Outcome:
    """With names and words that JSON can hold: they may come from a file system or a library."""
    return msgspec.structs.replace(
        outcome, item=storable(outcome.item), reason=None if outcome.reason is None else storable(outcome.reason)
    )


def mark_handled(
    connection: sa.Connection, run: str, told: Sequence[Decided], alerts: Sequence[Alert], stored_ms: int
) -> None:
    """Note the canaries of a bundle as handled, in the caller's transaction. Ones that nobody made change nothing."""
    raised = {alert.article: alert.id for alert in alerts}
    c = canaries.c
    for one in told:
        if is_canary(one.outcome.item):
            identity = article_id(one.outcome.item)
            first = (c.run == run) & (c.id == identity) & c.handled_ms.is_(None)
            values = {"handled_ms": stored_ms, "outcome": str(one.outcome.kind), "alert": raised.get(identity)}
            why = f"{one.outcome.stage}: {one.outcome.reason}" if one.outcome.reason else None
            connection.execute(canaries.update().where(first).values(**values, reason=why))
