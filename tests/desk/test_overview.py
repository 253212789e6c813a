"""The overview: hours counted from the run, as a look finds them and as a start does; the page, with its marks and links."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from core.durations import HOUR_MS
from core.store import Store, StoreReader, open_store
from desk.feed_port import FeedLine
from desk.hour_counts import HourCounts, hour_counts, since_look
from desk.use_cases.desk import Desk
from desk.use_cases.overview import LOOK_GAP_MS, largest, silent_feeds
from desk.views.rates import Counts
from pipeline.ledger.ledger import RunLedger
from tests.desk.support import Clock, Feeds, Wire, desk_with_search, sign_in
from tests.pipeline.transforms.support import NOON_MS
from tests.statements import before_statements
from tests.waiting import until

DAY_S = 86_400


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store of each kind."""
    return str(request.getfixturevalue("postgres")) if request.param == "postgres" else f"sqlite:///{tmp_path}/any.db"


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    """With a search index."""
    with desk_with_search(store, clock, tmp_path / "search") as made:
        yield made


def counted(store: Store, clock: Clock) -> dict[int, Counts]:
    """All hours as a desk that starts now counts them."""
    hours = HourCounts(store, "live", clock)
    while not hours.look():
        pass
    assert hours.complete
    return {hour: counts for hour, counts in hours.hours.items() if counts}


def fill(wire: Wire, *, days: int = 0) -> None:
    """Articles of noon, and with ``days`` two of each of so many days before today's."""
    for day in range(days):
        for _ in range(2):
            wire.article("Aid reaches Syria", "Trucks.", topics={"syria": ["Aid"]}, language="en")
        wire.number = (day + 1) * DAY_S
    wire.article("Krieg in Syrien", "Die Ukraine sagt nichts.", topics={"syria": ["Krieg"]}, language="de")
    wire.article(
        "Ports shut", topics={"syria": ["Ports"], "ports": ["shut"]}, subscriptions={"ports": ["Ports"]}, language="en"
    )
    wire.article("A copy of it about Syria", copy_of="x", story="x", topics={"syria": ["Syria"]}, language="en")
    wire.article("Old when the feed came", backfill=True, topics={"syria": ["Old"]}, language="en")


WANTED = Counter(
    {
        ("article", ""): 2,
        ("topic", "syria"): 2,
        ("topic", "ports"): 1,
        ("subscription", "ports"): 1,
        ("country", "SY"): 1,
        ("country", "UA"): 1,
        ("language", "de"): 1,
        ("language", "en"): 1,
    }
)


def test_a_start_counts_what_is_stored_and_a_look_what_comes(store: Store, wire: Wire, clock: Clock) -> None:
    clock.now_ms = NOON_MS + 60_000
    follows = HourCounts(store, "live", clock)
    assert follows.look()
    fill(wire)
    assert follows.look()
    assert follows.hours[NOON_MS] == WANTED
    assert counted(store, clock) == {NOON_MS: WANTED}
    # A new version is no further article, nor is what is looked at twice.
    wire.article(
        "Ports shut for days", url="https://a.example/2", version=2, topics={"syria": ["Ports"]}, language="en"
    )
    assert follows.look()
    assert follows.look()
    assert follows.hours[NOON_MS] == WANTED


def test_an_hour_that_is_over_is_written_once_and_read_by_the_next_start(
    store: Store, wire: Wire, clock: Clock
) -> None:
    clock.now_ms = NOON_MS + 60_000
    fill(wire)
    counted(store, clock)
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(hour_counts)).scalar() == 0
    clock.forward(2 * 3_600)
    assert counted(store, clock) == {NOON_MS: WANTED}
    with store.writing() as connection:
        assert connection.execute(sa.select(hour_counts.c.hour_ms)).scalars().all() == [NOON_MS]
        connection.execute(hour_counts.update().values(counts='{"article":{"":7}}'))
    assert counted(store, clock) == {NOON_MS: Counter({("article", ""): 7})}
    # What no page needs any more goes.
    clock.forward(9 * DAY_S)
    wire.number = 9 * DAY_S
    wire.article("Much later", language="en")
    assert NOON_MS not in counted(store, clock)
    clock.forward(2 * 3_600)
    counted(store, clock)
    with store.reading() as connection:
        assert NOON_MS not in connection.execute(sa.select(hour_counts.c.hour_ms)).scalars().all()


def test_a_desk_that_was_suspended_counts_what_arrived_in_that_time(
    store: Store, wire: Wire, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.hour_counts.TRANSACTIONS", 3)
    clock.now_ms = NOON_MS - HOUR_MS
    hours = HourCounts(store, "live", clock)
    while not hours.look():
        pass
    fill(wire)
    clock.forward(5 * DAY_S)
    while not hours.look():
        pass
    assert hours.hours[NOON_MS] == WANTED
    assert counted(store, clock) == {NOON_MS: WANTED}


def test_a_store_from_a_backup_is_counted_again(store: Store, wire: Wire, clock: Clock) -> None:
    clock.now_ms = NOON_MS + 60_000
    fill(wire)
    hours = HourCounts(store, "live", clock)
    while not hours.look():
        pass
    with store.writing() as connection:
        for table in ("versions", "articles", "alerts"):
            connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 - names from here
        connection.execute(sa.text("UPDATE runs SET seq = 0"))
    while not hours.look():
        pass
    assert not any(hours.hours.values())


@pytest.mark.parametrize("kind", ["article", "alert", "oldest"])
def test_what_is_counted_is_found_by_an_index(store_url: str, kind: str) -> None:
    """Both databases: no query of the overview walks all articles."""
    store = open_store(store_url)
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    wire = Wire(ledger)
    for _ in range(40):
        wire.article("Aid reaches Syria", topics={"syria": ["Aid"]}, subscriptions={"ports": ["Aid"]}, language="en")
    said: list[str] = []

    def explain(_connection: sa.Connection, statement: str, parameters: Any) -> None:
        table = {"article": "versions.title", "alert": "alerts.subscription", "oldest": "min(versions"}[kind]
        if statement.startswith("SELECT") and table in statement:
            # The statement's own connection may have a cursor open.
            with store.engine.connect() as other:
                word = "EXPLAIN"
                if store.engine.dialect.name == "sqlite":
                    word = "EXPLAIN QUERY PLAN"
                else:
                    # Of forty rows a walk over all is cheapest: whether there is an index is asked.
                    other.exec_driver_sql("SET LOCAL enable_seqscan = off")
                rows = other.exec_driver_sql(f"{word} {statement}", parameters).fetchall()
                said.append(" ".join(str(row[-1]) for row in rows))

    with before_statements(store.engine, explain):
        counted(store, Clock(NOON_MS + 2 * HOUR_MS))
    assert said
    for plan in said:
        assert "ix_versions_run" in plan or "ix_alerts_run" in plan, plan
        # SQLite calls a walk over a whole table or index SCAN.
        assert "Seq Scan" not in plan
        assert not plan.startswith("SCAN"), plan
    store.close()


def test_looks_close_together_are_one(store: Store) -> None:
    def look(now_ms: int, person: str = "ann") -> int | None:
        return since_look(store, "live", person, now_ms, gap_ms=LOOK_GAP_MS)

    assert look(NOON_MS) is None
    assert look(NOON_MS + 60_000) is None
    later = NOON_MS + 60_000 + LOOK_GAP_MS
    assert look(later) == NOON_MS + 60_000
    assert look(later + 1_000) == NOON_MS + 60_000
    assert look(later, "ben") is None
    assert look(later + 9 * HOUR_MS) == later + 1_000


def test_what_is_large_and_what_is_silent(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    assert as_reader
    one = wire.article("Told by one")
    two = wire.article("Told by two", source="a.example")
    wire.article("Told by two, too", story=two, source="b.example")
    until(lambda: len(desk.board.snapshot()) == 2, "the stories")
    cards = desk.board.snapshot()
    assert [card.id for card in largest(cards, NOON_MS)] == [two]
    assert one not in {card.id for card in largest(cards, NOON_MS)}
    assert largest(cards, NOON_MS + HOUR_MS) == ()
    feeds = [
        FeedLine(
            url=f"https://{name}.example/", source=name, outlet=name, state=state, expected_per_day=day, seen_last_day=0
        )
        for name, state, day in (
            ("a", "ok", 9),
            ("b", "silent", 2),
            ("c", "failing", 30),
            ("d", "gone", 0),
            ("e", "early", 4),
        )
    ]
    assert [feed.source for feed in silent_feeds(feeds)] == ["c", "b"]


def test_the_page_shows_the_day_its_marks_and_silent_feeds(
    wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient
) -> None:
    desk.queries.save_topics({"syria": TOPIC}, now_ms=NOON_MS)
    assert isinstance(desk.feeds, Feeds)
    desk.feeds.lines.append(
        FeedLine(
            url="https://s.example/",
            source="s",
            outlet="The <b>Silent</b>",
            state="silent",
            expected_per_day=40,
            seen_last_day=0,
        )
    )
    fill(wire, days=5)
    for _ in range(9):
        wire.article("Aid for Syria", "Trucks.", topics={"syria": ["Aid"]}, language="en")
    clock.now_ms = NOON_MS + 5 * DAY_S * 1000 + 3_599_000
    until(lambda: desk.hours.complete and desk.hours.hours.get(NOON_MS + 5 * DAY_S * 1000, {}), "the hours")
    # Five days are longer than a session.
    sign_in(as_reader, "reader")
    page = as_reader.get("/overview").text
    topics = part(page, "topics")
    row = next(one for one in topics.split("<tr") if "Syria at war" in one)
    assert ">11</td>" in row
    assert ">2.0</td>" in row, row
    assert "burst</b>" in row
    assert "11 articles in 24 hours, usually 2.0: a burst" in row
    assert "/search?topic=syria&amp;days=1&amp;copies=no" in html.escape(html.unescape(row))
    assert "C1 of the Early Aberration Reporting System" in page
    silent = part(page, "silent")
    assert "The &lt;b&gt;Silent&lt;/b&gt;" in silent
    tile = re.search(r'<a href="([^"]*)" aria-label="Syria: 10 articles">', part(page, "countries"))
    assert tile is not None
    assert desk.search is not None
    assert desk.search.refresh(StoreReader(desk.store, "live"))
    found = as_reader.get(html.unescape(tile[1]))
    assert "10 articles</b>, filtered" in found.text
    assert "A usual day is not known yet" not in page
    # Loaded again, it still says since when.
    again = part(as_reader.get("/overview").text, "new")
    assert "New in the last 24 hours" in again
    clock.forward(2 * 3_600)
    assert "New since your last visit (12:59)" in part(as_reader.get("/overview").text, "new")


def test_the_page_says_what_a_young_store_does_not_know_yet(
    wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient
) -> None:
    fill(wire)
    until(lambda: desk.hours.complete and desk.board.snapshot(), "the hours and the board")
    page = as_reader.get("/overview").text
    assert "A usual day is not known yet: that takes 3 full days" in page
    assert "No story of the last 24 hours has two independent sources" in page
    assert "Every feed delivers as it usually does." in page


def part(page: str, name: str) -> str:
    found = re.search(rf'id="{name}"><h2>.*?(?=<div class="section"|</section>)', page, re.DOTALL)
    assert found is not None
    return found[0]


TOPIC = """
name = "syria"
title = "Syria at war"
threshold = 1.0

[list.syria]
terms.en = "Syria"

[[rule]]
name = "Syria"
all = ["syria"]
title = 1.5
"""


def test_the_api_gives_the_day_and_the_briefing(wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient) -> None:
    fill(wire, days=4)
    until(lambda: desk.hours.complete, "all hours counted")
    clock.forward(20)
    until(lambda: as_reader.get("/api/v1/overview").json()["articles"]["number"] > 0, "the hours of today")
    day = as_reader.get("/api/v1/overview").json()
    assert (day["complete"], len(day["window"]), len(day["articles"]["hours"])) == (True, 24, 24)
    assert day["articles"]["number"] == sum(day["articles"]["hours"])
    assert {one["code"]: one["number"] for one in day["countries"]}.keys() >= {"SY"}
    assert all(one["query"] for one in day["countries"])
    # A program has not looked: the page still says what is new to the person.
    assert since_look(desk.store, "live", "program", clock(), gap_ms=LOOK_GAP_MS) is None
    made = as_reader.get("/api/v1/briefing?hours=24").json()
    assert made["since"].endswith("Z")
    for section in made["sections"]:
        assert {"story", "headline", "sentences", "title", "url", "last"} <= section["stories"][0].keys()
    assert as_reader.get("/api/v1/briefing?hours=900").status_code == 422
