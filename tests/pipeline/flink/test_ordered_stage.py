"""The trial that settled the design: the ordered stage on a real Flink, with external workers and checkpoints on.

Partitions are shuffled, there is a backlog, one partition stays idle, and cleaning takes a different time for each record.
Right order is asserted; delay is only printed, since machines are shared. Checkpoints must not grow while idle:
with an ``UnboundedSource`` that pauses for 0.2 s they grew by 43 KB a second (docs/decisions.md, 1).
"""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from core.streams import NewRecord, create_stream
from pipeline.drivers.source import ReadInOrder, StreamSource
from pipeline.drivers.stream import FLINK
from pipeline.elements import Draft
from pipeline.transforms.order import InOrder
from tests.pipeline.flink import steps
from tests.waiting import until

BACKLOG, TRICKLE = 1000, 100
pytestmark = [pytest.mark.kafka, pytest.mark.flink]


def test_numbers_restore_the_order_and_idle_checkpoints_stay_flat(
    kafka_server: str, flink_options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = create_stream(kafka_server, "order-trial", 4)
    rng = random.Random(5)

    def record(number: int) -> NewRecord:
        key = f"{rng.getrandbits(128):032x}".encode()
        # Partition 3 stays idle.
        return NewRecord(key, f"{number:08d}".encode() + b"x" * 200, partition=rng.choice([0, 0, 0, 1, 2]))

    for start in range(0, BACKLOG, 100):
        stream.append([record(number) for number in range(start, start + 100)])
    out, checkpoints = tmp_path / "out.jsonl", tmp_path / "checkpoints"
    storage = ["--state_backend=filesystem", f"--state_backend_storage_path=file://{checkpoints}"]
    options = [*FLINK, *flink_options, *storage, "--checkpointing_interval=1000"]
    pipeline = beam.Pipeline(options=PipelineOptions(options, streaming=True))
    source = StreamSource(kafka_server, "order-trial", "live", dict.fromkeys(range(4), 0))
    _ = (
        pipeline
        | "Read" >> ReadInOrder(source)
        | "Spread" >> beam.Reshuffle()
        | "Clean" >> beam.Map(steps.clean_slowly).with_output_types(Draft)
        | "Key" >> beam.Map(steps.by_run).with_output_types(tuple[str, Draft])
        | "Order" >> InOrder()
        | "Write" >> beam.ParDo(steps.WriteLines(str(out)))
    )
    result = pipeline.run()
    try:
        until(lambda: _lines(out) >= BACKLOG, "whole backlog")
        for number in range(TRICKLE):
            stream.append([record(BACKLOG + number)])
        until(lambda: _lines(out) >= BACKLOG + TRICKLE, "trickle")
        sizes = _idle_checkpoint_sizes(checkpoints)
    finally:
        result.cancel()
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row[0] for row in rows] == list(range(BACKLOG + TRICKLE))
    keys = [row[1] for row in rows]
    assert keys == sorted(keys)
    assert len({tuple(row[2]) for row in rows}) == BACKLOG + TRICKLE
    assert max(sizes) - min(sizes) < 4096, f"checkpoints grow while idle: {sizes}"
    delays = sorted(row[3] for row in rows[BACKLOG:])
    with capsys.disabled():
        p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
        print(
            f"\nFlink: {len(rows)} in order, delay p50 {p50:.0f} ms, p99 {p99:.0f} ms; idle checkpoint {sizes[-1]} bytes"
        )


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _number(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("chk-"))


def _idle_checkpoint_sizes(folder: Path) -> list[int]:
    """Sizes of ten successive finished checkpoints, after the one during which the last records came."""

    def newest() -> Path | None:
        done = [path.parent for path in folder.glob("*/chk-*/_metadata")]
        return max(done, key=_number, default=None)

    until(lambda: newest() is not None, "checkpoint")
    first = newest()
    assert first is not None
    sizes: dict[int, int] = {}

    def look() -> bool:
        found = newest()
        if found is not None and _number(found) > _number(first) + 2:
            with contextlib.suppress(FileNotFoundError):  # a newer one took its place
                sizes[_number(found)] = sum(path.stat().st_size for path in found.rglob("*") if path.is_file())
        return len(sizes) >= 10

    until(look, "ten checkpoints")
    return list(sizes.values())
