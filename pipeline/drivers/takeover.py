"""Takeover by another cluster: the run begins in the mirrored raw stream at its group's position, not at the first record.

A mirrored stream has another identity and other offsets, so the ledger knows nothing about its records. The run would
begin at its start and process up to thirty days again before anything new: each record ends as ``unchanged``, but new
ones wait for hours, and an article of which two versions come again gets two more versions. MirrorMaker translates the
position of the run's group (``wirewatch-RUN``, which mirrors the ledger every 5 s) to a place at or before the true
one. From there, it searches for the last processed record by properties that mirroring keeps: partition, key and value.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import structlog

from core.errors import UsageError
from core.settings import Settings
from core.store import open_store
from core.store.engine import Store
from core.streams import Stream, open_stream
from core.streams.plans import group_of
from pipeline.ledger.ledger import RunLedger
from pipeline.order.merge import article_of
from pipeline.replay.runs import LIVE

log = structlog.get_logger()
READ_WAIT_MS = 1_000


def adopt(settings: Settings, clock_ms: Callable[[], int]) -> dict[int, tuple[int, int]]:
    """Store where the run begins in the raw stream; returns for each partition (first offset to process, end of the log).

    Takes the run, so a pipeline that still writes it is fenced. Raises UsageError if there is nothing to take over: no such
    run, a run that has begun in this stream, or a group without a position there.
    """
    store = open_store(settings.store)
    try:
        with open_stream(settings.stream, settings.raw_stream, role="streams") as stream:
            return _adopt(settings, store, stream, clock_ms)
    finally:
        store.close()


def _adopt(settings: Settings, store: Store, stream: Stream, clock_ms: Callable[[], int]) -> dict[int, tuple[int, int]]:
    run, group = settings.run, group_of(settings.run)
    partitions = stream.partitions()
    stands, ends = stream.committed(group), stream.end_offsets(partitions)
    starts = stream.start_offsets(partitions)
    if not stands:
        raise UsageError(
            f"group {group} has no position in {stream.name} at {stream.url}",
            hint="mirror groups too (sync.group.offsets.enabled); without a position the run begins at the first record",
        )
    beyond = {p: offset for p, offset in stands.items() if offset > ends.get(p, 0)}
    if beyond:
        raise UsageError(
            f"group {group} has a position after the end of partitions {sorted(beyond)}",
            hint="this position is not one that MirrorMaker translated",
        )
    ledger = RunLedger(store, run, secrets.token_hex(8))
    if not ledger.exists():
        raise UsageError(
            f"the store has no run {run!r}", hint="check that this is the earlier store, and the name of the run"
        )
    # Not offset 0 if the group has no position: records that retention deleted there are not losses of this run.
    begin = {p: max(starts[p], stands.get(p, starts[p])) for p in partitions}
    if ledger.offsets(stream.uuid).known():
        raise UsageError(f"run {run!r} has begun in this stream", hint="just start the pipeline: it continues there")
    begin = {p: _behind_last_handled(stream, ledger, p, offset, ends[p]) for p, offset in begin.items()}
    ledger.take(kind=LIVE, now_ms=clock_ms())
    offsets = ledger.offsets(stream.uuid)
    offsets.first(begin)
    offsets.save(begin)
    ledger.slow_lane().leave_other_streams(stream.uuid)
    log.warning("the run begins in another stream", run=run, stream=stream.name, uuid=stream.uuid, offsets=begin)
    return {p: (begin[p], ends[p]) for p in partitions}


def _behind_last_handled(stream: Stream, ledger: RunLedger, partition: int, begin: int, end: int) -> int:
    """The offset after the last record from ``begin`` on that was processed in the earlier stream; ``begin`` if none was."""
    found, offset = begin, begin
    last = {(key.article, key.raw_hash): key for key in ledger.last_handled(partition)}
    while offset < end and last:
        records = stream.read({partition: offset}, wait_ms=READ_WAIT_MS)
        if not records:
            break
        for record in records:
            if (article_of(record), record.digest) in last:
                found = record.offset + 1
        offset = records[-1].offset + 1
    return found
