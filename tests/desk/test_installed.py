"""The desk as an app: what a browser installs, and what it shows without a connection."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from desk.use_cases.desk import Desk
from desk.web.pages import installed
from tests.desk.browser import room_of, serious_faults
from tests.desk.support import Wire


def test_what_is_installed_is_the_same_for_strangers(client: TestClient, wire: Wire) -> None:
    wire.article("Grain at sea")
    manifest = client.get("/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    described = manifest.json()
    assert (described["start_url"], described["display"]) == ("/overview", "standalone")
    assert client.get(described["icons"][0]["src"]).status_code == 200
    script = client.get("/service-worker.js")
    assert (script.headers["content-type"].partition(";")[0], script.headers["cache-control"]) == (
        "text/javascript",
        "no-cache",
    )
    page = client.get("/offline")
    assert page.status_code == 200
    assert "Grain" not in page.text
    assert "form-token" not in page.text
    assert "manifest-src 'self'" in page.headers["content-security-policy"]


def kept_by(client: TestClient, **headers: str) -> str:
    """The name under which the script keeps the page, and what goes with it."""
    found = re.search('const KEPT = "(offline-[0-9a-f]{16})";', client.get("/service-worker.js", headers=headers).text)
    assert found is not None
    return found[1]


def test_the_offline_cache_gets_another_name_if_any_of_its_files_changes(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept_by(client)
    assert kept_by(client) == before
    assert kept_by(client, **{"accept-language": "de"}) != before
    shutil.copytree(installed.STATIC, tmp_path / "static")
    monkeypatch.setattr(installed, "STATIC", tmp_path / "static")
    assert kept_by(client) == before
    script = (tmp_path / "static" / "service-worker.js").read_text("utf-8")
    for name in installed.KEPT_FILES:
        assert f'"/static/{name}"' in script
        changed = tmp_path / "static" / name
        whole = changed.read_bytes()
        changed.write_bytes(whole + b"\n")
        installed._worker.cache_clear()
        assert kept_by(client) != before
        changed.write_bytes(whole)
    assert script.count('"/static/') == len(installed.KEPT_FILES)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_without_a_connection_the_page_reports_it_and_nothing_is_kept(desk: Desk, wire: Wire, browser: Browser) -> None:
    wire.article("Grain at sea")
    with room_of(desk, browser) as room:
        page, url, context = room.page, room.url, room.page.context
        expect(page.locator(".story")).to_have_count(1)
        page.wait_for_function("navigator.serviceWorker.controller !== null")
        context.set_offline(True)
        page.goto(f"{url}/alerts")
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
        [name] = page.evaluate("caches.keys()")
        kept = page.evaluate(
            "(name) => caches.open(name).then((cache) => cache.keys())"
            ".then((all) => all.map((one) => new URL(one.url).pathname).sort())",
            name,
        )
        shell = [f"/static/{name}" for name in ("desk.css", "icon.svg", "retry.js", "theme.js")]
        assert kept == ["/offline", *shell]
        context.set_offline(False)
        # It loads again by itself.
        expect(page.get_by_role("heading", name="Alerts")).to_be_visible(timeout=20_000)
        assert serious_faults(page) == []
