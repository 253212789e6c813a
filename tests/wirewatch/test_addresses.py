"""A feed whose address, outlet or title can't be seen whole is not added, through whichever door it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from connectors.store.rows import FeedAbout
from core.clock import wall_ms
from core.errors import InputError, UsageError
from core.records import from_ms
from core.settings import Settings
from core.store import Store, open_store
from desk.people.accounts import COMMAND_LINE
from desk.use_cases.desk import Desk
from tests.desk.support import add_people, client_of, form_token, make_desk, sign_in
from tests.wirewatch.command import wirewatch
from wirewatch.feeds import ConnectorFeeds

ACTING = ("\x1b]0;P\x07", "\u202e", "\u2066", "\u2028", "\x9b31m", "\x85")


@pytest.fixture
def feeds(tmp_path: Path) -> Iterator[ConnectorFeeds]:
    store = open_store(f"sqlite:///{tmp_path}/wirewatch.db")
    yield ConnectorFeeds(Settings(store_url=store.url), store)
    store.close()


@pytest.fixture
def desk(feeds: ConnectorFeeds) -> Desk:
    store: Store = feeds.state.store
    made = make_desk(store, feeds=feeds)
    add_people(made)
    return made


def addresses(feeds: ConnectorFeeds) -> list[str]:
    return [row.url for row in feeds.state.listing()]


@pytest.mark.parametrize("acting", ACTING, ids=ascii)
def test_the_page_and_the_api_refuse_it(acting: str, desk: Desk, feeds: ConnectorFeeds) -> None:
    url = f"http://esc.example/{acting}/rss"
    with client_of(desk) as client:
        assert sign_in(client, "editor").status_code == 303
        fields = {"url": url, "form_token": form_token(client, "/coverage")}
        assert client.post("/coverage/add", data=fields).status_code == 400
        fields |= {"url": "http://esc.example/rss", "source": f"a{acting}b"}
        assert client.post("/coverage/add", data=fields).status_code == 400
        token = desk.accounts.make_token(desk.accounts.known("editor"), "t", "write", 1, COMMAND_LINE)
        for body in ({"url": url}, {"url": "http://esc.example/rss", "source": f"a{acting}b"}):
            assert post(client, body, token) == 400
        assert post(client, {"url": "http://esc.example/rss"}, token) == 200
    assert addresses(feeds) == ["http://esc.example/rss"]


def post(client: TestClient, body: dict[str, str], token: str) -> int:
    answer = client.post("/api/v1/feeds", json=body, headers={"Authorization": f"Bearer {token}"})
    return int(answer.status_code)


@pytest.mark.parametrize("acting", ACTING, ids=ascii)
def test_a_list_leaves_it_out_and_takes_the_others(acting: str, feeds: ConnectorFeeds) -> None:
    written = "".join(f"&#x{ord(char):x};" for char in acting if char >= " ")
    if not written.startswith("&#x"):
        pytest.fail("XML can't have it")
    body = (
        f'<opml><body><outline text="x" xmlUrl="https://bad.example/{written}/rss"/>'
        f'<outline text="x" wirewatchSource="a{written}b" xmlUrl="https://named.example/rss"/>'
        '<outline text="x" xmlUrl="https://good.example/rss"/></body></opml>'
    )
    new, taken, remarks = feeds.import_opml(body.encode(), "list.opml")
    found = addresses(feeds)
    assert "https://good.example/rss" in found
    assert not [url for url in found if not url.isprintable()]
    assert all(row.source.isprintable() for row in feeds.state.listing())
    assert new == taken == len(found)
    assert len(found) == 3 or any("left out" in one for one in remarks)


@pytest.mark.parametrize("acting", ACTING, ids=ascii)
@pytest.mark.parametrize(
    "door",
    [
        lambda feeds, text: feeds.add(f"https://x.example/{text}"),
        lambda feeds, text: feeds.add("https://x.example/", f"a{text}"),
        lambda feeds, text: feeds.state.add(f"https://x.example/{text}", "x", NOW),
        lambda feeds, text: feeds.state.add("https://x.example/", "x", NOW, FeedAbout(outlet=text)),
        lambda feeds, text: feeds.state.add(f"folder{text}", "x", NOW, kind="folder"),
    ],
)
def test_no_entry_point_accepts_it(
    door: Callable[[ConnectorFeeds, str], object], acting: str, feeds: ConnectorFeeds
) -> None:
    with pytest.raises(UsageError, match="can't be seen"):
        door(feeds, f"{acting}x")
    assert addresses(feeds) == []


def test_the_command_refuses_it(tmp_path: Path) -> None:
    for given in (["https://x.example/\u202e/rss"], ["https://x.example/rss", "--source", "a\x1b[2J"]):
        done = wirewatch("feed", "add", "--unchecked", *given, cwd=tmp_path, WIREWATCH_DATA_DIR=str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert "can't be seen" in done.stderr
        assert done.stderr.replace("\n", "").isprintable()


NOW = from_ms(wall_ms())


def test_a_page_takes_so_many_feeds_of_a_list_and_the_command_line_all(feeds: ConnectorFeeds) -> None:
    """Tens of thousands had held one of the desk's threads for minutes."""
    body = "".join(f'<outline text="x" xmlUrl="https://f{number}.example/rss"/>' for number in range(4))
    listed = f"<opml><body>{body}</body></opml>".encode()
    with pytest.raises(InputError, match="4 feeds; at most 3"):
        feeds.import_opml(listed, "list.opml", 3)
    assert addresses(feeds) == []
    assert feeds.import_opml(listed, "list.opml")[:2] == (4, 4)
