"""What a browser does with the desk: live, keyboard, scripts and styles, right-to-left, phone, accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from core.saying import saying
from desk.feed_port import FeedLine
from desk.use_cases.desk import Desk
from pipeline.ledger.takedown import take_down
from tests.desk.browser import Room, room_of, serious_faults, sign_in
from tests.desk.support import Feeds, Wire
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
TRAP = "<img src=x onerror=\"document.title='broken in'\"><script>document.title='broken in'</script>"


@dataclass
class Newsroom(Room):
    """A desk with some stories, and a page that shows it to the editor."""

    wire: Wire


@pytest.fixture
def room(desk: Desk, wire: Wire, browser: Browser) -> Iterator[Newsroom]:
    for number in range(5):
        wire.article(f"Story {number}", "Some words about Syria.", topics={"syria": ["Syria"]}, language="en")
    with room_of(desk, browser) as made:
        yield Newsroom(**vars(made), wire=wire)


def test_an_article_appears_live_behind_the_pill(room: Newsroom) -> None:
    page = room.page
    expect(page.locator(".story")).to_have_count(5)
    first = page.locator(".story").first
    top = first.bounding_box()
    room.wire.article("Ceasefire announced", "It holds.", topics={"ukraine-talks": ["holds"]}, language="en")
    room.wire.article("Second of two")
    pill = page.locator("#pill")
    expect(pill).to_have_text("2 new")
    expect(page).to_have_title("(2) Live · Wirewatch")
    # Nothing moved under the eye.
    assert first.bounding_box() == top
    expect(page.locator(".story")).to_have_count(5)
    pill.click()
    expect(page.locator(".story")).to_have_count(7)
    expect(page.locator(".story h2").first).to_have_text("Second of two")
    expect(page.locator(".story").nth(1).locator(".why mark")).to_have_text("holds")
    expect(pill).to_be_hidden()


def test_a_story_that_grows_changes_in_its_place(room: Newsroom) -> None:
    page, story = room.page, room.desk.board.snapshot()[3].id
    row = page.locator(f"#story-{story}")
    before = row.bounding_box()
    room.wire.article("Story again", story=story, source="b.example")
    expect(row.locator(".change")).to_have_text("joined by b.example")
    expect(row.locator(".facts b")).to_have_text("2 sources")
    after = row.bounding_box()
    assert before is not None
    assert after is not None
    assert after["y"] == before["y"]
    expect(page.locator("#pill")).to_be_hidden()


def test_only_what_the_filter_wants_arrives(room: Newsroom) -> None:
    page = room.page
    page.goto(f"{room.url}/?lang=de")
    expect(page.locator(".empty")).to_be_visible()
    room.wire.article("English", language="en")
    room.wire.article("Deutsch", language="de")
    expect(page.locator("#pill")).to_have_text("1 new")
    page.keyboard.press("n")
    expect(page.locator(".story h2")).to_have_text("Deutsch")


def test_the_stream_continues_after_a_break(room: Newsroom) -> None:
    page = room.page
    room.wire.article("Before the break")
    expect(page.locator("#pill")).to_have_text("1 new")
    # The desk lets a reader go that can't keep up; the browser comes back by itself, with the last number it saw.
    until(lambda: len(room.desk.hub) == 1, "the page's stream")
    for reader in list(room.desk.hub._readers):
        reader.lagging = True
    room.wire.article("During the break")
    room.wire.article("Just after")
    expect(page.locator("#pill")).to_have_text("3 new", timeout=20_000)
    page.keyboard.press("n")
    expect(page.locator(".story h2")).to_have_count(8)


def test_what_is_taken_down_goes_from_open_pages(room: Newsroom) -> None:
    page = room.page
    story = room.wire.article("Must go", url="https://a.example/bad")
    expect(page.locator("#pill")).to_have_text("1 new")
    page.keyboard.press("n")
    expect(page.locator(f"#story-{story}")).to_be_visible()
    take_down(room.desk.store, "https://a.example/bad", "court order", by="ann", now_ms=0)
    expect(page.locator(f"#story-{story}")).to_have_count(0)
    expect(page.locator(".story")).to_have_count(5)


def test_the_keyboard_does_it_all(room: Newsroom) -> None:
    page = room.page
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".story").nth(1).locator("h2 a")).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator(".story").nth(0).locator("h2 a")).to_be_focused()
    page.keyboard.press("s")
    expect(page.locator(".story").nth(0).locator(".star")).to_have_attribute("aria-pressed", "true")
    editor = room.desk.accounts.known("editor").id
    until(lambda: len(room.desk.marks.starred(editor)) == 1, "the star in the store")
    page.keyboard.press("u")
    expect(page.locator(".story").nth(0)).to_have_attribute("data-state", "read")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator("#export")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "wirewatch-live.csv"
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("story 3")
    expect(page.locator(".story:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator(".story-page h1")).to_have_text("Story 3")
    # The heading stands before the page's script has run.
    page.wait_for_load_state()
    page.keyboard.press("u")
    page.wait_for_url(f"{room.url}/")
    page.keyboard.press("Shift+A")
    expect(page.locator('.story[data-state="read"]')).to_have_count(5)
    page.reload()
    expect(page.locator('.story[data-state="new"]')).to_have_count(1)


def test_the_story_page_shows_copies_versions_and_evidence(room: Newsroom) -> None:
    wire, page = room.wire, room.page
    url = "https://a.example/bridge"
    story = wire.article(
        "Bridge falls", "At least 12 people were hurt.", url=url, topics={"syria": ["hurt"]}, language="en"
    )
    wire.article("Bridge falls", "At least 12 people were hurt.", story=story, copy_of=story, source="b.example")
    wire.article(
        "Bridge falls", "At least 15 people were hurt.", url=url, story=story, version=2, topics={"syria": ["hurt"]}
    )
    page.goto(f"{room.url}/story/{story}")
    kinds = page.locator(".timeline li").evaluate_all("all => all.map(one => one.dataset.kind)")
    assert kinds == ["first", "copy", "edit"]
    expect(page.locator(".versions del")).to_have_text("12 ")
    expect(page.locator(".versions ins")).to_have_text("15 ")
    expect(page.locator(".evidence mark").first).to_have_text("hurt")
    expect(page.locator(".text mark").first).to_have_text("hurt")
    page.get_by_role("link", name="Raw record and trace").click()
    expect(page.locator("table").first).to_contain_text("updated")


def test_scripts_from_articles_do_not_run(room: Newsroom) -> None:
    page = room.page
    story = room.wire.article(TRAP, TRAP, source=TRAP, authors=(TRAP,), topics={TRAP: ["onerror"]})
    page.locator("#pill").click()
    expect(page.locator(".story h2").first).to_have_text(TRAP)
    for path in (f"/story/{story}", f"/article/{story}", "/"):
        page.goto(room.url + path)
        expect(page.locator("main img, main script")).to_have_count(0)
        assert "broken in" not in page.title() or TRAP in page.title()
    assert page.evaluate("() => fetch('https://evil.example/').then(() => 'went out', () => 'blocked')") == "blocked"
    room.problems.clear()


def test_right_to_left_texts_stand_right(room: Newsroom) -> None:
    page = room.page
    title = "وصول قافلة مساعدات إلى حلب"
    story = room.wire.article(title, "وصلت أربعون شاحنة.", topics={"syria": ["شاحنة"]}, language="ar")
    page.locator("#pill").click()
    head = page.locator(f"#story-{story} h2")
    assert head.evaluate("one => getComputedStyle(one).direction") == "rtl"
    expect(head).to_have_attribute("lang", "ar")
    # The card is so as a whole; each fact keeps the direction of its own words.
    facts = page.locator(f"#story-{story} .facts")
    assert facts.evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert facts.locator("b").evaluate("one => getComputedStyle(one).direction") == "ltr"
    page.goto(f"{room.url}/story/{story}")
    assert page.locator(".text p").first.evaluate("one => getComputedStyle(one).direction") == "rtl"


def test_a_phone_shows_everything_without_sideways_scrolling(room: Newsroom) -> None:
    page = room.page
    page.set_viewport_size({"width": 360, "height": 740})
    story = room.wire.article(
        "A headline that is long enough to need several lines on a telephone held in one hand", "W" * 300
    )
    for path in ("/", f"/story/{story}", f"/article/{story}", "/coverage", "/account", "/api/"):
        page.goto(room.url + path)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360, path
    page.goto(f"{room.url}/")
    expect(page.locator(".facets")).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    expect(page.locator(".facets")).to_be_visible()


def test_dark_and_light_by_the_system_and_by_hand(room: Newsroom) -> None:
    page = room.page

    def ground() -> str:
        return str(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))

    light = ground()
    page.emulate_media(color_scheme="dark")
    dark = ground()
    assert dark != light
    button = page.locator("#theme")
    button.click()
    expect(button).to_have_text("Light")
    assert ground() == light
    page.reload()
    assert ground() == light
    button.click()
    expect(button).to_have_text("Dark")
    page.emulate_media(color_scheme="light")
    assert ground() == dark


def test_feeds_are_found_added_and_removed(room: Newsroom) -> None:
    page = room.page
    page.goto(f"{room.url}/coverage")
    page.get_by_label("Find the feeds of a site").fill("https://site.example/")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_text("1 feed found.")).to_be_visible()
    page.get_by_role("button", name="Add https://site.example/feed.xml").click()
    expect(page.get_by_text("https://site.example/feed.xml is watched now")).to_be_visible()
    page.get_by_role("button", name="Remove https://site.example/feed.xml").click()
    assert isinstance(room.desk.feeds, Feeds)
    assert set(room.desk.feeds.watched) == {"https://a.example/feed.xml"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(room: Newsroom, scheme: str) -> None:
    page, wire = room.page, room.wire
    assert isinstance(room.desk.feeds, Feeds)
    room.desk.feeds.lines = [
        FeedLine(
            url=f"https://{state}.example/feed",
            source=state,
            outlet=state,
            state=state,
            expected_per_day=3,
            seen_last_day=1,
            problem="the server says 503",
            risks=(saying("%(item)s: %(problem)s", item=state, problem="something may be missing"),),
        )
        for state in ("failing", "silent", "unverified", "gone", "new")
    ]
    url = "https://a.example/edited"
    story = wire.article("Edited", "One two three.", url=url, topics={"syria": ["two"]}, subscriptions={"ann": ["One"]})
    wire.article("Edited", "One 2 three four.", url=url, story=story, version=2, topics={"syria": ["three"]})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    sign_in_as_admin(room)
    records = (f"/story/{story}", f"/article/{story}")
    for path in ("/", "/?topic=syria", *records, "/coverage", "/account", "/people", "/audit", "/api/", "/nothing"):
        page.goto(room.url + path)
        assert serious_faults(page) == [], path
    page.goto(f"{room.url}/")
    wire.article("New behind the pill")
    expect(page.locator("#pill")).to_be_visible()
    page.keyboard.press("?")
    assert serious_faults(page) == []
    page.context.clear_cookies()
    page.goto(f"{room.url}/sign-in")
    assert serious_faults(page) == []
    room.problems.clear()


def sign_in_as_admin(room: Newsroom) -> None:
    room.page.get_by_role("button", name="Sign out").click()
    sign_in(room.page, room.url, "admin")
