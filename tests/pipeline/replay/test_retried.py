"""Records that a planted fault rejected go through again once it is mended: each once, and a replay gives the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connectors.retries import RetriedRecords
from core.clock import wall_ms
from core.records import OutcomeKind, RawArticle, article_id, encode, from_ms
from core.settings import Settings
from core.store import StoreReader, open_store
from core.store import tables as t
from core.streams import NewRecord, create_stream, open_stream
from pipeline.drivers.live import run_in_slices
from pipeline.transforms import prepare
from tests.connectors.test_retries import Killed, dying
from tests.waiting import until
from tests.wirewatch.command import ROOT, surroundings, wirewatch

GOOD = 3
SAID = "In village {n} the {n}th council met on Monday and talked about bridge {n} over the river for {n} hours."


@contextmanager
def planted() -> Iterator[None]:
    """A fault: no record's schema is known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "SCHEMAS", frozenset())
        yield


class Desk:
    """A folder with a raw stream that a pipeline without page processes handles."""

    def __init__(self, folder: Path, broker: str = "") -> None:
        self.folder = folder
        # One broker serves all tests.
        name = f"raw-{uuid.uuid4().hex[:8]}"
        self.settings = Settings(
            data_dir=str(folder / "var"),
            stream_url=broker,
            raw_stream=name,
            extraction_processes=0,
            story_vectors=False,
        )
        (folder / "wirewatch.toml").write_text(
            f'stream_url = "{broker}"\nraw_stream = "{name}"\n'
            "extraction_processes = 0\nstory_vectors = false\ncanary_interval_s = 0\n",
            encoding="utf-8",
        )
        self.raw = create_stream(self.settings.stream, self.settings.raw_stream)

    def append(self, numbers: range) -> None:
        records = []
        for n in numbers:
            url, text = f"https://outlet.example/{n}", SAID.format(n=n)
            raw = RawArticle(url=url, source="outlet", fetched_at=from_ms(wall_ms()), title=f"Village {n}", text=text)
            records.append(NewRecord(article_id(url).encode(), encode(raw)))
        self.raw.append(records)

    def handle(self) -> int:
        return run_in_slices(self.settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)

    def counts(self, run: str = "live") -> Counter[str]:
        with closing(open_store(self.settings.store)) as store:
            return StoreReader(store, run).count_outcomes()

    def retries(self) -> Counter[str]:
        with closing(open_store(self.settings.store)) as store, store.reading() as connection:
            return Counter(row.state for row in connection.execute(t.retries.select()))


def killed_in_this_process(desk: Desk) -> None:
    """Twice, before and after an append; then one that lives."""
    with closing(open_store(desk.settings.store)) as store:

        def worker(appends: bool | None) -> RetriedRecords:
            def opened() -> object:
                stream = open_stream(desk.settings.stream, desk.settings.raw_stream)
                return stream if appends is None else dying(stream, appends=appends)

            return RetriedRecords(store, "live", opened, lambda: from_ms(wall_ms()))  # type: ignore[arg-type]

        for appends in (False, True):
            with pytest.raises(Killed):
                worker(appends).tend()
        assert worker(None).tend() > 0


def killed_by_the_system(desk: Desk) -> None:
    """``wirewatch connectors run``, killed twice when some are appended and others are not; then one that lives."""
    total = sum(desk.retries().values())
    for last in (False, False, True):
        wanted = total if last else min(desk.retries()["appended"] + 1, total)
        service = subprocess.Popen(
            [sys.executable, "-m", "wirewatch", "connectors", "run"],
            cwd=desk.folder,
            env=surroundings() | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda wanted=wanted: desk.retries()["appended"] >= wanted, "appended records", seconds=120)  # type: ignore[misc]
        finally:
            service.send_signal(signal.SIGKILL)
            service.wait(60)
        print(f"killed with {desk.retries()}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "killed", "stream"),
    [
        pytest.param(30, killed_in_this_process, "sqlite", id="30 records"),
        pytest.param(30, killed_in_this_process, "kafka", id="30 records on Kafka", marks=pytest.mark.kafka),
        pytest.param(1_000, killed_by_the_system, "sqlite", id="1000 records, real processes", marks=pytest.mark.slow),
    ],
)
def test_rejected_fixed_retried_and_killed_in_between(
    request: pytest.FixtureRequest, tmp_path: Path, count: int, killed: Callable[[Desk], None], stream: str
) -> None:
    desk = Desk(tmp_path, request.getfixturevalue("kafka_server") if stream == "kafka" else "")
    desk.append(range(GOOD))
    assert desk.handle() == GOOD
    with planted():
        desk.append(range(GOOD, GOOD + count))
        assert desk.handle() == count
    assert desk.counts() == {OutcomeKind.PUBLISHED: GOOD, OutcomeKind.REJECTED: count}

    meant = ["rejected", "retry", "--stage", "decode", "--reason", "unknown_schema", "--json"]
    tried = json.loads(wirewatch(*meant, "--dry-run", cwd=tmp_path).stdout)
    assert (tried["again"], desk.retries()) == (count, {})
    assert json.loads(wirewatch(*meant, cwd=tmp_path).stdout) == {"again": count, "left": {}, "dry_run": False}
    killed(desk)
    assert desk.retries() == {"appended": count}

    assert desk.handle() == count
    ends = desk.counts()
    assert ends == {OutcomeKind.PUBLISHED: GOOD + count, OutcomeKind.REJECTED: count}
    asked_again = json.loads(wirewatch(*meant, cwd=tmp_path).stdout)
    assert asked_again == {"again": 0, "left": {"already processed again": count}, "dry_run": False}

    done = wirewatch("replay", "--source", "stream", "--run", "again", "--speed", "max", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["equal_to"] == "live"
    assert desk.counts("again") == ends
    equal = wirewatch("runs", "diff", "live", "again", "--json", cwd=tmp_path)
    assert equal.returncode == 0, equal.stdout


def test_a_third_failure_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with planted():
        desk.append(range(1))
        for failures in (1, 2, 3):
            assert desk.handle() == 1
            (listed,) = (
                one
                for one in map(json.loads, wirewatch("rejected", "list", "--json", cwd=tmp_path).stdout.splitlines())
                if one["failures"] == failures
            )
            made = json.loads(wirewatch("rejected", "retry", "--json", cwd=tmp_path).stdout)
            assert made["again"] == (1 if failures < 3 else 0)
            with closing(open_store(desk.settings.store)) as store:
                worker = RetriedRecords(
                    store,
                    "live",
                    lambda: open_stream(desk.settings.stream, desk.settings.raw_stream),
                    lambda: from_ms(wall_ms()),
                )
                assert worker.tend() == made["again"]
    assert (listed["state"], listed["why"]) == ("stays", "it failed 3 times")
    assert made["left"] == {"already processed again": 2, "it failed 3 times": 1}
    offset = listed["outcome"]["first_offset"]
    shown = json.loads(
        wirewatch("rejected", "show", f"{listed['outcome']['partition']}/{offset}", "--json", cwd=tmp_path).stdout
    )
    assert shown["retry_of"]["offset"] < offset
    missing = wirewatch("rejected", "show", "0/4711", cwd=tmp_path)
    assert (missing.returncode, "no rejected record" in missing.stderr) == (2, True)
