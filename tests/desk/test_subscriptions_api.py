"""Subscriptions through the API: whatever the desk's forms make opens, and what is written is what is read."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from core.records import Subscription
from core.records.alert import ALL_NEWS, Schedule
from core.visible import shown
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.people.accounts import COMMAND_LINE
from desk.use_cases.desk import Desk
from desk.use_cases.subscriptions import named
from desk.web.app import create_app
from desk.web.guard import feed_address
from tests.desk.support import PASSWORD, form_token
from tests.desk.test_api import token_of
from tests.laws import examples
from tests.serving import served

NAMES = {
    "Black Sea ports": "black-sea-ports",
    "سوريا": "سوريا",
    "Порты Чёрного моря": "порты-чёрного-моря",
    "黑海港口": "黑海港口",
    "Élections à Bogotá": "élections-à-bogotá",
    "E\u0301lections": "élections",
    "İzmir & Çeşme": "i̇zmir-çeşme",
    "100% sure? #1": "100-sure-1",
    "..": "subscription",
    "": "grain",
}
GIVEN = ["ليبيا:٢٠٢٦", "a+b&c=d?e#f", "50%", "a%2Fb%25", "😀", "ق" * 100, "港" * 100, "a..b", "…"]
OTHER: dict[str, Any] = {
    "query": "corn AND odesa",
    "name": "Corn",
    "owner": "ann",
    "topics": ["syria"],
    "languages": ["en", "ar"],
    "outlets": ["Post"],
    "delivery": ["ops"],
    "schedule": {
        "kind": "daily",
        "at": "07:30",
        "zone": "Europe/Berlin",
        "quiet": "22:00-06:00",
        "breakthrough": "never",
        "per_hour": 3,
        "gather_s": 60,
    },
    "state": "muted",
    "news": ["figures"],
    "level": "high",
    "note": "as Ann asked",
}
"""For each field that people change, another value than its default."""
MADE = {"id", "version", "effective_from", "active", "edited_by", "saved", "words_version"}
"""What an answer says of a version besides: the store makes it."""


def address(identity: str) -> str:
    return f"/api/v1/subscriptions/{quote(identity, safe='')}"


@pytest.fixture
def editor(desk: Desk) -> dict[str, str]:
    DeliveryRepository(desk.store).save_channel(Channel(name="ops", kind="chat", config={"url": "x://y"}))
    desk.queries.save_topics({"syria": 'title = "Syria"'}, now_ms=desk.clock_ms())
    return token_of(desk, "editor", "write")


def through_the_api(client: TestClient | httpx.Client, headers: dict[str, str], identity: str) -> None:
    """One that is stored is listed, read, changed, found and ended."""
    got = client.get(address(identity), headers=headers)
    assert got.status_code == 200, got.text
    assert got.json()["id"] == identity
    assert identity in [one["id"] for one in client.get("/api/v1/subscriptions", headers=headers).json()["items"]]
    put = client.put(address(identity), json={"query": "corn"}, headers=headers)
    assert (put.status_code, put.json()["version"]) == (200, got.json()["version"] + 1)
    assert client.delete(address(identity), headers=headers).status_code == 204
    assert client.get(address(identity), headers=headers).status_code == 404


@pytest.mark.parametrize("name", NAMES)
def test_what_a_form_makes_opens_through_the_api(
    desk: Desk, as_editor: TestClient, editor: dict[str, str], name: str
) -> None:
    values = {"new": "yes", "boxes": "yes", "query": "grain", "name": name, "form_token": form_token(as_editor, "/")}
    page = as_editor.post("/subscriptions/save", data=values)
    assert "Version 1 is saved" in page.text
    identity = unquote(page.url.path.rpartition("/")[2])
    assert identity == NAMES[name]
    as_editor.cookies.clear()
    through_the_api(as_editor, editor, identity)


def test_an_id_that_is_given_opens_everywhere(desk: Desk, editor: dict[str, str]) -> None:
    # On a socket: Starlette's client decodes an address twice.
    with served(create_app(desk)) as url, httpx.Client(base_url=url, follow_redirects=True, timeout=60) as browser:
        page = browser.get("/sign-in").text
        token = re.search(r'name="form-token" content="([^"]*)"', page)
        assert token is not None
        browser.post("/sign-in", data={"name": "editor", "password": PASSWORD, "form_token": token[1]})
        token = re.search(r'name="form-token" content="([^"]*)"', browser.get("/account").text)
        assert token is not None
        for identity in GIVEN:
            values = {"new": "yes", "boxes": "yes", "query": "grain", "id": identity, "form_token": token[1]}
            saved = browser.post("/subscriptions/save", data=values)
            assert "Version 1 is saved" in saved.text, identity
            feed = f"/subscriptions/of/{quote(identity, safe='')}/alerts.atom"
            assert f'href="{feed}"' in saved.text
            assert browser.get(feed).status_code == 200
            assert feed_address(feed) == feed
        with httpx.Client(base_url=url, headers=editor, timeout=60) as program:
            for identity in GIVEN:
                through_the_api(program, {}, identity)
                assert program.put(address(identity), json={"query": "grain"}).json()["id"] == identity


@pytest.mark.parametrize("identity", ["a b", "a\u00a0b", ".", "..", "a" * 101, "a\tb", "a\x7fb", "a\u0085"])
def test_one_rule_decides_what_is_not_an_id(
    desk: Desk, as_editor: TestClient, editor: dict[str, str], identity: str
) -> None:
    values = {"new": "yes", "boxes": "yes", "query": "grain", "id": identity, "form_token": form_token(as_editor, "/")}
    stripped = identity.strip()
    form = as_editor.post("/subscriptions/save", data=values)
    assert form.status_code == (400 if stripped == identity else 200)
    as_editor.cookies.clear()
    # A client works out dots in an address by itself: they are sent encoded here, as a hostile one would.
    encoded = quote(identity, safe="").replace(".", "%2E")
    assert as_editor.put(f"/api/v1/subscriptions/{encoded}", json={"query": "a"}, headers=editor).status_code in (
        400,
        404,
        405,
    )
    stored = {one.id for one in desk.queries.read(now_ms=desk.clock_ms()).subscriptions}
    assert identity not in stored


def test_a_probable_mistake_is_stored_only_if_that_is_confirmed(client: TestClient, editor: dict[str, str]) -> None:
    doubted = client.put(address("doubted"), json={"query": "syria Or iraq"}, headers=editor)
    assert doubted.status_code == 400
    assert "probably meant: syria OR iraq; anyway=true" in doubted.json()["detail"]
    assert client.get(address("doubted"), headers=editor).status_code == 404
    stored = client.put(address("doubted"), params={"anyway": "true"}, json={"query": "syria Or iraq"}, headers=editor)
    assert stored.json()["query"] == "syria Or iraq"
    [finding] = client.get("/api/v1/queries/lint", params={"query": "syria Or iraq"}, headers=editor).json()["items"]
    assert finding["confirm"]


def test_every_field_that_people_change_is_read_as_it_was_written(client: TestClient, editor: dict[str, str]) -> None:
    stated = {name.removesuffix("_ms") for name in Subscription.__struct_fields__} - {"schema"}
    assert stated == OTHER.keys() | MADE
    assert OTHER["schedule"].keys() == set(Schedule.__struct_fields__)
    made = client.put(address("plain"), json={"query": "grain"}, headers=editor).json()
    assert made.keys() == stated
    for name, value in OTHER.items():
        assert made[name] != value, name
        saved = client.put(address(f"only-{name}"), json={"query": "grain", name: value}, headers=editor)
        assert saved.status_code == 200, saved.text
        assert saved.json()[name] == value
        assert client.get(address(f"only-{name}"), headers=editor).json() == saved.json()


def test_reading_and_writing_back_loses_nothing(desk: Desk, client: TestClient, editor: dict[str, str]) -> None:
    first = client.put(address("corn"), json=OTHER, headers=editor).json()
    assert {name: first[name] for name in OTHER} == OTHER
    # The whole answer back: nothing changed, so there is no new version.
    assert client.put(address("corn"), json=first, headers=editor).json() == first
    copy = client.put(address("copy"), json=first, headers=editor).json()
    assert {name: copy[name] for name in OTHER} == OTHER
    stored = desk.queries.newest("copy")
    assert stored is not None
    assert stored.schedule == Schedule(**OTHER["schedule"])
    # What is left out stays, also within the schedule; an empty list asks for nothing.
    part = {"query": "corn", "schedule": {"per_hour": 9}, "topics": [], "news": []}
    changed = client.put(address("corn"), json=part, headers=editor).json()
    assert changed["schedule"] == {**OTHER["schedule"], "per_hour": 9}
    assert (changed["topics"], changed["news"], changed["languages"]) == ([], [], OTHER["languages"])
    assert (changed["version"], changed["note"], changed["edited_by"]) == (2, "", "editor")


ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata")
_times = st.times().map(lambda moment: f"{moment:%H:%M}")
_schedules = st.builds(
    Schedule,
    kind=st.sampled_from(("immediate", "hourly", "daily")),
    at=_times,
    zone=st.sampled_from(ZONES),
    quiet=st.sampled_from(("", "22:00-07:00", "00:00-23:59")),
    breakthrough=st.sampled_from(("low", "normal", "high", "urgent", "never")),
    per_hour=st.integers(0, 10**6),
    gather_s=st.integers(0, 10**6),
)
_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
_seen = _text.map(lambda text: shown(text).translate({9: " ", 10: " "}))
"""Names and owners hold no characters that can't be seen."""
_subscriptions = st.builds(
    Subscription,
    id=st.just("any"),
    query=st.sampled_from(("grain", "سوريا", "黑海 OR море")),
    name=_seen,
    owner=_seen,
    topics=st.sampled_from(((), ("syria",))),
    languages=st.sampled_from(((), ("en",), ("ar", "ru"))),
    outlets=st.lists(_text, max_size=3).map(tuple),
    delivery=st.sampled_from(((), ("ops",))),
    schedule=_schedules,
    state=st.sampled_from(("active", "paused", "muted")),
    news=st.lists(st.sampled_from(ALL_NEWS), unique=True).map(tuple),
    level=st.sampled_from(("low", "normal", "high", "urgent")),
    note=_text,
)


@given(one=_subscriptions)
@settings(
    max_examples=examples(40), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_any_subscription_comes_back_as_it_went(client: TestClient, editor: dict[str, str], one: Subscription) -> None:
    sent = {name: value for name, value in msgspec.json.decode(msgspec.json.encode(one)).items() if name in OTHER}
    saved = client.put(address("any"), json=sent, headers=editor)
    assert saved.status_code == 200, saved.text
    assert {name: saved.json()[name] for name in OTHER} == sent
    assert client.get(address("any"), headers=editor).json() == saved.json()


def test_ending_by_the_api_is_ending_by_the_page(desk: Desk, client: TestClient, editor: dict[str, str]) -> None:
    client.put(address("corn"), json={"query": "corn", "note": "as Ann asked"}, headers=editor)
    client.delete(address("corn"), headers=editor)
    ended = desk.queries.newest("corn")
    assert ended is not None
    assert (ended.active, ended.note, ended.edited_by) == (False, "", "editor")


def test_a_name_of_any_script_gives_a_free_id() -> None:
    assert named("Ports", "", {"ports": 1, "ports-2": 1}) == "ports-3"
    assert named("", "grain AND odesa", {}) == "grain-and-odesa"
    assert named("!!!", "()", {}) == "subscription"
    assert named("हिन्दी समाचार", "", {}) == "हिन्दी-समाचार"
    assert named("..", "..", {}) == "subscription"


def test_a_name_that_another_has_is_warned_of_once(desk: Desk) -> None:
    service = desk.subscriptions(COMMAND_LINE)
    assert service.save(Subscription(id="one", query="port", name="Ports"), by="ann").warnings == ()
    second = service.save(Subscription(id="two", query="strike", name="PORTS"), by="ann")
    assert [str(one.message) for one in second.warnings] == ["another subscription has this name: one"]
    # What stays as it is isn't warned of again, nor is one that was ended.
    assert service.edit("two", {"query": "strikes"}, by="ann").warnings == ()
    service.remove("one", by="ann")
    assert service.edit("two", {"name": "Ports"}, by="ann").warnings == ()
