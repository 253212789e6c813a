"""Shift handover: what is new, changed, taken and held back since a moment; claims that meet; notes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.testclient import TestClient

from core.records import encode, from_ms, to_ms
from desk.delivery.store.channels import Delivery, key_of
from desk.delivery.store.channels import rows_of as delivery_rows
from desk.delivery.store.tables import deliveries
from desk.live.follow import Board
from desk.use_cases.desk import Desk
from desk.use_cases.shifts import handed, moment_of
from desk.web.render import clock_of
from tests.desk.support import Clock, Wire, client_of, form_token, sign_in
from tests.pipeline.transforms.support import NOON_MS
from tests.waiting import until

HOUR_MS = 3_600_000


def send(client: TestClient, what: str, **values: object) -> httpx.Response:
    answer: httpx.Response = client.post(
        f"/handover/{what}", data={**values, "form_token": form_token(client, "/account")}
    )
    return answer


def section(page: str, name: str) -> str:
    """The part of the page under one heading."""
    found = re.search(rf'id="{name}"><h2>.*?(?=<div class="section"|</section>)', page, re.DOTALL)
    assert found is not None
    return re.sub("</?mark[^>]*>", "", found[0])


def on_board(desk: Desk, number: int) -> None:
    until(lambda: len(desk.board.snapshot()) == number, "the stories on the board")


def test_new_and_changed_since_a_moment(wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient) -> None:
    old = wire.article("Old and quiet")
    grows = wire.article("Old and growing")
    wire.number = 1_800
    wire.article("More on it", story=grows, source="b.example")
    wire.article("Born lately", subscriptions={"ports": ["Born"]})
    wire.article("Found in an archive", backfill=True)
    on_board(desk, 4)
    # Now is 13:00. The moment is one of the desk's zone.
    chosen = from_ms(NOON_MS + 1_200_000)
    page = as_reader.get(f"/handover?since={chosen:%Y-%m-%dT%H:%M}").text
    assert f"since <b>{clock_of(desk).full(NOON_MS + 1_200_000)}</b>" in page
    assert "Born lately" in section(page, "new")
    assert "Old and growing" in section(page, "changed")
    assert "Old and quiet" not in page
    winter = moment_of("2026-01-05T12:20", ZoneInfo("Europe/Berlin"))
    assert winter == to_ms(datetime(2026, 1, 5, 11, 20, tzinfo=UTC))
    recent = handed(desk.board.snapshot(), NOON_MS + 1_200_000)
    assert [card.title for card in recent.new] == ["Born lately"]
    assert [card.id for card in recent.changed] == [grows]
    whole = handed(desk.board.snapshot(), NOON_MS)
    assert [card.title for card in whole.new][:2] == ["Born lately", "Old and growing"]
    assert old in {card.id for card in whole.new}
    cut = handed(desk.board.snapshot(), NOON_MS, shown=1)
    assert (len(cut.new), cut.new_more) == (1, 2)
    everything = as_reader.get("/handover?hours=8").text
    assert "Born lately" in section(everything, "new")
    assert "Found in an archive" not in everything


def test_claim_assign_done_and_give_back(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    story = wire.article("A bridge falls")
    on_board(desk, 1)
    editor, admin = (desk.accounts.known(name).id for name in ("editor", "admin"))
    send(as_editor, "claim", story=story)
    page = as_editor.get("/handover").text
    assert "assigned to editor" in section(page, "taken")
    send(as_editor, "assign", story=story, person=admin, over=editor)
    page = as_editor.get("/handover").text
    assert "assigned to admin" in section(page, "taken")
    assert "assigned by editor" in page
    send(as_editor, "note", story=story, text="The mayor calls back at 15:00.\r\nAsk for figures.")
    assert "The mayor calls back at 15:00.\nAsk for figures." in section(as_editor.get("/handover").text, "taken")
    send(as_editor, "done", story=story, over=admin)
    page = as_editor.get("/handover").text
    assert "A bridge falls" in section(page, "finished")
    assert "No story is claimed" in section(page, "taken")
    send(as_editor, "claim", story=story)
    send(as_editor, "done", story=story, over=editor, release="true")
    assert "No story is claimed" in section(as_editor.get("/handover").text, "taken")
    acts = [line.action for line in desk.accounts.trail.page()]
    assert {"story claimed", "story assigned", "story done", "story released"} <= set(acts)


def test_one_of_two_simultaneous_claims_succeeds(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    story = wire.article("Both want it")
    on_board(desk, 1)
    other = client_of(desk)
    sign_in(other, "admin")
    assert send(as_editor, "claim", story=story).status_code == 200
    # The page of the other still showed it as unclaimed.
    late = send(other, "claim", story=story)
    assert late.status_code == 409
    assert "Someone else has claimed or assigned this story" in late.text
    assert "assigned to editor" in other.get("/handover").text


def test_a_shift_begins_with_what_the_last_one_left(
    wire: Wire, desk: Desk, clock: Clock, as_editor: TestClient
) -> None:
    wire.article("Before")
    on_board(desk, 1)
    send(as_editor, "note", text="The ferry deadline is on Friday.")
    clock.forward(60)
    send(as_editor, "over", text="Quiet so far. Watch <Odesa>.")
    page = as_editor.get("/handover").text
    for left in ("The ferry deadline is on Friday.", "Watch &lt;Odesa&gt;."):
        assert left in page
    assert "Before" in section(page, "new")
    since = as_editor.get("/handover?since=handover").text
    assert "the last handover (" in since
    assert "The ferry deadline" not in since
    assert "No new stories" in section(since, "new")
    # The shift after the next one doesn't go back further than the next one's beginning.
    clock.forward(3_600)
    send(as_editor, "note", text="The ferry sailed.")
    clock.forward(60)
    send(as_editor, "over", text="Done.")
    page = as_editor.get("/handover").text
    assert "The ferry sailed." in page
    assert "The ferry deadline" not in page


def test_since_the_last_handover(wire: Wire, desk: Desk, clock: Clock, as_editor: TestClient) -> None:
    wire.article("Before")
    on_board(desk, 1)
    send(as_editor, "over")
    wire.number = 3_700
    wire.article("After")
    on_board(desk, 2)
    clock.forward(600)
    page = as_editor.get("/handover?since=handover").text
    assert "After" in section(page, "new")
    assert "Before" not in section(page, "new")
    assert "Before" in as_editor.get("/handover?hours=4").text


def test_what_was_held_back_says_why(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    story = wire.article("Night news", subscriptions={"ports": ["Night"]})
    on_board(desk, 1)
    alert = desk.reader.alerts(limit=1)[0].alert

    def planned(channel: str, status: str, why: str) -> Delivery:
        return Delivery(
            id=key_of("delivery", alert.id, channel),
            run="live",
            alert=alert.id,
            subscription="ports",
            story=story,
            article=alert.article,
            channel=channel,
            kind="alert",
            level="normal",
            status=status,  # type: ignore[arg-type]
            why=why,
            due_ms=NOON_MS + 8 * HOUR_MS,
            planned_ms=NOON_MS,
            record=encode(alert).decode(),
        )

    rows = [
        planned("mail", "held", "quiet hours"),
        planned("chat", "sent", ""),
        planned("hook", "muted", "the story is muted"),
    ]
    with desk.store.writing() as connection:
        connection.execute(deliveries.insert(), delivery_rows(rows))
    held = section(as_reader.get("/handover?hours=8").text, "held")
    assert "Night news" in held
    assert "held back: quiet hours" in held
    assert "muted: the story is muted" in held
    german = section(as_reader.get("/handover?hours=8", headers={"accept-language": "de"}).text, "held")
    assert "stummgeschaltet: die Story ist stummgeschaltet" in german
    assert "2 messages" in held
    assert "Nothing was held back" in as_reader.get("/handover?since=2099-01-01T00:00").text


@pytest.mark.parametrize("board", [Board(5)], ids=["a board of five"])
def test_a_shift_longer_than_the_board_is_read_from_the_store(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    for number in range(30):
        wire.article(f"Story {number:02}")
    on_board(desk, 5)
    assert ">30 new</a>" in as_reader.get("/handover?hours=8").text


def test_an_impossible_claim_or_assignment_is_refused(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    story = wire.article("One")
    on_board(desk, 1)
    assert send(as_editor, "claim", story="none").status_code == 404
    assert send(as_editor, "assign", story=story, person="nobody").status_code == 404
    reader = desk.accounts.known("reader").id
    assert send(as_editor, "assign", story=story, person=reader).status_code == 404
    assert send(as_editor, "note", text="  ").status_code == 400
    for query in ("hours=0", "hours=x", "since=soon", "since=0001-01-01T00:00", "since=2026-03-05T12:00%2B02:00"):
        assert as_editor.get(f"/handover?{query}").status_code == 200
    assert desk.accounts.trail.page(limit=1)[0].action == "signed in"


def work(client: TestClient, story: str) -> str:
    """What a story's page says about who has it."""
    found = re.search(r'<div class="desk-work" id="work">.*?</header>', client.get(f"/story/{story}").text, re.DOTALL)
    return found[0] if found else ""


def test_a_story_is_claimed_noted_and_done_on_its_own_page(wire: Wire, desk: Desk, as_editor: TestClient) -> None:
    story = wire.article("A bridge falls")
    on_board(desk, 1)
    assert "Unclaimed" in work(as_editor, story)
    answer = send(as_editor, "claim", story=story, back=f"/story/{story}")
    assert answer.url.path == f"/story/{story}"
    send(as_editor, "note", story=story, text="<b>Ring</b> the mayor", back=f"/story/{story}")
    mine = work(as_editor, story)
    assert "assigned to editor" in mine
    assert ">Release<" in mine
    assert ">Claim<" not in mine
    assert "&lt;b&gt;Ring&lt;/b&gt; the mayor" in mine
    editor = desk.accounts.known("editor").id
    send(as_editor, "done", story=story, over=editor, back=f"/story/{story}")
    assert "done by editor" in work(as_editor, story)
    assert [line.action for line in desk.accounts.trail.page()[:3]] == ["story done", "note written", "story claimed"]
    other = client_of(desk)
    sign_in(other, "reader")
    seen = work(other, story)
    assert "done by editor" in seen
    assert "the mayor" in seen
    assert "<form" not in seen
    assert "<button" not in seen
