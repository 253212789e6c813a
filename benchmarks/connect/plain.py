"""The peer: what a page of Python does with asyncio, httpx and feedparser, and no store, no guard, no bounds."""

from __future__ import annotations

import asyncio

import feedparser
import httpx

from benchmarks.connect.measure import Round, measured
from benchmarks.connect.server import Feeds


async def _rounds(feeds: Feeds, count: int, turns: int, workers: int) -> list[Round]:
    seen: set[str] = set()
    found: list[Round] = []
    limit = asyncio.Semaphore(workers)
    async with httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=workers)) as client:

        async def poll(feed: int) -> int:
            async with limit:
                answer = await client.get(feeds.url(feed))
            fresh = [entry.id for entry in feedparser.parse(answer.content).entries if entry.id not in seen]
            seen.update(fresh)
            return len(fresh)

        for turn in range(turns):
            feeds.turn(turn)
            with measured() as spent:
                items = sum(await asyncio.gather(*(poll(feed) for feed in range(count))))
            found.append(Round(count, items, *spent))
    return found


def rounds(feeds: Feeds, count: int, turns: int, *, workers: int = 16) -> list[Round]:
    """Fetch and parse all feeds once a round; what was seen is kept in memory."""
    return asyncio.run(_rounds(feeds, count, turns, workers))
