"""What one sink transaction writes of a bundle: outcomes, counts, articles, versions, stories, alerts (DESIGN section 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from pipeline.records import Alert
from pipeline.records.canary import canary_run, is_canary
from pipeline.store import counts
from pipeline.store import tables as t
from pipeline.store.engine import Store
from pipeline.store.operation import mark_handled
from pipeline.store.outbox import OutboxRow, canary_rows, outbox_rows
from pipeline.store.rows import alert_cause, alert_places, alert_row, article_row, outcome_row, version_row
from pipeline.store.stories import update_stories
from pipeline.stories.stage import Told


def write_bundle(
    store: Store,
    connection: sa.Connection,
    run: str,
    told: Sequence[Told],
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
    counts.add_counts(store, connection, run, ended + counts.bundle_counts(told, stored_ms))
    counts.add_activity(store, connection, run, told)
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
    store: Store, connection: sa.Connection, run: str, told: Sequence[Told], alerts: Sequence[Alert], seq: int
) -> None:
    articles = {one.article.id: one for one in told if one.article is not None}
    store.upsert(connection, t.articles, [article_row(one, run, seq) for one in articles.values()])
    store.upsert(connection, t.versions, [version_row(one, run, seq) for one in told if one.entry is not None])
    update_stories(store, connection, run, told, seq)
    places = alert_places(told)
    rows = [alert_row(alert, run, seq, places.get(alert_cause(alert))) for alert in alerts]
    store.insert_new(connection, t.alerts, rows)
