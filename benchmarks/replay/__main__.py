"""``python -m benchmarks.replay [times]``: the evaluation pages as a WARC, bare trafilatura over it, then replays of it.

A machine that others share makes seconds of the clock mean little: CPU seconds, of all processes, stand beside them.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import trafilatura
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.drivers.history_index import IndexHistory, IndexWriter
from pipeline.drivers.replay import Pace, ReplayRun
from pipeline.records import RawArticle
from pipeline.store import QueryShelf, open_store
from pipeline.store.history_runs import RUNNING, Replay, ReplayBook
from pipeline.topics.shelf import builtin_definitions
from pipeline.transforms.extraction import shared_extraction
from wirewatch.replay_sources import add_item, read_items

PAGES = Path(__file__).parents[2] / "../shared/corpora/pages"
LATEST_MS = 1 << 42
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds of the clock, and of CPU in this process and in its children."""

    clock: float
    own: float
    children: float

    @property
    def cpu(self) -> float:
        """CPU seconds in all."""
        return self.own + self.children


class Meter:
    """What passes from its making to ``read``."""

    def __init__(self) -> None:
        self._began = (time.perf_counter(), time.process_time(), _children_s())

    def read(self) -> Cost:
        """What has passed."""
        clock, own, children = self._began
        return Cost(time.perf_counter() - clock, time.process_time() - own, _children_s() - children)


def _children_s() -> float:
    """CPU seconds of the processes that this one has started and that live."""
    total = 0
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text("ascii").split():
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def build(path: Path, times: int) -> int:
    """A WARC of the pages, as a crawl would publish it; how many there are."""
    count = 0
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        lines = (PAGES / "manifest.jsonl").read_text("utf-8").splitlines()
        for number in range(times):
            for line in lines:
                page = json.loads(line)
                data = (PAGES / page["file"]).read_bytes()
                body = gzip.decompress(data) if page["file"].endswith(".gz") else data
                headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
                record = writer.create_warc_record(
                    f"{page['url']}{'&' if '?' in page['url'] else '?'}copy={number}" if number else page["url"],
                    "response",
                    payload=io.BytesIO(body),
                    http_headers=headers,
                    warc_headers_dict={"WARC-Date": page["fetched"]},
                )
                writer.write_record(record)
                count += 1
    return count


def bare(path: Path) -> Cost:
    """What anybody would write: every response through ``trafilatura.extract``."""
    meter = Meter()
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response":
                trafilatura.extract(record.content_stream().read())
    return meter.read()


def replay(path: Path, folder: Path, processes: int) -> Cost:
    """Index and replay the file as ``wirewatch replay --speed max`` does."""
    url = f"sqlite:///{folder}/store-{processes}.db"
    store = open_store(url)
    QueryShelf(store).save_topics(builtin_definitions(), now_ms=0)
    row = Replay(
        name="bench", spec="{}", base=None, from_ms=0, to_ms=LATEST_MS, no_claim="bench", state=RUNNING, started_ms=0
    )
    ReplayBook(store).put(row)
    run = ReplayRun(store, url, row, scope="live", processes=processes, now_ms=0)
    warm_up(processes)
    meter = Meter()
    writer = IndexWriter(folder / f"{processes}.db", late={})
    for item in read_items(path):
        add_item(writer, item, (0, LATEST_MS), {"outside": 0})
    writer.finish()
    history = IndexHistory(folder / f"{processes}.db", "bench", from_ms=0, to_ms=LATEST_MS)
    run.run(history, pace=Pace(None, time.monotonic), stop=lambda: False, pause=time.sleep, clock_ms=lambda: 0)
    cost = meter.read()
    store.close()
    return cost


def warm_up(processes: int) -> None:
    """Libraries are loaded and the pool has started: a long archive does not see that."""
    begin = time.perf_counter()
    pool = shared_extraction(processes)
    pages = [
        RawArticle(url="https://warm.test", source="", fetched_at=EPOCH, text="Some words. " * 90) for _ in range(8)
    ]
    for future in [pool.submit(page) for page in pages]:
        future.result()
    print(f"  (starting took {time.perf_counter() - begin:.1f} s)")


def main(times: int = 1) -> None:
    """Measure and print."""
    if not PAGES.is_dir():
        sys.exit("the evaluation pages (../shared/corpora/pages) are not beside the project")
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as scratch:
        path = Path(scratch) / "crawl.warc.gz"
        count = build(path, times)
        print(
            f"{count} pages, {path.stat().st_size >> 20} MiB of WARC.gz; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"
        )
        trafilatura.extract("<html><body><p>warm up</p></body></html>")
        plain = bare(path)
        _line("bare trafilatura.extract, one process", count, plain, plain)
        one = replay(path, Path(scratch), 1)
        _line("replay, one extraction process", count, one, plain)
        two = replay(path, Path(scratch), 2)
        _line("replay, two extraction processes", count, two, plain)
        print(f"target: 0.9 of bare for each core: {plain.cpu / one.cpu:.2f} by CPU seconds")
        print(
            f"target: 1.8 times on two cores: {one.clock / two.clock:.2f} by the clock, against one process of ours; "
            f"{plain.clock / two.clock:.2f} against bare"
        )
        print(
            f"of ours, {one.own / one.cpu:.0%} of CPU is outside the extraction processes and is not spread over cores"
        )


def _line(what: str, count: int, cost: Cost, plain: Cost) -> None:
    print(
        f"{what:40} {count / cost.clock:6.1f}/s by the clock, {count / cost.cpu:6.1f} a CPU second "
        f"({plain.cpu / cost.cpu:.2f} of bare); CPU {cost.own:.1f} s here, {cost.children:.1f} s in children"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
