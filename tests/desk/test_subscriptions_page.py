"""Subscriptions over HTTP: check while typing, save, history, import, alerts that are not relevant, channels."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest
from starlette.testclient import TestClient

from core.records import Subscription
from core.store import Store, StoreReader
from desk.delivery.store.channels import DeliveryRepository
from desk.use_cases.desk import Desk
from desk.web.requests import FORM_HEADER
from desk.web.shell import STRANGERS_BODY
from tests.desk.delivery.support import receiving
from tests.desk.support import (
    NOON_MS,
    Clock,
    Wire,
    client_of,
    desk_with_search,
    form_token,
    sign_in,
)

WHOLE = {"boxes": "yes", "new": "yes", "news": ["sources", "edits"]}


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    """A desk with a search index, which may send to this machine."""
    with desk_with_search(store, clock, tmp_path / "search", delivery_allow_private="127.0.0.1") as made:
        yield made


def indexed(desk: Desk) -> None:
    assert desk.search is not None
    assert desk.search.refresh(StoreReader(desk.store, "live"))


def send(client: TestClient, path: str, values: Mapping[str, object], **more: Any) -> httpx.Response:
    token = form_token(client, "/account")
    answer: httpx.Response = client.post(path, data={**values, "form_token": token}, **more)
    return answer


def save(desk: Desk, identity: str, query: str, **fields: object) -> None:
    one = Subscription(id=identity, query=query, owner="editor", **fields)  # type: ignore[arg-type]
    desk.queries.save_subscriptions([one], now_ms=desk.clock_ms())


def test_a_query_is_judged_while_it_is_typed(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    wire.number = -36 * 3_600 - 1
    wire.article("Older news")
    wire.number = 0
    for number in range(31):
        wire.article(f"Grain {number}", "From Odesa by ship.")
    for number in range(4):
        wire.article(f"Corn {number}", "From Odesa by ship.")
    indexed(desk)
    save(desk, "ports", "grain AND odesa")
    fresh = send(as_editor, "/subscriptions/check", {**WHOLE, "query": "grain AND odesa"}).text
    # The store is about a day and a half deep: a rate over thirty days would be wrong.
    days = (desk.clock_ms() + 1 - NOON_MS) / 86_400_000 + 1.5
    assert f"31 stories since the store&#39;s first article, 28 Feb 00:00 UTC, {31 / days:.1f} a day<" in fresh
    changed = send(as_editor, "/subscriptions/check", {"id": "ports", "query": "(grain OR corn) AND odesa"}).text
    assert f"28 Feb 00:00 UTC, {35 / days:.1f} a day; 4 more than before" in changed
    assert "Adds 4 stories, loses 0 stories." in changed
    assert changed.count("<mark>Corn</mark>") >= 4
    assert "Stories a day" in changed
    fewer = send(as_editor, "/subscriptions/check", {"id": "ports", "query": "grain AND odesa", "outlets": "b.example"})
    assert "0 stories since the store&#39;s first article, 28 Feb 00:00 UTC; 31 fewer than before" in fewer.text
    same = send(as_editor, "/subscriptions/check", {"id": "ports", "query": "odesa AND grain"}).text
    assert "the same as before" in same


def test_a_label_says_that_all_matches_were_there_before(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    wire.article("Grain one", "From Odesa by ship.", backfill=True)
    wire.article("Grain two", "From Odesa by rail.", backfill=True)
    indexed(desk)
    told = send(as_editor, "/subscriptions/check", {**WHOLE, "query": "grain"}).text
    assert "No data: the store has no articles that appeared after their feed was added<" in told
    assert "2 matching stories were in the feeds before they were watched" in told
    wire.article("Grain three", "From Odesa by air.")
    indexed(desk)
    told = send(as_editor, "/subscriptions/check", {**WHOLE, "query": "grain"}).text
    assert re.search(r"1 story since the store&#39;s first article, 1 Mar \d\d:\d\d UTC<", told), "too short for a rate"
    assert "before they were watched" not in told
    assert "before they were watched" not in send(as_editor, "/subscriptions/check", {**WHOLE, "query": "maize"}).text


def test_a_probable_mistake_is_asked_about(desk: Desk, as_editor: TestClient) -> None:
    doubted = {**WHOLE, "id": "doubted", "query": "syria Or iraq"}
    asked = send(as_editor, "/subscriptions/save", doubted)
    assert asked.status_code == 400
    assert "syria OR iraq" in asked.text
    assert 'name="anyway"' in asked.text
    assert desk.queries.newest("doubted") is None
    assert send(as_editor, "/subscriptions/save", {**doubted, "anyway": "yes"}).status_code == 200
    assert desk.queries.newest("doubted").query == "syria Or iraq"  # type: ignore[union-attr]
    lines = b'{"id": "b", "query": "grain ODER wheat"}\n'
    file = {"file": ("queries.jsonl", lines)}
    assert send(as_editor, "/subscriptions/import", {}, files=file).status_code == 400
    assert send(as_editor, "/subscriptions/import", {"anyway": "yes"}, files=file).status_code == 200
    assert desk.queries.newest("b") is not None


def test_words_that_never_occurred_and_too_many_matches_are_warned_of(
    wire: Wire, desk: Desk, as_editor: TestClient
) -> None:
    for number in range(210):
        wire.article(f"Grain {number}", "From Odesa by ship.")
    indexed(desk)
    form = {**WHOLE, "query": "odesa AND (ship OR zeppelin) NOT airship"}
    said = html.unescape(send(as_editor, "/subscriptions/check", form).text)
    assert "zeppelin occurs in none of the 210 articles of the last 30 days" in said
    assert "airship occurs" not in said
    assert "matches 100 % of the 210 articles" in said


def test_a_mistake_is_reported_with_its_place_and_a_better_query(desk: Desk, as_editor: TestClient) -> None:
    broken = send(as_editor, "/subscriptions/check", {**WHOLE, "query": "grain AND ("}).text
    assert re.search(r"grain AND \(\n\s+\^", broken)
    assert 'data-severity="error"' in broken
    warned = send(as_editor, "/subscriptions/check", {**WHOLE, "query": "grain or corn"}).text
    assert 'data-query="grain OR corn"' in warned
    assert "No data: the store has no articles" in warned
    assert (
        "not a language code"
        in send(as_editor, "/subscriptions/check", {**WHOLE, "query": "a", "languages": "xxx"}).text
    )
    assert "not a time of day" in send(as_editor, "/subscriptions/check", {**WHOLE, "query": "a", "at": "25:00"}).text
    hostile = send(as_editor, "/subscriptions/check", {**WHOLE, "query": "<script>alert(1)</script>("}).text
    assert "<script" not in hostile


CHAIN = " NEAR/1000 ".join(["t*", "a*", "s*", "c*", "b*"] * 4)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (CHAIN, "smaller distances"),
        ("a" + "?" * 64, "at most 32 in one word"),
        ("a*b*c*d*" * 2_000, "at most 32 in one word"),
    ],
)
def test_a_query_that_costs_too_much_is_refused_with_the_way_out(
    desk: Desk, as_editor: TestClient, query: str, said: str
) -> None:
    indexed(desk)
    assert said in send(as_editor, "/subscriptions/check", {**WHOLE, "query": query}).text
    saved = send(as_editor, "/subscriptions/save", {**WHOLE, "query": query})
    assert (saved.status_code, said in saved.text) == (400, True)
    assert not desk.queries.read(now_ms=desk.clock_ms()).subscriptions


def test_a_stored_query_that_would_be_refused_now_can_be_paused_but_not_changed(
    desk: Desk, as_editor: TestClient
) -> None:
    save(desk, "dear", CHAIN)
    assert send(as_editor, "/subscriptions/state", {"subscription": "dear", "state": "paused"}).status_code == 200
    stored = desk.queries.newest("dear")
    assert stored is not None
    assert stored.state == "paused"
    assert send(as_editor, "/subscriptions/save", {"id": "dear", "query": f"{CHAIN} OR x"}).status_code == 400


def test_save_edit_and_history(desk: Desk, as_editor: TestClient) -> None:
    values = {**WHOLE, "query": "grain\r\nAND odesa", "name": "Black Sea ports", "topics": "syria, ukraine-talks"}
    answer = send(as_editor, "/subscriptions/save", values)
    assert answer.url.path == "/subscriptions/of/black-sea-ports"
    assert "Version 1 is saved" in answer.text
    stored = desk.queries.newest("black-sea-ports")
    assert stored is not None
    assert (stored.query, stored.owner, stored.edited_by) == ("grain\nAND odesa", "editor", "editor")
    assert stored.topics == ("syria", "ukraine-talks")
    assert stored.news == ("sources", "edits")
    second = {
        "boxes": "yes",
        "id": stored.id,
        "based_on": "1",
        "query": "grain",
        "quiet": "22:00-07:00",
        "note": "wider",
    }
    assert "Version 2 is saved" in send(as_editor, "/subscriptions/save", second).text
    page = as_editor.get("/subscriptions/of/black-sea-ports").text
    assert '<del dir="auto">grain\nAND odesa</del> <ins dir="auto">grain</ins>' in page
    assert "wider" in page
    late = send(as_editor, "/subscriptions/save", {**second, "query": "corn"})
    assert late.status_code == 400
    assert "someone else saved it in the meantime" in late.text
    assert ">corn</textarea>" in late.text
    assert "Nothing was changed" in send(as_editor, "/subscriptions/save", {**second, "based_on": "2"}).text
    assert [line.action for line in desk.accounts.trail.page()][:2] == ["subscription saved"] * 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"query": "grain AND ("}, "Not saved"),
        ({"query": "grain", "id": "a b"}, "is not an id"),
        ({"query": "grain", "delivery": "nowhere"}, "there is no channel"),
        ({"query": "grain", "zone": "Mars/Olympus"}, "there is no time zone"),
        ({"query": "grain", "per_hour": "many"}, "is not a number"),
        ({"query": "grain", "id": "ports"}, "already"),
    ],
)
def test_what_cannot_be_is_not_stored(desk: Desk, as_editor: TestClient, values: dict[str, str], said: str) -> None:
    save(desk, "ports", "port*")
    answer = send(as_editor, "/subscriptions/save", {**WHOLE, **values})
    assert answer.status_code == 400
    assert said in html.unescape(answer.text)
    assert len(desk.queries.read(now_ms=desk.clock_ms()).subscriptions) == 1


def test_a_form_above_what_strangers_may_send(desk: Desk, as_editor: TestClient) -> None:
    # 19,000 Arabic letters are 114 KB in a form.
    word = "".join(chr(0x0627 + place) for place in range(20))
    query = " OR ".join(f"{word}{chr(0x0641 + number % 10)}{chr(0x0641 + number // 10)}" for number in range(100))
    query += "".join(f" {word * 40}" for _ in range(20))
    assert sum("\u0600" < letter < "\u0700" for letter in query) > 18_000
    values = {**WHOLE, "id": "long", "query": query}
    assert len(urlencode(values, doseq=True)) > STRANGERS_BODY
    assert send(as_editor, "/subscriptions/save", values, follow_redirects=False).status_code == 303
    stored = desk.queries.newest("long")
    assert stored is not None
    assert stored.query == query
    assert send(as_editor, "/subscriptions/check", values).status_code == 200
    # As the page's script sends it: the guard does not read the form.
    token = form_token(as_editor, "/account")
    by_script = as_editor.post("/subscriptions/check", data=values, headers={FORM_HEADER: token})
    assert by_script.status_code == 200


def test_pause_resume_remove(desk: Desk, as_editor: TestClient) -> None:
    save(desk, "ports", "port*", name="Ports")
    send(as_editor, "/subscriptions/state", {"subscription": "ports", "state": "paused"})
    assert 'data-state="paused"' in as_editor.get("/subscriptions").text
    send(as_editor, "/subscriptions/state", {"subscription": "ports", "state": "active"})
    assert send(as_editor, "/subscriptions/state", {"subscription": "ports", "state": "asleep"}).status_code == 400
    assert "ports is removed" in send(as_editor, "/subscriptions/remove", {"subscription": "ports"}).text
    assert as_editor.get("/subscriptions/of/ports").status_code == 404
    assert "removed" in as_editor.get("/subscriptions?ended=true").text


def test_explain_on_a_stored_article_or_a_text(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    identity = wire.article("Grain leaves", "By ship.", url="https://a.example/grain")
    for document in (identity, "https://a.example/grain?utm_source=x", "Grain leaves\nBy ship."):
        part = send(
            as_editor, "/subscriptions/explain", {"query": "grain AND (ship OR rail)", "document": document}
        ).text
        assert "<b>Matches</b>" in part
        assert 'class="no"><span class="unseen">does not hold: </span><code dir="auto">rail</code>' in part
        assert "title: Grain" in part
    gone = send(as_editor, "/subscriptions/explain", {"query": "a", "document": "https://a.example/none"}).text
    assert "not stored" in gone


def test_other_vendors_queries(desk: Desk, as_editor: TestClient) -> None:
    part = send(as_editor, "/subscriptions/translate", {"query": "grain near5 odesa", "dialect": "factiva"}).text
    assert 'data-query="grain NEAR/4 odesa"' in part
    assert "What is read differently" in part
    assert "There is no dialect" in send(as_editor, "/subscriptions/translate", {"query": "a", "dialect": "x"}).text
    broken = send(as_editor, "/subscriptions/translate", {"query": "grain near5", "dialect": "factiva"}).text
    assert "note bad" in broken


def test_export_comes_back_by_import(desk: Desk, as_editor: TestClient) -> None:
    save(desk, "ports", 'port* AND "black sea"', name="Ports", topics=("syria",))
    lines, toml = (as_editor.get(f"/subscriptions/export.{kind}").content for kind in ("jsonl", "toml"))
    send(as_editor, "/subscriptions/remove", {"subscription": "ports"})
    for name, body, count in (("mine.jsonl", lines, 1), ("mine.toml", toml, 0)):
        answer = send(as_editor, "/subscriptions/import", {}, files={"file": (name, body)})
        assert f"{name}: {count} saved, {1 - count} unchanged" in answer.text
    stored = desk.queries.newest("ports")
    assert stored is not None
    assert stored.topics == ("syria",)
    assert send(as_editor, "/subscriptions/import", {}, files={"file": ("x.jsonl", b"{")}).status_code == 400
    many = "".join(f'{{"id": "x{number}", "query": "x"}}\n' for number in range(5_001)).encode()
    refused = send(as_editor, "/subscriptions/import", {}, files={"file": ("many.jsonl", many)})
    assert refused.status_code == 400
    assert "at most 5,000 can be imported at once" in refused.text


def test_an_alert_that_is_not_relevant_proposes_narrower_queries(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    save(desk, "ports", "grain AND odesa")
    wire.article("Grain leaves Odesa", "Ships sail.", subscriptions={"ports": ["Grain", "Odesa"]})
    wire.article("Odesa bakery wins grain prize", "Cakes.", subscriptions={"ports": ["grain", "Odesa"]})
    indexed(desk)
    listing = as_editor.get("/alerts?subscription=ports").text
    assert listing.count("Narrow the query") == 2
    address = re.search(r'href="(/alerts/[^"]*/narrower)"', listing)
    assert address is not None
    page = as_editor.get(html.unescape(address[1])).text
    assert page.count("Use this query") >= 3
    assert "loses nothing else, keeps 1" in page
    used = re.search(r'href="(/subscriptions/of/ports\?query=[^"]*)"', page)
    assert used is not None
    editor = as_editor.get(html.unescape(used[1])).text
    assert "it takes effect when you save it" in editor
    proposed = html.unescape(re.search(r"<textarea class=\"query\"[^>]*>([^<]*)<", editor)[1])  # type: ignore[index]
    checked = send(as_editor, "/subscriptions/check", {"id": "ports", "query": proposed}).text
    assert re.search(r"1 story since the store&#39;s first article, 1 Mar \d\d:\d\d UTC; 1 fewer than before", checked)


def test_a_story_and_an_outlet_can_be_muted(wire: Wire, desk: Desk, clock: Clock, as_editor: TestClient) -> None:
    save(desk, "ports", "grain")
    story = wire.article("Grain", subscriptions={"ports": ["Grain"]}, source="b.example")
    identity = desk.reader.alerts(limit=1)[0].alert.id
    assert "The story is muted" in send(as_editor, "/alerts/mute", {"alert": identity, "kind": "story"}).text
    send(as_editor, "/alerts/mute", {"alert": identity, "kind": "outlet", "hours": "24"})
    mutes = {one.kind: one for one in DeliveryRepository(desk.store).mutes(now_ms=clock())}
    assert (mutes["story"].value, mutes["story"].until_ms, mutes["story"].owner) == (story, None, "editor")
    assert (mutes["outlet"].value, mutes["outlet"].until_ms) == ("b.example", clock() + 24 * 3_600_000)
    assert "The mute is removed" in send(as_editor, "/alerts/unmute", {"mute": mutes["story"].id}).text
    assert len(DeliveryRepository(desk.store).mutes(now_ms=clock())) == 1


def test_channels_are_added_tested_and_never_shown_whole(desk: Desk, as_editor: TestClient) -> None:
    with receiving() as receiver:
        secret_url = f"{receiver.url}/s3cret-token"
        page = send(as_editor, "/channels/add", {"name": "hook", "address": secret_url}).text
        assert "hook is added" in page
        assert "whsec_" in page
        assert "s3cret-token" not in page
        assert "whsec_" not in as_editor.get("/channels").text
        said = send(as_editor, "/channels/test", {"name": "hook"}, headers={"x-form-token": form_token(as_editor, "/")})
        assert (said.status_code, said.text) == (200, "hook: the receiver accepted the test message")
        assert len(receiver.got) == 1
        receiver.answers = [(500, {})]
        failed = send(as_editor, "/channels/test", {"name": "hook"})
        assert failed.status_code == 400
        assert "500" in failed.text
        assert "s3cret-token" not in failed.text
    # Used by a subscription's delivery.
    send(as_editor, "/subscriptions/save", {**WHOLE, "query": "grain", "id": "g", "delivery": "hook", "kind": "hourly"})
    stored = desk.queries.newest("g")
    assert stored is not None
    assert (stored.delivery, stored.schedule.kind) == (("hook",), "hourly")
    assert ">g</td>" in as_editor.get("/channels").text
    assert "s3cret-token" not in repr(desk.accounts.trail.page())
    for bad in ("nonsense", "https://", "file:///etc/passwd"):
        answer = send(as_editor, "/channels/add", {"name": "bad", "address": bad})
        assert answer.status_code == 400, bad
    for _ in range(8):
        send(as_editor, "/channels/test", {"name": "hook"})
    assert send(as_editor, "/channels/test", {"name": "hook"}).status_code == 429


def test_a_feed_of_alerts(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    save(desk, "ports", "grain", name="Ports")
    wire.article("Grain & <more>", subscriptions={"ports": ["Grain"]})
    feed = ET.fromstring(as_reader.get("/subscriptions/of/ports/alerts.atom").content)  # noqa: S314 - our own
    assert [one.text for one in feed.iter("{http://www.w3.org/2005/Atom}title")][1:] == ["Grain & <more>"]


def test_a_reader_sees_and_cannot_change(desk: Desk, client: TestClient) -> None:
    save(desk, "ports", "grain")
    sign_in(client, "reader")
    page = client.get("/subscriptions/of/ports").text
    assert "readonly" in page
    assert "Save a new version" not in page
    assert "New subscription" not in client.get("/subscriptions").text
    assert send(client, "/subscriptions/save", {"id": "ports", "query": "corn"}).status_code == 403
    other = client_of(desk)
    assert other.get("/subscriptions", follow_redirects=False).status_code == 303
