"""Writers and readers that go on while something happens to their stream."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

from core.errors import StreamUnavailable
from core.streams import Appended, NewRecord, Stream, StreamRecord, open_stream


class Writer:
    """Appends two records at a time to each partition, and again what was refused, until it is told to stop."""

    def __init__(self, url: str, name: str, who: str, partitions: int) -> None:
        self._url, self._name, self._who, self._partitions = url, name, who, range(partitions)
        self.stored: list[tuple[Appended, bytes]] = []
        self.refused = 0
        self.stop = threading.Event()

    def run(self) -> None:
        numbers = itertools.count()
        with open_stream(self._url, self._name) as stream:
            # A rhythm, so that brokers and reader get their share of the machine.
            while not self.stop.wait(0.01):
                pair = [next(numbers), next(numbers)]
                values = [(p, f"{self._who} {number:06}".encode()) for p in self._partitions for number in pair]
                self._append(stream, [NewRecord(b"k", value, partition) for partition, value in values])

    def _append(self, stream: Stream, records: list[NewRecord]) -> None:
        while True:
            try:
                places = stream.append(records)
            except StreamUnavailable:
                self.refused += 1
            else:
                self.stored += zip(places, (record.value for record in records), strict=True)
                return


def read_on(url: str, name: str, partitions: int, finished: threading.Event) -> list[StreamRecord]:
    """What a reader gets that began before the trouble and goes on, call by call, until the end after ``finished``."""
    offsets = dict.fromkeys(range(partitions), 0)
    found: list[StreamRecord] = []
    with open_stream(url, name) as stream:
        while True:
            last = finished.is_set()
            try:
                records = stream.read(offsets, wait_ms=100)
                if last and offsets == stream.end_offsets(list(offsets)):
                    return found
            except StreamUnavailable:
                continue
            for record in records:
                found.append(record)
                offsets[record.partition] = record.offset + 1


def read_all(stream: Stream) -> Iterator[StreamRecord]:
    """All records up to the ends as they are now.

    A stream that transactions were written to may end with their markers, which are no records: it is read to its end if
    nothing came for two seconds.
    """
    ends = stream.end_offsets(stream.partitions())
    offsets = dict(stream.start_offsets(stream.partitions()))
    silent = 0
    while silent < 10 and any(offsets[partition] < end for partition, end in ends.items()):
        silent += 1
        for record in stream.read(offsets, wait_ms=200):
            silent = 0
            offsets[record.partition] = record.offset + 1
            yield record
