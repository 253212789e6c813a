"""Chromium for the tests: Debian's own, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

from desk.use_cases.desk import Desk
from desk.web.app import create_app
from tests.desk.support import PASSWORD
from tests.serving import served

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 780}


def chromium() -> str | None:
    """Its path."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; without Chromium, the test is skipped and says so. Its sandbox refuses to run as root."""
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@dataclass
class Room:
    """A desk at ``url``, and a page that shows it. ``problems``: errors of scripts, and what the console calls an error."""

    desk: Desk
    url: str
    page: Page
    problems: list[str]

    def go(self, path: str) -> Page:
        """Open a path of the desk."""
        self.page.goto(self.url + path)
        return self.page


@contextmanager
def room_of(desk: Desk, browser: Browser, person: str = "editor", **options: Any) -> Iterator[Room]:
    """Serve the desk and show Live to ``person`` (``""``: show nothing yet). Fails at the end if there were problems.

    ``options``: of the browser's context; the page is ``WIDE`` without others.
    """
    problems: list[str] = []
    with served(create_app(desk)) as url, closing(browser.new_context(**{"viewport": WIDE, **options})) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        if person:
            sign_in(page, url, person)
        yield Room(desk, url, page, problems)
    assert problems == []


def sign_in(page: Page, url: str, name: str = "editor") -> None:
    """Sign in by the form, as a person does, and open Live."""
    page.goto(f"{url}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/overview")
    page.goto(f"{url}/")


def serious_faults(page: Page) -> list[str]:
    """What axe finds that is serious or critical: rule and the first element."""
    found: Any = Axe().run(page).response
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
