"""Slow and deadly records through the running service: they leave the order, the rest goes on, and a replay finds the same."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.clock import wall_ms
from core.records import Outcome, RawArticle, Subscription, article_id, encode
from core.records.wire import project
from core.settings import Settings
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.store import tables as t
from core.store.counts import POSTPONED, REFUSED_BY_LIMIT, read_counts
from core.streams import NewRecord, create_stream
from pipeline.drivers.live import run_in_slices
from pipeline.drivers.replay import Pace, ReplayRun
from pipeline.flow import Flow
from pipeline.ledger import tables as own
from pipeline.ledger.slow_lane import count_waiting
from pipeline.replay.runs import RUNNING, Replay, ReplayRepository
from pipeline.transforms.extraction_pool import INLINE
from tests.pipeline.drivers.planted import PlantedWork
from tests.waiting import until
from wirewatch.replay.sources import Sources

ROOT = Path(__file__).parents[3]
LATEST_MS = 1 << 42
# Long against an article of a few words, short for people who wait for the test.
FIRST_S, LIMIT_S = 1.0, 2.0
_texts = itertools.count()


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record is worked on with the traps."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(Flow, "work", property(lambda flow: PlantedWork(flow.store_url, flow.scope)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(settings_of(tmp_path).store)
    SubscriptionStore(made).save_subscriptions(
        [Subscription(id="everything", query="NOT zyzzyva")], now_ms=0, from_the_beginning=True
    )
    yield made
    made.close()


def settings_of(folder: Path, **fields: Any) -> Settings:
    made: dict[str, Any] = {
        "partitions": 1,
        "extraction_processes": 1,
        "first_limit_s": FIRST_S,
        "record_limit_s": LIMIT_S,
        "slow_processes": 1,
    }
    return Settings(data_dir=str(folder), **(made | fields))


def append(settings: Settings, *names: str, outlet: str = "") -> None:
    """Articles with texts of their own. A name is the last part of the URL; the same name is another version."""
    with create_stream(settings.stream, settings.raw_stream, settings.partitions) as raw:
        for name in names:
            number = next(_texts)
            url = f"https://a.example/{name}"
            article = RawArticle(
                url=url,
                source=outlet or f"outlet of {name}",
                fetched_at=datetime.now(UTC),
                title=f"Report {number} of {name}",
                text=f"The council of town {number} agreed to mend pier {number * 7} in week {number * 3}.",
            )
            raw.append([NewRecord(article_id(url).encode(), encode(article), partition=0)])


def drain(settings: Settings) -> int:
    return run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)


def ends(store: Store, run: str = "live") -> dict[str, str]:
    """How records ended, by the last part of their URL; several of one name in the order of their places."""
    found: dict[str, str] = {}
    for one in sorted(StoreReader(store, run).outcomes(), key=lambda one: one.key.sortable() if one.key else ""):
        name, end = one.item.rpartition("/")[2], str(one.kind)
        if one.reason:
            end = f"{end} {one.stage}: {one.reason.partition(':')[0]}"
        found[name] = f"{found[name]}, {end}" if name in found else end
    return found


def late(store: Store, run: str = "live") -> set[str]:
    query = sa.select(t.outcomes.c.item).where(t.outcomes.c.run == run, t.is_late)
    with store.reading() as connection:
        return {str(item).rpartition("/")[2] for item in connection.execute(query).scalars()}


def compared(store: Store, run: str) -> dict[str, list[dict[str, Any]]]:
    reader = StoreReader(store, run)
    outcomes: Sequence[Outcome] = list(reader.outcomes())
    return {
        "articles": [project(one) for one in reader.articles()],
        "alerts": [project(one) for one in reader.alerts()],
        "outcomes": sorted((project(one) for one in outcomes), key=lambda one: str(one["key"])),
    }


def replay(settings: Settings, store: Store, *sources: str) -> str:
    """Replay all, without processes: a record that was tried would hang for good."""
    name = f"replay-{'-'.join(sources) or 'stream'}"
    row = Replay(
        name=name, spec="{}", base=None, from_ms=0, to_ms=wall_ms(), no_claim=None, state=RUNNING, started_ms=0
    )
    ReplayRepository(store).put(row)
    run = ReplayRun(store, settings.store, row, scope="live", pool=INLINE, now_ms=0)
    past = Sources(settings, store, sources or ("stream",), of="live", name=name, span=(0, row.to_ms))
    run.run(
        past.history(None, wall_ms, lambda _count: None),
        pace=Pace(None, lambda: 0.0),
        stop=lambda: False,
        pause=threading.Event().wait,
        clock_ms=wall_ms,
    )
    past.close()
    return name


@contextmanager
def running(settings: Settings) -> Iterator[threading.Event]:
    """The service on a thread of its own, stopped in an orderly way at the end."""
    stop, failed = threading.Event(), list[BaseException]()

    def serve() -> None:
        try:
            run_in_slices(settings, clock_ms=wall_ms, stop=stop.is_set)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()
    assert failed == []


TRAPS = [
    ("hang-clean", "clean: timeout"),
    ("hang-tag", "tag: timeout"),
    ("hang-match", "match: timeout"),
    ("kill-clean", "clean: crashed"),
    ("kill-match", "match: crashed"),
]


@pytest.mark.slow
def test_each_step_of_a_record_is_limited_and_a_replay_finds_what_the_limits_decided(
    tmp_path: Path, store: Store
) -> None:
    settings = settings_of(tmp_path)
    append(settings, "a", *(name for name, _ in TRAPS), "b")
    assert drain(settings) == 2 * len(TRAPS) + 2
    assert ends(store) == {"a": "published", "b": "published"} | {name: f"rejected {why}" for name, why in TRAPS}
    # What came back after a later record was handled is late; on a slow machine it may come before, at its own place.
    assert late(store) <= {name for name, _ in TRAPS} | {"b"}
    assert late(store)
    with store.reading() as connection:
        counts = read_counts(connection, "live")
    assert {key: count for key, count in counts.items() if key[0] in (POSTPONED, REFUSED_BY_LIMIT)} == {
        (POSTPONED, "slow"): 3,
        (POSTPONED, "crashed"): 2,
        **{(REFUSED_BY_LIMIT, why): 1 for _, why in TRAPS},
    }
    for sources in ((), ("stream", "archive")):
        again = replay(settings, store, *sources)
        assert compared(store, again) == compared(store, "live")
        assert late(store, again) == late(store)


def test_while_a_record_hangs_the_next_is_stored_and_later_versions_of_its_article_wait(
    tmp_path: Path, store: Store
) -> None:
    settings = settings_of(tmp_path, record_limit_s=600.0)
    append(settings, "a", "wait-match-1", "wait-match-1", "b")
    with running(settings):
        until(lambda: {"a", "b"} <= ends(store).keys(), "outcome of what is not slow")
        append(settings, "c")
        until(lambda: "c" in ends(store), "outcome of what came later")
        assert ends(store) == {"a": "published", "b": "published", "c": "published"}
        assert count_waiting(store, "live")[0] == 2
    # The orderly end did not count against it. With a limit that it can meet, both versions end, in their order.
    assert tries(store) == [0, 0]
    # Each waits for six times as long.
    assert drain(settings_of(tmp_path, first_limit_s=0.5, record_limit_s=0.5)) >= 2
    assert ends(store)["wait-match-1"] == "rejected match: timeout, rejected match: timeout"
    assert compared(store, replay(settings, store)) == compared(store, "live")


def tries(store: Store) -> list[int]:
    with store.reading() as connection:
        return list(connection.execute(sa.select(own.slow_lane.c.tries)).scalars())


SERVICE = """
import sys
from core.clock import wall_ms
from core.settings import load_settings
from pathlib import Path
from pipeline.drivers.live import run_in_slices
from pipeline.flow import Flow
from tests.pipeline.drivers.planted import PlantedWork
if __name__ == "__main__":
    Flow.work = property(lambda flow: PlantedWork(flow.store_url, flow.scope))
    run_in_slices(load_settings(Path(sys.argv[1])), clock_ms=wall_ms, stop=lambda: False)
"""


@pytest.mark.slow
def test_a_record_in_hand_when_the_service_was_killed_twice_is_set_aside(tmp_path: Path, store: Store) -> None:
    """Kill -9 and start again, as an operator does: it does not meet the same record again and again."""
    settings = settings_of(tmp_path)
    (tmp_path / "service.py").write_text(SERVICE, "utf-8")
    (tmp_path / "wirewatch.toml").write_text(
        f'data_dir = "{tmp_path}"\npartitions = 1\nextraction_processes = 1\nslow_processes = 1\n'
        "first_limit_s = 1.0\nrecord_limit_s = 600.0\n",
        "utf-8",
    )
    append(settings, "a", "wait-tag-1", "b")

    def killed_once(done: Callable[[], bool], what: str) -> None:
        with subprocess.Popen(
            [sys.executable, str(tmp_path / "service.py"), str(tmp_path / "wirewatch.toml")],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        ) as service:
            try:
                until(done, what)
            finally:
                service.send_signal(signal.SIGKILL)

    killed_once(lambda: tries(store) == [1], "record that was begun")
    append(settings, "c")
    killed_once(lambda: tries(store) == [2] and "c" in ends(store), "record begun again, and the next one stored")
    killed_once(lambda: "wait-tag-1" in ends(store), "outcome of what was in hand twice")
    assert ends(store) == {
        "a": "published",
        "b": "published",
        "c": "published",
        "wait-tag-1": "rejected clean: set_aside",
    }
    assert compared(store, replay(settings, store)) == compared(store, "live")


@pytest.mark.slow
def test_an_outlet_whose_pages_are_slow_is_not_tried_in_the_order(tmp_path: Path, store: Store) -> None:
    settings = settings_of(tmp_path, breaker_pages=2, slow_processes=2)
    slow = [f"hang-clean-{number}" for number in range(2)]
    append(settings, *slow, outlet="slow")
    drain(settings)
    append(settings, "quick", outlet="slow")
    append(settings, "other")
    drain(settings)
    assert ends(store) == dict.fromkeys(slow, "rejected clean: timeout") | dict.fromkeys(
        ("quick", "other"), "published"
    )
    with store.reading() as connection:
        counts = read_counts(connection, "live")
    assert (counts[POSTPONED, "slow"], counts[POSTPONED, "breaker"]) == (2, 1)
    assert "quick" in late(store)
    assert compared(store, replay(settings, store)) == compared(store, "live")
