"""Addresses for feed readers: each opens one feed, until it is deleted; on both stores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest
import sqlalchemy as sa
from starlette.requests import Request
from starlette.testclient import TestClient

from core.records import Subscription
from core.search import SearchIndex
from core.store import Store, StoreReader, open_store
from desk.people.accounts import COMMAND_LINE
from desk.people.store import access_tokens
from desk.use_cases.desk import Desk
from desk.web.guard import asked_address, feed_address
from pipeline.ledger.ledger import RunLedger
from tests.desk.support import Wire, add_people, client_of, form_token, make_desk, sign_in
from tests.pipeline.transforms.support import NOON_MS
from tests.waiting import until

ATOM = "{http://www.w3.org/2005/Atom}"
SEARCH = "/search/export.atom?q=bridge"
ALERTS = "/subscriptions/of/b%C3%BCcher%20x/alerts.atom"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("postgres") if request.param == "postgres" else f"sqlite:///{tmp_path}/store.db"
    made = open_store(str(url))
    yield made
    made.close()


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Iterator[Desk]:
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    wire = Wire(ledger)
    wire.article("A bridge falls", subscriptions={"bücher x": ["bridge"]})
    wire.article("A ferry sails")
    index = SearchIndex.open(tmp_path / "search", run="live")
    index.refresh(StoreReader(store, "live"))
    made = make_desk(store, search=index)
    made.queries.save_subscriptions([Subscription(id="bücher x", query="bridge")], now_ms=NOON_MS)
    add_people(made)
    yield made
    index.close()


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with client_of(desk) as made:
        until(lambda: len(desk.board.snapshot()) == 2, "the stories on the board")
        yield made


def made_for(client: TestClient, feed: str) -> str:
    """The address that the desk makes of a feed; ``client`` is signed in."""
    values = {"feed": feed, "form_token": form_token(client, "/account")}
    page = client.post("/account/feeds", data=values)
    assert page.status_code == 200
    found = re.search(r'<code class="secret"[^>]*>([^<]*)</code>', page.text)
    assert found is not None
    return unescape(found[1])


def fetched(desk: Desk, address: str) -> httpx.Response:
    """As a feed reader does: no cookies, no headers."""
    parts = urlsplit(address)
    reader = client_of(desk)
    answer: httpx.Response = reader.get(f"{parts.path}?{parts.query}", follow_redirects=False)
    return answer


@pytest.mark.parametrize(("feed", "titles"), [(SEARCH, ["A bridge falls"]), (ALERTS, ["A bridge falls"])])
def test_a_reader_without_session_gets_the_feed_and_nothing_else(
    desk: Desk, client: TestClient, feed: str, titles: list[str]
) -> None:
    sign_in(client, "reader")
    address = made_for(client, feed)
    answer = fetched(desk, address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert "set-cookie" not in answer.headers
    root = ET.fromstring(answer.content)  # noqa: S314 - our own
    assert [one.findtext(f"{ATOM}title") for one in root.iter(f"{ATOM}entry")] == titles
    # Readers of the feed at another address still get the same feed.
    assert "feed_token" not in (root.findtext(f"{ATOM}id") or "")
    token = address.rpartition("=")[2]
    for other in ("/", "/account", "/search?q=bridge", "/search/export.csv?q=bridge", "/search/export.atom?q=ferry"):
        refused = fetched(desk, f"http://x{other}{'&' if '?' in other else '?'}feed_token={token}")
        assert refused.status_code in (303, 403), other
        assert "A ferry sails" not in refused.text
    assert client_of(desk).get("/api/v1/stories", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_deleted_address_and_a_closed_account_open_nothing(desk: Desk, client: TestClient) -> None:
    sign_in(client, "reader")
    first, second = made_for(client, SEARCH), made_for(client, SEARCH)
    assert fetched(desk, first).status_code == fetched(desk, second).status_code == 200
    person = desk.accounts.known("reader")
    tokens = desk.accounts.people.tokens_of(person.id)
    assert [one.scope for one in tokens] == ["feed", "feed"]
    listed = client.get("/account").text
    assert "this feed" in listed
    assert "/search/export.atom?q=bridge" in listed
    for one in tokens:
        values = {"token": one.id, "form_token": form_token(client, "/account")}
        assert client.post("/account/tokens/drop", data=values).status_code == 200
    assert [fetched(desk, one).status_code for one in (first, second)] == [403, 403]
    third = made_for(client, SEARCH)
    desk.accounts.set_active(person, active=False, by=COMMAND_LINE)
    assert fetched(desk, third).status_code == 403


def test_the_store_has_hashes_only_and_the_audit_trail_no_secret(desk: Desk, client: TestClient) -> None:
    sign_in(client, "reader")
    token = made_for(client, SEARCH).rpartition("=")[2]
    with desk.store.reading() as connection:
        rows = connection.execute(sa.select(access_tokens)).all()
    assert len(rows) == 1
    assert token not in str(rows)
    assert token not in str(desk.accounts.trail.page())
    assert "token made" in str(desk.accounts.trail.page())


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ("/search/export.atom?q=a&topic=b", "/search/export.atom?q=a&topic=b"),
        ("/search/export.atom?topic=b&q=a&feed_token=c", "/search/export.atom?q=a&topic=b"),
        ("/live/export.atom?", "/live/export.atom"),
        ("/search/export.csv?q=a", None),
        ("/account", None),
        ("https://elsewhere.example/live/export.atom", None),
        ("//elsewhere.example/live/export.atom", None),
        ("/subscriptions/of/a/b/alerts.atom", None),
        ("http://[", None),
    ],
)
def test_what_a_token_is_bound_to(given: str, bound: str | None) -> None:
    assert feed_address(given) == bound


def test_only_feeds_of_the_desk_get_an_address(client: TestClient) -> None:
    sign_in(client, "reader")
    values = {"feed": "/account", "form_token": form_token(client, "/account")}
    assert client.post("/account/feeds", data=values).status_code == 400


@pytest.mark.parametrize(
    ("query", "same"),
    [
        (b"q=bridge&feed_token=t", True),
        (b"feed_token=t&q=bridge", True),
        (b"q=bridge#&q=ferry&feed_token=t", False),
        (b"q=bridge#feed_token=t&q=ferry&feed_token=t", False),
        (b"q=bridge&q=&feed_token=t", False),
        (b"q=ferry&q=bridge&feed_token=t", False),
    ],
)
def test_a_token_is_bound_to_the_parameters_as_they_are_read(query: bytes, same: bool) -> None:
    # A client may send a "#": then the parameters go on behind it, though a URL would end there.
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/search/export.atom",
        "raw_path": b"/search/export.atom",
        "query_string": query,
        "headers": [(b"host", b"desk.example")],
    }
    assert (asked_address(Request(scope)) == feed_address(SEARCH)) is same
