"""Deleting texts whose limit is over (``core.store.text_limits``) from versions, articles, alerts. Title, link and facts stay.

What is left bears the mark ``text_removed``. Nothing is decided by it: the ordered stage goes by the limits.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa

from core.records import Alert, Article, decode, encode
from core.records.text_limits import TextLimits
from core.records.without_text import alert_without_text, without_text
from core.store import tables as t
from core.store.engine import chunks
from core.store.outbox import key_of
from pipeline.ledger import tables as own
from pipeline.text.difference import VersionDifference

LastVersion = tuple[int, str, int]
"""(event_ms, article, version) of a version."""
FIRST: LastVersion = (-1, "", 0)


def remove_texts(
    connection: sa.Connection, run: str, limits: TextLimits, at_ms: int, after: LastVersion, most: int
) -> tuple[int, LastVersion | None]:
    """Remove texts of a run that are gone as of ``at_ms``, among its next ``most`` versions by event time.

    ``after``: the version looked at last. Returns how many texts went, and the version looked at last now; None: there is
    none left.
    """
    v = t.versions.c
    place = sa.tuple_(v.event_ms, v.article, v.version)
    query = sa.select(v.article, v.version, v.source, v.event_ms, v.difference).where(
        v.run == run, v.event_ms >= after[0], v.event_ms < limits.latest_before_ms(at_ms), place > after, v.text != ""
    )
    rows = connection.execute(query.order_by(v.event_ms, v.article, v.version).limit(most)).all()
    if not rows:
        return 0, None
    gone = [row for row in rows if limits.gone(row.source, row.event_ms, at_ms)]
    for row in gone:
        mine = (v.run == run) & (v.article == row.article) & (v.version == row.version)
        connection.execute(t.versions.update().where(mine).values(text="", difference=_counts(row.difference)))
    _articles(connection, run, {(row.article, row.version) for row in gone})
    _alerts(connection, run, {row.article for row in gone}, limits, at_ms)
    last = rows[-1]
    return len(gone), (last.event_ms, last.article, last.version)


def _counts(difference: str | None) -> str | None:
    if difference is None:
        return None
    found = decode(difference.encode(), VersionDifference)
    return encode(msgspec.structs.replace(found, changes=())).decode()


def _articles(connection: sa.Connection, run: str, gone: Iterable[tuple[str, int]]) -> None:
    a = t.articles.c
    for article, version in sorted(gone):
        mine = (a.run == run) & (a.id == article) & (a.version == version)
        record = connection.execute(sa.select(a.record).where(mine)).scalar()
        if record is not None:
            kept = encode(without_text(decode(record.encode(), Article))).decode()
            connection.execute(t.articles.update().where(mine).values(record=kept))
            _waiting(connection, run, article, kept)
            connection.execute(
                own.slow_lane.update().where(own.slow_lane.c.article == article).values(draft=None, made_by=None)
            )


def _alerts(connection: sa.Connection, run: str, articles: Iterable[str], limits: TextLimits, at_ms: int) -> None:
    a, c = t.articles.c, t.alerts.c
    for part in chunks(sorted(articles)):
        stories = sa.select(a.story).where(a.run == run, a.id.in_(part))
        raised = sa.select(c.id, c.record).where(c.run == run, c.story.in_(stories), c.article.in_(part))
        for row in connection.execute(raised).all():
            alert = decode(row.record.encode(), Alert)
            # An article's later alerts quote its later versions.
            if limits.gone(alert.source, round(alert.raised_at.timestamp() * 1000), at_ms):
                kept = encode(alert_without_text(alert)).decode()
                connection.execute(t.alerts.update().where(c.run == run, c.id == row.id).values(record=kept))
                _waiting(connection, run, row.id, kept)


def _waiting(connection: sa.Connection, run: str, key: str, payload: str) -> None:
    waiting = (t.outbox.c.run == run) & (t.outbox.c.key == key_of(run, key))
    connection.execute(t.outbox.update().where(waiting).values(payload=payload))
