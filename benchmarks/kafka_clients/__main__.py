"""``python -m benchmarks.kafka_clients [--rounds N] [--pages N] [--appends N] [--keep CSV]``.

Starts a broker and, in each round, measures one after another on it: our reader (Kafka → merge → envelope as it goes to
Beam) and ``kafka-consumer-perf-test`` over the same pages of 350 KB; our appends of 20 and 200 records of 10 KB a call,
the same as a writer (a transaction a call), and ``kafka-producer-perf-test``. Figures are medians over the rounds; on a busy
machine only their ratios count. Exit 1 if a bound is missed: the reader below 300 pages a CPU second, appends of 200 below
0.6 of the perf test's rate.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from random import Random
from unittest import mock

from kafka.record import _crc32c, default_records
from rich.console import Console
from rich.table import Table

from benchmarks import results
from benchmarks.kafka_clients.java import Measured, consume, produce
from core.clock import wall_ms
from core.streams import NewRecord, create_stream, open_stream
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.source import envelope
from pipeline.order import Merge
from pipeline.transforms.coders import EnvelopeCoder
from tests.servers.kafka import KafkaServer

PAGE_BYTES, RECORD_BYTES, PARTITIONS = 350_000, 10_000, 4
READER_PAGES_PER_CPU_S, APPENDS_OF_THEIRS = 300.0, 0.6
RESULTS = Path(__file__).parent / "results/kafka_clients.csv"


def texts(size: int, count: int) -> list[bytes]:
    """Made-up words, which compress about as text does."""
    random = Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(random.choice(letters) for _ in range(random.randint(3, 10))) for _ in range(4_000)]
    return [" ".join(random.choice(words) for _ in range(size // 6 + 10)).encode()[:size] for _ in range(count)]


def read(url: str, topic: str, count: int) -> Measured:
    """All pages through the merge, each encoded as it goes to Beam."""
    with open_stream(url, topic) as stream:
        coder = EnvelopeCoder()
        reader = MergingReader(stream, Merge(dict.fromkeys(range(PARTITIONS), 0)), clock_ms=wall_ms)
        begun_s, begun_cpu_s, seen = time.monotonic(), time.process_time(), 0
        while seen < count:
            found = reader.next(wait_ms=2_000)
            if found is not None:
                coder.encode(envelope(found, "live", stream.uuid))
                seen += 1
        return Measured(count, time.monotonic() - begun_s, time.process_time() - begun_cpu_s)


def read_with_python_crc(url: str, topic: str, count: int) -> Measured:
    """As ``read``, as if the package ``crc32c`` were missing."""
    with mock.patch.object(default_records, "calc_crc32c", _crc32c.crc):
        return read(url, topic, count)


def append(url: str, topic: str, records: list[bytes], count: int, a_call: int, *, writer: bool = False) -> Measured:
    """Appends of so many records a call, one call after another; as a writer, each is a transaction."""
    with open_stream(url, topic) as stream:
        if writer:
            stream.fence(f"bench-{uuid.uuid4()}")
        # The producer is there before the clock runs, as theirs is.
        stream.append([NewRecord(b"0" * 32, b"x")])
        begun_s, begun_cpu_s = time.monotonic(), time.process_time()
        for first in range(0, count, a_call):
            batch = range(first, first + a_call)
            stream.append([NewRecord(f"{number:032x}".encode(), records[number % len(records)]) for number in batch])
        return Measured(count, time.monotonic() - begun_s, time.process_time() - begun_cpu_s)


def main() -> int:
    """Measure, show, keep, judge."""
    parser = argparse.ArgumentParser(prog="kafka_clients")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--appends", type=int, default=4_000, help="records a measurement")
    parser.add_argument("--keep", type=Path, default=RESULTS, help="CSV file for the figures")
    options = parser.parse_args()
    facts = results.machine(dirty=True)
    pages, records = texts(PAGE_BYTES, 8), texts(RECORD_BYTES, 400)
    figures: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="wirewatch-kafka-bench-") as name:
        folder = Path(name)
        broker = KafkaServer(folder / "kafka")
        broker.start()
        try:
            payload = folder / "payload.txt"
            payload.write_bytes(b"\n".join(records))
            with create_stream(broker.url, "pages", PARTITIONS) as stream:
                for first in range(0, options.pages, 20):
                    batch = range(first, first + 20)
                    stream.append([NewRecord(f"{one:032x}".encode(), pages[one % len(pages)]) for one in batch])
            create_stream(broker.url, "records", PARTITIONS).close()
            few = max(options.appends // 4, 20)
            measure: dict[str, Callable[[], Measured]] = {
                "reader": lambda: read(broker.url, "pages", options.pages),
                "reader_python_crc": lambda: read_with_python_crc(broker.url, "pages", options.pages // 10),
                "consumer_perf_test": lambda: consume(broker.bootstrap, "pages", options.pages, folder),
                "append_20": lambda: append(broker.url, "records", records, few, 20),
                "append_20_writer": lambda: append(broker.url, "records", records, few, 20, writer=True),
                "append_200": lambda: append(broker.url, "records", records, options.appends, 200),
                "append_200_writer": lambda: append(broker.url, "records", records, options.appends, 200, writer=True),
                "producer_perf_test": lambda: produce(broker.bootstrap, "records", payload, options.appends),
            }
            for _ in range(options.rounds):
                for what, run in measure.items():
                    figures.setdefault(what, []).append(run())
        finally:
            broker.kill()
    return judge(figures, facts, options.keep)


def judge(figures: dict[str, list[Measured]], facts: dict[str, object], path: Path) -> int:
    """Print a table, keep a row, and say whether the bounds hold."""
    rate = {what: statistics.median(one.records / one.elapsed_s for one in found) for what, found in figures.items()}
    per_cpu = {what: statistics.median(one.records / one.cpu_s for one in found) for what, found in figures.items()}
    # Pairs of one round ran under the same load.
    of_theirs = {
        what: statistics.median(
            (ours.records / ours.elapsed_s) / (theirs.records / theirs.elapsed_s)
            for ours, theirs in zip(found, figures[_peer(what)], strict=True)
        )
        for what, found in figures.items()
    }
    table = Table(title="350 KB a page, 10 KB a record", title_justify="left")
    for column in ("", "records/s", "records a CPU s", "of Kafka's tool"):
        table.add_column(column, justify="left" if not column else "right")
    row: dict[str, object] = {"rounds": len(next(iter(figures.values())))}
    for what in figures:
        table.add_row(what, f"{rate[what]:.0f}", f"{per_cpu[what]:.0f}", f"{of_theirs[what]:.2f}")
        row |= {f"{what}_per_s": rate[what], f"{what}_per_cpu_s": per_cpu[what], f"{what}_of_theirs": of_theirs[what]}
    holds = per_cpu["reader"] >= READER_PAGES_PER_CPU_S and of_theirs["append_200"] >= APPENDS_OF_THEIRS
    row["verdict"] = "ok" if holds else "MISSED"
    Console().print(table, row["verdict"])
    results.keep(path, facts, row)
    return 0 if holds else 1


def _peer(what: str) -> str:
    return "consumer_perf_test" if what.startswith(("reader", "consumer")) else "producer_perf_test"


if __name__ == "__main__":
    sys.exit(main())
