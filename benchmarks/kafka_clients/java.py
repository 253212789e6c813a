"""Kafka's own performance tools, out of the broker's jars, at the settings of our clients."""

from __future__ import annotations

import re
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.servers.kafka import kafka_jars

PRODUCER = ("acks=all", "enable.idempotence=true", "compression.type=zstd", "linger.ms=100", "batch.size=262144")
CONSUMER = "fetch.max.bytes=16777216\nmax.partition.fetch.bytes=4195328\nmax.poll.records=200\nisolation.level=read_committed\n"


class Measured(NamedTuple):
    """Records, the seconds that they took, and the CPU seconds of the process (a JVM's start included)."""

    records: int
    elapsed_s: float
    cpu_s: float


def produce(bootstrap: str, topic: str, payload: Path, records: int) -> Measured:
    """``kafka-producer-perf-test``: random lines of ``payload`` as fast as they go."""
    arguments = ("--topic", topic, "--num-records", str(records), "--throughput", "-1", "--payload-file", str(payload))
    said, cpu_s = _run(
        "org.apache.kafka.tools.ProducerPerformance",
        *arguments,
        "--producer-props",
        f"bootstrap.servers={bootstrap}",
        *PRODUCER,
    )
    rates = re.findall(rf"{records} records sent, ([0-9.]+) records/sec", said)
    if not rates:
        raise RuntimeError(f"the perf test printed no rate:\n{said[-2000:]}")
    return Measured(records, records / float(rates[-1]), cpu_s)


def consume(bootstrap: str, topic: str, records: int, folder: Path) -> Measured:
    """``kafka-consumer-perf-test``: from the beginning, ``records`` records; the time without joining its group."""
    settings = folder / "consumer.properties"
    settings.write_text(CONSUMER)
    said, cpu_s = _run(
        "org.apache.kafka.tools.ConsumerPerformance",
        *("--bootstrap-server", bootstrap, "--topic", topic, "--messages", str(records)),
        *(
            "--consumer.config",
            str(settings),
            "--group",
            f"perf-{topic}-{resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime}",
        ),
    )
    rows = [line.split(", ") for line in said.splitlines() if re.match(r"\d{4}-\d\d-\d\d ", line)]
    if not rows:
        raise RuntimeError(f"the perf test printed no row:\n{said[-2000:]}")
    # start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, …
    return Measured(int(rows[-1][4]), int(rows[-1][7]) / 1000, cpu_s)


def _run(tool: str, *arguments: str) -> tuple[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command: Sequence[str] = ("java", "-Xmx512m", "-cp", f"{kafka_jars()}/*", tool, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{tool} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
