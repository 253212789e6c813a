"""``python -m benchmarks.replay.measure KIND WARC FOLDER PROCESSES CORES DRAFTS``: one measurement, in a process of its own.

So each begins with the same memory and caches, and can be kept to so many cores from its first thread on. KIND is
``bare``, ``replay`` (of the WARC) or ``stream`` (of a raw stream with the same records); DRAFTS is the file of kept drafts.
Prints one line of JSON: drafts reused, seconds of the clock, of CPU here and in children, peak memory here in MiB.

Before the clock starts, libraries are loaded and about ``WARM`` pages have gone through each process: a long archive does not
see that.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import trafilatura
from warcio.archiveiterator import ArchiveIterator

from benchmarks.replay.archive import pages
from core.processes import cpu_seconds
from core.records import OrderKey, Position, RawArticle, article_id, encode, from_ms, raw_hash, to_ms
from core.store import SubscriptionStore, open_store
from core.streams import NewRecord, Stream, create_stream
from core.topics.definitions import builtin_definitions
from pipeline.drafts.kept import Keeping
from pipeline.drivers.history import History, StreamHistory
from pipeline.drivers.replay import Pace, ReplayRun
from pipeline.drivers.sorted_input import SortedHistory, SortedWriter
from pipeline.elements import Draft, Envelope
from pipeline.replay.runs import RUNNING, Replay, ReplayRepository
from pipeline.transforms.extraction_pool import PoolPlan, shared_extraction
from pipeline.transforms.record import RecordWork
from wirewatch.replay.sources import add_item, read_items

WARM = 40
LATEST_MS = 1 << 42


class Meter:
    """What passes from its making to ``read``."""

    def __init__(self) -> None:
        self._began = (time.perf_counter(), time.process_time(), children_s())

    def read(self) -> dict[str, float]:
        """What has passed."""
        clock, own, children = self._began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "reused": 0,
            "clock_s": time.perf_counter() - clock,
            "own_cpu_s": time.process_time() - own,
            "children_cpu_s": children_s() - children,
            "peak_mib": peak,
        }


def children_s() -> float:
    """CPU seconds of the living processes below this one: those of the pool are a fork server's."""
    return sum(cpu_seconds(pid) or 0.0 for pid in _below(os.getpid()))


def _below(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text("ascii").split()):
            yield child
            yield from _below(child)


def bare(path: Path) -> dict[str, float]:
    """What anybody would write: every response through ``trafilatura.extract``."""
    for _, _, body in pages()[:WARM]:
        trafilatura.extract(body)
    meter = Meter()
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response":
                trafilatura.extract(record.content_stream().read())
    return meter.read()


def replay(path: Path, folder: Path, processes: int, drafts: Path, *, from_stream: bool) -> dict[str, float]:
    """Replay the file, or a stream with its records, as ``wirewatch replay --speed max`` does; a file is indexed first."""
    url = f"sqlite:///{folder}/store.db"
    store = open_store(url)
    SubscriptionStore(store).save_topics(builtin_definitions(), now_ms=0)
    row = Replay(
        name="bench", spec="{}", base=None, from_ms=0, to_ms=LATEST_MS, no_claim="bench", state=RUNNING, started_ms=0
    )
    ReplayRepository(store).put(row)
    keeping = Keeping(str(drafts), 1 << 30, on_stream=False)
    run = ReplayRun(store, url, row, scope="live", pool=PoolPlan(processes), now_ms=0, keeping=keeping)
    warm_up(processes, RecordWork(url, "live", keeping=keeping))
    stream = _filled_stream(path, folder) if from_stream else None
    before, meter = run.reused, Meter()
    history = _of_stream(stream) if stream is not None else _of_file(path, folder)
    run.run(history, pace=Pace(None, time.monotonic), stop=lambda: False, pause=time.sleep, clock_ms=lambda: 0)
    cost = meter.read() | {"reused": run.reused - before}
    store.close()
    if stream is not None:
        stream.close()
    return cost


def _of_file(path: Path, folder: Path) -> History:
    writer = SortedWriter(folder / "index.db", late={})
    for item in read_items(path):
        add_item(writer, item, (0, LATEST_MS), {"outside": 0})
    writer.finish()
    return SortedHistory(folder / "index.db", "bench", from_ms=0, to_ms=LATEST_MS)


def _of_stream(stream: Stream) -> History:
    # The stream's last record is the last: nothing may come behind it.
    return StreamHistory(stream, "bench", from_ms=0, to_ms=LATEST_MS, late={}, clock_ms=lambda: 2 * LATEST_MS)


def _filled_stream(path: Path, folder: Path) -> Stream:
    """An embedded stream with the records that indexing the file would give, in the same order."""
    stream = create_stream(f"sqlite:///{folder}/streams.db", "raw", 4)
    raws = [item.raw for item in read_items(path) if item.raw is not None]
    for raw in sorted(raws, key=lambda one: one.fetched_at):
        value, key = encode(raw), article_id(raw.url).encode()
        # As the connectors do, which need the digest for the record's headers.
        stream.append([NewRecord(key, value, timestamp_ms=to_ms(raw.fetched_at), digest=raw_hash(value))])
    return stream


def warm_up(processes: int, work: RecordWork) -> None:
    """Pages through every process of the pool."""
    pool = shared_extraction(PoolPlan(processes), work)
    futures: list[Future[Draft]] = []
    for number, (url, _, body) in enumerate(pages()[:WARM] * processes):
        raw = RawArticle(url=url, source="", fetched_at=from_ms(0), html=body.decode("utf-8", "replace"))
        place = Position(run="warm", stream="", partition=0, offset=number)
        futures.append(pool.submit(Envelope(number=number, position=place, key=OrderKey(0, "", ""), value=encode(raw))))
    for future in futures:
        future.result()


def main(kind: str, path: str, folder: str, processes: str, cores: str, drafts: str) -> None:
    """Measure, and print."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    if kind == "bare":
        cost = bare(Path(path))
    else:
        cost = replay(Path(path), Path(folder), int(processes), Path(drafts), from_stream=kind == "stream")
    print(json.dumps(cost))


if __name__ == "__main__":
    main(*sys.argv[1:])
