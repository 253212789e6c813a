"""The desk in German and Arabic in a browser: accessible, nothing runs out of the page, scripts say it in the language too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core.store import Store
from desk.use_cases.desk import Desk
from tests.desk.browser import room_of, serious_faults
from tests.desk.support import PASSWORD, Clock, Wire, desk_with_search

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
PAGES = (
    *("/", "/?topic=syria", "/overview", "/alerts", "/search?q=aid", "/subscriptions", "/subscriptions/new?query=aid"),
    *("/topics", "/coverage", "/briefing", "/handover", "/outlets", "/channels", "/rejected", "/people", "/account"),
    *("/audit", "/api/"),
)


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_search(store, clock, tmp_path / "search") as made:
        yield made


@pytest.mark.parametrize(
    ("code", "direction", "theme", "width", "story"),
    [
        ("de", "ltr", "light", 1280, "1 Story"),
        ("ar", "rtl", "dark", 390, "قصة واحدة"),
        ("ar", "rtl", "light", 1280, "قصة واحدة"),
        ("de", "ltr", "dark", 390, "1 Story"),
    ],
)
def test_pages_in_another_language(
    desk: Desk, wire: Wire, browser: Browser, code: str, direction: str, theme: str, width: int, story: str
) -> None:
    story_id = wire.article("Aid convoy reaches Syria", "Lorries came.", topics={"syria": ["Lorries"]}, language="en")
    viewport = {"width": width, "height": 800}
    with room_of(desk, browser, "", locale=code, color_scheme=theme, viewport=viewport) as room:
        page, url = room.page, room.url
        page.goto(f"{url}/sign-in")
        page.locator("input[name=name]").fill("admin")
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("button.main").click()
        page.wait_for_url(f"{url}/overview")
        for path in (*PAGES, f"/story/{story_id}"):
            page.goto(url + path)
            expect(page.locator("html")).to_have_attribute("lang", code)
            expect(page.locator("html")).to_have_attribute("dir", direction)
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, (
                path
            )
            assert serious_faults(page) == [], path
            if page.locator(".top nav [aria-current]").count():
                # The row of pages scrolls on a phone.
                expect(page.locator(".top nav [aria-current]")).to_be_in_viewport(ratio=0.9)
        assert room.problems == []
        page.goto(f"{url}/nothing")
        assert serious_faults(page) == [], "not found"
        # The browser logs the answer's status as an error.
        room.problems.clear()
        # A cell keeps the table's side, whatever the direction of its text.
        side = page.evaluate(
            """() => {
                const cells = "<td dir='ltr'>a</td><td dir='rtl'>b</td>";
                document.body.insertAdjacentHTML("beforeend", `<table><tr>${cells}</tr></table>`);
                return [...document.querySelectorAll("body > table td")].map((cell) => getComputedStyle(cell).textAlign);
            }"""
        )
        assert side == ["left" if direction == "ltr" else "right"] * 2
        page.goto(url)
        page.locator("#find").fill("convoy")
        expect(page.locator("#shown")).to_have_text(story)
