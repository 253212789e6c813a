"""Relays the outbox to the output streams: at least once, in order for each run, with ids that identify repeats.

A relay may be suspended for any time (a paused machine, a swapped process) while another process takes its run. So each
run's rows are appended under a writer's name of that run, and the streams refuse the previous owner of the name
(``Stream.fence``). The order of steps matters: take the name, then check that the run is still ours, then read rows.
Everything that an earlier relay appended is in the stream when the name is taken, and rows that it had not deleted are
appended again after that, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from core.away import Away
from core.errors import RecordTooLarge, StreamUnavailable, WriterFenced
from core.store.outbox import ALERTS, CANARIES, ENRICHED, REJECTED, Outbox, TakenRow
from core.streams import NewRecord, Stream
from core.streams.headers import headers_of

log = structlog.get_logger()
BATCH = 200


class _About(msgspec.Struct):
    """The fields of a payload that its headers need."""

    id: str | None = None
    article: str | None = None
    schema: int = 1


_KINDS = {ENRICHED: "Article", ALERTS: "Alert", REJECTED: "Outcome", CANARIES: "Alert"}


def _record(row: TakenRow) -> NewRecord:
    value = row.payload.encode()
    try:
        about = msgspec.json.decode(value, type=_About)
    except msgspec.MsgspecError:
        about = _About()
    kind = _KINDS.get(row.destination, row.destination)
    # An article is about itself; alerts and outcomes name theirs.
    article = about.id if kind == "Article" else about.article
    alert = about.id if kind == "Alert" else None
    return NewRecord(row.key.encode(), value, headers=headers_of(kind, about.schema, article, value, alert))


def writer_of(run: str) -> str:
    """The name under which a run's results are appended."""
    return f"wirewatch-relay-{run}"


class Relay:
    """Moves rows to the streams of their destinations. One instance belongs to one thread.

    ``may`` returns whether this process may relay the rows of a run now, or raises Fenced. ``sent`` is called with the rows
    that a stream acknowledged or that were dropped; a row may be passed twice.
    """

    def __init__(
        self,
        outbox: Outbox,
        streams: Mapping[str, Stream],
        may: Callable[[str], bool],
        sent: Callable[[Sequence[TakenRow]], None] = lambda _rows: None,
    ) -> None:
        self._outbox, self._streams, self._may, self._sent = outbox, streams, may, sent
        self._away = Away("an output stream, for which results wait in the outbox,")
        self._writing: dict[str, str] = {}
        """Destination → the run under whose name its stream appends now."""

    def pump(self) -> int:
        """Relay all waiting rows; returns the number of records.

        If a stream fails, unacknowledged rows wait for the next call, which sends them first. A record over a stream's
        limit is logged and dropped: it would never succeed, and its article is in the store. Rows for other
        destinations, and those of runs that ``may`` refuses, are not touched. Raises StreamError if a retry would not
        help, and what ``may`` raises.
        """
        total = 0
        try:
            for run, destinations in self._outbox.runs(self._streams).items():
                while self._is_ours(run, destinations) and (rows := self._outbox.of_run(run, destinations, BATCH)):
                    over: list[TakenRow] = []
                    try:
                        self._send_all(rows, over)
                    finally:
                        total += len(over)
        except WriterFenced as error:
            log.warning("another process relays this run; waiting rows are kept", error=str(error))
        except StreamUnavailable as error:
            self._away.failed(error.message)
        else:
            self._away.back()
        return total

    def _is_ours(self, run: str, destinations: Sequence[str]) -> bool:
        """Whether these streams append under the run's name; if not, takes the name if this process may."""
        missing = [name for name in destinations if self._writing.get(name) != run]
        if not missing:
            return True
        # Before, so that the rightful owner isn't fenced needlessly; and after, since it may have changed in between.
        if not self._may(run):
            return False
        for name in missing:
            self._writing.pop(name, None)
            self._streams[name].fence(writer_of(run))
        if not self._may(run):
            return False
        self._writing.update(dict.fromkeys(missing, run))
        return True

    def _send_all(self, rows: Sequence[TakenRow], over: list[TakenRow]) -> None:
        """Append the rows and strike off those that are done; these are in ``over`` afterwards, whatever is raised."""
        try:
            for name, stream in self._streams.items():
                try:
                    self._send(stream, [row for row in rows if row.destination == name], over)
                except BaseException:
                    # Its writer's state is unknown now.
                    self._writing.pop(name, None)
                    raise
        finally:
            if over:
                self._sent(over)
                self._outbox.done(over)

    @staticmethod
    def _send(stream: Stream, rows: list[TakenRow], over: list[TakenRow]) -> None:
        """Append the rows. Those in ``over`` afterwards are done, whatever is raised."""
        if not rows:
            return
        records = [_record(row) for row in rows]
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
