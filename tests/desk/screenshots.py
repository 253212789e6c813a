"""``make screenshots``: start the demo, use the desk as a person does, and keep a picture of each page in docs/images."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.desk.browser import PHONE, WIDE, launched
from tests.servers.kafka import free_ports
from tests.waiting import until

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
LARGEST_BYTES = 200_000
STORIES, HITS, ALERTS = 15, 4, 1
SEARCHED = "ceasefire+OR+truce+OR+talks+OR+(aid+NEAR/8+convoy*)"


def main() -> None:
    """Make all pictures. Exit 1, naming it, if one is too large for a README."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo() as url, launched() as browser:
        page = browser.new_context(viewport=WIDE, color_scheme="light").new_page()  # type: ignore[arg-type]
        live(page, url)
        search(page, url)
        editor(page, url)
        alert(page, url)
        story(page, url)
        for name in ("coverage", "subscriptions", "overview", "briefing"):
            page.goto(f"{url}/{name}")
            keep(page, name)
        handover(page, url)
    large = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > LARGEST_BYTES]
    if large:
        sys.exit(f"over {LARGEST_BYTES:,} bytes: {', '.join(sorted(large))}")


@contextmanager
def demo() -> Iterator[str]:
    """The demo in a scratch folder; gives the desk's address, and ends the demo afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        # A port of its own: another demo on this machine may come and go.
        [port] = free_ports(1)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
        command = [sys.executable, "-m", "wirewatch", "up", "--demo", "--speed", "1"]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={
                **clean,
                "PYTHONPATH": str(ROOT),
                "COLUMNS": "200",
                "WIREWATCH_DESK_ZONE": "Europe/Berlin",
                "WIREWATCH_DESK_PORT": str(port),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said: list[str] = []
        listening = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
        listening.start()
        try:
            until(lambda: address(said) is not None or process.poll() is not None, "the desk's address", seconds=120)
            found = address(said)
            if found is None:
                sys.exit("the demo ended: " + "".join(said[-5:]))
            yield found
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def address(said: list[str]) -> str | None:
    """The address in what the demo said so far."""
    found = re.search(r"the desk: (http://\S+?)/? ", "".join(said))
    return found[1] if found else None


def live(page: Page, url: str) -> None:
    """Live in three shapes."""
    until(lambda: reached(page, url), "the desk", seconds=120)

    def enough() -> bool:
        if not reached(page, f"{url}/search?q={SEARCHED}"):
            return False
        hits = page.locator(".hit").count()
        if not reached(page, f"{url}/alerts"):
            return False
        alerts = page.locator(".shift h3").count()
        return hits >= HITS and alerts >= ALERTS

    until(enough, "the demo's articles and alerts", seconds=300)
    page.goto(url)
    expect(page.locator(".story").nth(STORIES)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("s")
    keep(page, "live")
    page.emulate_media(color_scheme="dark")
    keep(page, "live-dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    keep(page, "live-phone")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def reached(page: Page, url: str) -> bool:
    """Whether the desk answers yet."""
    try:
        answer = page.goto(url)
    except Exception:
        return False
    return answer is not None and answer.ok


def search(page: Page, url: str) -> None:
    """Marks, facets, volume."""
    page.goto(f"{url}/search?q={SEARCHED}")
    expect(page.locator(".hit").first).to_be_visible()
    keep(page, "search")


def editor(page: Page, url: str) -> None:
    """A stored query being widened: what would come besides."""
    page.goto(f"{url}/subscriptions")
    page.locator('a[href^="/subscriptions/of/"]').first.click()
    field = page.get_by_label("Query", exact=True)
    field.fill(f"({field.input_value()}) OR negotiation*")
    # The preview of the stored query stands there at first.
    expect(page.locator("#preview .headline")).to_contain_text("more than before", timeout=60_000)
    expect(page.locator("#preview.busy")).to_have_count(0)
    keep(page, "subscription")
    page.locator("#editor").evaluate("form => form.reset()")
    page.evaluate("() => document.getElementById('editor').dispatchEvent(new Event('submit'))")


def alert(page: Page, url: str) -> None:
    """An alert that is not relevant, and what to do about it."""
    page.goto(f"{url}/alerts")
    keep(page, "alerts")
    page.get_by_role("link", name="Narrow the query").first.click()
    expect(page.get_by_role("heading", name="Not relevant?")).to_be_visible(timeout=60_000)
    keep(page, "not-relevant")


def story(page: Page, url: str) -> None:
    """The story that most outlets tell."""
    page.goto(url)
    page.get_by_label("Find in this list").fill("copy")
    link = page.locator(".story:visible h2 a")
    (link if link.count() else page.locator(".story h2 a")).first.evaluate("one => one.click()")
    expect(page.locator(".story-page")).to_be_visible()
    page.get_by_role("button", name="Claim").click()
    expect(page.locator("#work")).to_contain_text("assigned to")
    keep(page, "story")


def handover(page: Page, url: str) -> None:
    """A story claimed with a note, another done."""
    page.goto(f"{url}/handover?hours=8")
    page.get_by_label("Note for the next shift").fill("Two sources on the talks are still missing. Ring the spokesman.")
    page.locator("form", has=page.get_by_label("Note for the next shift")).get_by_role("button").click()
    row = page.locator("#new .shift > li").first
    identity = row.get_attribute("id")
    row.get_by_role("button", name="Claim").click()
    mine = page.locator(f"#taken #{identity}")
    mine.get_by_text("Note or assign").click()
    mine.get_by_label("Note on this story").fill("Waiting for a second source.")
    mine.get_by_role("button", name="Add note").click()
    page.locator("#new .shift > li").nth(2).get_by_role("button", name="Done").click()
    page.goto(f"{url}/handover?hours=8")
    keep(page, "handover")


def keep(page: Page, name: str) -> None:
    """The picture of what is on the screen, with nothing moving."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    # A page has few colours: with a palette a picture is a third as large.
    picture.quantize(128, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)
    print(f"docs/images/{name}.png", (IMAGES / f"{name}.png").stat().st_size)


if __name__ == "__main__":
    main()
