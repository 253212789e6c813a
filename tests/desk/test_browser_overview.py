"""The overview in a browser: charts and map by keyboard and for screen readers, in both themes, in four widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.durations import DAY_S
from core.store import Store
from desk.use_cases.desk import Desk
from tests.desk.browser import room_of, serious_faults
from tests.desk.support import Clock, Wire, desk_with_search
from tests.desk.test_overview import TOPIC, fill
from tests.pipeline.transforms.support import NOON_MS
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
LONG = (
    (
        "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenversicherungsbeitragserhöhung in Syrien beschlossen",
        "de",
    ),
    (
        "الأمم المتحدة تعلن وصول أول قافلة مساعدات إنسانية إلى شمال سوريا منذ أشهر وسط هدنة هشة بين الأطراف المتحاربة",
        "ar",
    ),
    ("联合国宣布数月来首批人道主义援助车队在脆弱停火期间抵达叙利亚北部并警告局势仍然十分严峻需要更多国际支持", "zh"),
)


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    """With a search index."""
    with desk_with_search(store, clock, tmp_path / "search") as made:
        yield made


@pytest.fixture
def page(wire: Wire, desk: Desk, clock: Clock, browser: Browser) -> Iterator[Page]:
    desk.queries.save_topics({"syria": TOPIC}, now_ms=NOON_MS)
    fill(wire, days=5)
    for number, (title, language) in enumerate(LONG * 3):
        story = wire.article(title, "Syria.", topics={"syria": ["Syria"]}, language=language, source="a.example")
        if number < 3:
            wire.article(title, "Syria", story=story, source="b.example", language=language)
    clock.now_ms = NOON_MS + 5 * DAY_S * 1000 + 3_599_000
    with room_of(desk, browser) as room:
        until(lambda: desk.hours.complete and bool(desk.board.snapshot()), "the hours")
        yield room.go("/overview")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_and_map_can_be_used_without_seeing_them(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link").first).to_have_text("Overview")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Syria at war"))
    expect(row.get_by_role("img")).to_have_accessible_name("11 articles in 24 hours, usually 2.0: a burst")
    # The numbers behind the charts.
    page.locator("#topics summary").press("Enter")
    table = page.get_by_role("table", name="Articles by topic and hour")
    expect(table.get_by_role("row")).to_have_count(3)
    cells = table.get_by_role("row").last.get_by_role("cell")
    assert sum(int(text.split()[0]) for text in cells.all_inner_texts()) == 11
    tile = page.get_by_role("link", name="Syria: ")
    tile.focus()
    tile.press("Enter")
    expect(page.locator(".hit").first).to_be_visible()
    assert "q=%28lang%3Aar" in page.url
    page.go_back()
    assert serious_faults(page) == []


def test_nothing_runs_out_of_the_page(page: Page) -> None:
    for width in (360, 768, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # A chart that is squeezed to nothing says nothing.
        for box in (page.locator(".spark svg").first.bounding_box(), page.locator(".map").bounding_box()):
            assert box is not None
            assert box["width"] > 70
