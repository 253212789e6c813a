"""Snapshots of feeds and the store as sources of a replay, and the memory that a large archive takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.records import OutcomeKind, RawArticle, article_id, decode, to_ms
from core.settings import Settings
from core.store import Store, StoreReader, open_store
from pipeline.drivers.history import History
from pipeline.drivers.slices import SliceLimits
from pipeline.drivers.sorted_input import SortedWriter
from pipeline.ledger.takedown import take_down
from pipeline.replay.runs import stored_versions
from tests.pipeline.replay.world import LATER_MS, World
from wirewatch.replay.sources import Sources
from wirewatch.replay.spec import index_path

FEED = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>The Quay</title>
<link>https://quay.test/</link><description>News of the harbour</description>{items}</channel></rss>"""
ITEM = """<item><title>{title}</title><link>https://quay.test/{name}</link><guid>{name}</guid>
<description>{text}</description></item>"""
LONG = "The harbour council met on Thursday and spoke for an hour about the old crane at the northern quay. " * 3
FIRST, SECOND = datetime(2026, 3, 5, 10, tzinfo=UTC), datetime(2026, 3, 5, 11, 30, tzinfo=UTC)
END_MS = 1 << 42


def snapshot(folder: Path, at: datetime, **items: str) -> None:
    told = "".join(ITEM.format(name=name, title=f"About the {name}", text=text) for name, text in items.items())
    (folder / f"quay-{at:%Y%m%dT%H%M%SZ}.xml").write_text(FEED.format(items=told), "utf-8")


def sources(store: Store, folder: Path, source: str, *, span: tuple[int, int] = (0, END_MS)) -> Sources:
    settings = Settings(data_dir=str(folder / "data"))
    return Sources(settings, store, (source,), of="live", name="again", span=span)


def history_of(found: Sources) -> History:
    return found.history(None, lambda: END_MS, lambda _count: None)


@pytest.fixture
def snapshots(tmp_path: Path) -> Path:
    """Two polls of one feed, written down in the wrong order: one item stays, one is edited, one is new."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    snapshot(folder, SECOND, crane=LONG, ferry=LONG.replace("crane", "ferry, mended now,"), lamp=LONG)
    snapshot(folder, FIRST, crane=LONG, ferry=LONG.replace("crane", "ferry"))
    return folder


def test_snapshots_of_a_feed_are_what_a_poller_would_have_seen(snapshots: Path, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    found = sources(store, tmp_path, str(snapshots))
    envelopes = history_of(found).take(SliceLimits())
    raws = [decode(envelope.value, RawArticle) for envelope in envelopes]
    assert [(raw.url.rpartition("/")[2], raw.fetched_at, raw.backfill) for raw in raws] == [
        *sorted(((name, FIRST, True) for name in ("crane", "ferry")), key=lambda row: _place(row[0])),
        *sorted(((name, SECOND, False) for name in ("ferry", "lamp")), key=lambda row: _place(row[0])),
    ]
    assert [envelope.key.time_ms for envelope in envelopes] == [to_ms(raw.fetched_at) for raw in raws]
    assert [envelope.number for envelope in envelopes] == [0, 1, 2, 3]
    assert found.notes == ["1 item of feed snapshots unchanged since the snapshot before"]
    found.close()
    store.close()


def _place(name: str) -> str:
    return article_id(f"https://quay.test/{name}")


def test_a_span_cuts_snapshots_by_their_own_times(snapshots: Path, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    found = sources(store, tmp_path, str(snapshots), span=(to_ms(SECOND), END_MS))
    taken = [decode(envelope.value, RawArticle) for envelope in history_of(found).take(SliceLimits())]
    assert sorted(raw.url for raw in taken) == ["https://quay.test/ferry", "https://quay.test/lamp"]
    assert "2 records are outside the period" in found.notes
    found.close()
    store.close()


def test_snapshots_become_articles_and_an_edit_a_version(snapshots: Path, tmp_path: Path) -> None:
    world = World.at(tmp_path)
    found = sources(world.store, tmp_path, str(snapshots))
    name, replay = world.replay(name="again", history=history_of(found), to_ms=END_MS)
    articles = {one.url.rpartition("/")[2]: one for one in StoreReader(world.store, name).articles()}
    assert sorted(articles) == ["crane", "ferry", "lamp"]
    assert (articles["crane"].version, articles["ferry"].version) == (1, 2)
    assert (articles["crane"].backfill, articles["lamp"].backfill) == (True, False)
    assert "mended now" in articles["ferry"].text
    assert replay.done == 4
    found.close()
    world.close()


def test_the_store_as_a_source_gives_every_version_again(tmp_path: Path) -> None:
    world = World.at(tmp_path)
    world.append_day()
    world.live()
    versions = list(stored_versions(world.store, "live", from_ms_=0, to_ms_=END_MS))
    found = sources(world.store, tmp_path, "store")
    name, replay = world.replay(name="again", history=history_of(found), to_ms=LATER_MS)
    assert replay.done == len(versions) > 10
    live, again = ({one.id: one for one in StoreReader(world.store, run).articles()} for run in ("live", name))
    assert again.keys() == live.keys()
    same = ("url", "title", "text", "source", "language", "version_hash", "fingerprint")
    assert [
        (key, field) for key, one in live.items() for field in same if getattr(one, field) != getattr(again[key], field)
    ] == []
    counts = StoreReader(world.store, name).count_outcomes()
    assert counts[OutcomeKind.REJECTED] == 0
    assert counts.total() == len(versions)
    found.close()
    world.close()


LEAVES_A_PART = """
import os, sys
from pathlib import Path
from pipeline.drivers.sorted_input import SortedWriter
writer = SortedWriter(Path(sys.argv[1]), late={})
for number in range(int(sys.argv[2])):
    writer.add(os.urandom(9_000), time_ms=1, article="a", digest="d", item="")
os._exit(9)
"""


@pytest.mark.parametrize("records", [0, pytest.param(500, marks=pytest.mark.slow)])
def test_an_incomplete_index_goes_unless_it_is_being_made(records: int, tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    left, live = index_path(settings, "left"), index_path(settings, "live.1")
    subprocess.run([sys.executable, "-c", LEAVES_A_PART, str(left), str(records)], check=False)
    writer = SortedWriter(live, late={})
    part = left.with_name("left.db.part")
    assert part.exists()
    code = "import sys; from core.settings import Settings; from wirewatch.replay.spec import remove_indexes; "
    # As the command does, in another process.
    code += "remove_indexes(Settings(data_dir=sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert not part.exists()
    writer.add(b"value", time_ms=1, article="a", digest="d", item="")
    writer.finish()
    assert [path.name for path in live.parent.iterdir()] == ["live.1.db"]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert list(live.parent.iterdir()) == []


def test_an_index_whose_sources_lost_an_article_meanwhile_is_made_again(tmp_path: Path) -> None:
    world = World.at(tmp_path)
    world.append_day()
    world.live()
    url = next(iter(StoreReader(world.store, "live").articles())).url
    found = sources(world.store, tmp_path, "store")
    calls = 0

    def taken_down_meanwhile() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            take_down(world.store, url, "court order", by="", now_ms=LATER_MS)

    built = found._add

    def add(*given: Any) -> Iterator[None]:
        yield from built(*given)
        taken_down_meanwhile()

    found._add = add  # type: ignore[method-assign]
    history = history_of(found)
    urls = set()
    while taken := history.take(SliceLimits()):
        urls |= {decode(envelope.value, RawArticle).url for envelope in taken}
    assert calls == 2
    assert urls
    assert url not in urls
    found.close()
    world.close()


MEASURED = """
import json, resource, sys
from pathlib import Path
from pipeline.drivers.sorted_input import SortedHistory, SortedWriter
from pipeline.drivers.slices import SliceLimits
from wirewatch.replay.sources import add_item, read_items

archive, index = Path(sys.argv[1]), Path(sys.argv[2])
writer = SortedWriter(index, late={})
for item in read_items(archive):
    add_item(writer, item, (0, 1 << 42), {"outside": 0})
writer.finish()
history = SortedHistory(index, "again", from_ms=0, to_ms=1 << 42)
count, last = 0, -1
while taken := history.take(SliceLimits(records=250, bytes=32 << 20)):
    assert all(a.key < b.key for a, b in zip(taken, taken[1:])) and taken[0].key.time_ms >= last
    count, last = count + len(taken), taken[-1].key.time_ms
print(json.dumps([count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def peak_kib(folder: Path, records: int) -> int:
    """Peak memory of a process that indexes an unsorted archive of so many records and takes them slice by slice."""
    archive, index = folder / f"{records}.jsonl", folder / f"{records}.db"
    line = '{{"url":"https://quay.test/{n}","text":"{text}","fetched":"2026-03-{day:02}T{hour:02}:{minute:02}:00Z"}}\n'
    with archive.open("w", encoding="utf-8") as file:
        for number in range(records):
            mixed = number * 7_919 % records
            text = f"Record {mixed}. {LONG * 6}"
            file.write(
                line.format(n=mixed, text=text, day=1 + mixed % 28, hour=mixed % 24, minute=mixed % 60),
            )
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(archive), str(index)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    count, peak = map(int, done.stdout.strip("[]\n ").split(","))
    assert count == records
    archive.unlink()
    return peak


@pytest.mark.slow
def test_ten_times_the_archive_takes_hardly_more_memory(tmp_path: Path) -> None:
    small, large = peak_kib(tmp_path, 3_000), peak_kib(tmp_path, 30_000)
    print(f"peak memory: {small >> 10} MiB with 3,000 records, {large >> 10} MiB with 30,000")
    # 30,000 records are 54 MB more than 3,000: a tenth of that is what a page cache of SQLite may hold.
    assert large - small < 16 << 10
