"""From the outbox to the output streams: at least once, in order, each record with an id that tells a repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from pipeline.errors import RecordTooLarge, StreamUnavailable
from pipeline.store.outbox import Outbox, Taken
from pipeline.streams import NewRecord, Stream

log = structlog.get_logger()
BATCH = 200


class Relay:
    """Moves rows to the streams of their destinations. One instance belongs to one thread."""

    def __init__(self, outbox: Outbox, streams: Mapping[str, Stream], clock_ms: Callable[[], int]) -> None:
        self._outbox, self._streams, self._clock_ms = outbox, streams, clock_ms

    def pump(self) -> int:
        """Relay all that waits, and return how many records that were.

        Where a stream can't be reached the rest waits for the next call. A record over a stream's limit is logged and
        struck off: it would never go through, and its article is in the store.
        """
        total = 0
        while self._outbox.waiting():
            rows = self._outbox.take(BATCH, now_ms=self._clock_ms())
            if not rows:
                break
            try:
                for destination, stream in self._streams.items():
                    self._send(stream, [row for row in rows if row.destination == destination])
            except StreamUnavailable as error:
                log.warning("output streams can't be reached; what waits is kept", error=str(error))
                self._outbox.give_back(rows)
                break
            self._outbox.done(rows)
            total += len(rows)
        return total

    @staticmethod
    def _send(stream: Stream, rows: list[Taken]) -> None:
        if not rows:
            return
        records = {row.id: NewRecord(row.key.encode(), row.payload.encode()) for row in rows}
        try:
            stream.append(list(records.values()))
        except RecordTooLarge:
            for row in rows:
                try:
                    stream.append([records[row.id]])
                except RecordTooLarge as error:
                    log.warning(
                        "a result is too large for its stream", stream=stream.name, key=row.key, error=str(error)
                    )
