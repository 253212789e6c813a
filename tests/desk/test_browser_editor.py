"""What a browser does with Search, Subscriptions, Alerts, Channels and Handover."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core.clock import wall_ms
from core.records import RawArticle, Subscription, article_id, encode, from_ms
from core.settings import Settings
from core.store import Store
from core.streams import NewRecord
from core.streams.open import create_planned
from core.streams.plans import planned_streams
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.use_cases.desk import Desk
from pipeline.drivers.live import run_in_slices
from tests.desk.browser import Room, room_of, serious_faults
from tests.desk.delivery.support import receiving
from tests.desk.support import NOON_MS, RealClock, Wire, desk_with_search
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Iterator[Desk]:
    """On the real clock: the pipeline beside it is."""
    with desk_with_search(store, RealClock(), tmp_path / "search", delivery_allow_private="127.0.0.1") as made:
        yield made


@pytest.fixture
def room(desk: Desk, browser: Browser) -> Iterator[Room]:
    with room_of(desk, browser) as made:
        yield made


def seen(room: Room, number: int) -> None:
    """Wait until so many articles can be searched."""
    search = room.desk.search
    assert search is not None
    until(lambda: search.search("", limit=1).total.value == number, "the articles in the index")


def append(settings: Settings, title: str, text: str) -> str:
    """An article on the raw stream, as a connector puts it there; then the pipeline, until it has done all."""
    url = f"https://a.example/{title.replace(' ', '-').lower()}"
    raw = RawArticle(url=url, source="a.example", fetched_at=from_ms(wall_ms()), title=title, text=text)
    stream = create_planned(settings.stream, planned_streams(settings)[settings.raw_stream])
    stream.append([NewRecord(article_id(url).encode(), encode(raw))])
    stream.close()
    run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
    return article_id(url)


def test_a_query_is_linted_backtested_saved_and_alerts(room: Room, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=str(tmp_path), store_url=room.desk.store.url, stream_url=f"sqlite:///{tmp_path}/streams.db"
    )
    append(
        settings, "Grain ship leaves Odesa", "A ship with grain sailed on Tuesday, the harbour master of Odesa said."
    )
    append(
        settings,
        "Barley prices fall",
        "Farmers in Kansas sold barley for less this week, brokers at the exchange found.",
    )
    seen(room, 2)
    page = room.go("/subscriptions/new")
    page.get_by_label("Query", exact=True).fill("grain or barley")
    expect(page.locator("#lint")).to_contain_text("the operator is OR")
    page.locator("#lint .use").click()
    expect(page.get_by_label("Query", exact=True)).to_have_value("grain OR barley")
    expect(page.locator("#preview .headline")).to_contain_text("2 stories since the store's first article")
    page.get_by_label("Query", exact=True).fill("grain NEAR/6 (")
    expect(page.locator("#lint pre")).to_contain_text("grain NEAR/6 (")
    page.get_by_label("Query", exact=True).fill("grain AND odesa")
    expect(page.locator("#preview .headline")).to_contain_text("1 story since the store's first article")
    expect(page.locator("#preview mark").first).to_have_text("Grain")
    page.locator("#preview").get_by_role("button", name="Explain").first.click()
    expect(page.locator("#explain-body")).to_contain_text("Matches")
    page.get_by_label("Name", exact=True).fill("Odesa grain")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Version 1 is saved.")).to_be_visible()
    saved = room.desk.queries.newest("odesa-grain")
    assert saved is not None
    until(lambda: wall_ms() > saved.effective_from_ms, "the version to hold")
    append(settings, "Odesa sends barley and grain", "Bakers in Nairobi expect 4,000 tonnes in May, a trader said.")
    until(lambda: len(room.desk.reader.alerts(limit=5)) == 1, "the alert")
    room.go("/alerts")
    expect(page.locator(".shift h3")).to_have_text("Odesa sends barley and grain")
    expect(page.locator(".shift .chip.alert")).to_have_text("Odesa grain")
    seen(room, 3)
    page.get_by_role("link", name="Narrow the query").click()
    expect(page.locator(".proposals > li").first).to_contain_text("keeps 1")
    page.locator(".proposals > li").first.get_by_role("link", name="Use this query").click()
    expect(page.get_by_text("it takes effect when you save it")).to_be_visible()
    expect(page.locator("#preview .headline")).to_contain_text("; 1 fewer than before")
    expect(page.locator("#preview .lost a")).to_have_text("Odesa sends barley and grain")


def test_alerts_are_worked_through_by_keyboard(room: Room, wire: Wire) -> None:
    saved = Subscription(id="ports", query="harbour", name="Harbours", owner="editor")
    room.desk.queries.save_subscriptions([saved], now_ms=room.desk.clock_ms())
    wire.number = (room.desk.clock_ms() - NOON_MS) // 1_000 - 600
    for title in ("Strike begins", "Fire on a ferry", "Flood warning for the old harbour"):
        wire.article(title, "At the harbour.", subscriptions={"ports": ["harbour"]}, language="en")
    page = room.go("/alerts")
    expect(page.locator("#alerts .alert-row")).to_have_count(3)
    page.keyboard.press("j")
    expect(page.locator("#alerts .headline:focus")).to_have_text("Flood warning for the old harbour")
    page.keyboard.press("a")
    expect(page.locator("#alerts .headline:focus")).to_have_text("Fire on a ferry")
    page.keyboard.press("x")
    expect(page.locator("#alerts .headline:focus")).to_have_text("Strike begins")
    page.keyboard.press("c")
    expect(page.locator("#alerts .alert-row").last).to_contain_text("claimed")
    assert serious_faults(page) == []
    page = room.go("/alerts")
    expect(page.locator("#alerts .headline")).to_have_text(["Strike begins"])
    expect(page.locator("#alerts .holder")).to_have_text("assigned to editor")
    page = room.go("/alerts?show=all")
    expect(page.locator("#alerts")).to_contain_text("marked not relevant")


def test_search_with_marks_keyboard_and_export(room: Room, wire: Wire) -> None:
    for number in range(3):
        wire.article(f"Aid for Aleppo {number}", "Forty lorries with aid.", topics={"syria": ["aid"]}, language="en")
    wire.article("Something else", "Without.", source="b.example")
    seen(room, 4)
    page = room.page
    page.keyboard.press("/")
    room.go("/search")
    expect(page.get_by_label("Query")).to_be_focused()
    page.keyboard.type("aid AND lorries")
    page.keyboard.press("Enter")
    expect(page.locator(".hit")).to_have_count(3)
    expect(page.locator(".hit mark").first).to_have_text("Aid")
    page.wait_for_load_state()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".hit h2 a").nth(1)).to_be_focused()
    page.keyboard.press("e")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert [row["title"] for row in rows] == ["Aid for Aleppo 2", "Aid for Aleppo 1", "Aid for Aleppo 0"]
    page.keyboard.press("Escape")
    # A click on a bar narrows to its days.
    page.locator("svg g .bar").first.click()
    expect(page.locator('input[name="since"]')).not_to_have_value("")
    expect(page.locator(".hit")).to_have_count(3)
    page.get_by_role("link", name="syria").click()
    expect(page.locator(".facets [aria-current]", has_text="syria")).to_be_visible()
    page.get_by_role("link", name="Save as a subscription").click()
    expect(page.get_by_label("Query", exact=True)).to_have_value("aid AND lorries")
    expect(page.get_by_label("Topics")).to_have_value("syria")
    room.go("/search?q=aid+OR+(")
    expect(page.get_by_role("alert")).to_contain_text("can't be read")
    # The browser notes the status 400.
    room.problems.clear()


def test_a_channel_is_tested_from_the_editor(room: Room) -> None:
    with receiving() as receiver:
        page = room.go("/channels")
        page.get_by_label("Name").fill("hook")
        page.get_by_label("Address").fill(receiver.url)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("hook is added")).to_be_visible()
        room.go("/subscriptions/new")
        step = page.get_by_role("heading", name="2. How you are notified")
        expect(page.locator("#told")).to_have_text("at the desk only")
        expect(page.get_by_role("button", name="Send a test to hook")).to_be_hidden()
        step.click()
        page.get_by_role("button", name="Send a test to hook").click()
        expect(page.locator("#tested")).to_have_text("hook: the receiver accepted the test message")
        assert len(receiver.got) == 1
    page.get_by_text("Import another vendor's query").click()
    page.locator("#translate").get_by_label("From").select_option("factiva")
    page.get_by_label("Their query").fill("grain near5 odesa")
    page.get_by_role("button", name="Translate").click()
    page.get_by_role("button", name="Use this query").click()
    expect(page.get_by_label("Query", exact=True)).to_have_value("grain NEAR/4 odesa")
    expect(page.locator("#preview .headline")).to_contain_text("No data")
    page.evaluate("() => document.getElementById('editor').dispatchEvent(new Event('submit'))")


def test_a_wrong_field_of_a_closed_step_is_shown(room: Room) -> None:
    page = room.go("/subscriptions/new")
    page.get_by_label("Query", exact=True).fill("grain")
    step = page.get_by_role("heading", name="2. How you are notified")
    step.click()
    page.get_by_label("Daily at").fill("late")
    step.click()
    expect(page.get_by_label("Daily at")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Daily at")).to_be_visible()
    page.get_by_label("Daily at").fill("06:30")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Version 1 is saved.")).to_be_visible()
    assert room.desk.queries.newest("grain") is not None


LONG = {
    "de": "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenversicherungsbeitragserhöhung im Bundestag beschlossen",
    "ar": "الأمم المتحدة تعلن وصول أول قافلة مساعدات إنسانية إلى شمال البلاد منذ أشهر وسط هدنة هشة بين الأطراف المتحاربة",
    "zh": "联合国宣布数月来首批人道主义援助车队在脆弱停火期间抵达北部地区并警告局势仍然十分严峻需要更多国际社会支持",
}


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_long_titles_of_all_scripts_stay_whole(room: Room, wire: Wire, width: int) -> None:
    for language, title in LONG.items():
        text = f"{title} {title} convoy {title}"
        wire.article(title, text, subscriptions={"ann": ["convoy"]}, topics={"syria": [title[:9]]}, language=language)
    query = " OR ".join(f'"{title[:60]}"' for title in LONG.values()) + " OR convoy"
    room.desk.queries.save_subscriptions(
        [Subscription(id="ann", query=query, name=LONG["de"], owner="editor")], now_ms=wall_ms()
    )
    seen(room, 3)
    page = room.page
    page.set_viewport_size({"width": width, "height": 800})
    for path in (
        "/",
        "/search?q=convoy",
        "/alerts?show=all",
        "/subscriptions",
        "/overview",
        "/handover?since=2020-01-01T00:00",
    ):
        room.go(path)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path
    room.go("/search?q=convoy")
    expect(page.locator(".hit")).to_have_count(3)
    for hit in page.locator(".hit").all():
        # The word that was found is among the lines that are shown.
        line, mark = hit.locator(".why").bounding_box(), hit.locator(".why mark").first.bounding_box()
        assert line is not None
        assert mark is not None
        assert mark["y"] + mark["height"] <= line["y"] + line["height"] + 1
    # A card from right to left is so as a whole: its facts begin where its title does.
    card = page.locator(".hit").filter(has=page.locator("[lang=ar]"))
    title, fact = card.locator("h2 a").bounding_box(), card.locator(".facts b").bounding_box()
    assert title is not None
    assert fact is not None
    assert abs(title["x"] + title["width"] - fact["x"] - fact["width"]) < 4
    room.go("/subscriptions")
    table = page.locator(".scroll")
    assert table.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    expect(page.get_by_role("cell").filter(has_text="Donaudampf").first).to_be_visible()


def test_handover_claim_note_and_done(room: Room, wire: Wire) -> None:
    story = told(room, wire)
    page = room.go("/handover?since=2020-01-01T00:00")
    row = page.locator(f"#new #at-{story}")
    row.get_by_role("button", name="Claim").click()
    expect(page.locator(f"#taken #at-{story}")).to_contain_text("assigned to editor")
    taken = page.locator(f"#taken #at-{story}")
    taken.get_by_text("Note or assign").click()
    taken.get_by_label("Note on this story").fill("Call the mayor")
    taken.get_by_role("button", name="Add note").click()
    expect(page.locator(f"#taken #at-{story} blockquote")).to_contain_text("Call the mayor")
    page.locator(f"#taken #at-{story}").get_by_role("button", name="Done").click()
    expect(page.locator(f"#finished #at-{story}")).to_contain_text("done by editor")
    page.get_by_label("Handover message").fill("All quiet")
    page.get_by_role("button", name="Hand over now").click()
    expect(page.locator(".notes")).to_contain_text("All quiet")
    expect(page.locator("#new")).to_contain_text("No new stories")


def test_a_story_is_claimed_and_done_from_the_keyboard(room: Room, wire: Wire) -> None:
    story = told(room, wire)
    page = room.go(f"/story/{story}")
    work = page.locator("#work")
    expect(work).to_contain_text("Unclaimed")
    for key, words in (
        ("c", "assigned to editor"),
        ("c", "Unclaimed"),
        ("c", "assigned to editor"),
        ("d", "done by editor"),
    ):
        # The page's script is there, or the key would do nothing.
        page.wait_for_load_state()
        page.keyboard.press(key)
        expect(work).to_contain_text(words)
    actions = [line.action for line in room.desk.accounts.trail.page()[:4]]
    assert actions == ["story done", "story claimed", "story released", "story claimed"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_a_phone_needs_no_sideways_scrolling(
    room: Room, wire: Wire, scheme: str
) -> None:
    page = room.page
    story = told(room, wire)
    wire.article("Aid for Aleppo", "Forty lorries with aid.", topics={"syria": ["aid"]}, subscriptions={"ann": ["aid"]})
    seen(room, 2)
    room.desk.queries.save_subscriptions(
        [Subscription(id="ann", query="aid", name="Aid", owner="editor")], now_ms=wall_ms()
    )
    hook = Channel(name="hook", kind="webhook", config={"url": "https://hook.example/in"}, health="failing")
    DeliveryRepository(room.desk.store).save_channel(hook)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    room.go("/handover?since=2020-01-01T00:00")
    page.locator(f"#at-{story}").get_by_role("button", name="Claim").click()
    alert = room.desk.reader.alerts(limit=1)[0].alert.id
    paths = (
        "/search",
        "/search?q=aid&order=relevance",
        "/search?q=nothing-at-all",
        "/subscriptions",
        "/subscriptions/of/ann",
        "/subscriptions/new?query=aid+or+lorries",
        "/alerts",
        f"/alerts/{alert}",
        f"/alerts/{alert}/narrower",
        "/channels",
        "/overview",
        "/briefing",
        "/outlets",
        "/handover?since=2020-01-01T00:00",
        f"/story/{story}",
    )
    for path in paths:
        page.set_viewport_size({"width": 1280, "height": 800})
        room.go(path)
        if page.locator("#preview").count():
            expect(page.locator("#preview .headline")).to_be_visible()
            for one in page.locator(".aside > details > summary").all():
                one.click()
        assert serious_faults(page) == [], path
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360, path


def told(room: Room, wire: Wire) -> str:
    """One story on the board."""
    story = wire.article("A bridge falls", "Two were hurt.", language="en")
    until(lambda: room.desk.board.get(story) is not None, "the story")
    return story
