"""The daily archive: whatever was on the stream comes back to the byte, days are whole, takedowns go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.archives.folder import DayFile, day_files, day_start_ms, read_note, take_out
from connectors.archives.warc import read_warc
from core.records import article_id, raw_hash
from pipeline.drivers.sorted_input import SortedHistory, SortedWriter, Where
from pipeline.ledger.takedown import take_down
from pipeline.replay.runs import late_places
from tests.pipeline.flow.input import START
from tests.pipeline.replay.world import END_MS, World, late_records
from wirewatch.replay.sources import SETTLED_MS, archive_days

DAY = START.date()
OVER_MS = day_start_ms(DAY + timedelta(days=1)) + SETTLED_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.at(tmp_path)
    made.append_day()
    made.live()
    made.append(late_records())
    made.live()
    yield made
    made.close()


def archive(world: World, clock_ms: int = OVER_MS) -> list[tuple[str, int]]:
    days = archive_days(
        world.stream,
        world.store,
        world.folder / "archive",
        clock_ms=lambda: clock_ms,
        stop=lambda: False,
        software="test",
    )
    return [(str(day.day), day.records) for day in days]


def on_the_stream(world: World) -> dict[tuple[int, int], bytes]:
    found = {}
    for partition in world.stream.partitions():
        offset = world.stream.start_offsets([partition])[partition]
        while records := world.stream.read({partition: offset}):
            found |= {(partition, record.offset): record.value for record in records}
            offset = records[-1].offset + 1
    return found


def in_the_archive(world: World) -> dict[tuple[int, int], bytes]:
    kept = [item.kept for file in day_files(world.folder / "archive") for item in file.items()]
    assert None not in kept
    return {(one.partition, one.offset): one.value for one in kept if one is not None and one.gone is None}


def indexed(world: World, name: str) -> SortedHistory:
    """What a replay of the archive makes of it."""
    late = {Where(*place): key for place, key in late_places(world.store, "live").items()}
    writer = SortedWriter(world.folder / f"{name}.db", late=late)
    for file in day_files(world.folder / "archive"):
        for item in file.items():
            kept = item.kept
            assert kept is not None
            writer.add(
                kept.value,
                time_ms=kept.event_ms,
                article=kept.article,
                digest=kept.digest,
                item=(kept.url or "") if kept.gone else "",
                where=Where(kept.stream, kept.partition, kept.offset),
                problem=("takedown", kept.gone) if kept.gone else None,
            )
    writer.finish()
    return SortedHistory(world.folder / f"{name}.db", name, from_ms=0, to_ms=1 << 46)


def test_every_record_comes_back_to_the_byte(world: World) -> None:
    assert archive(world) == [(str(DAY), 26)]
    assert in_the_archive(world) == on_the_stream(world)


def test_a_day_that_is_not_over_is_not_archived(world: World) -> None:
    assert archive(world, OVER_MS - 1) == []
    assert day_files(world.folder / "archive") == []


def test_the_second_time_only_what_is_new_is_archived(world: World) -> None:
    archive(world)
    world.append([(0, *(late_records()[0][1:3]), day_start_ms(DAY + timedelta(days=2)))])
    assert archive(world, OVER_MS + 2 * 86_400_000) == [
        (str(DAY + timedelta(days=1)), 0),
        (str(DAY + timedelta(days=2)), 1),
    ]
    assert in_the_archive(world) == on_the_stream(world)


def test_a_crash_leaves_no_half_file_and_the_day_is_done_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("wirewatch.replay.sources.write_note", _power_cut)
        with pytest.raises(OSError, match="power cut"):
            archive(world)
    folder = world.folder / "archive"
    assert read_note(folder).through == {}
    with monkeypatch.context() as patched:
        patched.setattr("connectors.archives.kept.KeptWriter.write", _power_cut)
        with pytest.raises(OSError, match="power cut"):
            archive(world)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    assert archive(world) == [(str(DAY), 26)]
    assert len(day_files(folder)) == 1
    assert in_the_archive(world) == on_the_stream(world)


def _power_cut(*_: object) -> None:
    raise OSError(5, "power cut")


def test_a_replay_from_the_archive_is_the_live_run_again(world: World) -> None:
    archive(world)
    world.replay(name="again", history=indexed(world, "again"))
    assert world.results("again") == world.results("live")


def test_a_takedown_reaches_the_archive_and_its_replays(world: World) -> None:
    archive(world)
    url = "https://late.test/late-port"
    take_down(world.store, url, "court order", by="", now_ms=END_MS)
    [file] = day_files(world.folder / "archive")
    assert take_out(file, article_id(url), "court order") == 1
    assert take_out(file, article_id(url), "court order") == 0
    gone = [key for key, value in on_the_stream(world).items() if url.encode() in value]
    assert sorted(on_the_stream(world).keys() - in_the_archive(world).keys()) == gone
    assert b"The port of Odesa stayed shut" not in b"".join(in_the_archive(world).values())
    world.replay(name="again", history=indexed(world, "again"))
    assert world.results("again") == world.results("live")


def test_an_archive_made_after_a_takedown_never_contains_the_article(world: World) -> None:
    take_down(world.store, "https://late.test/late-port", "court order", by="", now_ms=END_MS)
    archive(world)
    items = [item for file in day_files(world.folder / "archive") for item in file.items()]
    assert [item.problem for item in items if item.kept and item.kept.gone] == ["taken down: court order"]
    assert b"The port of Odesa stayed shut" not in b"".join(item.kept.value for item in items if item.kept)


def test_a_record_that_was_tampered_with_is_a_problem(world: World) -> None:
    archive(world)
    [file] = day_files(world.folder / "archive")
    values = list(in_the_archive(world).values())
    assert all(raw_hash(value) for value in values)
    data = bytearray(file.path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8] = b"tampered"
    hurt = DayFile(file.day, file.path.with_name("hurt.warc.gz"))
    hurt.path.write_bytes(bytes(data))
    items = list(read_warc(hurt.path, "hurt", EPOCH))
    assert [item for item in items if item.problem and "offset" in item.problem]
    assert {item.kept.value for item in items if item.kept} < set(values)
