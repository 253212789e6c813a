"""What went wrong is a value from the request to the store, the metrics and the trace: no wording decides anything."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import PollResult
from connectors.feeds import FeedConnector, FeedCursor, FeedPolicy
from connectors.http.answers import Failure
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.http.robots import Robots
from connectors.runner import Polled
from connectors.store.feeds import FeedRepository
from connectors.store.polls import PollRepository
from connectors.store.rows import feed_id
from core.errors import FailureKind, FeedError
from core.settings import Settings
from core.store import Store, open_store
from tests.connectors.support import NOON, Answer, Site, after, site
from wirewatch.commands.trace import _why_never_seen
from wirewatch.monitoring.connectors import ConnectorProbes, log_poll
from wirewatch.trace import Tracer

HTML = {"Content-Type": "text/html"}
FEEDS: dict[str, tuple[Answer, FailureKind]] = {
    "/missing": (Answer(status=404), FailureKind.HTTP_4XX),
    "/busy": (Answer(status=503), FailureKind.HTTP_5XX),
    "/odd": (Answer(status=599), FailureKind.HTTP_5XX),
    "/choices": (Answer(status=300), FailureKind.HTTP_3XX),
    "/page": (Answer(b"<!doctype html><html><body>Hello</body></html>"), FailureKind.HTML),
    "/text": (Answer(b"no feed at all"), FailureKind.NO_FEED),
    "/empty": (Answer(b""), FailureKind.NO_FEED),
    "/pdf": (Answer(b"%PDF-1.7 and so on"), FailureKind.NO_FEED),
    "/json": (Answer(b'{"version": 1}'), FailureKind.NO_FEED),
    "/marks": (Answer(b"<rss>" + b"<" * 300_001), FailureKind.TOO_LARGE),
    "/large": (Answer(b" " * ((10 << 20) + 1)), FailureKind.TOO_LARGE),
    "/packed": (Answer(b"no gzip", headers={"Content-Encoding": "gzip"}), FailureKind.BODY),
    "/round": (Answer(status=302, headers={"Location": "/round"}), FailureKind.REDIRECTS),
    "/inside": (Answer(status=302, headers={"Location": "http://10.0.0.1/feed"}), FailureKind.REFUSED),
}
PAGES: dict[str, tuple[Answer, FailureKind]] = {
    "/p/gone": (Answer(status=404), FailureKind.HTTP_4XX),
    "/p/pdf": (Answer(b"%PDF-1.7", headers=HTML), FailureKind.NO_PAGE),
    "/p/picture": (Answer(b"x", headers={"Content-Type": "image/png"}), FailureKind.NO_PAGE),
    "/p/empty": (Answer(b" ", headers=HTML), FailureKind.BODY),
    "/p/private": (Answer(b"<p>no</p>", headers=HTML), FailureKind.ROBOTS),
}


def reword(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is said of failures is other words from now on."""
    for made in (Failure, FeedError):
        whole: Any = made.__init__

        def other(self: object, url: str, problem: str, *args: Any, whole: Any = whole, **options: Any) -> None:
            whole(self, url, f"Störung {len(problem)}", *args, **options)

        monkeypatch.setattr(made, "__init__", other)


class World:
    """Feeds that fail in many ways, polled as the service polls them, with its metrics and its store."""

    def __init__(self, web: Site, folder: Path) -> None:
        self.web = web
        self.store: Store = open_store(f"sqlite:///{folder}/store.db")
        settings = Settings(data_dir=str(folder))
        self.probes = ConnectorProbes(settings, self.store, lambda: NOON)
        self.state = FeedRepository(self.store)
        self.log = PollRepository(self.store)

    def poll(self, path: str, http: Http, times: int = 1) -> PollResult[FeedCursor]:
        url = self.web.url(path)
        self.state.add(url, "local", NOON)
        pacing = HostPacing(0.0)
        policy = FeedPolicy(interval_s=10, jitter=0.0, page_retries_s=())
        robots = Robots(http, pacing)
        connector = FeedConnector(
            url, "local", http, pacing, policy=policy, rng=random.Random(1), stopwatch=lambda: 0.0, robots=robots
        )
        for second in range(times):
            before = self.state.load(feed_id(url))
            result = connector.poll(before.cursor, after(second))
            self.state.save(feed_id(url), before, result)
            polled = Polled(feed_id(url), result.report, len(result.items), 0, result.error, result.wake_at)
            self.probes.on_event(polled)
            log_poll(self.log, polled, int(after(second).timestamp() * 1000))
        return result

    def labels(self) -> Counter[tuple[str, str]]:
        """How often each label was counted: (of, kind)."""
        samples = [one for family in self.probes.registry.collect() for one in family.samples]
        return Counter(
            {
                (one.labels["of"], one.labels["kind"]): int(one.value)
                for one in samples
                if one.name == "wirewatch_poll_errors_total"
            }
        )


@pytest.mark.parametrize("reworded", [False, True])
def test_rewording_a_message_changes_no_metric_label(
    reworded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reworded:
        reword(monkeypatch)
    with site() as web, Http(allow_private=[web.host], total_s=10) as http:
        world = World(web, tmp_path)
        items = "".join(f"<item><title>t</title><link>{web.url(path)}</link></item>" for path in PAGES)
        web.pages |= {path: answer for path, (answer, _) in (FEEDS | PAGES).items()}
        web.pages |= {
            "/robots.txt": Answer(b"User-agent: *\nDisallow: /p/private"),
            "/news": Answer(f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()),
        }
        for path in FEEDS:
            error = world.poll(path, http).error
            assert error is not None, path
            assert error.problem.startswith("Störung") == reworded
            row = next(one for one in world.state.listing() if one.url == web.url(path))
            assert (path, row.problem_kind) == (path, FEEDS[path][1])
            [noted] = world.log.of(feed_id(web.url(path)))
            assert (noted.problem, noted.problem_kind) == (error.problem, FEEDS[path][1])
        world.poll("/news", http, times=2)
        [noted] = world.log.about(web.url("/p/gone"))
        assert {page.url: page.kind for page in noted.pages} == {
            web.url(path): kind for path, (_, kind) in PAGES.items()
        }
        wanted = Counter(("feed", kind.value) for _, kind in FEEDS.values())
        wanted += Counter(("page", kind.value) for _, kind in PAGES.values())
        assert world.labels() == wanted


@pytest.mark.parametrize("reworded", [False, True])
@pytest.mark.parametrize("rules", [Answer(b"User-agent: *\nDisallow: /"), Answer(status=503)])
def test_a_trace_knows_that_robots_txt_is_the_reason(
    rules: Answer, reworded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reworded:
        reword(monkeypatch)
    with site() as web, Http(allow_private=[web.host], total_s=10) as http:
        world = World(web, tmp_path)
        item = f"<item><title>t</title><link>{web.url('/a')}</link></item>"
        rss = Answer(f"<rss version='2.0'><channel><title>t</title>{item}</channel></rss>".encode())
        web.pages |= {"/robots.txt": rules, "/news": rss, "/a": Answer(b"<p>a</p>", headers=HTML)}
        world.poll("/news", http, times=2)
        found = Tracer(world.store, "live", scope="live").trace(web.url("/other"))
        reasons = _why_never_seen(found, NOON + timedelta(hours=1))
        assert f"{web.url('/news')}: its site's robots.txt disallows pages" in reasons


def test_a_kind_of_a_later_version_is_read_as_other(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    state = FeedRepository(store)
    state.add("https://outlet.example/feed", "local", NOON)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE feeds SET problem = 'x', problem_kind = 'quantum'")
    assert state.listing()[0].problem_kind is FailureKind.OTHER
    store.close()


@pytest.mark.parametrize(("status", "kind"), [(304, "http_3xx"), (410, "http_4xx"), (503, "http_5xx"), (700, "other")])
def test_the_kind_of_a_status(status: int, kind: str) -> None:
    assert FailureKind.of_status(status) == kind
