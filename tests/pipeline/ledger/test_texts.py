"""Texts that are removed by their limits: nothing that is decided afterwards depends on when they went."""

from __future__ import annotations

import tempfile
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.durations import DAY_MS
from core.records import Article, Position, decode
from core.records.text_limits import DEFAULT
from core.records.without_text import MARK, without_text
from core.store import Store, StoreReader, open_store
from core.store import tables as t
from core.store.outbox import ALERTS, ENRICHED
from core.store.pruning_marks import pruned_of
from core.store.text_limits import keep_texts
from pipeline.elements import Draft
from pipeline.ledger import tables as own
from pipeline.ledger import texts
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.ledger.writer import RunWriter
from pipeline.replay.diff import differences, span_of
from pipeline.replay.runs import FINISHED, Replay, ReplayRepository
from tests.laws import examples
from tests.pipeline.ledger.drafts import ANN, story
from tests.pipeline.transforms.support import NOON_MS, draft
from tests.statements import before_statements

DAY = 86_400
RECORDS = st.lists(
    st.tuples(st.sampled_from((1, DAY, 4 * DAY, 8 * DAY)), st.integers(0, 2), st.integers(0, 2), st.booleans()),
    min_size=3,
    max_size=12,
)


def drafts_of(records: list[tuple[int, int, int, bool]]) -> list[tuple[Draft, bool]]:
    """Drafts in order, up to eight days apart, of three outlets with three texts of one address; whether to prune then."""
    made, second = [], 0
    for gap, outlet, text, prune in records:
        second += gap
        name = f"{'abc'[outlet]}.example"
        one = draft(
            second,
            f"https://{name}/x",
            title=f"Title {outlet}",
            text=f"{story(outlet)} And then {text} more came to the place.",
            source=name,
            subscriptions=(ANN,),
            summary="A summary.",
        )
        made.append((one, prune))
    return made


def removed(store: Store, ledger: RunLedger, now_ms: int = NOON_MS + 400 * DAY_MS) -> int:
    total, pruning = 0, Pruning(ledger, Keep())
    while (gone := pruning.step(now_ms)) is not None:
        total += gone
    return total


def results(store: Store, run: str) -> dict[str, list[tuple[Any, ...]]]:
    """What a run decided, and what of it is kept whatever its limits are."""
    o, v, a = t.outcomes.c, t.versions.c, t.alerts.c
    with store.reading() as connection:

        def rows(*columns: sa.ColumnElement[Any]) -> list[tuple[Any, ...]]:
            table = columns[0].table  # type: ignore[attr-defined]
            return sorted(tuple(row) for row in connection.execute(sa.select(*columns).where(table.c.run == run)))

        versions = rows(v.article, v.version, v.story, v.title, v.text_hash, v.fingerprint, v.difference)
        sized = [(*row[:-1], _size(row[-1])) for row in versions]
        return {
            "outcomes": rows(o.first_offset, o.kind, o.article, o.version, o.place, o.stage, o.reason),
            "versions": sized,
            "alerts": rows(a.id, a.subscription, a.story, a.article, a.place),
        }


def _size(difference: str | None) -> Any:
    if difference is None:
        return None
    return {name: value for name, value in msgspec.json.decode(difference).items() if name != "changes"}


@settings(max_examples=examples(25), deadline=None)
@example([(1, 0, 0, False), (4 * DAY, 0, 1, True), (8 * DAY, 0, 2, True), (8 * DAY, 1, 0, True), (1, 0, 0, False)])
@given(records=RECORDS)
def test_a_replay_equals_the_run_whose_texts_went_as_it_ran(records: list[tuple[int, int, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/store.db")
        keep_texts(store, DEFAULT, 9, by="", now_ms=NOON_MS - DAY_MS)
        keep_texts(store, "a.example", 7, by="", now_ms=NOON_MS - DAY_MS)
        keep_texts(store, "b.example", 0, by="", now_ms=NOON_MS + 6 * DAY_MS)
        ledger = RunLedger(store, "live", "me")
        ledger.take(kind="live", now_ms=NOON_MS)
        writer, all_of = RunWriter(ledger, publish=False), drafts_of(records)
        for one, prune in all_of:
            writer.write([one])
            if prune:
                removed(store, ledger)
        again = RunLedger(store, "again", "me")
        again.take(kind="replay", now_ms=NOON_MS)
        RunWriter(again, publish=False).write(
            [
                msgspec.structs.replace(one, position=msgspec.structs.replace(one.position, run="again"))
                for one, _ in all_of
            ]
        )
        assert results(store, "again") == results(store, "live")
        assert list(differences(store, "live", "again", span_of(store, "live", "again"))) == []
        store.close()


def test_title_link_and_facts_stay_of_each_outlet_by_its_own_limit(store: Store, ledger: RunLedger) -> None:
    keep_texts(store, "a.example", 7, by="ann", now_ms=NOON_MS - DAY_MS)
    records = [(1, 0, 0, False), (1, 1, 0, False), (20 * DAY, 2, 0, False)]
    drafts = [one for one, _ in drafts_of(records)]
    RunWriter(ledger, publish=False).write(drafts)
    before = _articles(store)
    assert removed(store, ledger) == 1
    after = _articles(store)
    [gone] = [identity for identity in before if before[identity] != after[identity]]
    assert before[gone].source == "a.example"
    assert after[gone] == without_text(before[gone])
    assert (after[gone].text, after[gone].summary, after[gone].marks) == ("", None, (MARK,))
    assert (after[gone].title, after[gone].url, after[gone].story_id) == (
        before[gone].title,
        before[gone].url,
        before[gone].story_id,
    )
    assert after[gone].subscriptions == (ANN,)
    assert pruned_of(store, "live").texts_removed == 1
    assert removed(store, ledger) == 0


def test_a_running_replay_keeps_its_texts_and_a_finished_one_does_not(store: Store, ledger: RunLedger) -> None:
    keep_texts(store, DEFAULT, 7, by="", now_ms=NOON_MS - DAY_MS)
    drafts = [one for one, _ in drafts_of([(1, 0, 0, False), (20 * DAY, 1, 0, False)])]
    RunWriter(ledger, publish=False).write(drafts)
    again = RunLedger(store, "again", "me")
    again.take(kind="replay", now_ms=NOON_MS)
    row = {"name": "again", "spec": "{}", "base": None, "from_ms": 0, "to_ms": 2 * NOON_MS, "no_claim": None}
    ReplayRepository(store).put(Replay(**row, state="running", started_ms=NOON_MS))
    moved = [
        msgspec.structs.replace(one, position=msgspec.structs.replace(one.position, run="again")) for one in drafts
    ]
    RunWriter(again, publish=False).write(moved)
    assert removed(store, ledger) == 1
    ReplayRepository(store).note("again", state=FINISHED)
    assert removed(store, ledger) == 1


def _waits(position: Position, article: str) -> dict[str, Any]:
    """A row of the slow lane, of a record that is done."""
    where = {"run": position.run, "stream": position.stream, "partition": position.partition}
    more = {"outlet": "a.example", "why": "slow", "place": "", "seq": 1, "draft": "{}", "made_by": "1"}
    return where | {"record_offset": position.offset, "article": article} | more


def test_records_waiting_for_a_stream_or_in_the_slow_lane_are_removed_too(store: Store, ledger: RunLedger) -> None:
    keep_texts(store, "a.example", 7, by="", now_ms=NOON_MS - DAY_MS)
    drafts = [one for one, _ in drafts_of([(1, 0, 0, False), (1, 1, 0, False), (20 * DAY, 2, 0, False)])]
    RunWriter(ledger, publish=True).write(drafts)
    old = drafts[0].key.article
    with store.writing() as connection:
        connection.execute(
            own.slow_lane.insert(),
            [
                _waits(msgspec.structs.replace(drafts[0].position, run=run, offset=100 + number), article)
                for number, (run, article) in enumerate((("live", old), ("live", "b" * 32), ("replay", old)))
            ],
        )
    before = _payloads(store)
    assert removed(store, ledger) == 1
    after = _payloads(store)
    changed = {key for key in before if before[key] != after[key]}
    [raised] = [one.id for one in StoreReader(store, "live").alerts() if one.article == old]
    assert changed == {(ENRICHED, f"live/{old}"), (ALERTS, f"live/{raised}")}
    with store.reading() as connection:
        c = own.slow_lane.c
        left = connection.execute(sa.select(c.run, c.article, c.draft, c.made_by)).all()
    # A replay that goes on stores the text, and loses it once it is finished.
    assert {(row.run, row.article) for row in left if row.draft is None} == {("live", old)}
    article = decode(after[ENRICHED, f"live/{old}"].encode(), Article)
    assert article == without_text(decode(before[ENRICHED, f"live/{old}"].encode(), Article))


def _payloads(store: Store) -> dict[tuple[str, str], str]:
    c = t.outbox.c
    with store.reading() as connection:
        return {
            (row.destination, row.key): row.payload
            for row in connection.execute(sa.select(c["destination", "key", "payload"]))
        }


def test_texts_are_looked_for_a_few_at_a_time_and_beside_writers(
    store: Store, ledger: RunLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "LOOKED_AT", 2)
    keep_texts(store, "a.example", 7, by="", now_ms=NOON_MS - DAY_MS)
    records = [(1, outlet, text, False) for outlet in (1, 0, 1) for text in (0, 1)]
    RunWriter(ledger, publish=False).write([one for one, _ in drafts_of([*records, (20 * DAY, 2, 0, False)])])
    looked: list[bool] = []

    def note(connection: sa.Connection, statement: str, _parameters: Any) -> None:
        if "LIMIT" in statement and "FROM versions" in statement:
            looked.append(bool(connection.get_execution_options().get("wirewatch_write")))

    pruning = Pruning(ledger, Keep())
    with before_statements(store.engine, note):
        assert [pruning.step(NOON_MS + 400 * DAY_MS) for _ in range(5)] == [0, 2, 0, None, 0]
    assert looked == [False] * len(looked)
    assert len(looked) > 4


def _articles(store: Store) -> dict[str, Article]:
    with store.reading() as connection:
        records = connection.execute(sa.select(t.articles.c.record)).scalars().all()
    return {one.id: one for one in (decode(record.encode(), Article) for record in records)}
