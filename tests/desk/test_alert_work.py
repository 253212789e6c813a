"""Alerts as a work list: acknowledge, claim, assign, mark; what is open; marks as history and examples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from core.records import Alert, Subscription
from core.store import Store, StoreReader, SubscriptionStore, open_store
from desk.alert_work import AlertDesk, AlertWork
from desk.use_cases.alert_work import alert_desk, by_story, marked_articles
from desk.use_cases.alerts import OPEN_DAYS
from desk.use_cases.desk import Desk
from pipeline.ledger.ledger import RunLedger
from tests.desk.support import Clock, Wire, form_token, sign_in
from tests.pipeline.transforms.support import NOON_MS
from tests.wirewatch.command import wirewatch


def send(client: TestClient, what: str, **values: object) -> int:
    data = {**values, "form_token": form_token(client, "/account")}
    return int(client.post(f"/alerts/{what}", data=data, follow_redirects=False).status_code)


def alerts_of(desk: Desk) -> dict[str, Alert]:
    return {row.alert.title: row.alert for row in desk.reader.alerts(limit=100)}


def shown(client: TestClient, address: str = "/alerts") -> list[str]:
    page = client.get(address).text
    return re.findall(r'class="headline" href="[^"]*">(?:<mark>)?([^<]*)', page)


@pytest.fixture
def three(wire: Wire, desk: Desk) -> dict[str, Alert]:
    one = Subscription(id="ports", query="harbour", owner="editor")
    desk.queries.save_subscriptions([one], now_ms=desk.clock_ms())
    for title in ("First strike", "Second fire", "Third flood"):
        wire.article(title, "At the harbour.", subscriptions={"ports": ["harbour"]})
    return alerts_of(desk)


def test_an_acknowledged_alert_leaves_the_open_ones(desk: Desk, three: dict[str, Alert], as_editor: TestClient) -> None:
    assert shown(as_editor) == ["Third flood", "Second fire", "First strike"]
    assert send(as_editor, "work", alert=three["Second fire"].id, act="acknowledge") == 303
    assert shown(as_editor) == ["Third flood", "First strike"]
    assert shown(as_editor, "/alerts?show=all") == ["Third flood", "Second fire", "First strike"]
    assert "acknowledged by editor" in as_editor.get("/alerts?show=all").text
    assert send(as_editor, "work", alert=three["Second fire"].id, act="reopen") == 303
    assert shown(as_editor) == ["Third flood", "Second fire", "First strike"]
    lines = [(line.action, line.subject) for line in desk.accounts.trail.page()]
    assert ("alert acknowledged", "ports") in lines
    assert ("alert reopened", "ports") in lines


def test_alerts_are_claimed_and_assigned(desk: Desk, three: dict[str, Alert], as_editor: TestClient) -> None:
    admin = desk.accounts.known("admin").id
    send(as_editor, "work", alert=three["First strike"].id, act="claim")
    send(as_editor, "assign", alert=three["Third flood"].id, person=admin)
    assert shown(as_editor, "/alerts?show=mine") == ["First strike"]
    page = as_editor.get("/alerts").text
    assert "assigned to admin" in page
    assert "assigned to editor" in page
    assert send(as_editor, "assign", alert=three["Third flood"].id, person="nobody known") == 404
    assert send(as_editor, "work", alert="no such alert", act="claim") == 404
    # Of several, one of which is unknown, none is changed.
    both = [three["Second fire"].id, "no such alert"]
    assert send(as_editor, "work", alert=both, act="acknowledge") == 404
    assert "Second fire" in shown(as_editor)


def test_a_mark_is_kept_and_counts(store: Store, three: dict[str, Alert], as_editor: TestClient) -> None:
    send(as_editor, "mark", alert=three["First strike"].id, relevant="no")
    send(as_editor, "mark", alert=three["Third flood"].id, relevant="yes")
    assert shown(as_editor) == ["Third flood", "Second fire"], "what is not relevant is dealt with"
    assert "1 relevant, 1 not" in as_editor.get("/subscriptions/of/ports").text
    marked = {one.title: one for one in marked_articles(store, "live", "ports")}
    assert {title: one.relevant for title, one in marked.items()} == {"First strike": False, "Third flood": True}
    assert marked["First strike"].text == "At the harbour."
    assert marked["First strike"].marked_by == "editor"
    send(as_editor, "mark", alert=three["First strike"].id, relevant="unmarked")
    assert [one.title for one in marked_articles(store, "live", "ports")] == ["Third flood"]
    assert "Mark as not relevant" in as_editor.get(f"/alerts/{three['First strike'].id}").text


def test_old_alerts_leave_the_open_ones_without_action(
    three: dict[str, Alert], clock: Clock, client: TestClient
) -> None:
    assert len(three) == 3
    clock.forward((OPEN_DAYS + 1) * 86_400)
    sign_in(client, "reader")
    assert shown(client) == []
    assert "No open alerts" in client.get("/alerts").text
    assert len(shown(client, "/alerts?show=all")) == 3


def test_alerts_on_one_story_are_grouped(three: dict[str, Alert]) -> None:
    first, second, third = three["First strike"], three["Second fire"], three["Third flood"]
    again = replace(third, id="again", story=first.story)
    other = replace(third, id="other", story=first.story, subscription="else")
    groups = by_story([again, other, second, first])
    assert [[one.id for one in group] for group in groups] == [["again", first.id], ["other"], [second.id]]


def test_the_api_does_the_same(desk: Desk, three: dict[str, Alert], as_editor: TestClient) -> None:
    headers = {"x-form-token": form_token(as_editor, "/account")}
    address = f"/api/v1/alerts/{three['First strike'].id}/work"
    assert as_editor.put(address, json={"state": "acknowledged", "relevant": "yes"}, headers=headers).status_code == 204
    work = alert_desk(desk).of([three["First strike"].id])[three["First strike"].id]
    assert (work.state, work.relevant, work.by_name) == ("acknowledged", True, "editor")
    listed = as_editor.get("/api/v1/alerts?show=open").json()["items"]
    assert [one["title"] for one in listed] == ["Third flood", "Second fire"]
    assert as_editor.put(address, json={"state": "gone"}, headers=headers).status_code == 422
    assert as_editor.put("/api/v1/alerts/none/work", json={"state": "open"}, headers=headers).status_code == 404


def test_marks_are_examples_for_a_program(tmp_path: Path) -> None:
    made = open_store(f"sqlite:///{tmp_path}/var/store.db")
    ledger = RunLedger(made, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    Wire(ledger).article("Quay closes", "The harbour is shut.", subscriptions={"ports": ["harbour"]})
    SubscriptionStore(made).save_subscriptions([Subscription(id="ports", query="harbour")], now_ms=NOON_MS)
    [alert] = StoreReader(made, "live").alerts()
    AlertDesk(made, "live").keep(
        [AlertWork(alert=alert.id, subscription="ports", relevant=False, by_name="ann", changed_ms=NOON_MS)]
    )
    made.close()
    [line] = wirewatch("subscriptions", "marks", "ports", "--json", cwd=tmp_path).stdout.splitlines()
    found = json.loads(line)
    assert (found["title"], found["text"], found["relevant"]) == ("Quay closes", "The harbour is shut.", False)
    assert found["marked"] == "2026-03-01T12:00:00.000Z"
