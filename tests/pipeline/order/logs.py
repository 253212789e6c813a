"""Stream content, and ways to offer it to a merge: any chunks, any interleaving, ends claimed only where they are true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st

from core.records import OrderKey, decode, encode, raw_hash
from core.streams.base import StreamRecord
from pipeline.order import Merge, MergeMark, Numbered
from pipeline.order.merge import article_of

EVER = 1 << 60
Logs = Mapping[int, list[StreamRecord]]


def article(number: int) -> str:
    return f"{number:032x}"


def record(partition: int, offset: int, time_ms: int, who: int = 0, value: bytes = b"") -> StreamRecord:
    return StreamRecord(partition, offset, time_ms, article(who).encode(), value or f"{who}".encode())


@st.composite
def logs(draw: st.DrawFn, *, monotonic: bool) -> dict[int, list[StreamRecord]]:
    """Few times, articles and values, so that equal milliseconds and identical twins are common; offsets with gaps."""
    content: dict[int, list[StreamRecord]] = {}
    for partition in range(draw(st.integers(1, 4))):
        rows = draw(
            st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 1), st.integers(1, 3)), max_size=8)
        )
        if monotonic:
            rows.sort(key=lambda row: row[0])
        offset, found = -1, []
        for time_ms, who, what, step in rows:
            offset += step
            found.append(record(partition, offset, time_ms, who, f"{what}".encode()))
        content[partition] = found
    return content


def oracle(content: Logs) -> list[tuple[int, OrderKey, int, int]]:
    """The plain definition: all records sorted by key, then place; identical twins counted; numbered from 0."""
    everything = [one for rows in content.values() for one in rows]
    keyed = sorted((one.timestamp_ms, key_of(one), one.partition, one.offset) for one in everything)
    seen: dict[OrderKey, int] = {}
    numbered = []
    for number, (_, key, partition, offset) in enumerate(keyed):
        occurrence = seen[key] = seen.get(key, -1) + 1
        numbered.append((number, OrderKey(key.time_ms, key.article, key.raw_hash, occurrence), partition, offset))
    return numbered


def key_of(one: StreamRecord) -> OrderKey:
    return OrderKey(one.timestamp_ms, article_of(one), raw_hash(one.value))


def shape(found: Numbered) -> tuple[int, OrderKey, int, int]:
    return found.number, found.key, found.record.partition, found.record.offset


def round_trip(mark: MergeMark) -> MergeMark:
    return decode(encode(mark), MergeMark)


@dataclass
class Feeder:
    """Plays a stream and its reader: offers what a merge asks for, a few records at a time, in an order of ``random``."""

    content: Logs
    random: Random
    effective: Callable[[int, int], OrderKey | None] | None = None
    resumes: bool = False
    out: list[Numbered] = field(default_factory=list)

    def drain(self, merge: Merge) -> list[tuple[int, OrderKey, int, int]]:
        """Until everything was offered, claimed as ended and popped."""
        while not self._whole(merge):
            match self.random.randrange(5 if self.resumes else 4):
                case 0 | 1:
                    self._offer(merge)
                case 2:
                    self._claim(merge)
                case 3:
                    self._pop(merge, self.random.randrange(4))
                case _:
                    merge = Merge(round_trip(merge.mark()), effective=self.effective)
        for partition in merge.partitions:
            merge.ended(partition, EVER)
        self._pop(merge, EVER)
        assert merge.held == 0
        assert merge.held_bytes == 0
        return [shape(one) for one in self.out]

    def _whole(self, merge: Merge) -> bool:
        offsets = merge.next_offsets()
        return all(not self._left(partition, offsets[partition]) for partition in self.content)

    def _left(self, partition: int, offset: int) -> list[StreamRecord]:
        return [one for one in self.content[partition] if one.offset >= offset]

    def _offer(self, merge: Merge) -> None:
        offered: list[StreamRecord] = []
        for partition, offset in merge.next_offsets().items():
            # Sometimes from before the offset asked for, as a fetch of a compressed batch may be.
            rows = self._left(partition, offset - self.random.choice((0, 0, 2)))
            offered += rows[: self.random.randrange(4)]
        merge.offer(offered)

    def _claim(self, merge: Merge) -> None:
        for partition, offset in merge.next_offsets().items():
            if self.random.random() < 0.5:
                left = [one.timestamp_ms for one in self._left(partition, offset)]
                merge.ended(partition, min(left, default=EVER))

    def _pop(self, merge: Merge, most: int) -> None:
        while most and (found := merge.pop()) is not None:
            most -= 1
            self.out.append(found)
