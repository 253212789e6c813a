"""By what a run has formed its stories."""

from __future__ import annotations

from core.store import Store
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.story_rules import UNKNOWN_RULE, story_rules
from pipeline.stories.rule import story_rule
from wirewatch.replay.spec import ReplaySpec, other_stories


def spec(stories: str) -> ReplaySpec:
    return ReplaySpec(since="", until="", sources=("stream",), of="live", seeded=True, stories=stories)


def test_with_and_without_vectors_are_two_rules() -> None:
    assert story_rule(vectors=True) != story_rule(vectors=False)


def test_a_run_keeps_every_rule_once_in_order(store: Store) -> None:
    assert story_rules(store, "live") == ()
    for rule in ("1", "2", "2", "1"):
        RunLedger(store, "live", "me").take(kind="live", now_ms=1, stories=rule)
    RunLedger(store, "live", "me").take(kind="live", now_ms=1)
    assert story_rules(store, "live") == ("1", "2")


def test_the_time_before_the_first_note_is_unknown(store: Store) -> None:
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=1)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET seq = 3")
    ledger.take(kind="live", now_ms=2, stories="2")
    assert story_rules(store, "live") == (UNKNOWN_RULE, "2")


def test_a_replay_by_another_rule_is_reported() -> None:
    assert other_stories(spec("2"), ("2",)) is None
    assert other_stories(spec("2"), ()) is None
    assert "by rule 2, 'live' by 1, 2" in (other_stories(spec("2"), ("1", "2")) or "")
    assert "story_vectors" in (other_stories(spec("2"), ("2+0db566fd",)) or "")


def test_a_replay_is_continued_only_by_its_own_rule() -> None:
    assert spec("2").differences(spec("2+0db566fd")) == ["story_vectors or the version"]
    assert spec("2").differences(spec("2")) == []
