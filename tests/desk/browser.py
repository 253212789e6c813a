"""Chromium for the tests: Debian's own, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

from tests.desk.support import PASSWORD


def chromium() -> str:
    """Its path; without one, the test is skipped and says so."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    return path


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; Chromium's sandbox refuses to run as root."""
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield browser
        browser.close()


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
