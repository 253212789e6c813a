"""Keeping a run: whatever is done again, cut elsewhere, lost or overtaken, the results are those of one quiet run."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.durations import HOUR_MS
from core.errors import Fenced, StoreError
from core.records import OutcomeKind, article_id
from core.store import Store
from pipeline.elements import Draft
from pipeline.ledger import writer as writer_module
from pipeline.ledger.ledger import Stale
from pipeline.ledger.writer import RunWriter, WritePlan, shared_writer
from tests.laws import examples
from tests.pipeline.ledger.drafts import ANN, day, opened, results, story, taken, without, writer
from tests.pipeline.transforms.support import NOON_MS, draft, key, position


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as made:
        yield made


def test_a_quiet_day_has_every_kind_of_outcome_and_some_alerts() -> None:
    kinds = Counter(one.kind for one in without()["outcomes"])
    assert set(kinds) == set(OutcomeKind) - {OutcomeKind.LOST}
    assert kinds.total() == len(day())
    assert {one.subscription for one in without()["alerts"]} == {"ann", "bob"}
    per_story = Counter((one.subscription, one.story) for one in without()["alerts"])
    assert set(per_story.values()) == {1}
    # The first was backfilled: its story was alerted by a later article.
    first = article_id("https://a.example/0")
    assert [one.article == first for one in without()["alerts"] if one.story == first] == [False]


def test_doing_a_batch_again_changes_nothing(store: Store) -> None:
    kept = writer(store)
    for _ in range(2):
        kept.write(day())
    kept.write(day()[3:9])
    kept.write([])
    assert results(store) == without()


def test_a_crash_after_the_commit_then_doing_it_again_changes_nothing(store: Store) -> None:
    writer(store).write(day()[:9])
    # A new process, which does not know what came of the batch; it takes the run over.
    writer(store, "next").write(day())
    assert results(store) == without()


@pytest.mark.parametrize("how", ["fail", "lost"])
def test_a_commit_that_failed_is_as_if_never_tried(store: Store, how: str) -> None:
    kept = writer(store, plan=["", how])
    kept.write(day()[:8])
    with pytest.raises(StoreError):
        kept.write(day()[8:16])
    kept.write(day()[8:16])
    kept.write(day()[16:])
    assert results(store) == without()


def test_index_entries_of_a_failed_batch_are_removed(store: Store) -> None:
    kept = writer(store, plan=["fail"])
    with pytest.raises(StoreError):
        kept.write([draft(0, "https://a.example/0", text=story(0))])
    # The failed one never comes again: the next is not a copy of an article that is not stored.
    kept.write([draft(1, "https://b.example/0", text=story(0))])
    (only,) = results(store)["articles"]
    assert (only.duplicate_of, only.story_id) == (None, only.id)


def test_two_writers_of_one_run_in_turn_come_to_the_same(store: Store) -> None:
    ledger = taken(store)
    pair = [RunWriter(ledger, publish=True), RunWriter(ledger, publish=True)]
    drafts = day()
    for number, start in enumerate(range(0, len(drafts), 2)):
        pair[number % 2].write(drafts[start : start + 2])
    assert results(store) == without()


def test_a_writer_that_is_overtaken_starts_again_from_what_the_other_wrote(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = taken(store)
    slow, quick = RunWriter(ledger, publish=True), RunWriter(ledger, publish=True)
    drafts = day()
    begin = ledger.begin
    overtaking = [drafts[:12]]

    def begin_slowly(*args: Any, **kwargs: Any) -> Any:
        context = begin(*args, **kwargs)
        if overtaking:
            batch = overtaking.pop()
            quick.write(batch)
        return context

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "begin", begin_slowly)
        slow.write(drafts)
    # The first try was stale, the second took the other's results into account.
    assert ledger.commits == 3
    assert results(store) == without()


def test_a_writer_that_is_always_overtaken_gives_up_and_can_continue_later(store: Store) -> None:
    kept = writer(store, plan=["stale"] * writer_module.TRIES)
    with pytest.raises(Stale):
        kept.write(day())
    kept.write(day())
    assert results(store) == without()


def test_a_new_process_knows_the_window_before_its_first_draft(store: Store) -> None:
    hours = [0, 1, 71, 73]
    urls = [f"https://a.example/{hour}" for hour in hours]

    def at(hour: int, text: int) -> Draft:
        url = f"https://a.example/{hour}"
        return draft(hour, url, key=key(hour, url, time_ms=NOON_MS + hour * HOUR_MS), text=story(text))

    for number, (hour, text) in enumerate(zip(hours, (0, 1, 0, 1), strict=True)):
        writer(store, f"process {number}").write([at(hour, text)])
    ids = [article_id(url) for url in urls]
    copies = {one.id: one.duplicate_of for one in results(store)["articles"]}
    # After 71 hours it is a copy; 72 hours after the first nothing counts any more.
    assert copies == {ids[0]: None, ids[1]: None, ids[2]: ids[0], ids[3]: None}


def test_a_version_is_known_long_after_the_window(store: Store) -> None:
    url = "https://a.example/0"
    writer(store).write([draft(0, url, text=story(0), subscriptions=(ANN,))])
    later = NOON_MS + 5_000 * HOUR_MS
    writer(store, "b").write([draft(1, url, key=key(1, url, time_ms=later), text=story(1), subscriptions=(ANN,))])
    (only,) = results(store)["articles"]
    assert (only.version, only.story_id, len(results(store)["alerts"])) == (2, only.id, 1)


def test_a_second_owner_fences_the_first(store: Store) -> None:
    first = writer(store, "first")
    first.write(day()[:5])
    second = writer(store, "second")
    with pytest.raises(Fenced):
        first.write(day()[5:])
    second.write(day()[5:])
    with pytest.raises(Fenced):
        first.write(day())
    assert results(store) == without()


def test_the_outbox_of_a_run_without_notifications_stays_empty(store: Store) -> None:
    writer(store, publish=False).write(day())
    assert results(store) == {**without(), "outbox": {}}


def test_a_run_without_an_owner_has_no_writer() -> None:
    with pytest.raises(StoreError, match="no owner"):
        shared_writer(WritePlan("sqlite://", "live", "", publish=False))


def test_a_draft_that_comes_too_late_is_placed_after_the_last(store: Store) -> None:
    kept = writer(store)
    on_time, late = draft(5, "https://a.example/0", text=story(0)), draft(3, "https://b.example/0", text=story(0))
    kept.write([on_time])
    kept.write([late])
    kept.write([draft(6, "https://c.example/0", text=story(0))])
    found = results(store)["articles"]
    assert [one.key for one in found] == [on_time.key, on_time.key.follower(), key(6, "https://c.example/0")]
    assert [one.duplicate_of for one in found] == [None, on_time.key.article, on_time.key.article]
    assert kept._ledger.offsets("stream").late_keys() == {(0, position(3).offset): on_time.key.follower()}


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Steps (what happens, from, to) that hand over a day in order, some of it again."""
    total, done = len(day()), 0
    steps = []
    while done < total:
        end = draw(st.integers(done + 1, total))
        again = draw(st.integers(0, done))
        what = draw(st.sampled_from(["", "", "fail", "lost", "restart", "other", "stale"]))
        steps.append((what, draw(st.sampled_from([done, again])), end))
        if what != "fail":
            done = end
    return steps


@given(histories())
@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_history_gives_the_same_results(history: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as store:
        ledger = taken(store)
        mine, other = RunWriter(ledger, publish=True), RunWriter(ledger, publish=True)
        for number, (what, start, end) in enumerate(history):
            if what == "restart":
                ledger = taken(store, f"owner {number}")
                mine, other = RunWriter(ledger, publish=True), RunWriter(ledger, publish=True)
            if what in ("fail", "lost", "stale"):
                ledger.plan = [what]
            batch = day()[start:end]
            try:
                (other if what == "other" else mine).write(batch)
            except StoreError:
                assert what in ("fail", "lost")
            ledger.plan = []
        mine.write(day())
        assert results(store) == without()
