"""``python -m benchmarks.slow_pages.measure SHARE SECONDS RATE FOLDER``: one run in slices, embedded; prints a line of JSON.

Short articles of 40 outlets come at ``RATE`` a second; ``SHARE`` of them, drawn at random over all outlets, hang. The breaker
stays shut: no outlet has half of its pages slow. Once every record has its outcome, the run is replayed and compared.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

import sqlalchemy as sa

from benchmarks.figures import at_most
from benchmarks.slow_pages.work import SLOW, extract
from core.clock import wall_ms
from core.records import OutcomeKind, RawArticle, article_id, encode
from core.records.wire import project
from core.settings import Settings
from core.store import Store, StoreReader, open_store
from core.store import tables as t
from core.streams import NewRecord, Stream, open_stream
from core.streams.open import create_planned
from core.streams.plans import raw_plan
from pipeline.drivers.live import run_in_slices
from pipeline.drivers.replay import Pace, ReplayRun
from pipeline.flow import Flow
from pipeline.replay.runs import RUNNING, Replay, ReplayRepository
from pipeline.transforms.extraction_pool import INLINE
from pipeline.transforms.record import RecordWork
from wirewatch.replay.sources import Sources

OUTLETS, SEED = 40, 5
# The first records, while libraries are loaded and processes started, don't count; then so many seconds of the measured load.
WARM_RECORDS, BEHIND_S, STEADY_S = 200, 5.0, 10.0
PATIENCE_S = 600.0


class Feed:
    """Appends articles at an even pace. ``since_ms``: from this event time on they count; ``count``: how many there were."""

    def __init__(self, settings: Settings, ended: Callable[[], int], share: float, rate: float) -> None:
        self._settings, self._ended, self._share, self._rate = settings, ended, share, rate
        self._random, self._words = Random(SEED), [f"w{number:x}ord" for number in range(3_000)]
        self.since_ms = self.count = 0
        self.over = False

    def run(self, seconds: float) -> None:
        """First without slow ones until the pipeline keeps up, then for ``seconds`` and the time until it is steady."""
        with open_stream(self._settings.stream, self._settings.raw_stream) as stream:
            self._append(
                stream, 0.0, lambda _passed: self._ended() < max(WARM_RECORDS, self.count - BEHIND_S * self._rate)
            )
            self.since_ms = wall_ms() + round(1000 * STEADY_S)
            self._append(stream, self._share, lambda passed: passed < STEADY_S + seconds)
        self.over = True

    def _append(self, stream: Stream, share: float, goes_on: Callable[[float], bool]) -> None:
        began, before = time.monotonic(), self.count
        while goes_on(passed := time.monotonic() - began):
            while self.count - before < passed * self._rate:
                stream.append([self._article(slow=self._random.random() < share)])
            time.sleep(0.02)

    def _article(self, *, slow: bool) -> NewRecord:
        random, words = self._random, self._words
        url = f"https://outlet{random.randrange(OUTLETS)}.example{SLOW if slow else '/'}{self.count}"
        article = RawArticle(
            url=url,
            source=url.split("/")[2],
            fetched_at=datetime.now(UTC),
            title=f"Report {self.count} of {random.choice(words)} {random.choice(words)}",
            text=" ".join(random.choice(words) for _ in range(120)),
        )
        self.count += 1
        return NewRecord(article_id(url).encode(), encode(article))


def delays(settings: Settings, store: Store, since_ms: int) -> tuple[list[float], list[float], int]:
    """Seconds from append to store of the others and of the slow ones, sorted; and how many of the others came late."""
    query = sa.select(
        t.outcomes.c.item, t.outcomes.c.partition, t.outcomes.c.first_offset, t.outcomes.c.late, t.commits.c.stored_ms
    ).join(t.commits, (t.commits.c.run == t.outcomes.c.run) & (t.commits.c.seq == t.outcomes.c.seq))
    with store.reading() as connection:
        rows = connection.execute(query).all()
    times: dict[tuple[int, int], int] = {}
    with open_stream(settings.stream, settings.raw_stream) as stream:
        offsets = stream.start_offsets(stream.partitions())
        while records := stream.read(offsets, max_bytes=16 << 20):
            for record in records:
                times[record.partition, record.offset] = record.timestamp_ms
                offsets[record.partition] = record.offset + 1
    others, slow = list[float](), list[float]()
    for row in rows:
        at_ms = times[row.partition, row.first_offset]
        if at_ms >= since_ms:
            (slow if SLOW in row.item else others).append((row.stored_ms - at_ms) / 1000)
    late = sum(bool(row.late) for row in rows if SLOW not in row.item)
    return sorted(others), sorted(slow), late


def replayed_equal(settings: Settings, store: Store) -> bool:
    """Whether a replay of the run gives the same outcomes, articles and alerts."""
    row = Replay(
        name="again", spec="{}", base=None, from_ms=0, to_ms=wall_ms(), no_claim=None, state=RUNNING, started_ms=0
    )
    ReplayRepository(store).put(row)
    run = ReplayRun(store, settings.store, row, scope="live", pool=INLINE, now_ms=0)
    past = Sources(settings, store, ("stream",), of="live", name=row.name, span=(0, row.to_ms))
    run.run(
        past.history(None, wall_ms, lambda _count: None),
        pace=Pace(None, time.monotonic),
        stop=lambda: False,
        pause=time.sleep,
        clock_ms=wall_ms,
    )
    past.close()
    return results(store, "live") == results(store, row.name)


def results(store: Store, run: str) -> list[list[dict[str, object]]]:
    """What must be equal of a run."""
    reader = StoreReader(store, run)
    outcomes = sorted((project(one) for one in reader.outcomes()), key=lambda one: str(one["key"]))
    return [outcomes, [project(one) for one in reader.articles()], [project(one) for one in reader.alerts()]]


def main(share: str, seconds: str, rate: str, folder: str) -> None:
    """Measure, and print."""
    settings = Settings(data_dir=folder)
    create_planned(settings.stream, raw_plan(settings)).close()
    store = open_store(settings.store)
    Flow.work = property(lambda flow: RecordWork(flow.store_url, flow.scope, extract))  # type: ignore[method-assign,assignment]
    reader, until_s = StoreReader(store, "live"), time.monotonic() + float(seconds) + PATIENCE_S

    def ended() -> int:
        return reader.count_outcomes().total()

    fed = Feed(settings, ended, float(share), float(rate))
    feeder = threading.Thread(target=fed.run, args=[float(seconds)], daemon=True)

    def over() -> bool:
        return (fed.over and ended() >= fed.count) or time.monotonic() > until_s

    feeder.start()
    run_in_slices(settings, clock_ms=wall_ms, stop=over)
    feeder.join()
    others, slow, late = delays(settings, store, fed.since_ms)
    counted = reader.count_outcomes()
    with store.reading() as connection:
        slices = connection.execute(sa.select(sa.func.count()).select_from(t.commits)).scalar_one()
    quantile = partial(at_most, others)
    print(
        json.dumps(
            {
                "share": float(share),
                "records": fed.count,
                "outcomes": counted.total(),
                "rejected": counted[OutcomeKind.REJECTED],
                "slow": len(slow),
                "commits": slices,
                "p50_s": quantile(0.5),
                "p90_s": quantile(0.9),
                "p99_s": quantile(0.99),
                "most_s": others[-1],
                "late_others": late,
                "slow_p50_s": at_most(slow, 0.5) or 0.0,
                "slow_most_s": at_most(slow, 1.0) or 0.0,
                "replay_equal": replayed_equal(settings, store),
            }
        ),
        flush=True,
    )
    store.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(*sys.argv[1:])
    # Threads of the pool wait for pages that never come.
    os._exit(0)
