"""The API: pages by cursor, errors, the event stream, and its description held against it."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.errors import Unsatisfiable
from starlette.testclient import TestClient

from core.search import SearchIndex
from core.store import Store, StoreReader
from desk.people.accounts import COMMAND_LINE
from desk.people.limits import CATCHING_UP, OPENING
from desk.use_cases.desk import Desk
from desk.web.api.index import meaning
from desk.web.app import create_app
from tests.desk.support import Wire, add_people, make_desk, sign_in
from tests.serving import served
from tests.waiting import until


def token_of(desk: Desk, name: str = "reader", scope: str = "read") -> dict[str, str]:
    token = desk.accounts.make_token(desk.accounts.known(name), "test", scope, None, COMMAND_LINE)
    return {"authorization": f"Bearer {token}"}


def walk(client: TestClient, path: str, headers: dict[str, str], limit: int) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        answer = client.get(f"{path}{'&' if '?' in path else '?'}{query}", headers=headers).json()
        items += answer["items"]
        cursor = answer["cursor"]
        if cursor is None:
            return items


def test_lists_come_whole_and_in_order_whatever_the_page(wire: Wire, desk: Desk, client: TestClient) -> None:
    for number in range(23):
        wire.article(f"Story {number}", subscriptions={"ann": ["Story"], "bob": ["Story"]}, source=f"s{number % 2}")
    headers = token_of(desk)
    for path, count in (("/api/v1/articles", 23), ("/api/v1/stories", 23), ("/api/v1/alerts", 46)):
        small, large = walk(client, path, headers, 5), walk(client, path, headers, 200)
        assert small == large
        assert len(small) == len({one["id"] for one in small}) == count
    articles = walk(client, "/api/v1/articles?source=s1", headers, 4)
    assert [one["source"] for one in articles] == ["s1"] * 11
    assert [one["received"] for one in articles] == sorted((one["received"] for one in articles), reverse=True)
    assert len(walk(client, "/api/v1/alerts?subscription=ann", headers, 10)) == 23
    assert walk(client, "/api/v1/stories?outlet=s1", headers, 4) == walk(
        client, "/api/v1/stories?outlet=s1", headers, 50
    )


def test_an_articles_spans_point_at_its_words(wire: Wire, desk: Desk, client: TestClient) -> None:
    identity = wire.article("Aid for Aleppo 🚚", "Lorries 🚚 with aid.", topics={"syria": ["aid", "Aleppo"]})
    found = client.get(f"/api/v1/articles/{identity}", headers=token_of(desk)).json()
    for match in found["topics"][0]["matches"]:
        assert found[match["field"]][match["start"] : match["end"]] == match["text"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/articles/none", 404),
        ("/api/v1/stories/none", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/articles?limit=0", 422),
        ("/api/v1/articles?source=a&source=b", 422),
        ("/api/v1/articles?cursor=bm9uc2Vuc2U", 400),
        ("/api/v1/alerts?cursor=%F0%9F%9A%9A", 400),
        ("/api/v1/search?query=a", 503),
    ],
)
def test_errors_are_problems(desk: Desk, client: TestClient, path: str, status: int) -> None:
    answer = client.get(path, headers=token_of(desk))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_subscriptions_are_saved_linted_and_ended(desk: Desk, client: TestClient) -> None:
    headers = token_of(desk, "editor", "write")
    saved = client.put(
        "/api/v1/subscriptions/ports", json={"query": "odesa AND port*", "name": "Ports"}, headers=headers
    )
    assert saved.json() | {"version": 1, "owner": "editor"} == saved.json()
    again = client.put("/api/v1/subscriptions/ports", json={"query": "odesa"}, headers=headers)
    assert (again.json()["version"], again.json()["name"]) == (2, "Ports")
    bad = client.put("/api/v1/subscriptions/ports", json={"query": "odesa AND ("}, headers=headers)
    assert bad.status_code == 400
    assert "at position" in bad.json()["detail"]
    assert client.delete("/api/v1/subscriptions/ports", headers=headers).status_code == 204
    assert client.get("/api/v1/subscriptions/ports", headers=headers).status_code == 404
    assert [line.action for line in desk.accounts.trail.page()][:3] == [
        "subscription ended",
        *["subscription saved"] * 2,
    ]


# In an address a word is a list of one word: what Schemathesis means to be wrong there is right.
WORDS = {"GET /api/v1/stories", "GET /api/v1/search"}


class Listener:
    """Reads an event stream in a thread."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.events: list[tuple[str, str, str]] = []
        self._thread = threading.Thread(target=self._read, args=(url, headers), daemon=True)
        self._thread.start()

    def _read(self, url: str, headers: dict[str, str]) -> None:
        fields: dict[str, str] = {}
        with contextlib.suppress(httpx.TransportError), httpx.stream("GET", url, headers=headers, timeout=30) as answer:
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields.get("event"):
                    self.events.append((fields.get("id", ""), fields["event"], fields.get("data", "")))
                    fields = {}

    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.events]


def test_the_stream_sends_and_resumes_without_a_gap(wire: Wire, desk: Desk) -> None:
    wire.article("Before")
    headers = token_of(desk)
    with served(create_app(desk)) as url:
        first = Listener(f"{url}/api/v1/stream", headers)
        until(lambda: first.kinds() == ["hello"], "the stream's beginning")
        wire.article("One", subscriptions={"ann": ["One"]})
        until(lambda: len(first.events) == 4, "article, story and alert")
        assert first.kinds()[1:] == ["article", "story", "alert"]
        assert [json.loads(data)["title"] for _, kind, data in first.events if kind == "article"] == ["One"]
        last = next(identity for identity, _, _ in reversed(first.events) if identity)
        wire.article("Two")
        wire.article("Three")
        # Who was away meanwhile gets exactly what is missing.
        second = Listener(f"{url}/api/v1/stream", {**headers, "last-event-id": last})
        until(lambda: second.kinds().count("story") == 2, "what was missed")
        titles = [json.loads(data)["title"] for _, kind, data in second.events if kind == "article"]
        assert titles == ["Two", "Three"]
        everything = Listener(f"{url}/api/v1/stream?since=0", headers)
        until(lambda: everything.kinds().count("article") == 4, "the whole run")


def test_a_person_has_only_so_many_streams(desk: Desk, client: TestClient) -> None:
    headers = token_of(desk)
    who = desk.accounts.known("reader").id
    together, place, each = desk.streams
    while each.take(who):
        pass
    assert client.get("/api/v1/stream", headers=headers).status_code == 429
    sign_in(client, "reader")
    assert client.get("/live/events").status_code == 429
    # Others may still open theirs, until all of them together have too many.
    editor = token_of(desk, "editor")
    while place.take("testclient"):
        pass
    refused = client.get("/api/v1/stream", headers=editor)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    place.give_back("testclient")
    while together.take(""):
        pass
    refused = client.get("/api/v1/stream", headers=editor)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert client.get("/api/v1/me", headers=editor).status_code == 200


def test_a_person_may_not_reopen_streams_without_end(desk: Desk, client: TestClient) -> None:
    who = desk.accounts.known("reader").id
    while not desk.buckets.take(f"streams {who}", OPENING, desk.monotonic()):
        pass
    refused = client.get("/api/v1/stream?since=0", headers=token_of(desk))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    # None is open.
    assert refused.json()["detail"] == "too many requests: try again in 1 s"
    sign_in(client, "reader")
    refused = client.get("/live/events")
    assert refused.status_code == 429
    assert "Too many requests: try again in 1 s." in refused.text
    assert client.get("/alerts").status_code == 200
    with served(create_app(desk)) as url:
        editor = Listener(f"{url}/api/v1/stream", token_of(desk, "editor"))
        until(lambda: editor.kinds() == ["hello"], "another person's stream")


def test_many_streams_that_catch_up_leave_pages_their_threads(
    wire: Wire, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.article("One")
    reading, over, at_once = [0], threading.Event(), list[int]()
    lock = threading.Lock()

    def slow(_desk: Desk, _after: int) -> None:
        with lock:
            reading[0] += 1
            at_once.append(reading[0])
        over.wait(30)
        with lock:
            reading[0] -= 1

    monkeypatch.setattr("desk.web.api.stories.changed_since", slow)
    people = [token_of(desk, name) for name in ("reader", "editor", "admin")]
    with served(create_app(desk)) as url:
        streams = [Listener(f"{url}/api/v1/stream?since=0", headers) for headers in people * 4]
        until(lambda: all(one.kinds() == ["hello"] for one in streams), "all streams")
        for _ in range(5):
            assert httpx.get(f"{url}/api/v1/me", headers=people[0], timeout=30).status_code == 200
        over.set()
    assert max(at_once) <= CATCHING_UP


def test_the_description_is_a_page_too(desk: Desk, as_reader: TestClient) -> None:
    page = as_reader.get("/api/")
    assert page.status_code == 200
    described = as_reader.get("/api/v1/openapi.json").json()
    for path, methods in described["paths"].items():
        assert path.startswith("/api/v1/")
        for method, route in methods.items():
            assert f"{method.upper()} {path}" in page.text
            assert {"401", "403", "429"} <= set(route["responses"])
            assert route["description"]
    assert "``" not in page.text
    assert "<td></td>" not in page.text, "a parameter without a meaning"
    assert "<td>The maximum number of items on a page; 1 to 200; default 50.</td>" in page.text
    assert '<a href="#Feeds"><code>Feeds</code></a>' in page.text
    assert '<h3 id="Feeds"><code>Feeds</code></h3>' in page.text
    assert "<td><code>last_new</code></td><td>date-time or null</td>" in page.text


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        (
            {"description": "Received since then (ms, UTC).", "schema": {"type": "integer"}},
            "Received since then (ms, UTC).",
        ),
        ({"schema": {"enum": ["open", "all"], "default": "all"}}, "One of open, all; default all."),
        ({"schema": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9000}, {"type": "null"}]}}, "1 to 9,000."),
        ({"schema": {"type": "array", "items": {"type": "string"}, "default": []}}, "May be given several times."),
        ({"schema": {"type": "boolean", "default": False}}, "True or false; default False."),
        ({"schema": {"type": "integer"}}, "A number."),
        ({}, "A text."),
    ],
)
def test_every_parameter_says_what_it_is(parameter: dict[str, Any], said: str) -> None:
    assert meaning(parameter) == said


def test_an_unknown_address_keeps_the_navigation(as_reader: TestClient) -> None:
    page = as_reader.get("/no-such-page")
    assert page.status_code == 404
    assert "Page not found" in page.text
    assert "There is no such page." in page.text
    assert 'href="/subscriptions"' in page.text
    assert "Sign out" in page.text
    as_reader.cookies.clear()
    page = as_reader.get("/no-such-page")
    assert page.status_code == 404
    assert 'href="/subscriptions"' not in page.text
    assert as_reader.get("/api/none").headers["content-type"] == "application/problem+json"


@pytest.mark.slow
def test_the_api_does_what_its_description_says(store: Store, wire: Wire, tmp_path: Path) -> None:
    """Requests that the description allows and requests that it doesn't, made up by Schemathesis, for every operation."""
    # Its import takes long, and only this test needs it.
    import schemathesis
    from schemathesis import checks

    for number in range(5):
        wire.article(f"Story {number}", topics={"syria": ["Story"]}, subscriptions={"ann": ["Story"]})
    index = SearchIndex.open(tmp_path)
    index.refresh(StoreReader(store, "live"))
    desk = make_desk(store, search=index)
    # Time goes on, or the rate limit would be all that is tested.
    ticks = itertools.count(1_800_000_000)
    desk.monotonic = lambda: float(next(ticks))
    add_people(desk)
    headers = token_of(desk, "editor", "write")
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(desk), headers=headers)
    # It calls without the token, but not without the headers given here; test_access asks every route without any.
    # Queries and cursors have grammars that a JSON schema can't tell: what it allows may still be refused with 400.
    not_here = [checks.ignored_auth, checks.positive_data_acceptance]
    seen = []
    for result in schema.exclude(path="/api/v1/stream").get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        seen.append(operation.label)
        for mode in [schemathesis.GenerationMode.POSITIVE] if operation.label in WORDS else schemathesis.GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
            )
            def check(case: Any) -> None:
                # An object for a parameter is sent as a text, which the description may well allow.
                assume(not any(isinstance(value, dict) for value in (case.query or {}).values()))
                case.call_and_validate(headers=headers, excluded_checks=not_here)

            try:
                check()
            except Unsatisfiable:
                # Nothing about this operation can be asked wrongly.
                assert mode is schemathesis.GenerationMode.NEGATIVE
    assert len(seen) >= 12
