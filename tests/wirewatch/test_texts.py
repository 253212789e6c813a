"""Texts whose limit is over: nothing of them is left in any place, what is kept is there, and readers are told why."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
import sqlalchemy as sa

from connectors.archives.folder import day_files, day_start_ms
from core.durations import DAY_MS
from core.records import Article, from_ms
from core.records.text_limits import DEFAULT
from core.search.index import SearchIndex
from core.search.parquet import export
from core.store import StoreReader
from core.store.text_limits import keep_texts
from desk.delivery.plan import Verdict, delivery
from desk.delivery.store import tables as d
from desk.delivery.store.texts import FIRST, remove_quotations
from desk.use_cases.briefing import Period, briefing
from pipeline.drafts.file import DraftFile
from pipeline.drafts.kept import Keeping
from pipeline.drafts.tending import Tending
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.replay.diff import differences, span_of
from tests.pipeline.replay.world import END_MS, START_MS, World, raw_record
from tests.wirewatch.command import wirewatch
from wirewatch.commands.trace import describe
from wirewatch.replay.sources import SETTLED_MS, archive_days, remove_archived_texts
from wirewatch.schema import metadata
from wirewatch.trace import Tracer

LATER_MS = START_MS + 20 * DAY_MS
"""When the last record comes, and everything else is past its limit."""
NEW = "The council of the new town met on Thursday and spoke about the bridge over the river for an hour. " * 3


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # The clock of its readers, which hold back what is in the future.
    monkeypatch.setattr("tests.pipeline.replay.world.LATER_MS", LATER_MS + DAY_MS)
    made = World.at(tmp_path)
    made.append_day()
    made.live()
    yield made
    made.close()


def passages(world: World) -> dict[str, str]:
    """Article → words from the middle of its text that are in no title and in no address."""
    articles = list(StoreReader(world.store, "live").articles())
    titles = " ".join(f"{one.title} {one.url}" for one in articles)
    found = {}
    for one in articles:
        words = one.text.split()
        middle = " ".join(words[len(words) // 2 : len(words) // 2 + 6])
        if len(middle) > 25 and middle not in titles and middle not in NEW:
            found[one.id] = middle
    assert len(found) >= 8
    return found


def stored(world: World) -> str:
    """All that is in any table of the store."""
    parts = []
    with world.store.reading() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                parts += [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in row]
    return unescaped(" ".join(parts))


def unescaped(text: str) -> str:
    """Records are JSON, in which quotation marks and ends of lines are escaped."""
    return text.replace('\\"', '"').replace("\\n", " ")


def left(where: str, wanted: dict[str, str]) -> set[str]:
    flat = " ".join(where.split())
    return {one for one in wanted.values() if one in flat}


def deliver_all(world: World) -> int:
    """Each alert as a message that was sent."""
    alerts = list(StoreReader(world.store, "live").alerts())
    with world.store.writing() as connection:
        for one in alerts:
            made = delivery(one, "hook", "alert", Verdict("sent", END_MS), END_MS)
            connection.execute(
                d.deliveries.insert(), msgspec.structs.asdict(made) | {"message": None, "sent_ms": END_MS}
            )
    return len(alerts)


def archived(world: World) -> str:
    """All that is in the archive's files, and what their records say, which may be in base64."""
    files = day_files(world.folder / "archive")
    assert files
    parts = [gzip.decompress(file.path.read_bytes()).decode("utf-8", "replace") for file in files]
    for file in files:
        for item in file.items():
            parts += [f"{item.raw.html or ''} {item.raw.text or ''}"] if item.raw else []
    return " ".join(parts)


def exported(world: World) -> str:
    folder = world.folder / "parquet"
    for _ in export(StoreReader(world.store, "live"), folder):
        pass
    files = sorted(folder.rglob("*.parquet"))
    rows = [pq.read_table(file, partitioning=None).to_pylist() for file in files]
    return unescaped(json.dumps(rows, default=str, ensure_ascii=False))


def grows_old(world: World) -> None:
    """A record comes when all others are past their limit, and the pipeline removes what is over."""
    world.append([(0, *raw_record("https://new.example/1", NEW, LATER_MS), LATER_MS)])
    assert world.live() == 1
    ledger = RunLedger(world.store, "live", "tending")
    ledger.take(kind="live", now_ms=LATER_MS)
    pruning = Pruning(ledger, Keep())
    while pruning.step(LATER_MS) is not None:
        pass


def test_nothing_of_a_text_is_left_anywhere_once_its_limit_is_over(world: World) -> None:
    reader, index = StoreReader(world.store, "live"), SearchIndex.open(world.folder / "search")
    wanted, before = passages(world), {one.id: one for one in reader.articles()}
    keeping = Keeping(str(world.folder / "drafts.db"), 1 << 26)
    world.replay(name="again", keeping=keeping)
    over = day_start_ms(from_ms(START_MS).date() + timedelta(days=1)) + SETTLED_MS
    for _ in archive_days(
        world.stream, world.store, world.folder / "archive", clock_ms=lambda: over, stop=lambda: False, software="test"
    ):
        pass
    index.refresh(reader)
    assert deliver_all(world) > 3
    # It is everywhere now, or what follows would show nothing.
    assert left(stored(world), wanted) == set(wanted.values())
    assert len(left(archived(world), wanted)) > 3
    assert left(exported(world), wanted) == set(wanted.values())
    file = DraftFile(Path(keeping.path), keeping.most_bytes)
    assert file.count() > 5

    keep_texts(world.store, DEFAULT, 7, by="", now_ms=START_MS - DAY_MS)
    grows_old(world)
    after = FIRST
    while (last := remove_quotations(world.store, LATER_MS, after, 2)) is not None:
        after = last
    assert remove_archived_texts(world.store, world.folder / "archive", LATER_MS) == 1
    assert remove_archived_texts(world.store, world.folder / "archive", LATER_MS) == 0
    Tending(keeping, world.store_url, clock_ms=lambda: LATER_MS).turn()
    for _ in range(3):
        index.refresh(reader)

    assert left(stored(world), wanted) == set()
    assert left(archived(world), wanted) == set()
    assert left(exported(world), wanted) == set()
    assert file.count() == 0
    file.close()
    found = {hit.article.id: f"{hit.article.title} {hit.article.text}" for hit in index.search("", limit=500).hits}
    assert left(" ".join(found.values()), wanted) == set()
    assert len(found) == len(before) + 1, "each article is still found"
    period = Period(START_MS, END_MS)
    told = briefing(world.store, "live", period, outlets={}, now_ms=LATER_MS)
    assert left(msgspec.json.encode(told).decode(), wanted) == set()

    # What is kept is as before, also beside a replay, whose texts went too.
    kept = {one.id: one for one in reader.articles()}
    for identity, one in before.items():
        assert (kept[identity].title, kept[identity].url, kept[identity].story_id, kept[identity].language) == (
            one.title,
            one.url,
            one.story_id,
            one.language,
        )
    assert [one.title for one in kept.values() if one.text] == [NEW[:40]]
    span = msgspec.structs.replace(span_of(world.store, "live", "again"), to_ms=END_MS)
    assert list(differences(world.store, "live", "again", span)) == []


def test_trace_says_what_is_gone_and_why(world: World) -> None:
    keep_texts(world.store, DEFAULT, 9, by="", now_ms=START_MS - DAY_MS)
    grows_old(world)
    one: Article = next(iter(StoreReader(world.store, "live").articles()))
    found = describe(Tracer(world.store, "live", scope="live").trace(one.url), from_ms(LATER_MS))
    assert found.article is not None
    assert found.article.text_gone == "the text was removed: texts of all outlets are kept for 9 days"
    assert found.article.title == one.title
    assert any("texts were removed by the limits of their outlets" in words for words in found.pruned)
    new = describe(Tracer(world.store, "live", scope="live").trace("https://new.example/1"), from_ms(LATER_MS))
    assert new.article is not None
    assert new.article.text_gone is None


def test_limits_are_set_listed_and_taken_back(tmp_path: Path) -> None:
    def listed() -> dict[str | None, float]:
        done = wirewatch("texts", "list", "--json", cwd=tmp_path, WIREWATCH_TEXTS_KEEP_DAYS="90")
        return {one["outlet"]: one["days"] for one in map(json.loads, done.stdout.splitlines())}

    wirewatch("doctor", cwd=tmp_path)
    done = wirewatch("texts", "keep", "post", "30", "--by", "ann", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "texts that are already deleted do not come back" in done.stderr
    assert wirewatch("texts", "keep", "post", "3", cwd=tmp_path).returncode == 2
    assert wirewatch("texts", "keep", " ", "30", cwd=tmp_path).returncode == 2
    assert listed() == {None: 90, "post": 30}
    assert wirewatch("texts", "default", "post", cwd=tmp_path).returncode == 0
    assert listed() == {None: 90}
