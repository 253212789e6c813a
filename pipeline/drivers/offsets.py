"""What a run stores of the offsets that it reads: where each partition began, and what was deleted before it was read."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import structlog

from core.records import Outcome, OutcomeKind
from pipeline.ledger import RunLedger, RunState

log = structlog.get_logger()


class RunOffsets:
    """The stored offsets of a run, as it was taken, over the stream of this UUID. Raises StoreError, or Fenced."""

    def __init__(self, ledger: RunLedger, state: RunState, stream: str) -> None:
        self._ledger, self._state, self._stream = ledger, state, stream

    def first(self, starts: Mapping[int, int]) -> dict[int, int]:
        """The run's first offset of each partition. ``starts``: where the log begins now, of all partitions.

        What the log had deleted before the run began is none of its business, so that a run begins at ``starts``. A
        partition that is new since then belongs to it from offset 0: what retention took of that was lost.
        """
        known = self._ledger.first_offsets(self._stream, {})
        return (
            self.appeared(starts.keys() - known.keys()) if known else self._ledger.first_offsets(self._stream, starts)
        )

    def appeared(self, partitions: Collection[int]) -> dict[int, int]:
        """Store the partitions as part of the run from offset 0; the first offsets of all that are stored."""
        if partitions:
            log.warning(
                "the stream has new partitions; they are read from their beginning", partitions=sorted(partitions)
            )
        return self._ledger.first_offsets(self._stream, dict.fromkeys(partitions, 0))

    def lost(self, partition: int, first: int, last: int) -> None:
        """Retention deleted these offsets before they were read: an outcome, and an alarm. Doing it again does no harm."""
        log.error("records were deleted before they were read", partition=partition, first=first, last=last)
        outcome = Outcome(
            run=self._ledger.run,
            stream=self._stream,
            partition=partition,
            first_offset=first,
            last_offset=last,
            kind=OutcomeKind.LOST,
            stage="read",
            reason="retention",
        )
        self._ledger.record_lost(self._state, [outcome])
