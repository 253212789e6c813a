"""Pages and searches over HTTP, and their first paint in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from time import perf_counter

import httpx
from playwright.sync_api import Browser

from benchmarks.desk.process import DeskProcess, person
from benchmarks.search.__main__ import QUERIES
from benchmarks.search.world import DAY_MS, DAYS, END_MS
from core.records import from_ms
from tests.desk.browser import chromium, launched

TIMES = 30
PAINTS = 8
_PAINT = """() => new Promise((done) => {
  const seen = performance.getEntriesByName("first-contentful-paint")[0];
  if (seen) { done(seen.startTime); return; }
  new PerformanceObserver((list) => {
    const one = list.getEntriesByName("first-contentful-paint")[0];
    if (one) done(one.startTime);
  }).observe({ type: "paint", buffered: true });
})"""
FILTERS = {
    "Live": "/",
    "Live, a topic": "/?topic=economy",
    "Live, outlet and language": "/?outlet=outlet3.test&lang=en",
    "Live, unread": "/?show=unread",
    "Story": "/story/{story}",
    "Article": "/article/{article}",
    "Alerts": "/alerts",
    "Handover": "/handover",
    "API: stories": "/api/v1/stories",
    "API: articles of an outlet": "/api/v1/articles?source=outlet7.test",
    "API: alerts": "/api/v1/alerts",
}
"""Pages that need no index; those that this desk has not are left out by ``times_of_pages``."""


def times_of_pages(desk: DeskProcess, story: str, article: str) -> Iterator[tuple[str, float, list[float], int]]:
    """For each page: its name, ms of the first request, ms of TIMES more, and its bytes. Raises RuntimeError for errors."""
    turns = count(1)
    with httpx.Client(base_url=desk.url, timeout=120) as client:
        for name, path in FILTERS.items():
            where = path.format(story=story, article=article)
            times = [_timed(client, where, next(turns)) for _ in range(TIMES + 1)]
            yield name, times[0][0], [one for one, _ in times[1:]], times[0][1]


def times_of_searches(desk: DeskProcess, rounds: int) -> Iterator[tuple[str, list[float], list[float]]]:
    """For each kind of query: ms of the Search page (facets, chart, 40 hits; by time and by rank), ms of the API's pages.

    Each round asks for another period that holds everything, so that nothing is answered from memory.
    """
    turns = count(1)
    with httpx.Client(base_url=desk.url, timeout=120) as client:
        for name, query in QUERIES.items():
            page, api = list[float](), list[float]()
            for number in range(rounds):
                since = from_ms(END_MS - (DAYS + 1 + number) * DAY_MS).date().isoformat()
                for order in ("newest", "relevance"):
                    where = str(httpx.URL("/search", params={"q": query, "since": since, "order": order}))
                    page.append(_timed(client, where, next(turns))[0])
                    asked: dict[str, str | int] = {
                        "query": query,
                        "since_ms": END_MS - DAYS * DAY_MS - 1_000 * number,
                        "order": order,
                    }
                    start = perf_counter()
                    answer = client.get("/api/v1/search", params=asked, headers=person(next(turns)))
                    api.append((perf_counter() - start) * 1e3)
                    if cursor := _sound(answer).json()["cursor"]:
                        where = str(httpx.URL("/api/v1/search", params={**asked, "cursor": cursor}))
                        api.append(_timed(client, where, next(turns))[0])
            yield name, page, api


def total_found(desk: DeskProcess) -> int:
    """How many articles the desk's index holds."""
    answer = _sound(httpx.get(f"{desk.url}/api/v1/search", params={"limit": 1}, headers=person(1), timeout=120))
    return int("".join(letter for letter in answer.json()["total"] if letter.isdigit()))


def first_paints(desk: DeskProcess, paths: dict[str, str]) -> Iterator[tuple[str, list[float], list[float]]]:
    """For each page: ms to first contentful paint with an empty cache, and with the desk's files in the cache.

    Nothing if there is no Chromium on this machine.
    """
    if chromium() is None:
        return
    with launched() as browser:
        for name, where in paths.items():
            cold, warm = list[float](), list[float]()
            for number in range(PAINTS):
                first, second = _painted(browser, desk.url + where, number)
                cold.append(first)
                warm.append(second)
            yield name, cold, warm


def _painted(browser: Browser, url: str, number: int) -> tuple[float, float]:
    context = browser.new_context(extra_http_headers=person(number), viewport={"width": 1280, "height": 900})
    found = []
    for _ in range(2):
        page = context.new_page()
        # An open stream keeps a page loading without end: its document is enough.
        page.goto(url, wait_until="domcontentloaded")
        found.append(float(page.evaluate(_PAINT)))
        page.close()
    context.close()
    return found[0], found[1]


def _timed(client: httpx.Client, where: str, turn: int) -> tuple[float, int]:
    start = perf_counter()
    answer = client.get(where, headers=person(turn))
    took = (perf_counter() - start) * 1e3
    return took, len(_sound(answer).content)


def _sound(answer: httpx.Response) -> httpx.Response:
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"{answer.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer
