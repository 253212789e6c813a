"""What people set for themselves: density of pages, and views of a page with its filters."""

from __future__ import annotations

import html

import pytest
from starlette.testclient import TestClient

from core.errors import NotFound, UsageError
from core.store import Store
from desk.people.preferences import LONGEST_QUERY, MOST_VIEWS, Preferences
from tests.desk.support import Wire, form_token


def send(client: TestClient, path: str, **values: str) -> int:
    token = form_token(client, "/account")
    answer = client.post(path, data={**values, "form_token": token}, follow_redirects=False)
    return int(answer.status_code)


def test_a_view_is_kept_without_where_someone_stood(store: Store) -> None:
    mine = Preferences(store)
    saved = mine.save_view("ann", "/search", "  State  press ", "q=a+b&label=state&cursor=x&at=5&done=Saved", now_ms=1)
    assert (saved.name, saved.address) == ("State press", "/search?q=a+b&label=state")
    mine.save_view("ann", "/search", "State press", "q=c", now_ms=2)
    mine.save_view("ann", "/", "all", "", now_ms=3)
    mine.save_view("bob", "/search", "his", "q=d", now_ms=4)
    assert [(one.name, one.address) for one in mine.views("ann", "/search")] == [("State press", "/search?q=c")]
    assert [one.address for one in mine.views("ann", "/")] == ["/"]
    assert mine.views("ann", "/account") == []
    with pytest.raises(NotFound):
        mine.drop_view("bob", "/search", "State press")
    mine.drop_view("ann", "/search", "State press")
    assert mine.views("ann", "/search") == []


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


def test_views_and_density_on_the_pages(wire: Wire, as_reader: TestClient) -> None:
    wire.article("Grain at sea", topics={"syria": ["Grain"]})
    assert send(as_reader, "/views/save", page="/", name="Only <b>unread</b>", query="show=unread&before=9") == 303
    page = as_reader.get("/?show=unread").text
    assert '<a href="/?show=unread" aria-current="true" dir="auto">Only &lt;b&gt;unread&lt;/b&gt;</a>' in page
    assert "Only &lt;b&gt;" not in as_reader.get("/alerts").text
    assert "Keep this view" in as_reader.get("/alerts").text
    assert send(as_reader, "/views/save", page="//evil.example", name="x", query="") == 422
    assert send(as_reader, "/views/drop", page="/", name="Only <b>unread</b>") == 303
    assert send(as_reader, "/views/drop", page="/", name="Only <b>unread</b>") == 404
    assert "data-density" not in as_reader.get("/").text
    assert send(as_reader, "/density", density="dense", back="/account") == 303
    assert 'data-density="dense"' in as_reader.get("/").text
    assert '<option value="dense" selected>' in html.unescape(as_reader.get("/account").text)
    assert send(as_reader, "/density", density="huge") == 400
