"""A desk with a store of its own, and a wire that appends articles to it as the pipeline would."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from core.clock import wall_ms
from core.errors import FeedError, InputError, NotFound, UsageError
from core.records import Match, SubscriptionMatch, TopicMatch, article_id
from core.records.article import FeedCounts, FeedOutlet, WallCount
from core.search import SearchIndex
from core.settings import NAMES, Settings
from core.store import Store
from desk.feed_port import WEB_FEED, CheckedFeed, CoverageView, DiscoveredFeed, FeedLine
from desk.people.accounts import COMMAND_LINE
from desk.people.credentials import Passwords
from desk.people.credentials import form_token as token_for
from desk.people.limits import Buckets, Limit
from desk.people.roles import Role
from desk.use_cases.desk import Desk
from desk.web.app import create_app
from desk.web.guard import FORM_COOKIE
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.ledger.support import alert, commit, told
from tests.pipeline.transforms.support import NOON_MS
from wirewatch.desk import PipelineStories

PASSWORD = "twelve little letters"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The real thing takes 64 MiB and a tenth of a second each time."""


def words(field: str, text: str, *wanted: str) -> tuple[Match, ...]:
    """Matches of these words where they first stand in the text."""
    return tuple(Match(field, text.index(word), text.index(word) + len(word), word) for word in wanted)


@dataclass
class Wire:
    """Appends articles to the run ``live``, one transaction each. ``number`` is the second after noon."""

    ledger: RunLedger
    number: int = 0

    def article(
        self,
        title: str,
        text: str = "Nothing more is known.",
        *,
        url: str | None = None,
        story: str | None = None,
        copy_of: str | None = None,
        topics: dict[str, Sequence[str]] | None = None,
        subscriptions: dict[str, Sequence[str]] | None = None,
        **fields: Any,
    ) -> str:
        """Store an article and return its id. ``topics`` and ``subscriptions``: the words of the text (or title) they found."""
        self.number += 1
        url = url or f"https://{fields.get('source', 'a.example')}/{self.number}"
        found = [TopicMatch(name, 1.5, self._found(title, text, those)) for name, those in (topics or {}).items()]
        met = [
            SubscriptionMatch(one, 1, self._found(title, text, those)) for one, those in (subscriptions or {}).items()
        ]
        one = told(
            self.number,
            url,
            story=story,
            copy_of=copy_of,
            title=title,
            text=text,
            topics=tuple(found),
            subscriptions=tuple(met),
            **fields,
        )
        alerts = [alert(one, match.subscription) for match in met if copy_of is None and fields.get("version", 1) == 1]
        commit(self.ledger, [one], alerts)
        return article_id(url)

    @staticmethod
    def _found(title: str, text: str, wanted: Sequence[str]) -> tuple[Match, ...]:
        return tuple(
            match
            for word in wanted
            for match in (words("title", title, word) if word in title else words("text", text, word))
        )


@dataclass
class Feeds:
    """Feeds in memory, behind the port that the connectors stand behind elsewhere."""

    watched: dict[str, str] = field(default_factory=lambda: {"https://a.example/feed.xml": "a.example"})
    lines: list[FeedLine] = field(default_factory=list)
    walls: tuple[WallCount, ...] = ()
    asked: list[str] = field(default_factory=list)

    def outlets(self) -> Sequence[FeedOutlet]:
        return [FeedOutlet(source, source, None) for source in self.watched.values()]

    def counts(self) -> FeedCounts:
        return FeedCounts(len(self.watched), 0, None)

    def report(self) -> CoverageView:
        made = [
            FeedLine(url=url, source=source, outlet=source, state="ok", expected_per_day=4, seen_last_day=3)
            for url, source in self.watched.items()
        ]
        feeds = (*made, *self.lines)
        risks = tuple(risk for one in feeds for risk in one.risks)
        return CoverageView(feeds=feeds, states={"ok": len(made)}, risks=risks, walls=self.walls)

    def shown(self, url: str) -> str:
        return url

    def add(self, url: str, source: str = "", kind: str = WEB_FEED) -> bool:
        if kind != WEB_FEED or not url.startswith(("http://", "https://")):
            raise UsageError(f"{url}: not an address")
        return self.watched.setdefault(url, source or "new.example") is not None and bool(url)

    def remove(self, url: str) -> bool:
        return self.watched.pop(url, None) is not None

    def ask_again(self, url: str) -> None:
        if not url.startswith("https://a.example/"):
            raise NotFound(f"{url}: no watched feed is known to have listed this page")
        self.asked.append(url)

    def find(self, url: str) -> Iterator[DiscoveredFeed]:
        if "broken" in url:
            raise FeedError(url, "the server says 404")
        yield DiscoveredFeed(
            url=f"{url}feed.xml", title="<b>All</b> news", format="rss", items=12, how="named by the page"
        )

    def import_opml(self, body: bytes, name: str, most: int | None = None) -> tuple[int, int, Sequence[str]]:
        if not body.startswith(b"<"):
            raise InputError(name, "not an OPML list of feeds")
        self.watched["https://listed.example/feed"] = "listed.example"
        return 1, 1, ("1 without an address left out",)

    def export_opml(self) -> str:
        return "<opml/>"

    def add_catalogue(self, topics: Sequence[str] = ()) -> tuple[int, int]:
        return sum(self.add(f"https://{topic}.example/feed") for topic in topics), len(topics)

    def check(self, urls: Sequence[str] = (), *, every: bool = False) -> Iterator[CheckedFeed]:
        yield from (CheckedFeed(url=url, items=1) for url in self.watched if every or url in urls)

    def close(self) -> None:
        self.watched.clear()


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now_ms: int = NOON_MS + 3_600_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def seconds(self) -> float:
        return self.now_ms / 1000

    def forward(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


class RealClock(Clock):
    """The machine's clock, for a desk beside a pipeline that has it too."""

    def __call__(self) -> int:
        return wall_ms()

    def seconds(self) -> float:
        return time.monotonic()


class Endless(Buckets):
    """No limit on the rate of requests: it would be all that is tested."""

    def take(self, key: str, limit: Limit, now_s: float) -> float:
        return 0.0


def make_desk(store: Store, clock: Clock | None = None, **changed: Any) -> Desk:
    """A desk on this store. ``changed``: settings, or fields of the desk."""
    moment = clock or Clock()
    known = {name: changed.pop(name) for name in list(changed) if name in NAMES}
    settings = Settings(store_url=store.url, **{"canary_interval_s": 0.0, **known})
    values: dict[str, Any] = {"feeds": Feeds(), "stories": PipelineStories(settings, store)}
    values |= {"passwords": Passwords(CHEAP), **changed}
    return Desk(settings=settings, store=store, clock_ms=moment, monotonic=moment.seconds, **values)


@contextmanager
def desk_with_search(store: Store, clock: Clock, folder: Path, **changed: Any) -> Iterator[Desk]:
    """A desk as ``make_desk`` makes it, with people and an empty search index in ``folder``, which is closed at the end."""
    index = SearchIndex.open(folder)
    made = make_desk(store, clock, search=index, **changed)
    add_people(made)
    try:
        yield made
    finally:
        index.close()


def add_people(desk: Desk) -> None:
    """One of each role: ``reader``, ``editor``, ``admin``, all with ``PASSWORD``."""
    for role in Role:
        desk.accounts.add(role.value, role, PASSWORD, COMMAND_LINE)


def form_token(client: TestClient, path: str = "/sign-in") -> str:
    """The token of a page's forms."""
    found = re.search(r'name="form-token" content="([^"]*)"', client.get(path).text)
    assert found is not None
    return found[1]


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> httpx.Response:
    """Send the form of the sign-in page, as a browser does that has loaded it before; the client keeps the session."""
    held = {one.name: one.value or "" for one in client.cookies.jar}
    if "wirewatch" in held or client.base_url.scheme != "http":
        token = form_token(client)
    elif FORM_COOKIE in held:
        token = token_for(held[FORM_COOKIE])
    else:
        client.cookies.set(FORM_COOKIE, "a" * 43)
        token = token_for("a" * 43)
    values = {"name": name, "password": password, "form_token": token}
    answer: httpx.Response = client.post("/sign-in", data=values, follow_redirects=False)
    return answer


def client_of(desk: Desk) -> TestClient:
    """A browser without scripts, for the desk's application."""
    return TestClient(create_app(desk), base_url="http://127.0.0.1:8642", raise_server_exceptions=False)
