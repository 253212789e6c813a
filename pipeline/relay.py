"""From the outbox to the output streams: at least once, in order, each record with an id by which a repeat is recognised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from core.errors import RecordTooLarge, StreamUnavailable
from core.store.outbox import Outbox, Taken
from core.streams import NewRecord, Stream

log = structlog.get_logger()
BATCH = 200


class Relay:
    """Moves rows to the streams of their destinations. One instance belongs to one thread.

    ``sent`` is called with the rows that a stream acknowledged or that were dropped; a row may be passed twice.
    """

    def __init__(
        self,
        outbox: Outbox,
        streams: Mapping[str, Stream],
        clock_ms: Callable[[], int],
        sent: Callable[[Sequence[Taken]], None] = lambda _rows: None,
    ) -> None:
        self._outbox, self._streams, self._clock_ms, self._sent = outbox, streams, clock_ms, sent

    def pump(self) -> int:
        """Relay everything that waits, and return how many records that was.

        If a stream fails, what it did not acknowledge waits for the next call, which sends it first. A record over a
        stream's limit is logged and dropped: it would never go through, and its article is in the store. Rows for
        other destinations are left. Raises StreamError if trying again would not help.
        """
        total = 0
        while self._outbox.waiting(self._streams):
            now_ms = self._clock_ms()
            rows = self._outbox.take(BATCH, now_ms=now_ms, destinations=self._streams, in_order=True)
            if not rows:
                break
            over: list[Taken] = []
            try:
                for destination, stream in self._streams.items():
                    self._send(stream, [row for row in rows if row.destination == destination], over)
            except StreamUnavailable as error:
                log.warning("output streams can't be reached; what waits is kept", error=str(error))
                break
            finally:
                self._settle(rows, over)
                total += len(over)
        return total

    def _settle(self, rows: list[Taken], over: list[Taken]) -> None:
        struck = {row.id for row in over}
        if over:
            self._sent(over)
            self._outbox.done(over)
        if left := [row for row in rows if row.id not in struck]:
            self._outbox.give_back(left)

    @staticmethod
    def _send(stream: Stream, rows: list[Taken], over: list[Taken]) -> None:
        """Append the rows. Those in ``over`` afterwards are done, whatever is raised."""
        if not rows:
            return
        records = [NewRecord(row.key.encode(), row.payload.encode()) for row in rows]
        try:
            stream.append(records)
        except RecordTooLarge:
            for row, record in zip(rows, records, strict=True):
                try:
                    stream.append([record])
                except RecordTooLarge as error:
                    log.warning(
                        "a result is too large for its stream", stream=stream.name, key=row.key, error=str(error)
                    )
                over.append(row)
        else:
            over.extend(rows)
