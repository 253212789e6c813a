"""robots.txt: whether a site allows us to fetch its article pages, and at what pace.

By RFC 9309: a missing file (4xx) allows all; one that can't be reached forbids all for now; at most five redirects;
cached for at most a day. Feeds themselves are not checked: they are published for programs to poll.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from protego import Protego

from connectors.http.answers import Failure
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from core.charset import decode_body
from core.errors import FailureKind

ROBOTS_BYTES = 512 << 10
"""RFC 9309 requires at least 500 KiB; a larger file, which others truncate, is not read at all."""

AGENT = "Wirewatch"
MAX_LINES = 20_000
KEEP_S = 86_400.0
KEEP_FAILED_S = 600.0
_MAX_HOSTS = 5_000
_SLOW = frozenset({429})


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """A site's rules for Wirewatch. ``problem``: they could not be fetched, so for now its pages aren't either."""

    until: datetime
    parsed: Protego | None = None
    problem: str | None = None

    def allows(self, url: str) -> bool:
        """Whether the page may be fetched."""
        return self.parsed is None or bool(self.parsed.can_fetch(url, AGENT))

    @property
    def crawl_delay_s(self) -> float | None:
        """The delay by Crawl-delay or Request-rate, in seconds; None if there is neither."""
        if self.parsed is None:
            return None
        rate = self.parsed.request_rate(AGENT)
        each = rate.seconds / rate.requests if rate and rate.requests else 0.0
        delay = max(float(self.parsed.crawl_delay(AGENT) or 0.0), each)
        return delay if math.isfinite(delay) and delay > 0 else None


class Robots:
    """The rules of many sites, cached for a day each. Thread-safe."""

    def __init__(self, http: Http, pacing: HostPacing) -> None:
        self._http, self._pacing = http, pacing
        self._rules: OrderedDict[str, RobotsRules] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, url: str, now: datetime) -> bool:
        """Whether the rules of the page's site are cached, so that ``refusal`` makes no request."""
        return self._held(_origin(url), now) is not None

    def load(self, url: str, now: datetime) -> None:
        """Fetch the rules of the page's site. The caller is responsible for the host's pace."""
        origin = _origin(url)
        rules = self._ask(f"{origin}/robots.txt", now)
        self._pacing.keep_apart(url, rules.crawl_delay_s)
        with self._lock:
            self._rules[origin] = rules
            self._rules.move_to_end(origin)
            while len(self._rules) > _MAX_HOSTS:
                self._rules.popitem(last=False)

    def refusal(self, url: str, now: datetime) -> Failure | None:
        """Why the page must not be fetched, by cached rules; None if it may."""
        rules = self._held(_origin(url), now)
        if rules is None:
            return Failure(url, "robots.txt has not been read yet", FailureKind.ROBOTS_UNREAD)
        if rules.problem is not None:
            wait_s = max((rules.until - now).total_seconds(), 0.0)
            return Failure(url, f"robots.txt: {rules.problem}", FailureKind.ROBOTS_UNREAD, retry_after_s=wait_s)
        if not rules.allows(url):
            return Failure(url, "the site's robots.txt disallows this page", FailureKind.ROBOTS)
        return None

    def _held(self, origin: str, now: datetime) -> RobotsRules | None:
        with self._lock:
            rules = self._rules.get(origin)
            return rules if rules and rules.until > now else None

    def _ask(self, address: str, now: datetime) -> RobotsRules:
        answer = self._http.fetch(address, now=now, accept="text/plain, */*;q=0.5", max_bytes=ROBOTS_BYTES)
        if isinstance(answer, Failure):
            gone = answer.status is not None and 400 <= answer.status < 500 and answer.status not in _SLOW
            if gone or answer.kind is FailureKind.REDIRECTS:
                return RobotsRules(now + timedelta(seconds=KEEP_S))
            wait_s = max(answer.retry_after_s or 0.0, KEEP_FAILED_S)
            return RobotsRules(now + timedelta(seconds=min(wait_s, KEEP_S)), problem=answer.problem)
        return parse_robots(decode_body(answer.body, answer.content_type).text, now)


def parse_robots(text: str, now: datetime) -> RobotsRules:
    """The rules in ``text``. Never raises: anything else than a robots.txt (such as an HTML page) allows all."""
    until = now + timedelta(seconds=KEEP_S)
    if text.lstrip()[:1] == "<":
        return RobotsRules(until)
    kept = "\n".join(line[:2_000] for line in text.splitlines()[:MAX_LINES])
    try:
        return RobotsRules(until, Protego.parse(kept))
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return RobotsRules(until)


def sitemaps_in(text: str) -> list[str]:
    """The sitemaps that a robots.txt names."""
    rules = parse_robots(text, datetime.min.replace(tzinfo=UTC)).parsed
    return [] if rules is None else list(dict.fromkeys(str(one) for one in rules.sitemaps))


def _origin(url: str) -> str:
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}".lower()
