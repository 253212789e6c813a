"""Deletes texts past their limit (``core.store.text_limits``) from versions, articles and alerts. Keeps title, link and facts.

The rows get the mark ``text_removed``, on which no decision depends, since the ordered stage uses the limits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.records import Article, decode, encode
from core.records.text_limits import TextLimits
from core.records.without_text import stored_alert_without_text, without_text
from core.store import tables as t
from core.store.engine import chunks
from core.store.outbox import replace_payloads
from pipeline.ledger.slow_lane import forget_drafts
from pipeline.text.difference import VersionDifference

LastVersion = tuple[int, str, int]
"""(event_ms, article, version) of a version."""
FIRST: LastVersion = (-1, "", 0)
LOOKED_AT = 5_000


class FoundTexts(NamedTuple):
    """Rows of ``versions`` whose texts are to be removed, and the version read last; None at the end."""

    versions: list[sa.Row[Any]]
    last: LastVersion | None


def find_texts(
    connection: sa.Connection, run: str, limits: TextLimits, at_ms: int, after: LastVersion, most: int
) -> FoundTexts:
    """Up to ``most`` texts of a run that are past their limit at ``at_ms``, among the versions after ``after`` by event time.

    Reads at most ``LOOKED_AT`` of these, since the number of versions with texts already removed keeps growing.
    """
    v = t.versions.c
    place = sa.tuple_(v.event_ms, v.article, v.version)
    query = sa.select(v.article, v.version, v.source, v.event_ms, v.difference, (v.text != "").label("there")).where(
        v.run == run, v.event_ms >= after[0], v.event_ms < limits.latest_before_ms(at_ms), place > after
    )
    gone, found, last = limits.as_of(at_ms), list[sa.Row[Any]](), None
    for row in connection.execute(query.order_by(v.event_ms, v.article, v.version).limit(LOOKED_AT)):
        last = (row.event_ms, row.article, row.version)
        if row.there and gone(row.source, row.event_ms):
            found.append(row)
            if len(found) == most:
                break
    return FoundTexts(found, last)


def remove_texts(
    connection: sa.Connection, run: str, limits: TextLimits, at_ms: int, versions: Collection[sa.Row[Any]]
) -> int:
    """Remove the texts that ``find_texts`` found. Returns how many; fewer if an article was removed since."""
    if not versions:
        return 0
    v = t.versions.c
    mine = (v.run == run) & (v.article == sa.bindparam("of")) & (v.version == sa.bindparam("number"))
    change = t.versions.update().where(mine).values(text="", difference=sa.bindparam("counts"))
    rows = [{"of": row.article, "number": row.version, "counts": _counts(row.difference)} for row in versions]
    count = connection.execute(change, rows).rowcount
    articles = _articles(connection, run, {(row.article, row.version) for row in versions})
    alerts = _alerts(connection, run, {row.article for row in versions}, limits, at_ms)
    forget_drafts(connection, run, articles)
    replace_payloads(connection, run, articles | alerts)
    return count


def _counts(difference: str | None) -> str | None:
    if difference is None:
        return None
    found = decode(difference.encode(), VersionDifference)
    return encode(msgspec.structs.replace(found, changes=())).decode()


def _articles(connection: sa.Connection, run: str, gone: Collection[tuple[str, int]]) -> dict[str, str]:
    """Remove the texts of articles whose newest versions these are. Returns id → record without its text."""
    c, left = t.articles.c, dict[str, str]()
    for part in chunks(sorted({article for article, _ in gone})):
        query = sa.select(c.id, c.version, c.record).where(c.run == run, c.id.in_(part))
        for row in connection.execute(query):
            if (row.id, row.version) in gone:
                left[row.id] = encode(without_text(decode(row.record.encode(), Article))).decode()
    _replace_records(connection, run, t.articles, left)
    return left


def _alerts(
    connection: sa.Connection, run: str, articles: Collection[str], limits: TextLimits, at_ms: int
) -> dict[str, str]:
    """Remove quotations of removed texts from the articles' alerts. Returns id → record without them."""
    a, c, gone, left = t.articles.c, t.alerts.c, limits.as_of(at_ms), dict[str, str]()
    for part in chunks(sorted(articles)):
        stories = sa.select(a.story).where(a.run == run, a.id.in_(part))
        raised = sa.select(c.id, c.record).where(c.run == run, c.story.in_(stories), c.article.in_(part))
        for row in connection.execute(raised):
            # An article's later alerts quote its later versions.
            if (kept := stored_alert_without_text(row.record, gone)) is not None:
                left[row.id] = kept
    _replace_records(connection, run, t.alerts, left)
    return left


def _replace_records(connection: sa.Connection, run: str, table: sa.Table, records: Mapping[str, str]) -> None:
    if records:
        mine = (table.c.run == run) & (table.c.id == sa.bindparam("of"))
        change = table.update().where(mine).values(record=sa.bindparam("new"))
        connection.execute(change, [{"of": identity, "new": record} for identity, record in records.items()])
