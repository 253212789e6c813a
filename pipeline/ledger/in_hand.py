"""Records what the ordered stage is about to decide, so that a record that kills its process can be found.

Unlike preparing, deciding can't be moved to a separate process, since it needs the story index. So a batch is noted in
the store before it is decided, and the note becomes void once the batch is stored. A process that finds another one's
valid note knows that a process died while deciding it; from what that process left on the machine
(``pipeline.ledger.last_words``), it knows at which record, and whether the process ended itself. Blamed records are
decided one by one from then on; at BLAMED_OUT a record is set aside (``RunWriter``). A stuck process is ended by a
limit on CPU time, or by the clock.
"""

from __future__ import annotations

import faulthandler
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import sqlalchemy as sa
import structlog

from core.records import Position
from core.store import Store
from pipeline.elements import SET_ASIDE, Draft, Rejection
from pipeline.ledger import tables as own
from pipeline.ledger.last_words import how_it_ended

PROVEN, UNPROVEN, BLAMED_OUT = 2, 1, 4
"""How much a death counts against the record in hand, and the sum at which the record is not decided again: after two deaths
that the process itself reported (a fatal signal in this thread, CPU time), or four of another kind.

If a process is killed from outside, its record is not the cause: with a limit of two, kills in the torture test set a record
aside. A kill by the kernel for lack of memory looks the same, so the limit is four.
"""
CPU_SHARE = 0.25
"""The share of ``order_limit_s`` that a process may use as CPU time for one record. Only this limit is reported, since a
process that was stopped, or waits for a database, also reaches the limit by the clock. A quarter, so that it is reached first
even on a busy machine."""
MOST_REMEMBERED = 100
_TOKEN = secrets.token_hex(8)
_VOID = -1
_STDERR = 2

log = structlog.get_logger()


class _Record(msgspec.Struct, frozen=True, array_like=True):
    stream: str
    partition: int
    offset: int
    blamed: int
    # Otherwise it is only stored, since another record was decided.
    in_hand: bool = True


_records = msgspec.json.Decoder(tuple[_Record, ...])


def process_token() -> str:
    """The name of this process in notes."""
    return f"{os.getpid()}-{_TOKEN}"


class InHand:
    """The note of one run. Raises StoreError, and Fenced once another owner has the run (``check_owner`` does).

    ``last_words``: the folder for the last words of this machine's processes; empty for none.
    """

    def __init__(
        self, store: Store, run: str, check_owner: Callable[[sa.Connection], int], last_words: str = ""
    ) -> None:
        self._store, self._run, self._check_owner, self._last_words = store, run, check_owner, last_words

    def take(self, positions: Sequence[Position], seq: int, blamed: Mapping[Position, int]) -> dict[Position, int]:
        """Note that these are decided now, to be stored as transaction ``seq``; ``blamed``: their blame so far.

        Returns the blame of records that a process had in hand when it died. If there are any, notes nothing and deletes that
        process's note, since the records to decide now may include them.
        """
        process, c = process_token(), own.in_hand.c
        noted = [_Record(at.stream, at.partition, at.offset, blamed.get(at, 0)) for at in positions]
        remembered = [at for at in blamed if at not in positions][:MOST_REMEMBERED]
        noted += [_Record(at.stream, at.partition, at.offset, blamed[at], in_hand=False) for at in remembered]
        row = {"run": self._run, "process": process, "seq": seq, "records": msgspec.json.encode(noted).decode()}
        with self._store.writing() as connection:
            stored = self._check_owner(connection)
            found = connection.execute(sa.select(own.in_hand).where(c.run == self._run)).one_or_none()
            if found is not None and found.process != process:
                records = _records.decode(found.records)
                found_blamed = self._blamed_of(found.process, records, died=found.seq > stored)
                if found_blamed:
                    connection.execute(
                        own.in_hand.update().where(c.run == self._run).values(process=process, seq=_VOID)
                    )
                    return found_blamed
            self._store.upsert(connection, own.in_hand, [row])
        return {}

    def _blamed_of(self, process: str, records: Sequence[_Record], *, died: bool) -> dict[Position, int]:
        """The new blame of each record in another process's note, without records that have none.

        ``died``: whether the process died while it had some of them in hand.
        """
        death = how_it_ended(self._last_words, self._run, process) if died else None
        if death is not None and death.stacks:
            log.error("a service ended itself in the ordered stage", record=death.record, stacks=death.stacks)
        blamed: dict[Position, int] = {}
        for one in records:
            at = Position(run=self._run, stream=one.stream, partition=one.partition, offset=one.offset)
            if not died or not one.in_hand:
                more = 0
            elif death is None or death.unexplained:
                more = UNPROVEN
            elif death.record == str(at):
                more = PROVEN if death.proven else UNPROVEN
            else:
                more = 0
            if one.blamed + more:
                blamed[at] = one.blamed + more
        return blamed

    def lay_down(self) -> None:
        """Note that nothing is in hand any more, so that no record is blamed for what happens from here on."""
        with self._store.writing() as connection:
            mine = (own.in_hand.c.run == self._run) & (own.in_hand.c.process == process_token())
            connection.execute(own.in_hand.update().where(mine).values(seq=_VOID))


class Suspects:
    """The blame of records for processes that died. Blamed records are decided alone, in order. Not thread-safe."""

    def __init__(self) -> None:
        self.blamed: dict[Position, int] = {}

    def add(self, found: Mapping[Position, int]) -> None:
        """Raise the blame of records to that in ``found``, unless it is higher already."""
        for position, times in found.items():
            self.blamed[position] = max(times, self.blamed.get(position, 0))

    def next_batch(self, drafts: Sequence[Draft]) -> list[Draft]:
        """The first draft, if it is blamed; else all drafts before the first blamed one."""
        count = next((at for at, draft in enumerate(drafts) if draft.position in self.blamed), len(drafts))
        return list(drafts[: max(1, count)])

    def decided(self, drafts: Sequence[Draft]) -> None:
        """Clear the blame of drafts that are stored."""
        for draft in drafts:
            self.blamed.pop(draft.position, None)

    def problem(self, position: Position, stage: str) -> Rejection | None:
        """Why a record is set aside; None if it may be decided."""
        if self.blamed.get(position, 0) < BLAMED_OUT:
            return None
        return Rejection(stage, f"{SET_ASIDE}: the service ended several times while it was decided")


class Watch:
    """Ends the process, with all stacks on standard error, if one record takes longer than ``limit_s`` (0: never).

    Only this can end code that holds the interpreter's lock: the check is in C, so it works then too. There is one timer per
    process: with two watches at once, the later one counts. ``by_cpu``: also if the process uses CPU_SHARE of the limit as CPU
    time for one record, which ``pipeline.ledger.last_words`` reports.
    """

    def __init__(
        self, limit_s: float, monotonic: Callable[[], float] = time.monotonic, *, by_cpu: bool = False
    ) -> None:
        self._limit_s, self._monotonic, self._by_cpu = limit_s, monotonic, by_cpu
        self._armed_s: float | None = None

    def begin_record(self) -> None:
        """Begin a record: it has at least three quarters of the limit, and all of its CPU time."""
        if not self._limit_s:
            return
        if self._by_cpu:
            signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SHARE * self._limit_s)
        now_s = self._monotonic()
        # Each call starts a thread, which is too much for each of a hundred records a second.
        if self._armed_s is None or now_s - self._armed_s > self._limit_s / 4:
            faulthandler.dump_traceback_later(self._limit_s, exit=True, file=_STDERR)
            self._armed_s = now_s

    def end(self) -> None:
        """Stop the timer while nothing is decided."""
        if self._armed_s is not None:
            faulthandler.cancel_dump_traceback_later()
            if self._by_cpu:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._armed_s = None
