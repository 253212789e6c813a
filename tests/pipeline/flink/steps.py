"""Steps for the order trial, in a module that external workers can import."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam

from pipeline.elements import Rejection
from pipeline.transforms.coders import Draft, Envelope


def clean_slowly(envelope: Envelope) -> Draft:
    """Takes 0 to 10 ms, depending on the record, so that elements overtake one another between workers."""
    if zlib.crc32(envelope.value) % 4 == 0:
        time.sleep(0.01)  # the work itself is what is slow here; nothing waits for it
    return Draft(
        number=envelope.number,
        position=envelope.position,
        key=envelope.key,
        item=envelope.value[:32].decode(),
        problem=Rejection("trial", "none"),
    )


def by_run(draft: Draft) -> tuple[str, Draft]:
    return draft.position.run, draft


class WriteLines(beam.DoFn):
    """Appends (number, key, position, delay in ms) to a file, a line each."""

    def __init__(self, path: str) -> None:
        self.path = path

    def start_bundle(self) -> None:
        self.lines: list[str] = []

    def process(self, draft: Draft) -> Iterator[Any]:
        delay = time.time() * 1000 - draft.key.time_ms
        where = [draft.position.partition, draft.position.offset]
        self.lines.append(json.dumps([draft.number, draft.key.sortable(), where, delay]))
        return iter(())

    def finish_bundle(self) -> None:
        with Path(self.path).open("a") as file:
            file.write("".join(line + "\n" for line in self.lines))
