"""Operations on feeds: watch, stop watching, import a list, find the feeds of a site."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import NotFound, UsageError, WirewatchError
from desk.feed_port import WEB_FEED, DiscoveredFeed, FeedPort
from desk.language import gettext
from desk.people.accounts import By
from desk.use_cases.desk import Desk

AT_ONCE, KEPT = 4, 50


def add(desk: Desk, by: By, url: str, source: str = "", kind: str = WEB_FEED) -> bool:
    """Watch a feed. Returns False if it is watched already. ``source``: the outlet's id in records, else the host's name.

    Raises UsageError if ``url`` is not an address of this kind, Unavailable.
    """
    url = url.strip()
    new = desk.feed_port.add(url, source.strip(), kind)
    if new:
        desk.accounts.note(by, "feed added", desk.feed_port.shown(url))
    return new


def add_catalogue(desk: Desk, by: By, topics: Sequence[str] = ()) -> tuple[int, int]:
    """Watch the catalogue's feeds for these topics, or all of them. Returns (new, total). Raises InputError."""
    new, total = desk.feed_port.add_catalogue(topics)
    desk.accounts.note(by, "feeds added", "the catalogue", f"{new} of {total} new")
    return new, total


def remove(desk: Desk, by: By, url: str) -> None:
    """Stop watching a feed; its articles remain. Raises NotFound, Unavailable."""
    shown = desk.feed_port.shown(url)
    if not desk.feed_port.remove(url):
        raise NotFound(gettext("%(url)s: no such feed", url=shown), hint="wirewatch feed list shows them")
    desk.accounts.note(by, "feed removed", shown)


def ask_again(desk: Desk, by: By, url: str) -> None:
    """Schedule a page to be fetched again by the feed that led to it. Raises NotFound, Unavailable."""
    url = url.strip()
    desk.feed_port.ask_again(url)
    desk.accounts.note(by, "page requested again", desk.feed_port.shown(url))


def import_opml(
    desk: Desk, by: By, body: bytes, name: str, most: int | None = None
) -> tuple[int, int, tuple[str, ...]]:
    """Watch the feeds of an OPML list. Returns (new, total, remarks).

    Raises InputError, also if there are more than ``most``, and Unavailable.
    """
    new, total, remarks = desk.feed_port.import_opml(body, name, most)
    desk.accounts.note(by, "feeds imported", name, f"{new} of {total} new")
    return new, total, tuple(remarks)


@dataclass
class Discovery:
    """The search of one site for feeds, running or finished (``over``)."""

    url: str
    found: list[DiscoveredFeed] = field(default_factory=list)
    problem: str = ""
    over: bool = False

    def run(self, feeds: FeedPort) -> None:
        """Search the site, which can take minutes at its pace. Never raises: ``problem`` says what went wrong."""
        try:
            for found in feeds.find(self.url):
                self.found.append(found)
        except WirewatchError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001,RUF100 - a thread has no caller to raise it to
            self.problem = f"the search failed: {type(error).__name__}"
        finally:
            self.over = True


class Discoveries:
    """All discoveries of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Discovery] = {}

    def get(self, name: str) -> Discovery:
        """The discovery with this name. Raises NotFound once it is forgotten."""
        found = self._known.get(name)
        if found is None:
            raise NotFound(gettext("that search has expired: start it again"))
        return found

    def begin(self, url: str, feeds: FeedPort) -> str | None:
        """Search a site in its own thread. Returns the discovery's name, or None if too many are running."""
        with self._lock:
            if sum(not one.over for one in self._known.values()) >= AT_ONCE:
                return None
            while len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            name, found = secrets.token_hex(8), Discovery(url)
            self._known[name] = found
        threading.Thread(target=found.run, args=(feeds,), name=f"find {name}", daemon=True).start()
        return name


DISCOVERIES = Discoveries()


def find(desk: Desk, by: By, site: str) -> str | None:
    """Begin to search a site for feeds. Returns the discovery's name, or None if too many are running.

    Raises UsageError if ``site`` is not the address of a site.
    """
    url = site.strip()
    if "://" not in url:
        url = f"https://{url}"
    if not url.startswith(("http://", "https://")) or len(url) < 11:
        raise UsageError(gettext("give the address of a site, as in https://outlet.example/"))
    name = DISCOVERIES.begin(url, desk.feed_port)
    if name is not None:
        desk.accounts.note(by, "site searched for feeds", desk.feed_port.shown(url))
    return name
