"""The projection: what is outside the law, field by field, so that a new field must be thought about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from core.records import Alert, Article, OrderKey, Outcome, OutcomeKind, Position
from core.records.wire import project

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
KEY = OrderKey(1, "a" * 32, "b" * 32)
ARTICLE = Article(
    id="a",
    url="http://outlet.test/a",
    canonical_url="outlet.test/a",
    source="outlet",
    title="Title",
    text="Text",
    fetched_at=NOON,
    key=KEY,
    position=Position(run="live", stream="s", partition=0, offset=5),
    version_hash="v",
    fingerprint=b"\x00\x01",
    story_id="a",
    marks=("extraction_timeout",),
)
ALERT = Alert(
    id="i",
    run="live",
    subscription="s",
    subscription_version=1,
    story="a",
    article="a",
    reason="story",
    parameter="",
    raised_at=NOON,
    url="http://outlet.test/a",
    title="Title",
    source="outlet",
)
OUTCOME = Outcome(
    run="live", stream="s", partition=0, first_offset=5, last_offset=5, kind=OutcomeKind.PUBLISHED, item="a", key=KEY
)

OUTSIDE: list[tuple[Any, dict[str, Any]]] = [
    (ARTICLE, {"position": Position(run="replay", stream="t", partition=3, offset=9), "marks": ()}),
    (ALERT, {"run": "replay"}),
    (OUTCOME, {"run": "replay", "stream": "t", "partition": 3, "first_offset": 9, "last_offset": 9}),
]


@pytest.mark.parametrize(("record", "changes"), OUTSIDE, ids=["article", "alert", "outcome"])
def test_what_may_differ_between_runs_is_left_out_and_nothing_else(record: Any, changes: dict[str, Any]) -> None:
    assert project(record) == project(msgspec.structs.replace(record, **changes))
    wire = msgspec.json.decode(msgspec.json.encode(record))
    assert set(wire) - set(project(record)) == set(changes)
    assert project(record) == {name: value for name, value in wire.items() if name not in changes}


@pytest.mark.parametrize(
    ("record", "change"),
    [
        (ARTICLE, {"key": KEY.follower()}),
        (ARTICLE, {"fetched_at": NOON.replace(hour=13)}),
        (ARTICLE, {"fingerprint": b"\x00\x02"}),
        (ARTICLE, {"duplicate_of": "b"}),
        (ALERT, {"subscription_version": 2}),
        (OUTCOME, {"reason": "empty"}),
        (OUTCOME, {"key": None}),
    ],
)
def test_everything_else_counts(record: Any, change: dict[str, Any]) -> None:
    assert project(record) != project(msgspec.structs.replace(record, **change))


def test_it_is_json() -> None:
    for record in (ARTICLE, ALERT, OUTCOME):
        assert msgspec.json.decode(msgspec.json.encode(project(record))) == project(record)
