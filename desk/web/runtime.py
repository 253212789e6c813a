"""The desk's background work: follow the store, update the status bar, count hours, keep the search index up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from core.errors import WirewatchError
from core.records.article import FeedCounts
from core.store import StoreReader
from desk.delivery.store.channels import canary_of
from desk.live.follow import SIZE
from desk.use_cases.desk import Desk
from desk.views.status_bar import Health

LOOK_S = 0.2
"""Seconds between two looks at the store; a look is one query by primary key, whatever the number of readers."""
STATUS_S = 2.0
SEARCH_S = 1.0
HOURS_S = 5.0
AFTER_ERROR_S = 2.0
LOADED_S = 1.0
"""Seconds that the first request waits for the board; then it is answered with what is loaded, and the page says so."""

T = TypeVar("T")
log = structlog.get_logger()


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[None]:
    """Run all background work, from the loading of the board's first page until the desk closes."""
    # Separate threads, so that slow pages don't delay what all readers wait for.
    with ThreadPoolExecutor(4, "desk") as threads:
        tasks = [asyncio.create_task(work(desk, threads)) for work in (_follow, _status_bar, _count_hours)]
        if desk.search is not None:
            tasks.append(asyncio.create_task(_index(desk, threads)))
        try:
            # Most stores are loaded by then; people must not wait for a large one, or one that can't be read.
            await _within(desk.hub.ready, LOADED_S)
            yield
        finally:
            desk.hub.close()
            await asyncio.gather(*tasks)


async def _follow(desk: Desk, threads: ThreadPoolExecutor) -> None:
    loaded = False
    while not desk.hub.closing.is_set():
        try:
            if not loaded:
                await _in(threads, lambda: desk.follower.load(SIZE))
                loaded = True
                desk.hub.ready.set()
            batch = await _in(threads, desk.follower.look)
            desk.problem = None
        except WirewatchError as error:
            desk.problem = str(error)
            log.warning("the desk can't follow the store", problem=desk.problem)
            await _pause(desk, AFTER_ERROR_S)
            continue
        if batch is None:
            await _pause(desk, LOOK_S)
        else:
            desk.hub.publish(batch)


async def _status_bar(desk: Desk, threads: ThreadPoolExecutor) -> None:
    feeds = desk.feeds
    look = (lambda: FeedCounts(0, 0, None)) if feeds is None else feeds.counts
    while not desk.hub.closing.is_set():
        try:
            canary = await _in(threads, lambda: canary_of(desk.settings, desk.store, desk.clock_ms()))
            counts = await _in(threads, look)
            problem = desk.problem
        except WirewatchError as error:
            canary, counts, problem = None, None, str(error)
        cards = desk.board.snapshot()
        desk.health = Health(canary=canary, last_ms=cards[0].last_ms if cards else None, feeds=counts, problem=problem)
        await _pause(desk, STATUS_S)


async def _count_hours(desk: Desk, threads: ThreadPoolExecutor) -> None:
    while not desk.hub.closing.is_set():
        try:
            current = await _in(threads, desk.hours.look)
        except WirewatchError as error:
            log.warning("the overview's hours can't be counted", problem=str(error))
            current = True
        if current:
            await _pause(desk, HOURS_S)


async def _index(desk: Desk, threads: ThreadPoolExecutor) -> None:
    search = desk.search
    if search is None:
        return
    reader = StoreReader(desk.store, desk.settings.run)
    while not desk.hub.closing.is_set():
        try:
            # In parts, so that closing the desk does not wait for a whole archive.
            current = await _in(threads, lambda: search.refresh(reader, most=5_000))
        except WirewatchError as error:
            log.warning("the search index can't be kept up", problem=str(error))
            current = True
        if current:
            await _pause(desk, SEARCH_S)


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


async def _pause(desk: Desk, seconds: float) -> None:
    await _within(desk.hub.closing, seconds)


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
