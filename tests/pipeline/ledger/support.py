"""Batches as the ordered stage would hand them to the ledger, without deciding anything."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from core.records import Alert, Outcome, OutcomeKind, SubscriptionMatch, from_ms
from pipeline.ledger.ledger import RunLedger, RunState
from pipeline.stories.stage import Decided, entry_of
from tests.pipeline.transforms.support import article, key, position

ONE = "https://a.example/1"
TWO = "https://b.example/2"


def told(
    number: int, url: str = ONE, *, story: str | None = None, copy_of: str | None = None, **fields: Any
) -> Decided:
    """The record at place and offset ``number``: a version of the article at ``url`` (the first, unless said)."""
    version = fields.setdefault("version", 1)
    made = article(number, url, **fields)
    made = article(number, url, **fields, story_id=story or made.id, duplicate_of=copy_of)
    kind = OutcomeKind.UPDATED if version > 1 else OutcomeKind.DUPLICATE if copy_of else OutcomeKind.PUBLISHED
    result = outcome(number, kind, item=url, article=made.id, version=version, key=made.key)
    entry = entry_of(made, made.key, version, made.story_id or "", copy_of)
    return Decided(result, made.key, False, made, entry)


def refused(number: int, why: str = "no_text", **fields: Any) -> Decided:
    made = outcome(number, OutcomeKind.REJECTED, stage="clean", reason=why, key=key(number), **fields)
    return Decided(made, key(number), False)


def outcome(first: int, kind: OutcomeKind = OutcomeKind.PUBLISHED, last: int | None = None, **fields: Any) -> Outcome:
    where = position(first)
    made: dict[str, Any] = {"run": where.run, "stream": where.stream, "partition": where.partition, "kind": kind}
    return Outcome(**{**made, "first_offset": first, "last_offset": first if last is None else last, **fields})


def lost(first: int, last: int, **fields: Any) -> Outcome:
    return outcome(first, OutcomeKind.LOST, last, stage="read", reason="retention", **fields)


def match(subscription: str) -> SubscriptionMatch:
    return SubscriptionMatch(subscription=subscription, version=1)


def alert(cause: Decided, subscription: str = "ann", identity: str | None = None) -> Alert:
    made = cause.article
    assert made is not None
    return Alert(
        id=identity or f"{subscription}:{made.story_id}",
        run="live",
        subscription=subscription,
        subscription_version=1,
        story=made.story_id or "",
        article=made.id,
        reason="story",
        parameter="",
        raised_at=from_ms(cause.key.time_ms),
        url=made.url,
        title=made.title,
        source=made.source,
    )


def state_of(ledger: RunLedger) -> RunState:
    # As if the index had all that is stored: it isn't read.
    return ledger.begin([], [], since_seq=sys.maxsize, since_ms=0).state


def commit(ledger: RunLedger, batch: Sequence[Decided], alerts: Sequence[Alert] = (), *, publish: bool = False) -> int:
    last = batch[-1].key if batch else None
    return ledger.commit(state_of(ledger), batch, alerts, last_key=last, publish=publish)
