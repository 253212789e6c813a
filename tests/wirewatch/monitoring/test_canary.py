"""The canary through everything: it comes out at the end, people never meet it, and its silence names a stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from structlog.testing import capture_logs

from connectors.canary import CanarySource
from connectors.runner import to_records
from core.clock import wall_ms
from core.errors import StreamUnavailable
from core.records import RawArticle, Subscription, from_ms
from core.records.canary import canary_page, canary_run
from core.settings import Settings
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.store.canary import STAGES, Canary, CanaryHealth, CanaryRepository, canary_state, judge
from core.streams import Stream, create_stream
from desk.delivery.store.channels import any_active
from desk.terminal import TerminalView
from pipeline.drivers.bounded import BoundedRun, write_results
from pipeline.drivers.live import LiveRun, run_in_slices
from wirewatch.monitoring.probes import CanaryWatch, canary_check

EVERYTHING = [
    Subscription(id="all", query="NOT zyzzyva"),
    Subscription(id="wide", query="wirewatch OR canary OR bridge"),
]
NOON_MS = 1_790_000_000_000
TEXT = "The council of the village met on Monday and talked about the bridge over the river for more than an hour."


@dataclass
class Desk:
    settings: Settings
    store: Store
    raw: Stream

    @property
    def book(self) -> CanaryRepository:
        return CanaryRepository(self.store, self.settings.run)

    def source(self, interval_s: float = 300.0, **fields: object) -> CanarySource:
        tokens = (f"token{number}" for number in count())
        made: dict[str, object] = {
            "clock": lambda: from_ms(wall_ms()),
            "token": lambda: next(tokens),
            "interval_s": interval_s,
        }
        return CanarySource(self.book, self.raw, **(made | fields))  # type: ignore[arg-type]

    def handle(self) -> int:
        return run_in_slices(self.settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)

    def state(self, later_s: float = 0.0):  # type: ignore[no-untyped-def]
        return canary_state(
            self.store,
            self.settings.run,
            now_ms=wall_ms() + int(later_s * 1000),
            interval_s=300.0,
            channels=any_active(self.store),
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(data_dir=str(tmp_path), extraction_processes=0)
    store = open_store(settings.store)
    SubscriptionStore(store).save_subscriptions(EVERYTHING, now_ms=wall_ms(), from_the_beginning=True)
    yield Desk(settings, store, create_stream(settings.stream, settings.raw_stream))
    store.close()


def _article(number: int) -> RawArticle:
    return RawArticle(
        url=f"https://outlet.example/{number}",
        source="outlet",
        fetched_at=from_ms(wall_ms()),
        text=f"{TEXT} It is {number}.",
    )


def test_a_canary_goes_through_everything(desk: Desk) -> None:
    assert desk.state().health is CanaryHealth.WAITING
    assert desk.source().tend()
    assert desk.handle() == 1
    [canary] = desk.book.undelivered()
    assert (canary.outcome, canary.reason) == ("published", None)
    assert canary.made_ms <= (canary.appended_ms or 0) <= (canary.relayed_ms or 0)
    state = desk.state()
    assert (state.health, state.silent_stage) == (CanaryHealth.OK, None)
    assert state.age_s is not None
    assert state.age_s < 60
    assert set(state.took_s) == set(STAGES) - {"delivered"}
    out = create_stream(desk.settings.stream, "canaries")
    assert sum(out.end_offsets(out.partitions()).values()) == 1


def test_people_never_see_a_canary(desk: Desk, tmp_path: Path) -> None:
    records, _ = to_records((_article(1),), desk.raw.max_value_bytes)
    desk.raw.append(records)
    desk.source().tend()
    records, _ = to_records((_article(2),), desk.raw.max_value_bytes)
    desk.raw.append(records)
    assert desk.handle() == 3
    reader = StoreReader(desk.store, desk.settings.run)
    assert [article.source for article in reader.articles()] == ["outlet", "outlet"]
    assert {(alert.subscription, alert.source) for alert in reader.alerts()} == {("all", "outlet"), ("wide", "outlet")}
    assert reader.count_outcomes().total() == 3
    page = StringIO()
    view = TerminalView(reader, Console(file=page, width=200))
    view.show_new()
    assert "anary" not in page.getvalue()
    write_results(reader, tmp_path)
    assert "canary" not in (tmp_path / "enriched.jsonl").read_text() + (tmp_path / "alerts.jsonl").read_text()
    for name in ("enriched-articles", "alerts"):
        stream = create_stream(desk.settings.stream, name)
        values = [one.value for one in stream.read(dict.fromkeys(stream.partitions(), 0), max_bytes=1 << 20)]
        assert values
        assert not any(b"anary" in value for value in values)
    hidden = StoreReader(desk.store, canary_run(desk.settings.run))
    assert [alert.subscription for alert in hidden.alerts()] == ["wirewatch-canary"]


def test_a_rejected_article_shows_only_to_the_operator(desk: Desk) -> None:
    canary = desk.book.claim("t", now_ms=wall_ms(), interval_s=300)
    assert canary is not None
    empty = msgspec.structs.replace(canary_page("t", from_ms(canary.made_ms)), html="<html></html>")
    desk.raw.append(to_records((empty,), desk.raw.max_value_bytes)[0])
    desk.book.appended(canary.id, wall_ms())
    assert desk.handle() == 1
    reader = StoreReader(desk.store, desk.settings.run)
    assert reader.count_outcomes()["rejected"] == 1
    assert reader.since(0)[3] == []
    state = desk.state(later_s=1000)
    assert state.health is CanaryHealth.SILENT
    desk.source().tend()
    state = desk.state(later_s=1000)
    assert "rejected" not in state.summary  # the newer one is only on the stream
    assert state.silent_stage == "connectors"  # none was made in the last 900 s of that time


def test_no_two_are_alike_and_none_joins_a_story(tmp_path: Path) -> None:
    pages = [canary_page(f"{number:016x}", from_ms(NOON_MS + number * 300_000)) for number in range(25)]
    with BoundedRun(tmp_path, subscriptions=EVERYTHING, now_ms=0) as run:
        for number, page in enumerate(pages):
            run.add(page, page.url)
            run.add(
                msgspec.structs.replace(_article(number), fetched_at=page.fetched_at + timedelta(seconds=1)),
                str(number),
            )
        run.run()
        outcomes = {outcome.item: outcome.kind for outcome in run.reader.outcomes()}
        assert {outcomes[page.url] for page in pages} == {"published"}
        hidden = StoreReader(run.reader.store, canary_run(run.reader.run))
        assert len({article.story_id for article in hidden.articles()}) == len(pages)
        assert len(list(hidden.alerts())) == len(pages)
        assert not {alert.source for alert in run.reader.alerts()} & {"wirewatch-canary"}


def test_one_is_made_in_each_interval_for_all_processes(desk: Desk) -> None:
    moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
    times = iter(moment + timedelta(seconds=30 * turn) for turn in range(1000))
    now = next(times)
    first, second = (desk.source(300, clock=lambda: now) for _ in range(2))
    made = 0
    for _ in range(40):
        made += first.tend() + second.tend()
        now = next(times)
    assert made == 4
    assert sum(desk.raw.end_offsets(desk.raw.partitions()).values()) == 4


def test_one_that_could_not_be_appended_comes_again_with_its_own_bytes(desk: Desk) -> None:
    tried: list[bytes] = []

    class Away:
        max_value_bytes = 1 << 20

        def append(self, records):  # type: ignore[no-untyped-def]
            tried.extend(record.value for record in records)
            raise StreamUnavailable("kafka://somewhere", "no broker")

    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    source = CanarySource(
        desk.book,
        Away(),
        interval_s=300,
        clock=lambda: now,
        token=iter(("a", "b")).__next__,  # type: ignore[arg-type]
    )
    assert not source.tend()
    now += timedelta(seconds=11)
    assert not source.tend()
    assert len(tried) == 2
    assert tried[0] == tried[1]
    silent = canary_state(
        desk.store, "live", now_ms=int(now.timestamp() * 1000) + 1000, interval_s=300, channels=any_active(desk.store)
    )
    assert silent.passed.keys() == {"made"}


def test_an_unknown_canary_changes_nothing(desk: Desk) -> None:
    forged = canary_page("guessed", from_ms(wall_ms()))
    desk.raw.append(to_records((forged,), desk.raw.max_value_bytes)[0])
    assert desk.handle() == 1
    assert desk.state().health is CanaryHealth.WAITING
    assert desk.book.undelivered() == []


def test_delivery_is_part_of_the_way_once_it_has_delivered(desk: Desk) -> None:
    desk.source().tend()
    desk.handle()
    [canary] = desk.book.undelivered()
    desk.book.delivered([canary.id], wall_ms() + 1000)
    assert desk.book.undelivered() == []
    assert "delivered" in desk.state().took_s


def test_old_ones_are_forgotten(desk: Desk) -> None:
    desk.source().tend()
    desk.handle()
    hidden = StoreReader(desk.store, canary_run("live"))
    assert len(list(hidden.articles())) == 1
    assert desk.book.claim("later", now_ms=wall_ms() + 8 * 86_400_000, interval_s=300) is not None
    assert list(hidden.articles()) == list(hidden.alerts()) == []
    assert StoreReader(desk.store, "live").count_outcomes().total() == 1


def _canary(number: int, **passed: int | str) -> Canary:
    return Canary(id=str(number), token=str(number), made_ms=NOON_MS + number * 300_000, **passed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("last", "silent", "words"),
    [
        ({}, "raw stream", "made 2026-09-21 14:33 UTC, not on the raw stream"),
        ({"appended_ms": 10}, "pipeline", "appended 2026-09-21 14:33 UTC, on the raw stream, not in the ledger"),
        (
            {"appended_ms": 10, "handled_ms": 20, "outcome": "rejected", "reason": "clean: empty"},
            "alerts",
            "it raised no alert (rejected: clean: empty)",
        ),
        ({"appended_ms": 10, "handled_ms": 20, "outcome": "published", "alert": "a"}, "relay", "not relayed"),
    ],
)
def test_the_silent_stage_is_named(last: dict[str, int | str], silent: str, words: str) -> None:
    """The newest canaries stopped somewhere; the one before them came through."""
    through = {"appended_ms": NOON_MS + 10, "handled_ms": NOON_MS + 20, "alert": "a", "relayed_ms": NOON_MS + 30}
    stuck = []
    for number in range(4, 0, -1):
        base = NOON_MS + number * 300_000
        stuck.append(_canary(number, **{k: base + v if isinstance(v, int) else v for k, v in last.items()}))
    known = [*stuck, _canary(0, **through)]
    state = judge(known, since_ms=NOON_MS, now_ms=NOON_MS + 1_300_000, interval_s=300)
    assert (state.health, state.silent_stage) == (CanaryHealth.SILENT, silent)
    assert words in state.summary
    assert "came through at 2026-09-21 14:13 UTC" in state.summary


def test_nothing_made_means_no_connectors() -> None:
    state = judge([], since_ms=NOON_MS, now_ms=NOON_MS + 1_000_000, interval_s=300)
    assert (state.health, state.silent_stage, state.age_s) == (CanaryHealth.SILENT, "connectors", 1000.0)
    assert judge([], since_ms=NOON_MS, now_ms=NOON_MS + 800_000, interval_s=300).health is CanaryHealth.WAITING
    off = judge([], since_ms=0, now_ms=NOON_MS, interval_s=0)
    assert (off.health, off.age_s) == (CanaryHealth.OFF, None)


TIMES = st.none() | st.integers(0, 4_000_000)


@given(
    st.lists(st.tuples(st.integers(0, 4_000_000), TIMES, TIMES, st.booleans(), TIMES, TIMES), max_size=6),
    st.integers(0, 5_000_000),
)
def test_silent_and_named_go_together(rows: list[tuple[int, int, int, bool, int, int]], now: int) -> None:
    known = [
        Canary(
            id=str(place), token="", made_ms=NOON_MS + row[0], appended_ms=_ms(row[1]), handled_ms=_ms(row[2]),
            alert="a" if row[3] else None, relayed_ms=_ms(row[4]), delivered_ms=_ms(row[5]),
        )
        for place, row in enumerate(sorted(rows, key=str))
    ]  # fmt: skip
    state = judge(known, since_ms=NOON_MS, now_ms=NOON_MS + now, interval_s=300)
    assert (state.health is CanaryHealth.SILENT) == (state.silent_stage is not None)
    assert (state.health is CanaryHealth.SILENT) == (state.age_s is not None and state.age_s > state.limit_s)
    assert state.summary


def _ms(offset: int | None) -> int | None:
    return None if offset is None else NOON_MS + offset


def test_the_watch_logs_once_when_canaries_stop_and_once_when_they_return(desk: Desk) -> None:
    later_s = 0.0
    watch = CanaryWatch(lambda: desk.state(later_s))
    LiveRun(desk.settings, wall_ms).close()
    with capture_logs() as logs:
        watch.look()
        assert logs == []
        later_s = 1_000.0
        watch.look()
        watch.look()
        assert [(line["log_level"], line["silent"]) for line in logs] == [("error", "connectors")]
        later_s = 0.0
        desk.source().tend()
        desk.handle()
        watch.look()
        watch.look()
        # What the pipeline says in between depends on how much this process was told to log.
        said = [line["event"] for line in logs if "canar" in line["event"]]
        assert said == ["no canary comes through", "canaries come through again"]
    check = canary_check(lambda: desk.state(1_000.0))
    assert (check.ok, check.fatal) == (False, False)
    assert "no connectors service is running" in check.words
