"""Not a byte of a removed text is left in any file of the data folder, nor in PostgreSQL's once it is vacuumed."""

from __future__ import annotations

import base64
import gzip
import json
import random
import sqlite3
import string
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
import zstandard
from sqlalchemy.engine import make_url

from connectors.archives.folder import day_start_ms
from core.durations import DAY_MS
from core.records import Subscription, from_ms
from core.records.text_limits import DEFAULT
from core.search.index import SearchIndex
from core.search.parquet import export
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore
from core.store.outbox import ALERTS, ENRICHED, REJECTED, Outbox
from core.store.text_limits import keep_texts
from core.streams import create_stream
from desk.delivery.plan import Verdict, delivery
from desk.delivery.recalls import recall_taken_down
from desk.delivery.service import Forgetting
from desk.delivery.store import tables as d
from desk.use_cases.briefing import Period, briefing
from pipeline.drafts.kept import Keeping
from pipeline.drafts.tending import Tending
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.relay import Relay
from tests.bytes_left import files_with, not_overwritten
from tests.pipeline.flow.input import END_MS
from tests.pipeline.replay.world import START_MS, World, raw_record
from tests.waiting import until
from tests.wirewatch.command import wirewatch
from wirewatch.replay.sources import SETTLED_MS, Sources, archive_days, remove_archived_texts
from wirewatch.replay.spec import remove_indexes

LATER_MS = START_MS + 20 * DAY_MS
ADDRESS = "https://secret.example/council"
_letters = random.Random(7)
SECRET = " ".join("".join(_letters.choices(string.ascii_lowercase, k=9)) for _ in range(8))
"""A sentence that nothing else has, and no compressor shortens."""
FILLED = "The council of the town met on Thursday about the harbour and its convoy of lorries, a clerk said. "
STREAMS = (ENRICHED, ALERTS, REJECTED)


class Place:
    """A data folder in which the sentence is everywhere, and what the services do with it later."""

    def __init__(self, world: World) -> None:
        self.world, self.folder = world, world.folder
        self.reader = StoreReader(world.store, "live")
        self.index = SearchIndex(self.folder / "search", clock_ms=lambda: LATER_MS + 2 * DAY_MS)
        self.keeping = Keeping(str(self.folder / "drafts.db"), 1 << 26)
        self.outputs = {name: create_stream(world.stream_url, name, 1) for name in STREAMS}
        self.settings = Settings(
            data_dir=str(self.folder), store_url=world.store_url, stream_url=world.stream_url, raw_stream=world.name
        )

    def fill(self) -> None:
        world = self.world
        SubscriptionStore(world.store).save_subscriptions(
            [Subscription(id="secret", query=SECRET.split()[3])], now_ms=START_MS - 60_000, from_the_beginning=True
        )
        world.append_day()
        texts = (
            f"{FILLED}{SECRET}. {FILLED * 2}",
            # So long that its row goes on in further pages.
            f"{FILLED}{FILLED * 90}{SECRET}. {FILLED} And that was not all of it, the clerk added.",
            f"{FILLED}{FILLED * 60}{SECRET}, {FILLED}",
        )
        for number, text in enumerate(texts):
            time_ms = END_MS + number * 1_000
            world.append([(0, *raw_record(ADDRESS, f"Council {text}", time_ms), time_ms)])
            world.live()
        self.relay()
        # What is stored now still waits to be relayed.
        time_ms = END_MS + 9_000
        world.append([(0, *raw_record(ADDRESS, f"Council {texts[0]} At last.", time_ms), time_ms)])
        world.live()
        world.replay(name="again", to_ms=END_MS + 100_000, keeping=self.keeping)
        over = day_start_ms(from_ms(START_MS).date() + timedelta(days=1)) + SETTLED_MS
        for _ in archive_days(
            world.stream,
            world.store,
            self.folder / "archive",
            clock_ms=lambda: over,
            stop=lambda: False,
            software="test",
        ):
            pass
        self.half_a_replay()
        self.export()
        self.index.refresh(self.reader)
        alerts = [one for one in self.reader.alerts() if one.subscription == "secret"]
        assert alerts
        with world.store.writing() as connection:
            for one in alerts:
                made = delivery(one, "hook", "alert", Verdict("sent", END_MS), END_MS)
                row = msgspec.structs.asdict(made) | {"message": None, "sent_ms": END_MS}
                connection.execute(d.deliveries.insert(), row)

    def half_a_replay(self) -> None:
        """One from the archive that has read it, and no more."""
        span = (START_MS - DAY_MS, START_MS + DAY_MS)
        sources = Sources(self.settings, self.world.store, ("archive",), of="live", name="half", span=span)
        sources.history(None, lambda: LATER_MS, lambda _count: None)
        sources.close()

    def relay(self) -> None:
        relay = Relay(Outbox(self.world.store), self.outputs, lambda _run: True)
        while relay.pump():
            pass

    def export(self) -> None:
        for _ in export(self.reader, self.folder / "parquet"):
            pass

    def streams_expire(self) -> None:
        for stream in (self.world.stream, *self.outputs.values()):
            stream.delete_before(LATER_MS - DAY_MS)  # type: ignore[attr-defined]

    def tended(self) -> None:
        """What services and nightly commands do."""
        recall_taken_down(self.world.store, now_ms=LATER_MS)
        Forgetting(self.world.store, 0).tend(LATER_MS)
        ledger = RunLedger(self.world.store, "live", "tending")
        ledger.take(kind="live", now_ms=LATER_MS)
        pruning = Pruning(ledger, Keep())
        while pruning.step(LATER_MS) is not None:
            pass
        Tending(self.keeping, self.world.store_url, clock_ms=lambda: LATER_MS).turn()
        if remove_archived_texts(self.world.store, self.folder / "archive", LATER_MS):
            remove_indexes(self.settings)
        for _ in range(6):
            self.index.refresh(self.reader)
        self.export()

    def close(self) -> None:
        self.index.close()
        for stream in self.outputs.values():
            stream.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("tests.pipeline.replay.world.LATER_MS", LATER_MS + DAY_MS)
    world = World.at(tmp_path)
    made = Place(world)
    yield made
    made.close()
    world.close()


def kinds(files: set[str]) -> set[str]:
    return {file.partition("/")[0].removesuffix("-wal") for file in files}


EVERYWHERE = {"store.db", "streams.db", "drafts.db", "archive", "parquet", "search", "replays"}


def run_out(place: Place) -> None:
    keep_texts(place.world.store, DEFAULT, 7, by="", now_ms=START_MS - DAY_MS)
    place.world.append([(0, *raw_record("https://new.example/1", f"New. {FILLED}", LATER_MS), LATER_MS)])
    assert place.world.live() == 1


def take_down(place: Place) -> None:
    done = wirewatch(
        *("takedown", ADDRESS, "--reason", "court order"),
        cwd=place.folder,
        WIREWATCH_DATA_DIR=str(place.folder),
        WIREWATCH_STORE_URL=place.world.store_url,
    )
    assert done.returncode == 0, done.stderr
    assert "VACUUM" not in done.stderr


HIDDEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "zstd": zstandard.ZstdCompressor().compress,
    "a part of zstd": lambda data: zstandard.ZstdCompressor().compress(data + random.Random(1).randbytes(300_000))[
        :-1_000
    ],
    "gzip in zlib": lambda data: zlib.compress(gzip.compress(data)),
    "UTF-16": lambda data: data.decode().encode("utf-16-le"),
    "base64": lambda data: base64.b64encode(b"a" + data),
    "JSON": lambda data: json.dumps(data.decode().replace(" ", "é")).encode(),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_the_search_finds_what_is_hidden(how: str, tmp_path: Path) -> None:
    sentence = SECRET.replace(" ", "é") if how == "JSON" else SECRET
    (tmp_path / "below").mkdir()
    file = tmp_path / "below/file"
    file.write_bytes(b"\1before" + HIDDEN[how](f"{FILLED}{SECRET}. {FILLED}".encode()) + b"behind")
    assert files_with(tmp_path, sentence) == {"below/file"}
    assert files_with(tmp_path, sentence[::-1]) == set()


@pytest.mark.parametrize("overwritten", [False, True])
@pytest.mark.parametrize("length", [100, 20_000])
def test_the_search_finds_deleted_rows_of_sqlite(tmp_path: Path, length: int, *, overwritten: bool) -> None:
    file = tmp_path / "some.db"
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(f"PRAGMA secure_delete={'ON' if overwritten else 'OFF'}").fetchall()
    connection.execute("CREATE TABLE some (id INTEGER PRIMARY KEY, words BLOB)")
    packed = random.Random(5).randbytes(length)
    connection.executemany("INSERT INTO some (words) VALUES (?)", [(packed,)] * 30)
    assert not_overwritten(file) == []
    connection.execute("DELETE FROM some WHERE id % 2 = 0")
    connection.execute("DELETE FROM some WHERE id > 20")
    connection.close()
    assert bool(not_overwritten(file)) is not overwritten


@pytest.mark.parametrize("remove", [run_out, take_down])
def test_no_byte_of_a_text_is_left_in_the_data_folder(place: Place, remove: Callable[[Place], None]) -> None:
    place.fill()
    assert kinds(files_with(place.folder, SECRET)) >= EVERYWHERE, "or what follows shows nothing"
    remove(place)
    place.tended()
    # The streams keep it for their retention, and nothing else does.
    assert kinds(files_with(place.folder, SECRET)) == {"streams.db"}
    place.streams_expire()
    assert files_with(place.folder, SECRET) == set()
    told = briefing(place.world.store, "live", Period(START_MS, END_MS), outlets={}, now_ms=LATER_MS)
    assert SECRET[:20] not in msgspec.json.encode(told).decode()
    for name in ("store.db", "streams.db", "drafts.db"):
        assert not_overwritten(place.folder / name) == [], name


@pytest.mark.postgres
def test_postgresql_has_no_byte_of_it_once_it_is_vacuumed(
    tmp_path: Path, postgres: str, postgres_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.pipeline.replay.world.LATER_MS", LATER_MS + DAY_MS)
    world = World.at(tmp_path, store_url=postgres)
    place = Place(world)
    with psycopg.connect(make_url(postgres).set(drivername="postgresql").render_as_string(False)) as server:
        server.autocommit = True
        [(number,)] = server.execute("select oid from pg_database where datname = current_database()").fetchall()
        files = postgres_server / "data/base" / str(number)
        place.fill()
        server.execute("checkpoint")
        assert files_with(files, SECRET)
        run_out(place)
        place.tended()

        def gone() -> bool:
            # The command of docs/operations.md does this. Rows that an open transaction may still see stay, such as one of
            # an automatic ANALYZE.
            server.execute("vacuum full")
            server.execute("checkpoint")
            return not files_with(files, SECRET)

        until(gone, "vacuum that left nothing")
    place.close()
    world.close()
