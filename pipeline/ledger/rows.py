"""Records as rows of the store's tables and of the outbox. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records import Alert, OrderKey, Outcome, OutcomeKind, encode, to_ms
from core.store import tables as t
from core.store.metadata import storable
from core.store.outbox import ALERTS, CANARIES, ENRICHED, PEOPLE, REJECTED, OutboxRow, key_of
from pipeline.stories.index import IndexEntry
from pipeline.stories.links import Link
from pipeline.stories.stage import Decided

ENTRY = tuple(
    t.versions.c[name]
    for name in (
        *("article", "version", "version_hash", "text_hash", "place", "story"),
        *("source", "duplicate_of", "language", "fingerprint", "backfill"),
    )
)
"""The columns that ``entry`` needs; titles and texts, by far the largest part of a row, are not needed."""


def entry(row: sa.Row[Any], story: str | None = None) -> IndexEntry:
    """The index entry of a row of ``versions``. ``story`` replaces the row's story."""
    return IndexEntry(
        article=row.article,
        version=row.version,
        version_hash=row.version_hash,
        text_hash=row.text_hash,
        key=OrderKey.parse(row.place),
        story=story or row.story,
        source=row.source,
        duplicate_of=row.duplicate_of,
        language=row.language,
        fingerprint=row.fingerprint,
        backfill=row.backfill,
    )


def outcome_row(outcome: Outcome, seq: int, *, late: bool) -> dict[str, object]:
    """A row of ``outcomes``."""
    row = msgspec.structs.asdict(outcome)
    key = row.pop("key")
    del row["schema"]
    return row | {"kind": str(outcome.kind), "place": key.sortable() if key else None, "late": late, "seq": seq}


def article_row(decided: Decided, run: str, seq: int) -> dict[str, object]:
    """A row of ``articles``. Raises ValueError if the record has no article."""
    article = decided.article
    if article is None:
        raise ValueError("a record without an article has no row")
    return {
        "run": run,
        "id": article.id,
        "version": article.version,
        "place": decided.key.sortable(),
        "story": article.story_id,
        "source": article.source,
        "record": encode(article).decode(),
        "seq": seq,
    }


def version_row(decided: Decided, run: str, seq: int) -> dict[str, object]:
    """A row of ``versions``. Raises ValueError if the record is not a version."""
    article, entry = decided.article, decided.entry
    if article is None or entry is None:
        raise ValueError("a record without an entry is not a version")
    return {
        "run": run,
        "article": entry.article,
        "version": entry.version,
        "version_hash": entry.version_hash,
        "text_hash": entry.text_hash,
        "place": entry.key.sortable(),
        "event_ms": entry.key.time_ms,
        "story": entry.story,
        "duplicate_of": entry.duplicate_of,
        "source": entry.source,
        "language": entry.language,
        "fingerprint": entry.fingerprint,
        "difference": encode(decided.difference).decode() if decided.difference is not None else None,
        "backfill": entry.backfill,
        "title": article.title,
        "text": article.text,
        "topics": encode([topic.topic for topic in article.topics]).decode(),
        "fetched_ms": to_ms(article.fetched_at),
        "seq": seq,
    }


def link_rows(run: str, article: str, links: Iterable[Link]) -> list[dict[str, object]]:
    """Rows of ``story_links``: the articles that were near an article when it was new."""
    return [
        {
            "run": run,
            "article": article,
            "other": one.other,
            "joined": one.joined,
            "score": one.score,
            "inputs": msgspec.json.encode(one.inputs).decode(),
        }
        for one in links
    ]


AlertCause = tuple[str, int]
"""Article and version, which identify an alert's cause. The time does not, since two versions may share it."""


def alert_cause(alert: Alert) -> AlertCause:
    """The cause of an alert."""
    return alert.article, alert.article_version


def alert_places(decided: Iterable[Decided]) -> dict[AlertCause, str]:
    """Cause → place of the record with this version of the article."""
    return {(one.article.id, one.article.version): one.key.sortable() for one in decided if one.article is not None}


def alert_row(alert: Alert, run: str, seq: int, place: str | None) -> dict[str, object]:
    """A row of ``alerts``. ``place``: of the record that raised it; None: made from the alert's time and article."""
    return {
        "run": run,
        "id": alert.id,
        "subscription": alert.subscription,
        "story": alert.story,
        "article": alert.article,
        "place": place or f"{to_ms(alert.raised_at):015d}:{alert.article}",
        "record": encode(alert).decode(),
        "seq": seq,
    }


def outbox_rows(run: str, decided: Sequence[Decided], alerts: Sequence[Alert]) -> list[OutboxRow]:
    """The rows of a bundle for the output streams: enriched articles, rejections, alerts, in order."""
    rows = []
    for one in decided:
        if one.article is not None:
            rows.append(OutboxRow(run, ENRICHED, key_of(run, one.article.id), encode(one.article).decode()))
        elif one.outcome.kind is OutcomeKind.REJECTED:
            where = f"{one.outcome.stream}/{one.outcome.partition}/{one.outcome.first_offset}"
            rows.append(OutboxRow(run, REJECTED, key_of(run, where), encode(_storable(one.outcome)).decode()))
    for alert in alerts:
        record = encode(alert).decode()
        rows.append(OutboxRow(run, ALERTS, key_of(run, alert.id), record))
        if alert.channels:
            rows.append(OutboxRow(run, PEOPLE, key_of(run, alert.id), record))
    return rows


def canary_rows(run: str, alerts: Sequence[Alert]) -> list[OutboxRow]:
    """The rows of canaries' alerts for their output stream. The id in the key is the canary's."""
    return [OutboxRow(run, CANARIES, key_of(run, alert.article), encode(alert).decode()) for alert in alerts]


def _storable(outcome: Outcome) -> Outcome:
    """The outcome with text that JSON can encode, since names may come from a file system, and reasons from a library."""
    reason = None if outcome.reason is None else storable(outcome.reason)
    return msgspec.structs.replace(outcome, item=storable(outcome.item), reason=reason)
