"""Our connectors on the server: the runner, a store and a stream as in production, rounds one after the other."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.connect.measure import Round, measured
from benchmarks.connect.server import Feeds
from connectors.feeds.connector import FeedConnector
from connectors.feeds.decide import FeedPolicy
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.runner import Event, Polled, RunnerOptions, run
from connectors.store.feeds import FeedRepository
from core.store import open_store
from core.streams import create_stream

START = datetime(2031, 3, 4, 12, tzinfo=UTC)


def rounds(feeds: Feeds, count: int, turns: int, folder: Path, *, workers: int = 16) -> list[Round]:
    """Poll all feeds once a round. The clock stands still in a round, so that each feed is due once."""
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    state = FeedRepository(store, owner="bench", linger_s=0.0)
    for feed in range(count):
        state.add(feeds.url(feed), "bench", START)
    # Only news is fetched, nothing of what the feeds held at first.
    policy = FeedPolicy(max_backfill=0, ceiling_s=86_400.0)
    pacing = HostPacing(0.0)
    found: list[Round] = []
    with (
        Http(allow_private=[f"127.0.0.1:{feeds.port}"]) as http,
        create_stream(f"sqlite:///{folder / 'streams.db'}", "raw-articles", 4) as stream,
    ):
        for turn in range(turns):
            feeds.turn(turn)
            seen = _Seen(START + timedelta(days=2 * turn))
            with measured() as spent:
                run(
                    state,
                    lambda name: FeedConnector(*state.source(name)[2:], http, pacing, policy=policy),
                    stream,
                    clock=partial(_still, seen.now),
                    wait=time.sleep,
                    stop=partial(seen.all_done, count),
                    on_event=seen.note,
                    options=RunnerOptions(workers=workers),
                )
            found.append(Round(count, seen.items, *spent))
    store.close()
    return found


def _still(now: datetime) -> datetime:
    return now


class _Seen:
    """Which feeds have had their poll of the round, and what came of it."""

    def __init__(self, now: datetime) -> None:
        self.now, self.items = now, 0
        self._done: set[str] = set()

    def all_done(self, count: int) -> bool:
        return len(self._done) >= count

    def note(self, event: Event) -> None:
        if not isinstance(event, Polled):
            raise TypeError(event)
        if event.error:
            raise event.error
        self.items += event.appended
        if event.wake_at is None or event.wake_at > self.now:
            self._done.add(event.name)
