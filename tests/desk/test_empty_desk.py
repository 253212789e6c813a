"""Pages of a desk without data: each says what to do next, to people who may do it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store import Store
from desk.use_cases.desk import Desk
from tests.desk.support import Clock, Feeds, Wire, client_of, desk_with_search, sign_in
from tests.waiting import until

ADD = '<a href="/coverage#add">Add the first ones</a>'
ASK = "An editor adds them"
DO_NEXT = {
    "/overview": (ADD, ASK),
    "/": (ADD, ASK),
    "/search": (ADD, ASK),
    "/search?q=flood": (ADD, ASK),
    "/briefing": (ADD, ASK),
    "/handover": (ADD, ASK),
    "/coverage": ("add a site or a feed below", ASK),
    "/outlets": (
        'they appear with the first <a href="/coverage">feed</a>',
        'with the first <a href="/coverage">feed</a>',
    ),
    "/alerts": (
        'A <a href="/subscriptions">subscription</a> raises one',
        'A <a href="/subscriptions">subscription</a>',
    ),
    "/alerts?show=mine": ('<a href="/alerts">open alerts</a>', '<a href="/alerts">open alerts</a>'),
    "/subscriptions": ('<a href="/subscriptions/new">Create the first one</a>', "An editor creates them"),
    "/topics": ("<code>wirewatch up</code>", "<code>wirewatch up</code>"),
    "/channels": ("Add one below, send a test", ASK),
    "/rejected": ("There is nothing to do here", "There is nothing to do here"),
}


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    """A desk that watches no feed."""
    with desk_with_search(store, clock, tmp_path / "search", feeds=Feeds(watched={})) as made:
        yield made


@pytest.mark.parametrize("role", ["editor", "reader"])
def test_a_page_without_data_says_what_to_do_next(wire: Wire, desk: Desk, role: str) -> None:
    with client_of(desk) as client:
        assert sign_in(client, role).status_code == 303
        until(lambda: not desk.health.loading and desk.hub.ready.is_set(), "a desk that has looked")
        for path, said in DO_NEXT.items():
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert said[role == "reader"] in answer.text, path
            assert role == "editor" or ADD not in answer.text, path


def test_once_feeds_are_watched_a_page_links_to_their_state(wire: Wire, desk: Desk) -> None:
    desk.feed_port.add("https://a.example/feed.xml", "a.example")
    with client_of(desk) as client:
        assert sign_in(client, "editor").status_code == 303
        until(lambda: not desk.health.loading and desk.hub.ready.is_set(), "a desk that has looked")
        page = client.get("/").text
        assert (
            'No article has arrived yet. The first one appears here automatically; <a href="/coverage">Coverage</a>'
            in page
        )
        assert ADD not in page
        wire.article("Flood in the valley")
        until(lambda: desk.board.snapshot() and desk.health.last_ms, "the article")
        assert "No article has arrived yet" not in client.get("/search?q=zebra").text
        assert "Try fewer or other words" in client.get("/search?q=zebra").text
