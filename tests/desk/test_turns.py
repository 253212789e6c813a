"""Searches take turns: a bounded number at once, none for a client that has gone, and none once the desk closes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from core.search import Hit, Results
from core.store import Store
from desk.people.limits import SEARCHES, SEARCHES_EACH
from desk.use_cases.desk import Desk
from desk.web.app import create_app
from tests.desk.support import Clock, client_of, desk_with_search, form_token, sign_in
from tests.desk.test_api import token_of
from tests.serving import served
from tests.waiting import until

ROUTES = [
    ("GET", "/search?q=a"),
    ("GET", "/search/export.csv?q=a"),
    ("GET", "/api/v1/search?query=a"),
    ("GET", "/api/v1/queries/backtest?query=a"),
    ("POST", "/subscriptions/check"),
    ("POST", "/subscriptions/explain"),
]


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_search(store, clock, tmp_path / "search") as made:
        yield made


def all_taken(desk: Desk) -> None:
    for number in range(SEARCHES):
        assert desk.searches[0].take("")
        assert desk.searches[1].take(f"other {number}")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_one_too_many_is_refused_in_words(desk: Desk, as_editor: TestClient, method: str, path: str) -> None:
    desk.turn_wait_s = 0.1
    token = form_token(as_editor, "/account")
    values = {"query": "a", "new": "yes", "document": "a b c", "form_token": token}

    def ask() -> httpx.Response:
        answer: httpx.Response = as_editor.request(method, path, data=values if method == "POST" else None)
        return answer

    assert ask().status_code == 200
    # The slot was given back, whatever the answer.
    assert not desk.searches[0]._held
    all_taken(desk)
    refused = ask()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert "try again in a moment" in refused.text
    assert as_editor.get("/healthz").status_code == 200


def test_one_person_cannot_take_all_turns(desk: Desk) -> None:
    assert 1 <= SEARCHES_EACH < SEARCHES
    desk.turn_wait_s = 0.1
    person = desk.accounts.known("reader")
    for _ in range(SEARCHES_EACH):
        assert desk.searches[1].take(person.id)
        assert desk.searches[0].take("")
    for name, status in (("reader", 503), ("editor", 200)):
        # Not as a context: leaving it would close the desk.
        client = client_of(desk)
        sign_in(client, name)
        assert client.get("/search?q=a").status_code == status


@contextmanager
def searching_until_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[bool]]]:
    """The desk on a socket, with searches that go on until they are stopped; gives its address and how they ended."""
    ended: list[bool] = []
    begun = threading.Event()
    real = desk.index.search

    def search(query: str, *, stopped: Callable[[], bool], **more: Any) -> Results:
        begun.set()
        until(stopped, "the search to be stopped", seconds=30)
        ended.append(True)
        return real(query, stopped=stopped, **more)

    monkeypatch.setattr(desk.index, "search", search)
    with served(create_app(desk)) as address:
        yield address, ended


def test_a_search_ends_when_its_client_has_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = token_of(desk)
    with searching_until_stopped(desk, monkeypatch) as (address, ended):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{address}/api/v1/search?query=a", headers=headers, timeout=httpx.Timeout(30, read=0.5))
        until(lambda: bool(ended), "the search to end")
        until(lambda: not desk.searches[0]._held, "the slot to be given back")


def test_each_part_of_an_export_is_read_in_a_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[dict[str, int]] = []

    def pages(*_arguments: object) -> Iterator[tuple[Hit, ...]]:
        for _ in range(3):
            held.append(dict(desk.searches[0]._held))
            yield ()

    monkeypatch.setattr("desk.web.pages.search.export_pages", pages)
    with served(create_app(desk)) as address, httpx.Client(base_url=address, timeout=30) as client:
        sign_in(client, "reader")  # type: ignore[arg-type]
        assert client.get("/search/export.csv?q=a").status_code == 200
    assert held == [{"": 1}] * 3
    assert not desk.searches[0]._held


def test_an_export_ends_when_its_client_has_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    def pages(*arguments: Any) -> Iterator[tuple[Hit, ...]]:
        yield ()
        until(arguments[-1], "the export to be stopped", seconds=30)
        ended.append(True)

    monkeypatch.setattr("desk.web.pages.search.export_pages", pages)
    with served(create_app(desk)) as address, httpx.Client(base_url=address, timeout=30) as client:
        sign_in(client, "reader")  # type: ignore[arg-type]
        with pytest.raises(httpx.ReadTimeout):
            client.get("/search/export.csv?q=a", timeout=httpx.Timeout(30, read=0.5))
        until(lambda: bool(ended), "the export to end")
        until(lambda: not desk.searches[0]._held, "the slot to be given back")


def test_the_pages_own_check_ends_when_its_client_has_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    def preview(*_arguments: object, stopped: Callable[[], bool], **_more: object) -> None:
        until(stopped, "the check to be stopped", seconds=30)
        ended.append(True)
        raise RuntimeError("nobody reads this")

    monkeypatch.setattr("desk.web.pages.subscriptions.preview", preview)
    with served(create_app(desk)) as address, httpx.Client(base_url=address, timeout=30) as client:
        sign_in(client, "editor")  # type: ignore[arg-type]
        values = {"query": "a", "new": "yes", "form_token": form_token(client, "/account")}  # type: ignore[arg-type]
        with pytest.raises(httpx.ReadTimeout):
            client.post("/subscriptions/check", data=values, timeout=httpx.Timeout(30, read=0.5))
        until(lambda: bool(ended), "the check to end")


def test_a_search_ends_when_the_desk_closes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = token_of(desk)
    with searching_until_stopped(desk, monkeypatch) as (address, ended):
        answers: list[int] = []

        def ask() -> None:
            answer = httpx.get(f"{address}/api/v1/search?query=a", headers=headers, timeout=60)
            answers.append(answer.status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: bool(desk.searches[0]._held), "a search under way")
        desk.hub.closing.set()
        asking.join(30)
        assert (ended, answers) == ([True], [200])
