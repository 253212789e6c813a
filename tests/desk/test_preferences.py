"""What people set for themselves: density of pages, and views of a page with its filters."""

from __future__ import annotations

import html

import pytest
from starlette.testclient import TestClient

from core.errors import NotFound, UsageError
from core.store import Store
from desk.people.preferences import LONGEST_QUERY, MOST_VIEWS, Preferences, SavedView
from desk.use_cases.desk import Desk
from tests.desk.support import Wire, form_token


def send(client: TestClient, path: str, **values: str) -> int:
    token = form_token(client, "/account")
    answer = client.post(path, data={**values, "form_token": token}, follow_redirects=False)
    return int(answer.status_code)


def test_a_view_is_kept_without_the_readers_position(store: Store) -> None:
    mine = Preferences(store)
    saved = mine.save_view("ann", "/search", "  State  press ", "q=a+b&label=state&cursor=x&at=5&done=Saved", now_ms=1)
    assert (saved.name, saved.address) == ("State press", "/search?label=state&q=a+b")
    mine.save_view("ann", "/search", "State press", "q=c", now_ms=2)
    mine.save_view("ann", "/", "all", "", now_ms=3)
    mine.save_view("bob", "/search", "his", "q=d", now_ms=4)
    assert [(one.name, one.address) for one in mine.of("ann", "/search").views] == [("State press", "/search?q=c")]
    assert [one.address for one in mine.of("ann", "/").views] == ["/"]
    assert mine.of("ann", "/account").views == ()
    with pytest.raises(NotFound):
        mine.drop_view("bob", "/search", "State press")
    mine.drop_view("ann", "/search", "State press")
    assert mine.of("ann", "/search").views == ()


@pytest.mark.parametrize(
    ("path", "name", "query"),
    [
        ("/account", "x", ""),
        ("/", " ", ""),
        ("/", "x" * 61, ""),
        ("/", "a\u202eb", ""),
        ("/", "x", "q=" + "a" * (LONGEST_QUERY + 1)),
    ],
)
def test_what_cannot_be_kept_is_refused(store: Store, path: str, name: str, query: str) -> None:
    with pytest.raises(UsageError):
        Preferences(store).save_view("ann", path, name, query, now_ms=1)


def test_there_is_a_bound_on_views(store: Store) -> None:
    mine = Preferences(store)
    for number in range(MOST_VIEWS):
        mine.save_view("ann", "/", f"view {number}", "", now_ms=number)
    mine.save_view("ann", "/", "view 0", "show=unread", now_ms=99)
    with pytest.raises(UsageError, match="delete one first"):
        mine.save_view("ann", "/", "one more", "", now_ms=100)


def test_a_page_offers_no_more_views_than_can_be_kept(desk: Desk, as_reader: TestClient) -> None:
    person = desk.accounts.known("reader").id
    for number in range(MOST_VIEWS):
        desk.preferences.save_view(person, "/alerts", f"view {number}", "", now_ms=number)
    page = as_reader.get("/alerts").text
    assert "Save this view" not in page
    assert f"You have {MOST_VIEWS} views of this page" in page
    assert "Save this view" in as_reader.get("/").text


@pytest.mark.parametrize(
    ("kept", "shown", "same"),
    [
        ("q=a+b&label=state", "label=state&q=a%20b", True),
        ("q=a&topic=x&topic=y", "topic=y&q=a&topic=x&cursor=abc&at=5", True),
        ("q=a", "q=a&since=&lang=", True),
        ("", "done=Saved", True),
        ("q=a", "q=a&lang=de", False),
        ("q=a&lang=de", "q=a", False),
        ("topic=x", "topic=x&topic=x", False),
    ],
)
def test_the_view_that_a_page_shows_is_marked(store: Store, kept: str, shown: str, same: bool) -> None:
    assert Preferences(store).save_view("ann", "/search", "mine", kept, now_ms=1).shows(shown) is same
    assert SavedView(name="older", address=f"/search?{kept}").shows(shown) is same


def test_a_page_marks_its_view(desk: Desk, as_reader: TestClient) -> None:
    assert send(as_reader, "/views/save", page="/alerts", name="Mine", query="show=mine&subscription=x") == 303
    marked = ' aria-current="true" dir="auto">Mine</a>'
    assert marked in as_reader.get("/alerts?subscription=x&show=mine&done=Muted").text
    assert marked not in as_reader.get("/alerts?show=mine").text


def test_views_and_density_on_the_pages(wire: Wire, as_reader: TestClient) -> None:
    wire.article("Grain at sea", topics={"syria": ["Grain"]})
    assert send(as_reader, "/views/save", page="/", name="Only <b>unread</b>", query="show=unread&before=9") == 303
    page = as_reader.get("/?show=unread").text
    assert '<a href="/?show=unread" aria-current="true" dir="auto">Only &lt;b&gt;unread&lt;/b&gt;</a>' in page
    assert "Only &lt;b&gt;" not in as_reader.get("/alerts").text
    assert "Save this view" in as_reader.get("/alerts").text
    assert send(as_reader, "/views/save", page="//evil.example", name="x", query="") == 422
    assert send(as_reader, "/views/drop", page="/", name="Only <b>unread</b>") == 303
    assert send(as_reader, "/views/drop", page="/", name="Only <b>unread</b>") == 404
    assert "data-density" not in as_reader.get("/").text
    assert send(as_reader, "/density", density="dense", back="/account") == 303
    assert 'data-density="dense"' in as_reader.get("/").text
    assert '<option value="dense" selected>' in html.unescape(as_reader.get("/account").text)
    assert send(as_reader, "/density", density="huge") == 400
