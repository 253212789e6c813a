"""Outlets on loopback, each with a feed and pages, that know what they have published: the truth for "nothing is lost"."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from html import escape
from random import Random

from benchmarks.torture.articles import told
from tests.serving import Answering, Handler

# What a page of version 3 of article 12 says of itself: found in the raw stream again.
MARK = re.compile(rb"torture-(\d+)-version-(\d+)")
# Numbers apart from those of directly appended records: other stories.
FIRST = 1_000_000


class Outlet:
    """One host with an RSS feed of all its articles; pages take up to ``slowest_s`` seconds.

    ``polls``: when the feed was asked for, by the monotonic clock.
    """

    def __init__(self, name: str, slowest_s: float, random: Random) -> None:
        self.name, self._slowest_s, self._random = name, slowest_s, random
        self._lock = threading.Lock()
        self._versions: dict[int, int] = {}
        self.polls: list[float] = []
        http = Answering(_handler(self._answer))
        self.address = f"127.0.0.1:{http.server_port}"
        self.close = http.close

    @property
    def feed_url(self) -> str:
        """The address of its feed."""
        return f"http://{self.address}/feed.xml"

    def publish(self, number: int) -> None:
        """Publish an article, or its next version."""
        with self._lock:
            self._versions[number] = self._versions.get(number, 0) + 1

    def published(self) -> dict[int, int]:
        """Article → its newest version."""
        with self._lock:
            return dict(self._versions)

    def _answer(self, path: str) -> tuple[int, str, str]:
        versions = self.published()
        if path == "/feed.xml":
            self.polls.append(time.monotonic())
            return 200, "application/rss+xml", self._feed(versions)
        time.sleep(self._random.uniform(0, self._slowest_s))
        number = int(path[1:]) if path[1:].isdigit() else -1
        # Asked again after the wait: a page shows what stands when it is sent.
        version = self.published().get(number)
        return (404, "text/plain", "") if version is None else (200, "text/html", _page(number, version))

    def _feed(self, versions: dict[int, int]) -> str:
        items = "".join(
            f"<item><title>{escape(told(FIRST + number, version)[0])}</title><link>http://{self.address}/{number}</link>"
            f"<guid isPermaLink='false'>{number}</guid><pubDate>{formatdate(1_790_000_000 + version)}</pubDate>"
            f"<description>{_mark(number, version)}</description></item>\n"
            for number, version in reversed(versions.items())
        )
        return f"<rss version='2.0'><channel><title>{self.name}</title><link>http://{self.address}/</link>{items}</channel></rss>"


class Press:
    """All outlets. ``publish`` is the only thing that changes them; numbers rise over all outlets."""

    def __init__(self, outlets: int, random: Random, *, slowest_s: float = 0.15) -> None:
        self.outlets = [Outlet(f"press{one}", slowest_s, Random(random.random())) for one in range(outlets)]
        self._random, self._count = random, 0

    def publish(self, articles: int, seen: set[tuple[int, int]]) -> None:
        """Publish new articles at random outlets, and edit an older one now and then.

        Only what the raw stream has (``seen``: number, version) is edited: so each version must come through.
        """
        for _ in range(articles):
            self._random.choice(self.outlets).publish(self._count)
            self._count += 1
        outlet = self._random.choice(self.outlets)
        through = [number for number, version in outlet.published().items() if (number, version) in seen]
        if through and self._random.random() < 0.5:
            outlet.publish(self._random.choice(through))

    def published(self) -> set[tuple[int, int]]:
        """Every (number, version) that any outlet has shown."""
        return {
            (number, version)
            for outlet in self.outlets
            for number, newest in outlet.published().items()
            for version in range(1, newest + 1)
        }

    def close(self) -> None:
        """Close all outlets."""
        for outlet in self.outlets:
            outlet.close()


def _mark(number: int, version: int) -> str:
    return f"torture-{number}-version-{version}"


def _page(number: int, version: int) -> str:
    title, text = told(FIRST + number, version)
    body = "".join(f"<p>{escape(line)}</p>" for line in text.splitlines())
    return (
        f"<!DOCTYPE html><html lang='en'><head><title>{escape(title)}</title>"
        f"<meta name='generator' content='{_mark(number, version)}'></head>"
        f"<body><nav><a href='/'>Home</a></nav><article><h1>{escape(title)}</h1>{body}</article></body></html>"
    )


def _handler(answer: Callable[[str], tuple[int, str, str]]) -> type[Handler]:
    class Pages(Handler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            status, kind, text = answer(self.path)
            self.send(status, text.encode(), Content_Type=f"{kind}; charset=utf-8")

    return Pages
