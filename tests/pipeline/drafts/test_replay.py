"""Whole replays of the demo's samples (a third, if not ``thorough``) with kept drafts and without: equal records.

Takedowns and retention empty the drafts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import wall_ms
from core.records import RawArticle, article_id, encode, to_ms
from core.settings import Settings
from core.store import SubscriptionStore, open_store
from core.streams import NewRecord
from core.streams.embedded.stream import SqliteStream
from core.streams.open import create_planned
from core.streams.plans import planned_streams
from desk.labels import OutletLabels, outlet_label
from pipeline.drafts.file import DraftFile
from pipeline.drafts.kept import FILE, Keeping, keeping_of
from pipeline.drafts.tending import Tending
from pipeline.drivers.live import LiveRun, run_in_slices
from pipeline.elements import Draft, Envelope
from pipeline.ledger.takedown import take_down
from pipeline.transforms import in_force
from pipeline.transforms.extraction_pool import InlineExtraction
from tests.laws import shares
from tests.pipeline.flow.input import START
from tests.pipeline.replay.world import END_MS, START_MS, World
from wirewatch.demo import DemoOutlets, load_samples

PART = shares(3)


def samples() -> list[RawArticle]:
    """Articles of the demo, as their pages are at the end."""
    found = load_samples()
    outlets = DemoOutlets(found, START, base_url="http://demo.test:8000")
    after_s = outlets.finished_after_s()
    return [
        RawArticle(
            url=outlets.base_url + one.path,
            source=one.outlet,
            fetched_at=START + timedelta(seconds=number),
            title=one.text_at(0).title,
            language=one.language,
            html=outlets.page(one.path, after_s).body.decode(),
        )
        for number, one in enumerate(found.articles[::PART])
    ]


TOPIC = """
name = "ferries"
title = "Ferries"
threshold = 0.1
[[query]]
query = "ferr* OR port OR talks OR convoy"
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.at(tmp_path_factory.mktemp("world"))
    lived(made)
    yield made
    made.close()


def lived(made: World) -> None:
    records = [(article_id(raw.url).encode(), encode(raw), to_ms(raw.fetched_at)) for raw in samples()]
    made.append([(n % 3, key, value, time_ms) for n, (key, value, time_ms) in enumerate(records)])
    # Two records that are no articles; the same bytes again, later.
    made.append([(0, b"key", b"no JSON {", END_MS), (1, records[0][0], records[0][1], END_MS + 1)])
    made.live()


def kept_in(keeping: Keeping) -> int:
    file = DraftFile(Path(keeping.path), keeping.most_bytes)
    try:
        return file.count()
    finally:
        file.close()


def test_replays_with_kept_drafts_and_without_are_equal_byte_by_byte(world: World, tmp_path: Path) -> None:
    keeping = Keeping(str(tmp_path / FILE), 64 << 20)
    plain, _ = world.replay()
    filling, _ = world.replay(keeping=keeping)
    reusing, row = world.replay(keeping=keeping)
    assert (world.reused[plain], world.reused[filling]) == (0, 1)
    # One record comes twice.
    assert row.done - 3 <= world.reused[reusing] == kept_in(keeping) + 1
    said = [json.dumps(world.results(run)).encode() for run in ("live", plain, filling, reusing)]
    assert len(said[0]) > 100_000 // PART
    assert said[1:] == said[:1] * 3


def test_without_subscriptions_drafts_are_finished_before_the_graph_and_the_records_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.at(tmp_path / "world", subscribed=False)
    OutletLabels(world.store).put(outlet_label(samples()[0].source, "agency", "a list", now_ms=START_MS - 60_000))
    lived(world)
    keeping = Keeping(str(tmp_path / FILE), 64 << 20)
    plain, _ = world.replay()
    filling, _ = world.replay(keeping=keeping)
    prepared, submit = list[bytes](), InlineExtraction.submit

    def seen(self: InlineExtraction, envelope: Envelope) -> Future[Draft]:
        prepared.append(envelope.value)
        return submit(self, envelope)

    monkeypatch.setattr(InlineExtraction, "submit", seen)
    monkeypatch.setattr(SqliteStream, "_unpacking", lambda *_where: pytest.fail)
    reusing, row = world.replay(keeping=keeping)
    assert world.reused[reusing] == row.done - 1
    # It is too short to be compressed.
    assert prepared == [b"no JSON {"]
    said = [json.dumps(world.results(run)).encode() for run in ("live", plain, filling, reusing)]
    assert b'"labels": ["agency"]' in said[0]
    assert said[1:] == said[:1] * 3
    # Topics of their own time: other definitions tag the kept articles again.
    SubscriptionStore(world.store).save_topics({"ferries": TOPIC}, now_ms=START_MS - 30_000)
    monkeypatch.undo()
    # A saving holds from two seconds later, so what was read is used for one; this one is backdated.
    monkeypatch.setattr(in_force, "FRESH_MS", 0)
    said = [json.dumps(world.results(world.replay(keeping=one)[0])).encode() for one in (None, keeping, keeping)]
    assert said[1:] == said[:1] * 2
    assert b'"ferries"' in said[0]
    world.close()


def test_a_takedown_empties_them_and_a_replay_does_not_restore_them(world: World, tmp_path: Path) -> None:
    keeping = Keeping(str(tmp_path / FILE), 64 << 20)
    world.replay(keeping=keeping)
    gone = samples()[3]
    before = kept_in(keeping)
    store = open_store(f"sqlite:///{tmp_path}/other.db")
    take_down(store, gone.url, "court order", by="ann", now_ms=END_MS)
    store.close()
    tending = Tending(keeping, f"sqlite:///{tmp_path}/other.db", clock_ms=lambda: 0)
    tending.turn()
    assert kept_in(keeping) == before - 1
    again, row = world.replay(keeping=keeping)
    assert row.done - 4 <= world.reused[again] == before
    assert kept_in(keeping) == before - 1


def test_drafts_never_outlive_their_records_on_the_stream(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), partitions=1, extraction_processes=0, story_vectors=False)
    plan = planned_streams(settings)[settings.raw_stream]
    raws = samples()[:6]
    now_ms = wall_ms()
    with create_planned(settings.stream, plan, role="reader") as stream:
        stream.append(
            [
                NewRecord(article_id(raw.url).encode(), encode(raw), 0, now_ms - (7_200_000 if number < 4 else 60_000))
                for number, raw in enumerate(raws)
            ]
        )
    assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == 6
    keeping = keeping_of(settings)
    assert kept_in(keeping) == 6
    live = LiveRun(settings, wall_ms)
    assert isinstance(live.raw, SqliteStream)
    assert live.raw.delete_before(now_ms - 3_600_000) == 4
    live.mirror({0: 6})
    live.close()
    assert kept_in(keeping) == 2
