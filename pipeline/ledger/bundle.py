"""The rows that one transaction of the ledger writes for a bundle: outcomes, counts, articles, versions, stories, alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.records import Alert, OutcomeKind, Position, article_id, to_ms
from core.records.canary import canary_run, is_canary
from core.store import counts
from core.store import tables as t
from core.store.counts import SOURCE_CHARS, Counts, latency_counts
from core.store.engine import Store
from core.store.outbox import OutboxRow
from core.store.retries import kind_of
from pipeline.elements import Draft, Rejection
from pipeline.ledger.aliases import write_aliases
from pipeline.ledger.rows import (
    alert_cause,
    alert_places,
    alert_row,
    article_row,
    canary_rows,
    link_rows,
    outbox_rows,
    outcome_row,
    version_row,
)
from pipeline.ledger.stories import update_stories
from pipeline.ledger.walls import write_walls
from pipeline.stories.stage import Decided


def write_bundle(
    store: Store,
    connection: sa.Connection,
    run: str,
    decided: Sequence[Decided],
    alerts: Sequence[Alert],
    *,
    seq: int,
    stored_ms: int,
    gauges: Mapping[str, int],
    back: Collection[Position] = (),
) -> list[OutboxRow]:
    """Write a bundle in the caller's transaction, and return the rows for the outbox.

    ``back``: records that had left the order, whose delay does not count. Canaries are written in the same way, under a
    separate run name, so that readers of the run never see them.
    """
    ended = write_outcomes(store, connection, [outcome_row(one.outcome, seq, late=one.late) for one in decided])
    counts.add_counts(store, connection, run, ended + bundle_counts(decided, stored_ms, back))
    counts.set_gauges(store, connection, run, gauges, stored_ms)
    canaries = [one for one in decided if is_canary(one.outcome.item)]
    if canaries:
        decided = [one for one in decided if not is_canary(one.outcome.item)]
        raised = [alert for alert in alerts if is_canary(alert.url)]
        alerts = [alert for alert in alerts if not is_canary(alert.url)]
        _write_results(store, connection, canary_run(run), canaries, raised, seq)
        _mark_handled(connection, run, canaries, raised, stored_ms)
    else:
        raised = []
    add_activity(store, connection, run, decided)
    write_walls(store, connection, run, decided)
    write_aliases(store, connection, run, decided)
    _write_results(store, connection, run, decided, alerts, seq)
    return outbox_rows(run, decided, alerts) + canary_rows(run, raised)


def write_outcomes(store: Store, connection: sa.Connection, rows: Sequence[dict[str, object]]) -> Counts:
    """Insert outcomes; the first write wins. Returns the number of raw records that got their outcome here, by kind."""
    ended: Counts = Counter()
    if rows:
        c = t.outcomes.c
        keys = [column.name for column in t.outcomes.primary_key]
        statement = store.insert(t.outcomes).on_conflict_do_nothing(index_elements=keys)
        # Only inserted rows are counted, since the others were counted when they were inserted.
        written = connection.execute(statement.returning(c.kind, c.first_offset, c.last_offset), rows)
        for kind, first, last in written:
            ended[counts.OUTCOMES, kind] += last - first + 1
    return ended


def bundle_counts(decided: Sequence[Decided], stored_ms: int, back: Collection[Position] = ()) -> Counts:
    """The counts that a bundle stored at ``stored_ms`` adds, without its outcomes. Pure."""
    published, fetched, stored = list[int](), list[int](), list[int]()
    there = {(position.stream, position.partition, position.offset) for position in back}
    for one in decided:
        where = (one.outcome.stream, one.outcome.partition, one.outcome.first_offset)
        if where not in there:
            stored.append(stored_ms - one.key.time_ms)
        if one.article is None:
            continue
        fetched_ms = to_ms(one.article.fetched_at)
        fetched.append(one.key.time_ms - fetched_ms)
        new = one.outcome.kind is OutcomeKind.PUBLISHED and not one.article.backfill
        if new and one.article.published_at and not one.article.published_flag and not is_canary(one.article.url):
            published.append(fetched_ms - to_ms(one.article.published_at))
    found = latency_counts("append_to_store", stored)
    found.update(latency_counts("fetched_to_append", fetched))
    found.update(latency_counts("published_to_fetched", published))
    for one in decided:
        if one.outcome.kind is not OutcomeKind.REJECTED:
            continue
        refused = Rejection(one.outcome.stage or "", one.outcome.reason or "")
        found[counts.REJECTED, f"{refused.stage}: {kind_of(refused.stage, refused.reason)}"] += 1
        if refused.by_limit:
            found[counts.REFUSED_BY_LIMIT, f"{refused.stage}: {refused.reason.partition(':')[0]}"] += 1
    if undecided := sum(one.undecided for one in decided):
        found[counts.NOT_DECIDED, ""] += undecided
    return found


def postponed_counts(later: Sequence[Draft]) -> Counts:
    """The counts that records add when they leave the order. Pure."""
    return Counter((counts.POSTPONED, draft.postponed.why) for draft in later if draft.postponed)


def add_activity(store: Store, connection: sa.Connection, run: str, decided: Sequence[Decided]) -> None:
    """Count a bundle's new articles by source, in the caller's transaction."""
    rows: dict[str, dict[str, Any]] = {}
    for one in decided:
        if one.article is not None and one.outcome.kind is OutcomeKind.PUBLISHED:
            # PostgreSQL limits the length of a key in an index.
            source = one.article.source[:SOURCE_CHARS]
            row = rows.setdefault(source, {"run": run, "source": source, "articles": 0})
            row["articles"] += 1
            row |= {"last_ms": one.key.time_ms, "last_article": one.article.id}
    if rows:
        statement = store.insert(t.source_activity)
        c, new = t.source_activity.c, statement.excluded
        later = new.last_ms >= c.last_ms
        changed = {
            "articles": c.articles + new.articles,
            "last_ms": sa.case((later, new.last_ms), else_=c.last_ms),
            "last_article": sa.case((later, new.last_article), else_=c.last_article),
        }
        connection.execute(
            statement.on_conflict_do_update(index_elements=["run", "source"], set_=changed), list(rows.values())
        )


def _write_results(
    store: Store, connection: sa.Connection, run: str, decided: Sequence[Decided], alerts: Sequence[Alert], seq: int
) -> None:
    articles = {one.article.id: one for one in decided if one.article is not None}
    store.upsert(connection, t.articles, [article_row(one, run, seq) for one in articles.values()])
    store.upsert(connection, t.versions, [version_row(one, run, seq) for one in decided if one.entry is not None])
    links = [row for one in decided if one.article is not None for row in link_rows(run, one.article.id, one.links)]
    store.upsert(connection, t.story_links, links)
    update_stories(store, connection, run, decided, seq)
    places = alert_places(decided)
    rows = [alert_row(alert, run, seq, places.get(alert_cause(alert))) for alert in alerts]
    store.insert_new(connection, t.alerts, rows)


def _mark_handled(
    connection: sa.Connection, run: str, decided: Sequence[Decided], alerts: Sequence[Alert], stored_ms: int
) -> None:
    """Record canaries as handled. A canary that Wirewatch didn't make has no row, so it changes nothing."""
    raised = {alert.article: alert.id for alert in alerts}
    c = t.canaries.c
    for one in decided:
        identity = article_id(one.outcome.item)
        first = (c.run == run) & (c.id == identity) & c.handled_ms.is_(None)
        values = {"handled_ms": stored_ms, "outcome": str(one.outcome.kind), "alert": raised.get(identity)}
        why = f"{one.outcome.stage}: {one.outcome.reason}" if one.outcome.reason else None
        connection.execute(t.canaries.update().where(first).values(**values, reason=why))
