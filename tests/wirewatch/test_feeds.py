"""Feeds through the desk's one door, with the connectors behind it: what is listed can be removed, no password is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import NotFound, UsageError
from core.settings import load_settings
from core.store import open_store
from desk.people.accounts import COMMAND_LINE
from desk.use_cases import feeds
from desk.use_cases.desk import Desk
from wirewatch.desk import desk_of


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = load_settings(None, {"WIREWATCH_DATA_DIR": str(tmp_path)})
    made = desk_of(settings, open_store(settings.store))
    yield made
    made.close()


def watched(desk: Desk) -> list[str]:
    return [one.url for one in desk.feed_port.report().feeds if one.state != "removed"]


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ("https://a.example/rss", "https://a.example/rss"),
        (" https://a.example/rss?q=سوريا#x ", "https://a.example/rss?q=سوريا#x"),
        ("https://ann:secret-word@a.example/rss", "https://a.example/rss"),
        ("https://ann%40x:secret-word@[2606:2800:220:1::1]:8443/rss", "https://[2606:2800:220:1::1]:8443/rss"),
        ("HTTPS://ünï.example/Ö", "https://ünï.example/Ö"),
    ],
)
@pytest.mark.parametrize("as_listed", [True, False])
def test_what_is_added_is_listed_and_removed_and_its_password_is_written_nowhere(
    desk: Desk, given: str, listed: str, as_listed: bool
) -> None:
    assert feeds.add(desk, COMMAND_LINE, given)
    assert not feeds.add(desk, COMMAND_LINE, given)
    assert watched(desk) == [listed]
    feeds.remove(desk, COMMAND_LINE, listed if as_listed else given)
    assert watched(desk) == []
    with pytest.raises(NotFound) as refused:
        feeds.remove(desk, COMMAND_LINE, given)
    trail = desk.accounts.trail.page()
    assert [(line.action, line.subject) for line in trail] == [("feed removed", listed), ("feed added", listed)]
    assert "secret-word" not in f"{refused.value}{trail}"


def test_of_two_that_are_shown_alike_the_exact_address_means_one(desk: Desk) -> None:
    for address in ("https://a.example/rss", "https://ann:secret-word@a.example/rss"):
        feeds.add(desk, COMMAND_LINE, address)
    feeds.remove(desk, COMMAND_LINE, "https://a.example/rss")
    assert [row.url for row in desk.feed_port.check(every=True)] == ["https://a.example/rss"]
    feeds.remove(desk, COMMAND_LINE, "https://a.example/rss")
    assert watched(desk) == []


@pytest.mark.parametrize(
    "given", ["", "rss", "http:", "http://", "ftp://a.example/", "file:///etc/passwd", "wire:/var/wire"]
)
def test_pages_and_api_add_web_addresses_only(desk: Desk, given: str) -> None:
    with pytest.raises(UsageError):
        feeds.add(desk, COMMAND_LINE, given)
    assert watched(desk) == []
