"""Search over HTTP: marks, facets, volume, pages, errors with a place, exports."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from core.store import Store, StoreReader
from desk.use_cases.desk import Desk
from tests.desk.support import Clock, Wire, desk_with_search

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    """A desk with an empty search index."""
    with desk_with_search(store, clock, tmp_path / "search") as made:
        yield made


@pytest.fixture
def found(wire: Wire, desk: Desk) -> Wire:
    """Some articles, already in the index."""
    wire.article("Aid reaches Aleppo", "Forty lorries with aid.", topics={"syria": ["aid"]}, language="en")
    first = wire.article("Grain leaves Odesa", "The grain corridor holds.", language="en", source="b.example")
    wire.article("Grain leaves Odesa", "The grain corridor holds.", copy_of=first, story=first, source="c.example")
    wire.article("قافلة مساعدات", "وصلت القافلة إلى حلب.", language="ar")
    assert desk.search is not None
    assert desk.search.refresh(StoreReader(desk.store, "live"))
    return wire


def titles(page: str) -> list[str]:
    return [
        re.sub("<[^>]*>", "", one) for one in re.findall(r'<li class="hit">.*?<h2[^>]*>(.*?)</h2>', page, re.DOTALL)
    ]


@pytest.mark.parametrize("query", ["a" + "%3F" * 64, "a*b*c*d*" * 2_000])
def test_a_word_of_too_many_wildcards_is_refused_in_words(found: Wire, as_reader: TestClient, query: str) -> None:
    page = as_reader.get(f"/search?q={query}")
    assert (page.status_code, "at most 32 in one word" in page.text) == (400, True)


def test_wildcards_that_the_index_can_not_look_up_are_found(found: Wire, as_reader: TestClient) -> None:
    page = as_reader.get(f"/search?q=aid+AND+a*p{'%3F' * 20}+OR+lor*y{'%3F' * 9}+OR+g*n")
    assert "Grain leaves Odesa" in titles(page.text)


def test_marks_facets_and_volume(found: Wire, as_reader: TestClient) -> None:
    page = as_reader.get("/search?q=grain+OR+aid").text
    assert titles(page) == ["Grain leaves Odesa", "Grain leaves Odesa", "Aid reaches Aleppo"]
    assert "Save this view" in page
    assert "<mark>Grain</mark> leaves" in page
    assert "lorries with <mark>aid</mark>." in page
    assert "3 articles</b>" in page
    assert 'title="English"' in page
    chart = re.search(r'<svg[^>]* aria-label="([^"]*)"', page)
    assert chart is not None
    assert chart[1].startswith("3 articles from ")
    assert page.count('class="bar"') >= 1
    facet = re.search(
        r'<a href="/search\?([^"]*)"[^>]*><span dir="auto">b.example</span> <span class="n">1</span>', page
    )
    assert facet is not None
    assert titles(as_reader.get(f"/search?{html.unescape(facet[1])}").text) == ["Grain leaves Odesa"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=grain&copies=no", ["Grain leaves Odesa"]),
        ("topic=syria", ["Aid reaches Aleppo"]),
        ("q=%D9%82%D8%A7%D9%81%D9%84%D8%A9", ["قافلة مساعدات"]),
        ("q=title:aid+AND+lorries", ["Aid reaches Aleppo"]),
        ("q=grain&since=1999-01-01&until=1999-12-31", []),
        ("q=grain&days=0&since=never&order=colour&lang=", ["Grain leaves Odesa"] * 2),
        ("source=C.example", ["Grain leaves Odesa"]),
    ],
)
def test_the_address_says_what_is_found(found: Wire, as_reader: TestClient, query: str, expected: list[str]) -> None:
    answer = as_reader.get(f"/search?{query}")
    assert answer.status_code == 200
    assert titles(answer.text) == expected


def test_days_and_relevance(found: Wire, clock: Clock, as_reader: TestClient) -> None:
    assert len(titles(as_reader.get("/search?days=1").text)) == 4
    clock.forward(83_000)
    answer = as_reader.get("/search?days=1", follow_redirects=False)
    assert answer.status_code == 200
    assert titles(answer.text) == []
    assert "most relevant first" in as_reader.get("/search?q=grain&order=relevance").text


def test_a_query_that_cannot_be_read_is_shown_with_its_place(found: Wire, as_reader: TestClient) -> None:
    answer = as_reader.get("/search", params={"q": 'tilte:"aid"'})
    assert answer.status_code == 400
    assert "title:" in answer.text
    assert re.search(r'<pre class="pointer"[^>]*>tilte:[^<]*\n\s*\^', answer.text)
    fixed = re.search(r'instead: <a href="/search\?q=([^"]*)"', answer.text)
    assert fixed is not None
    assert titles(as_reader.get(f"/search?q={fixed[1]}").text) == ["Aid reaches Aleppo"]


def test_pages_neither_repeat_nor_leave_out(wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient) -> None:
    for number in range(95):
        wire.article(f"Flood {number:02}", "Water rises.")
    assert desk.search is not None
    desk.search.refresh(StoreReader(desk.store, "live"))
    for order in ("newest", "oldest", "relevance"):
        address, seen = f"/search?q=flood&days=7&order={order}", list[str]()
        while address:
            page = as_reader.get(address).text
            seen += titles(page)
            clock.forward(7)
            more = re.search(r'class="more"><a href="([^"]*)"', page)
            address = html.unescape(more[1]) if more else ""
        assert len(seen) == len(set(seen)) == 95, order
    assert titles(as_reader.get("/search?q=flood&cursor=nonsense").text)[0] == "Flood 94"


def test_export_in_three_formats(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    for number in range(230):
        wire.article(f"=Flood {number} & <b>", "Water rises.", topics={"a&b": ["Water"]}, source="x.example")
    assert desk.search is not None
    desk.search.refresh(StoreReader(desk.store, "live"))
    answer = as_reader.get("/search/export.csv?q=flood")
    assert answer.headers["content-disposition"] == 'attachment; filename="wirewatch-search.csv"'
    rows = list(csv.DictReader(answer.content.decode("utf-8-sig").splitlines()))
    assert len(rows) == len({row["article"] for row in rows}) == 230
    assert rows[0]["title"] == "'=Flood 229 & <b>"
    assert rows[0]["matched"] == "Flood"
    lines = [json.loads(line) for line in as_reader.get("/search/export.jsonl?q=flood+AND+water").text.splitlines()]
    assert len(lines) == 230
    for match in lines[0]["matches"]:
        assert lines[0][match["field"]][match["start"] : match["end"]] == match["text"]
    feed = ET.fromstring(as_reader.get('/search/export.atom?q="flood"&topic=a%26b').content)  # noqa: S314 - our own
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 100
    assert entries[0].findtext(f"{ATOM}title") == "=Flood 229 & <b>"
    category = entries[0].find(f"{ATOM}category")
    assert category is not None
    assert category.get("term") == "a&b"
    assert as_reader.get("/search/export.exe").status_code == 404
    assert as_reader.get("/search/export.csv?q=(").status_code == 400


def test_saving_a_search_brings_its_filters_along(found: Wire, as_editor: TestClient) -> None:
    page = as_editor.get("/search?q=grain&lang=en&source=b.example&days=7").text
    save = re.search(r'href="(/subscriptions/new\?[^"]*)"', page)
    assert save is not None
    editor = as_editor.get(html.unescape(save[1])).text
    assert ">grain</textarea>" in editor
    assert 'name="outlets" value="b.example"' in editor
    assert 'name="languages" value="en"' in editor


def test_a_reader_may_search_but_not_save(found: Wire, as_reader: TestClient) -> None:
    assert "Save as a subscription" not in as_reader.get("/search?q=grain").text


def test_the_api_counts_facets_and_volume_over_all_pages(found: Wire, as_reader: TestClient) -> None:
    first = as_reader.get("/api/v1/search?query=grain+OR+aid&facets=true&limit=1").json()
    assert first["total"] == "3"
    assert first["facets"]["sources"] == [
        {"value": "a.example", "count": 1},
        {"value": "b.example", "count": 1},
        {"value": "c.example", "count": 1},
    ]
    assert first["facets"]["topics"] == [{"value": "syria", "count": 1}]
    assert first["facets"]["certainty"] == first["volume"]["certainty"] == "exact"
    assert sum(first["volume"]["counts"]) == 3
    seen, cursor = [one["id"] for one in first["items"]], first["cursor"]
    while cursor is not None:
        page = as_reader.get(f"/api/v1/search?query=grain+OR+aid&facets=true&limit=1&cursor={cursor}").json()
        # The same on each page: they count what matches, not what is shown.
        assert (page["facets"], page["volume"]) == (first["facets"], first["volume"])
        seen += [one["id"] for one in page["items"]]
        cursor = page["cursor"]
    assert len(seen) == len(set(seen)) == 3
    plain = as_reader.get("/api/v1/search?query=grain&limit=1").json()
    assert plain["facets"] is plain["volume"] is None


def test_a_store_of_one_day_is_shown_by_the_hour_or_less(found: Wire, as_reader: TestClient) -> None:
    volume = as_reader.get("/api/v1/search?facets=true").json()["volume"]
    assert volume["step_ms"] == 300_000
    page = as_reader.get("/search?q=grain").text
    # Not one bar as wide as the page.
    assert page.count('class="back"') >= 24
