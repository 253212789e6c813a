"""The harness's judgement: what it must find when something is lost, doubled or different. A small run, then tampered with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from benchmarks.torture.articles import told
from benchmarks.torture.check import Findings, verify
from benchmarks.torture.torture import SUBSCRIPTIONS
from core.clock import wall_ms
from core.records import RawArticle, article_id, encode, from_ms
from core.settings import Settings
from core.store import Store, SubscriptionStore, open_store
from core.store import tables as t
from core.store.outbox import ENRICHED
from core.streams import NewRecord, create_stream, open_stream
from pipeline.drivers.live import run_in_slices

pytestmark = pytest.mark.slow
COUNT = 40
PUBLISHED = {(number, 1) for number in range(COUNT)}


def _record(number: int) -> NewRecord:
    title, text = told(number)
    url = f"https://wire.example/{number}"
    summary = f"torture-{number}-version-1"
    raw = RawArticle(
        url=url, source="wire", fetched_at=from_ms(1_790_000_000_000), title=title, text=text, summary=summary
    )
    return NewRecord(article_id(url).encode(), encode(raw))


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stream and store of a run that has come to rest."""
    folder = tmp_path_factory.mktemp("rest")
    made = Settings(data_dir=str(folder), extraction_processes=0)
    store = open_store(made.store)
    SubscriptionStore(store).save_subscriptions(SUBSCRIPTIONS, now_ms=wall_ms(), from_the_beginning=True)
    store.close()
    with create_stream(made.stream, made.raw_stream, made.partitions) as raw:
        for number in range(COUNT):
            raw.append([_record(number)])
    run_in_slices(made, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
    return folder


@pytest.fixture
def settings(at_rest: Path, tmp_path: Path) -> Settings:
    """A copy of it, to be tampered with."""
    shutil.copytree(at_rest, tmp_path / "data")
    return Settings(data_dir=str(tmp_path / "data"), extraction_processes=0)


def _judged(settings: Settings, folder: Path, published: set[tuple[int, int]] = PUBLISHED) -> Findings:
    return verify(settings, SUBSCRIPTIONS, published, folder)


def test_an_undisturbed_run_has_nothing_wrong(settings: Settings, tmp_path: Path) -> None:
    found = _judged(settings, tmp_path)
    assert found.problems == []
    assert (found.records, found.outcomes.total()) == (COUNT, COUNT)
    assert found.alerts == found.relayed_alerts > 5
    assert {"published", "duplicate", "rejected"} <= found.outcomes.keys()
    assert (found.late, found.repeats, found.duplicates) == (0, 0, 0)
    assert found.checked["raw-articles"] == COUNT
    assert found.checked["alerts"] == found.alerts
    assert min(found.checked["enriched-articles"], found.checked["rejected"]) > 0


def _lose_an_outcome(store: Store) -> None:
    with store.writing() as connection:
        first = connection.execute(sa.select(sa.func.min(t.outcomes.c.first_offset))).scalar_one()
        connection.execute(t.outcomes.delete().where(t.outcomes.c.first_offset == first, t.outcomes.c.partition == 0))


def _double_an_outcome(store: Store) -> None:
    with store.writing() as connection:
        row = connection.execute(sa.select(t.outcomes).where(t.outcomes.c.first_offset == 1).limit(1)).one()
        # The ledger's key is the first offset: a range that reaches back over it is how a record could count twice.
        wider = t.outcomes.update().where(t.outcomes.c.partition == row.partition, t.outcomes.c.first_offset == 0)
        connection.execute(wider.values(last_offset=1))


def _lose_an_alert(store: Store) -> None:
    _drop_first(store, t.alerts)


def _lose_an_article(store: Store) -> None:
    _drop_first(store, t.articles)


def _drop_first(store: Store, table: sa.Table) -> None:
    with store.writing() as connection:
        one = connection.execute(sa.select(table.c.id).order_by(table.c.id).limit(1)).scalar_one()
        connection.execute(table.delete().where(table.c.id == one))


def _change_an_outcome(store: Store) -> None:
    with store.writing() as connection:
        one = connection.execute(sa.select(t.outcomes).where(t.outcomes.c.kind == "duplicate").limit(1)).one()
        mine = (t.outcomes.c.partition == one.partition) & (t.outcomes.c.first_offset == one.first_offset)
        connection.execute(t.outcomes.update().where(mine).values(kind="unchanged"))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (_lose_an_outcome, "1 raw records without an outcome"),
        (_double_an_outcome, "1 raw records with two outcomes"),
        (_lose_an_alert, "1 relayed alerts that the store doesn't have"),
        (_lose_an_article, "articles that differ from the bounded run's"),
        (_change_an_outcome, "1 outcomes that differ from the bounded run's"),
    ],
)
def test_tampering_is_found(settings: Settings, tmp_path: Path, tamper: Callable[[Store], None], words: str) -> None:
    store = open_store(settings.store)
    tamper(store)
    store.close()
    assert words in " | ".join(_judged(settings, tmp_path).problems)


def test_an_article_that_never_reached_the_stream_is_found(settings: Settings, tmp_path: Path) -> None:
    problems = _judged(settings, tmp_path, PUBLISHED | {(7, 2)}).problems
    assert problems == ["1 published, but not in the raw stream: (7, 2)"]


def test_an_unhandled_record_and_an_alert_without_a_record_are_found(settings: Settings, tmp_path: Path) -> None:
    with open_stream(settings.stream, settings.raw_stream) as raw:
        raw.append([_record(COUNT)])
    with open_stream(settings.stream, "alerts") as alerts:
        alerts.append([NewRecord(b"made-up", b"{}")])
    problems = " | ".join(_judged(settings, tmp_path).problems)
    assert "1 raw records without an outcome" in problems
    assert "1 relayed alerts that the store doesn't have: made-up" in problems
    assert "'story' is a required property" in problems


def test_an_older_version_relayed_behind_a_newer_one_is_found(settings: Settings, tmp_path: Path) -> None:
    with open_stream(settings.stream, ENRICHED) as enriched:
        one = next(iter(enriched.read({0: 0})))
        older = msgspec.json.decode(one.value) | {"version": 0}
        enriched.append([NewRecord(one.key or b"", msgspec.json.encode(older), partition=0)])
    [problem] = _judged(settings, tmp_path).problems
    assert problem.startswith("1 articles whose last relayed version is not the newest: ")


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (_lose_an_outcome, "1 raw records without an outcome"),
        (_lose_an_article, "1 articles of raw records that the store doesn't have"),
    ],
)
def test_missing_records_behind_a_cut_are_still_found(
    settings: Settings, tmp_path: Path, tamper: Callable[[Store], None], words: str
) -> None:
    assert verify(settings, SUBSCRIPTIONS, PUBLISHED, tmp_path, cuts=True).problems == []
    again = tmp_path / "again"
    again.mkdir()
    store = open_store(settings.store)
    tamper(store)
    store.close()
    assert words in " | ".join(verify(settings, SUBSCRIPTIONS, PUBLISHED, again, cuts=True).problems)
