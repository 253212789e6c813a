"""A shift at the desk, played at speed: what was left, thirty alerts by keyboard, two queries, the briefing, handover.

Keys and clicks are counted, so that a change which costs a desk more of them is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.durations import HOUR_MS
from core.records import Subscription
from core.store import Store, StoreReader
from desk.use_cases.desk import Desk
from tests.desk.browser import room_of
from tests.desk.support import RealClock, Wire, desk_with_search
from tests.pipeline.transforms.support import NOON_MS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
ALERTS, NOT_RELEVANT, CLAIMED = 30, 6, 4


@dataclass
class Hands:
    """An editor at the desk: every key and click is counted."""

    page: Page
    keys: int = 0
    clicks: int = 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.keys += len(text)

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def to(self, name: str) -> None:
        self.click(self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True))
        self.page.wait_for_load_state()

    def counted(self) -> tuple[int, int]:
        """Keys and clicks since the last call."""
        found = self.keys, self.clicks
        self.keys = self.clicks = 0
        return found


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_search(store, RealClock(), tmp_path / "search") as made:
        yield made


def filled(desk: Desk, wire: Wire) -> None:
    """Thirty stories of the past hour that two subscriptions found."""
    now_ms = desk.clock_ms()
    desk.queries.save_subscriptions(
        [
            Subscription(id="ports", query="harbour", name="Harbours", owner="editor"),
            Subscription(id="strikes", query="strike", name="Strikes", owner="editor"),
        ],
        now_ms=now_ms - 2 * HOUR_MS,
    )
    wire.number = (now_ms - NOON_MS) // 1_000 - 3_000
    for number in range(ALERTS):
        which, word = ("ports", "harbour") if number % 2 else ("strikes", "strike")
        text = f"The {word} was long. Nobody knows how it ends, says witness {number}."
        wire.article(f"Report {number} of the {word}", text, subscriptions={which: [word]}, language="en")
        wire.number += 60
    assert desk.search is not None
    assert desk.search.refresh(StoreReader(desk.store, "live"))


def test_an_editor_works_a_whole_shift_by_keyboard(desk: Desk, wire: Wire, browser: Browser) -> None:
    filled(desk, wire)
    with room_of(desk, browser) as room:
        page, url = room.page, room.url
        # What the shift before left.
        page.goto(f"{url}/handover")
        page.get_by_label("Note for the next shift").fill("Watch the ferry deadline on Friday")
        page.get_by_role("button", name="Add note").click()
        page.get_by_label("Handover message").fill("All quiet so far")
        page.get_by_role("button", name="Hand over now").click()
        page.goto(f"{url}/overview")
        hands = Hands(page)

        # Handover in: both notes are there without asking.
        hands.to("Handover")
        expect(page.locator(".notes")).to_contain_text("Watch the ferry deadline on Friday")
        expect(page.locator(".notes")).to_contain_text("All quiet so far")
        assert hands.counted() == (0, 1)

        # Thirty alerts, one key each.
        hands.to("Alerts")
        rows = page.locator("#alerts .alert-row")
        expect(rows).to_have_count(ALERTS)
        hands.press("j")
        for number in range(ALERTS):
            row = rows.nth(number)
            expect(row.locator(".headline")).to_be_focused()
            before = row.get_attribute("data-state")
            hands.press("x" if number < NOT_RELEVANT else "c" if number < NOT_RELEVANT + CLAIMED else "a")
            expect(row).not_to_have_attribute("data-state", before or "")
        assert hands.counted() == (ALERTS + 1, 1)
        page.reload()
        expect(page.locator("#alerts .alert-row")).to_have_count(CLAIMED)

        # Two subscriptions tuned: words that go, the preview says what that costs, saved.
        for name, less in (("Harbours", " NOT regatta"), ("Strikes", " NOT football")):
            hands.to("Subscriptions")
            hands.click(page.get_by_role("link", name=name, exact=True).first)
            hands.click(page.get_by_label("Query", exact=True))
            hands.press("End")
            hands.type(less)
            expect(page.locator("#preview .headline")).to_contain_text("the same as before")
            hands.click(page.get_by_role("button", name="Save a new version"))
            page.wait_for_load_state()
        typed = len(" NOT regatta") + len(" NOT football") + 2
        assert hands.counted() == (typed, 8)
        assert {one.id: one.version for one in desk.queries.read(now_ms=desk.clock_ms()).subscriptions} == {
            "ports": 2,
            "strikes": 2,
        }

        # The briefing of the night.
        hands.to("Briefing")
        expect(page.locator(".briefing article").first).to_contain_text("Nobody knows how it ends")
        with page.expect_download() as download:
            hands.click(page.get_by_role("link", name="HTML", exact=True))
        assert "Nobody knows how it ends" in Path(download.value.path()).read_text("utf-8")
        assert hands.counted() == (0, 2)

        # Handover out: the next shift sees the message first.
        hands.to("Handover")
        hands.click(page.get_by_label("Handover message"))
        hands.type("Four alerts are claimed")
        hands.click(page.get_by_role("button", name="Hand over now"))
        expect(page.locator(".notes")).to_contain_text("Four alerts are claimed")
        assert hands.counted() == (len("Four alerts are claimed"), 3)
