"""Live over HTTP: what a story shows, filters, read and unread, export."""

from __future__ import annotations

import csv
import json
import threading

import pytest
from starlette.testclient import TestClient

from core.store import Store
from desk.use_cases.desk import Desk
from tests.desk.support import Wire, client_of, form_token, make_desk
from tests.statements import statements
from tests.waiting import until


def test_a_story_shows_why_it_is_here(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    first = wire.article(
        "Convoy reaches Aleppo",
        "Forty lorries with aid came.\nMore will follow.",
        subscriptions={"aid": ["aid"]},
        language="en",
    )
    wire.article(
        "Convoy reaches Aleppo", "Forty lorries with aid came.", story=first, copy_of=first, source="b.example"
    )
    until(lambda: len(desk.board.snapshot()) == 1 and desk.board.snapshot()[0].articles == 2, "the story")
    page = as_reader.get("/").text
    assert "Convoy reaches Aleppo</a>" in page
    assert "lorries with <mark>aid</mark> came." in page
    assert ">1 source</b><span>1 copy</span>" in page
    assert "copied by b.example" in page
    assert 'lang="en"' in page


def test_filters_narrow_and_their_addresses_hold(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    wire.article("About Syria", "Damascus.", topics={"syria": ["Damascus"]}, language="en")
    wire.article("Über Kyjiw", "Gespräche.", topics={"ukraine-talks": ["Gespräche"]}, language="de", source="c.example")
    until(lambda: len(desk.board.snapshot()) == 2, "both stories")
    assert "About Syria" not in as_reader.get("/?lang=de").text
    assert "Über Kyjiw" in as_reader.get("/?lang=de&outlet=c.example").text
    assert "No story matches these filters" in as_reader.get("/?lang=de&topic=syria").text
    # An address from another age: what makes no sense is left out.
    assert "About Syria" in as_reader.get("/?hours=never&show=everything&colour=red").text


def test_read_unread_and_changed_since(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    story = wire.article("A bridge falls")
    until(lambda: len(desk.board.snapshot()) == 1, "the story")
    assert 'data-state="new"' in as_reader.get("/").text
    as_reader.get(f"/story/{story}")
    until(lambda: 'data-state="read"' in as_reader.get("/").text, "the story being read")
    wire.article("A bridge falls, two hurt", story=story, source="b.example")
    until(lambda: 'data-state="changed"' in as_reader.get("/").text, "the story having changed")
    assert "A bridge falls" in as_reader.get("/?show=unread").text
    token = form_token(as_reader, "/")
    answer = as_reader.post("/live/read-all", data={"seq": "2", "form_token": token}, headers={"x-form-token": token})
    assert answer.status_code == 204
    assert "No story matches these filters" in as_reader.get("/?show=unread").text
    as_reader.post("/live/read", data={"story": story, "form_token": token})
    assert 'data-state="new"' in as_reader.get("/").text


def test_stars_are_private(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    story = wire.article("Worth keeping")
    wire.article("Not so much")
    until(lambda: len(desk.board.snapshot()) == 2, "both stories")
    token = form_token(as_reader, "/")
    as_reader.post("/live/star", data={"story": story, "starred": "true", "form_token": token})
    page = as_reader.get("/?show=starred").text
    assert "Worth keeping" in page
    assert "Not so much" not in page
    assert desk.marks.starred("somebody else") == []


def test_export_in_three_formats(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    wire.article('=HYPERLINK("https://evil.example")', "Text & more.", topics={"syria": ["Text"]})
    until(lambda: len(desk.board.snapshot()) == 1, "the story")
    answer = as_reader.get("/live/export.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="wirewatch-live.csv"'
    row = next(csv.DictReader(answer.content.decode("utf-8-sig").splitlines()))
    assert row["headline"].startswith("'=HYPERLINK")
    assert row["topics"] == "syria"
    assert json.loads(as_reader.get("/live/export.jsonl").text)["independent_sources"] == 1
    assert "<title>=HYPERLINK" in as_reader.get("/live/export.atom").text
    assert as_reader.get("/live/export.exe").status_code == 404


def test_older_stories_come_page_by_page(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    for number in range(70):
        wire.article(f"Story {number:02}")
    until(lambda: len(desk.board.snapshot()) == 70, "all stories")
    first = as_reader.get("/").text
    assert first.count('<li class="story"') == 60
    older = first.split('class="more"><a href="')[1].split('"')[0].replace("&amp;", "&")
    second = as_reader.get(older).text
    assert second.count('<li class="story"') == 10
    assert "Story 00" in second
    assert "Story 10<" not in second


def test_a_desk_that_still_reads_its_stories_answers_at_once(
    wire: Wire, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.article("A bridge falls")
    desk, go = make_desk(store, demo=True), threading.Event()
    load = desk.follower.load

    def held(stories: int) -> None:
        assert go.wait(120)
        load(stories)

    monkeypatch.setattr(desk.follower, "load", held)
    with client_of(desk) as client:
        page = client.get("/").text
        assert "still loading its stories" in page
        assert "data-loading" in page
        assert "No article has arrived yet" not in page
        assert client.get("/healthz").text == "ok, still loading its stories\n"
        go.set()
        until(lambda: client.get("/healthz").text == "ok\n", "the loaded desk")
        page = client.get("/").text
        assert "A bridge falls" in page
        assert "data-loading" not in page


@pytest.mark.parametrize("path", ["/", "/?show=starred", "/handover", "/story/{story}", "/api/v1/handover?since_ms=0"])
def test_a_page_reads_the_joins_once(wire: Wire, as_editor: TestClient, desk: Desk, path: str) -> None:
    story = wire.article("Flood in the valley")
    desk.follower.load(10)
    desk.marks.star(desk.accounts.known("editor").id, story, 5)
    with statements(desk.store.engine, commits=True) as asked:
        assert as_editor.get(path.format(story=story)).status_code == 200
    # The desk's own look at the store, in the background, is not the page's.
    joins = [one for one in asked if "story_decisions.record" in one and "undoes IS NULL" in one]
    assert len(joins) == 1
