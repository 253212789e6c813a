"""The law on a real Flink and a real Kafka: any partitions, bundles, parallelism, cuts and restarts.

See docs/architecture.md, "Replay equals live".

New seeds are drawn each time and printed, so that a failure can be run again with ``LAW_SEEDS=1,2,3``.
"""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random, SystemRandom

import pytest

from core.clock import wall_ms
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import NewRecord, Stream, create_stream
from core.topics.definitions import builtin_definitions
from pipeline.drivers.live import run_in_slices
from pipeline.drivers.stream import submit
from tests.pipeline.flink.workers import worker_pids
from tests.pipeline.flow.input import END_MS, Item, day, subscriptions
from tests.pipeline.flow.runs import results
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink]
SEEDS = [int(seed) for seed in os.environ.get("LAW_SEEDS", "").split(",") if seed]


@contextmanager
def _job(settings: Settings, options: Sequence[str]) -> Iterator[None]:
    live, result = submit(settings, options, clock_ms=wall_ms)
    try:
        yield
    finally:
        result.cancel()
        live.close()


def _cuts(random: Random) -> list[list[Item]]:
    """The day in up to six parts."""
    items = sorted(day(), key=lambda item: item.time_ms)
    chosen = sorted(random.sample(range(1, len(items)), random.randint(1, 5)))
    return [items[start:end] for start, end in pairwise([0, *chosen, len(items)])]


def _append(stream: Stream, part: Sequence[Item], partitions: int, random: Random) -> None:
    shuffled = random.sample(part, len(part))
    stream.append([NewRecord(item.key, item.value, random.randrange(partitions)) for item in shuffled])


def _handled(reader: StoreReader, count: int) -> Callable[[], bool]:
    return lambda: reader.count_outcomes().total() >= count


@pytest.mark.parametrize("given", SEEDS or [None], ids=str)
def test_a_day_on_flink_is_the_day_in_slices(
    given: int | None, kafka_server: str, flink_options: list[str], tmp_path: Path
) -> None:
    # Drawn here: workers of one test run must collect the same tests.
    seed = SystemRandom().randrange(1 << 32) if given is None else given
    print(f"LAW_SEEDS={seed}")
    random = Random(seed)
    partitions = random.randint(1, 5)
    settings = Settings(
        stream_url=kafka_server,
        store_url=f"sqlite:///{tmp_path / 'store.db'}",
        raw_stream=f"law-{seed}",
        run=f"law-{seed}",
        extraction_processes=0,
    )
    store = open_store(settings.store)
    queries = SubscriptionStore(store)
    queries.save_topics(builtin_definitions(), now_ms=END_MS)
    queries.save_subscriptions(subscriptions(), now_ms=END_MS, from_the_beginning=True)
    reader, done = StoreReader(store, settings.run), 0
    raw = create_stream(kafka_server, settings.raw_stream, partitions)
    parts = _cuts(random)
    while parts:
        options = [
            *(option for option in flink_options if not option.startswith("--parallelism")),
            f"--parallelism={random.randint(1, 3)}",
            f"--max_bundle_size={random.choice((1, 7, 50, 1_000))}",
            f"--checkpointing_interval={random.choice((500, 2_000, 10_000))}",
        ]
        for_this_job = random.randint(1, len(parts))
        with _job(settings, options):
            for _ in range(for_this_job):
                part = parts.pop(0)
                _append(raw, part, partitions, random)
                # The rest of a part is left to whatever comes next: a killed worker, the next job or the end.
                until(_handled(reader, done + random.randint(0, len(part))), "some of a part's outcomes")
                done += len(part)
                if random.random() < 0.5:
                    for pid in worker_pids():
                        os.kill(pid, signal.SIGKILL)
            if not parts:
                until(_handled(reader, done), "outcomes for all")
    raw.close()

    in_slices = dataclasses.replace(settings, run=f"slices-{seed}", slice_records=random.choice((3, 20, 2_000)))
    reference = StoreReader(store, in_slices.run)
    run_in_slices(in_slices, clock_ms=wall_ms, stop=_handled(reference, len(day())))
    expected, found = results(reference), results(reader)
    assert len(expected["outcomes"]) == len(day())
    assert expected["alerts"]
    for kind in expected:
        assert found[kind] == expected[kind], kind
