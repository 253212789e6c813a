"""What a browser does with the story page's decisions."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from core.store import tables as t
from desk.use_cases.desk import Desk
from tests.desk.browser import PHONE, room_of, serious_faults
from tests.desk.support import Wire

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

PORT = "Dockers at the port of Varna began a strike on Monday, the union said. 300 cranes stood still."
TALKS = "Dockers in Varna and the union meet for talks on Tuesday over 300 cranes, the port says."


def test_an_editor_joins_a_related_story_splits_an_article_and_undoes_it(
    desk: Desk, wire: Wire, browser: Browser
) -> None:
    first = wire.article(
        "Varna dockers strike", PORT, language="en", source="a.example", subscriptions={"ports": ["port"]}
    )
    wire.article("Hafenarbeiter in Varna streiken", PORT, story=first, language="de", source="b.example")
    arabic = wire.article("عمال ميناء فارنا يضربون", "بدأ عمال الميناء إضرابا يوم الاثنين.", story=first, language="ar")
    second = wire.article("Varna union talks", TALKS, language="en", source="c.example")
    rows = [
        {"article": arabic, "other": first, "joined": True, "score": 210, "inputs": '{"vectors":81,"names":40}'},
        {"article": second, "other": first, "joined": False, "score": -90, "inputs": '{"vectors":55}'},
    ]
    with desk.store.writing() as connection:
        desk.store.upsert(connection, t.story_links, [{"run": "live"} | row for row in rows])
    with room_of(desk, browser, viewport=PHONE) as room:
        page, url = room.page, room.url
        page.goto(f"{url}/story/{first}?article={arabic}")
        assert serious_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="Merge into this story").click()
        page.wait_for_url(f"{url}/story/{first}")
        expect(page.get_by_text("was merged into this one")).to_be_visible()
        page.get_by_role("link", name="Varna union talks").first.click()
        page.get_by_label("Why it is a separate story").fill("talks are not the strike")
        page.get_by_role("button", name="Split from this story").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Varna union talks")
        expect(page.get_by_text("talks are not the strike")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        page.wait_for_url(f"{url}/story/{first}")
        assert serious_faults(page) == []
