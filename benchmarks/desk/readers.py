"""Open streams: many readers, an article a second by the pipeline's own transaction, and when each reader had it."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.desk.build import RUN, Built
from benchmarks.desk.process import HEADER, DeskProcess, person
from benchmarks.search.world import END_MS
from core.clock import wall_ms
from core.records import (
    Article,
    OrderKey,
    Outcome,
    OutcomeKind,
    Position,
    article_id,
    from_ms,
    raw_hash,
    version_hash,
)
from core.store import open_store
from pipeline.ledger.ledger import RunLedger
from pipeline.stories.stage import Decided, entry_of
from pipeline.text.fingerprint import fingerprint

PAGE_STREAM, API_STREAM = "/live/events", "/api/v1/stream"
_TITLE = re.compile(rb"Bench report (\d+) of the wire")
_TEXT = "The harbour of the town was closed at noon after the storm, and ships wait outside. " * 20
_OPEN_S, _LAST_S = 60.0, 20.0
_LONGEST_LINE = 1 << 20


class Streamed(NamedTuple):
    """``delays_ms``: of every article and reader that had it, from the commit's return. ``missing``: those that had not.

    ``commits_ms``: how long the transactions took.
    """

    delays_ms: list[float]
    missing: int
    commits_ms: list[float]


def stream(desk: DeskProcess, built: Built, *, readers: int, programs: int, seconds: int) -> Streamed:
    """Open ``readers`` streams of the Live page and ``programs`` of the API, and append an article each second."""
    return asyncio.run(_stream(desk, built, readers, programs, seconds))


async def _stream(desk: DeskProcess, built: Built, readers: int, programs: int, seconds: int) -> Streamed:
    seen: list[dict[int, float]] = [{} for _ in range(readers + programs)]
    opened = [asyncio.Event() for _ in seen]
    tasks = [
        asyncio.create_task(
            _read(desk, f"{PAGE_STREAM}?since={built.seq}" if at < readers else API_STREAM, at, seen[at], opened[at])
        )
        for at in range(len(seen))
    ]
    try:
        await asyncio.wait_for(asyncio.gather(*(one.wait() for one in opened)), _OPEN_S)
        committed = await _write(built, seconds)
        end = perf_counter() + _LAST_S
        while perf_counter() < end and any(len(one) < seconds for one in seen):
            await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    delays = [(one[number] - at) * 1e3 for one in seen for number, (_, at) in enumerate(committed) if number in one]
    return Streamed(delays, len(seen) * seconds - len(delays), [(after - before) * 1e3 for before, after in committed])


async def _write(built: Built, seconds: int) -> list[tuple[float, float]]:
    """Commit one article a second; when each commit began and returned."""
    store = open_store(f"sqlite:///{built.path}")
    ledger = RunLedger(store, RUN, "bench")
    committed = []
    try:
        ledger.take(kind="live", now_ms=wall_ms())
        begin = perf_counter()
        for number in range(seconds):
            await asyncio.sleep(max(0.0, begin + number - perf_counter()))
            committed.append(await asyncio.to_thread(_commit, ledger, built.articles + number, number))
    finally:
        store.close()
    return committed


def _commit(ledger: RunLedger, offset: int, number: int) -> tuple[float, float]:
    told = _told(offset, number)
    before = perf_counter()
    state = ledger.begin([], [], since_seq=1 << 60, since_ms=0).state
    ledger.commit(state, [told], [], last_key=told.key, publish=False)
    return before, perf_counter()


def _told(offset: int, number: int) -> Decided:
    title, url = f"Bench report {number} of the wire", f"https://outlet1.test/bench/{number}"
    key = OrderKey(END_MS + number, article_id(url), raw_hash(title.encode()))
    position = Position(run=RUN, stream="generated", partition=0, offset=offset)
    article = Article(
        id=article_id(url),
        url=url,
        canonical_url=url,
        source="outlet1.test",
        title=title,
        text=_TEXT,
        fetched_at=from_ms(key.time_ms),
        key=key,
        position=position,
        version_hash=version_hash(title, _TEXT),
        language="en",
        fingerprint=fingerprint(_TEXT),
        story_id=article_id(url),
    )
    outcome = Outcome(
        run=RUN,
        stream=position.stream,
        partition=0,
        first_offset=offset,
        last_offset=offset,
        kind=OutcomeKind.PUBLISHED,
        item=url,
        article=article.id,
        version=1,
        key=key,
    )
    return Decided(outcome, key, False, article, entry_of(article, key, 1, article.id, None))


async def _read(desk: DeskProcess, path: str, at: int, seen: dict[int, float], opened: asyncio.Event) -> None:
    """Note when each article was here first. Ends when it is cancelled or the desk closes."""
    place = urlsplit(desk.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=_LONGEST_LINE)
    name = person(at)[HEADER]
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAccept: text/event-stream\r\n{HEADER}: {name}\r\n\r\n".encode()
    )
    try:
        while line := await reader.readline():
            if line.startswith(b"event: hello"):
                opened.set()
            elif found := _TITLE.search(line):
                seen.setdefault(int(found[1]), perf_counter())
    finally:
        writer.close()
