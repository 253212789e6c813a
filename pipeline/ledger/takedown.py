"""Removes an article from the store, in every run, in one transaction.

Only the row of the takedown, and outcomes with its reason, remain. Copies of the text in other outlets are separate articles
and remain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from core.records import Alert, OutcomeKind, article_id, decode, encode
from core.store import counts
from core.store import tables as t
from core.store.engine import Store
from core.store.outbox import key_of, replace_payloads
from core.store.takedowns import STAGE, newest_stamp
from pipeline.ledger.aliases import one_article
from pipeline.ledger.base import run_of_rows, stored_under
from pipeline.ledger.slow_lane import forget_drafts
from pipeline.ledger.stories import stories_as_of, story_row
from pipeline.ledger.tables import story_facts


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What a takedown removed, over all runs. ``event_ms``: event times of its records, ms since the epoch, UTC."""

    article: str
    articles: int = 0
    versions: int = 0
    alerts: int = 0
    outcomes: int = 0
    copies: int = 0
    event_ms: tuple[int, ...] = ()


def take_down(store: Store, url: str, reason: str, *, by: str, now_ms: int) -> Removed:
    """Remove everything stored about the article at ``url``, and reject it from now on. Idempotent. Raises StoreError.

    Delivery recalls what was delivered (``desk.delivery.recalls``). Every run's seq rises, so that a running pipeline
    decides its current bundle again.
    """
    article = article_id(url)
    total: Counter[str] = Counter()
    times: set[int] = set()
    with store.writing() as connection:
        store.serialise(connection, "takedowns")
        runs = _all_runs(connection)
        connection.execute(t.runs.update().values(seq=t.runs.c.seq + 1))
        # Its other addresses have the same text.
        for one in one_article(connection, runs, article):
            row = {"article": one, "url": url, "reason": reason, "by": by, "taken_ms": now_ms}
            store.upsert(connection, t.takedowns, [row | {"stamp": newest_stamp(connection) + 1}])
            # Its records in the slow lane are prepared again, and then rejected.
            for run in runs:
                forget_drafts(connection, run, [one])
            for run in _runs_with(connection, runs, one):
                times |= _take_from(store, connection, run, one, url, reason, total)
    return Removed(article=article, event_ms=tuple(sorted(times)), **total)


def _take_from(
    store: Store, connection: sa.Connection, run: str, article: str, url: str, reason: str, total: Counter[str]
) -> set[int]:
    """Remove an article from one run, and add to ``total``. Returns the event times of its records."""
    c = t.outcomes.c
    mine = (c.run == run) & (c.article == article)
    ended = connection.execute(sa.select(c.kind, c.place).where(mine)).all()
    connection.execute(
        t.outcomes.update()
        .where(mine)
        .values(kind=OutcomeKind.REJECTED, article=None, version=None, stage=STAGE, reason=reason)
    )
    moved = Counter((counts.OUTCOMES, one.kind) for one in ended)
    changes = Counter({key: -value for key, value in moved.items()})
    changes[counts.OUTCOMES, str(OutcomeKind.REJECTED)] += len(ended)
    changes[counts.REJECTED, f"{STAGE}: {STAGE}"] += len(ended)
    counts.add_counts(store, connection, run, changes)
    total["outcomes"] += len(ended)
    total.update(_empty(store, connection, run, article, url))
    return {int(one.place[:15]) for one in ended if one.place}


def _all_runs(connection: sa.Connection) -> list[str]:
    return sorted({one for run in connection.execute(sa.select(t.runs.c.name)).scalars() for one in stored_under(run)})


def _runs_with(connection: sa.Connection, runs: Sequence[str], article: str) -> list[str]:
    # Run by run, since no index begins with the article.
    return [
        run
        for run in runs
        if any(
            connection.execute(
                sa.select(table.c.run).where(table.c.run == run, table.c.article == article).limit(1)
            ).first()
            for table in (t.outcomes, t.versions)
        )
    ]


def _empty(store: Store, connection: sa.Connection, run: str, article: str, url: str) -> Counter[str]:
    """Delete the rows of one run that contain text of the article."""
    total: Counter[str] = Counter()
    a, v = t.articles.c, t.versions.c
    story = connection.execute(sa.select(v.story).where(v.run == run, v.article == article).limit(1)).scalar()
    total["articles"] = connection.execute(t.articles.delete().where(a.run == run, a.id == article)).rowcount
    total["versions"] = connection.execute(t.versions.delete().where(v.run == run, v.article == article)).rowcount
    n = t.story_links.c
    connection.execute(t.story_links.delete().where(n.run == run, (n.article == article) | (n.other == article)))
    taken = [article]
    if story is not None:
        taken += (alerts := _alerts(connection, run, story, article, url))
        total["alerts"] = len(alerts)
        members = sa.select(a.id).where(a.run == run, a.story == story, a.id != article)
        total["copies"] = len(connection.execute(members).all())
        _story(store, connection, run, story)
    connection.execute(
        t.outbox.delete().where(t.outbox.c.run == run, t.outbox.c.key.in_([key_of(run, one) for one in taken]))
    )
    return total


def _alerts(connection: sa.Connection, run: str, story: str, article: str, url: str) -> list[str]:
    """Delete the alerts that the article raised, and its links in other alerts; return the ids of the deleted ones."""
    c = t.alerts.c
    gone, payloads = [], dict[str, str]()
    rows = connection.execute(sa.select(c.id, c.article, c.record).where(c.run == run, c.story == story)).all()
    for row in rows:
        mine = (c.run == run) & (c.id == row.id)
        alert = decode(row.record.encode(), Alert)
        if row.article == article:
            gone.append(row.id)
            connection.execute(t.alerts.delete().where(mine))
        elif any(link.url == url for link in alert.links):
            links = tuple(link for link in alert.links if link.url != url)
            payloads[row.id] = record = encode(msgspec.structs.replace(alert, links=links)).decode()
            connection.execute(t.alerts.update().where(mine).values(record=record))
    replace_payloads(connection, run, payloads)
    return gone


def _story(store: Store, connection: sa.Connection, run: str, story: str) -> None:
    """Store the story without the article, or delete it if it has no other."""
    left = stories_as_of(connection, run, [story]).get(story)
    mine = (t.stories.c.run == run) & (t.stories.c.id == story)
    if left is None:
        connection.execute(t.stories.delete().where(mine))
        connection.execute(story_facts.delete().where(story_facts.c.run == run, story_facts.c.story == story))
        return
    seq = connection.execute(sa.select(t.runs.c.seq).where(t.runs.c.name == run_of_rows(run))).scalar() or 0
    store.upsert(connection, t.stories, [story_row(left, run, seq)])
