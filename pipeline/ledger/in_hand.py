"""What the ordered stage has in hand, noted before it is decided, so that a record that ends its process is found.

Deciding cannot be handed to a process of its own, as preparing is: it needs the story index. So a batch is noted in the store
before it is decided, and the note is void once the batch is stored. A process that finds a valid note of another one knows
that a process died over it. Each of its records is blamed once and decided alone from then on; one that is blamed BLAMED_OUT
times is set aside (``RunWriter``). A process that is stuck is ended by the clock, which decides nothing else.
"""

from __future__ import annotations

import faulthandler
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from core.records import Position
from core.store import Store
from pipeline.elements import SET_ASIDE, Draft, Rejection
from pipeline.ledger import tables as own

BLAMED_OUT = 4
"""A record that was in hand so often when a process died is not decided again: once in a batch, three times alone.

A process that is killed from outside dies over a record that did nothing: with two, the torture's kills set one aside.
"""
_TOKEN = secrets.token_hex(8)
_VOID = -1
_STDERR = 2


class _Record(msgspec.Struct, frozen=True, array_like=True):
    stream: str
    partition: int
    offset: int
    blamed: int


_records = msgspec.json.Decoder(tuple[_Record, ...])


def _process() -> str:
    return f"{os.getpid()}-{_TOKEN}"


class InHand:
    """The note of one run. Raises StoreError, and Fenced once another owner has the run (``check_owner`` does)."""

    def __init__(self, store: Store, run: str, check_owner: Callable[[sa.Connection], int]) -> None:
        self._store, self._run, self._check_owner = store, run, check_owner

    def take(self, positions: Sequence[Position], seq: int, blamed: Mapping[Position, int]) -> dict[Position, int]:
        """Note that these are decided now, to be stored as transaction ``seq``; ``blamed`` says how often each was before.

        Returns how often the records are blamed that a process had in hand when it died; if there are any, nothing is noted
        and its note is gone, since what was to be decided now may hold them.
        """
        process, c = _process(), own.in_hand.c
        noted = [_Record(at.stream, at.partition, at.offset, blamed.get(at, 0)) for at in positions]
        row = {"run": self._run, "process": process, "seq": seq, "records": msgspec.json.encode(noted).decode()}
        with self._store.writing() as connection:
            stored = self._check_owner(connection)
            found = connection.execute(sa.select(own.in_hand).where(c.run == self._run)).one_or_none()
            if found is not None and found.process != process and found.seq > stored:
                connection.execute(own.in_hand.update().where(c.run == self._run).values(seq=_VOID))
                return {
                    Position(run=self._run, stream=one.stream, partition=one.partition, offset=one.offset): one.blamed
                    + 1
                    for one in _records.decode(found.records)
                }
            self._store.upsert(connection, own.in_hand, [row])
        return {}

    def lay_down(self) -> None:
        """Note that nothing is in hand any more: what happens from here on is not the record's fault."""
        with self._store.writing() as connection:
            mine = (own.in_hand.c.run == self._run) & (own.in_hand.c.process == _process())
            connection.execute(own.in_hand.update().where(mine).values(seq=_VOID))


class Suspects:
    """How often each record was in hand when a process died: those are decided alone, in their order. Not thread-safe."""

    def __init__(self) -> None:
        self.blamed: dict[Position, int] = {}

    def add(self, found: Mapping[Position, int]) -> None:
        """Blame records as often as ``found`` says, if they were not blamed more often."""
        for position, times in found.items():
            self.blamed[position] = max(times, self.blamed.get(position, 0))

    def next_batch(self, drafts: Sequence[Draft]) -> list[Draft]:
        """The first draft, if it is blamed; else all before the first that is."""
        count = next((at for at, draft in enumerate(drafts) if draft.position in self.blamed), len(drafts))
        return list(drafts[: max(1, count)])

    def decided(self, drafts: Sequence[Draft]) -> None:
        """These are stored: nothing was wrong with them."""
        for draft in drafts:
            self.blamed.pop(draft.position, None)

    def problem(self, position: Position, stage: str) -> Rejection | None:
        """Why a record is set aside; None if it may be decided."""
        times = self.blamed.get(position, 0)
        if times < BLAMED_OUT:
            return None
        return Rejection(stage, f"{SET_ASIDE}: the service ended {times} times while it was decided")


class Watch:
    """Ends the process, with all stacks on standard error, if one record takes longer than ``limit_s`` (0: never).

    Nothing less can end code that holds the interpreter's lock. It is checked from C, so it works then too. One timer per
    process: with two watches at once the later one counts.
    """

    def __init__(self, limit_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit_s, self._monotonic = limit_s, monotonic
        self._armed_s: float | None = None

    def begin_record(self) -> None:
        """A record is begun: it has three quarters of the limit at least."""
        if not self._limit_s:
            return
        now_s = self._monotonic()
        # Each time a thread is started: not for each of a hundred records in a second.
        if self._armed_s is None or now_s - self._armed_s > self._limit_s / 4:
            faulthandler.dump_traceback_later(self._limit_s, exit=True, file=_STDERR)
            self._armed_s = now_s

    def end(self) -> None:
        """Nothing is decided for now."""
        if self._armed_s is not None:
            faulthandler.cancel_dump_traceback_later()
            self._armed_s = None
