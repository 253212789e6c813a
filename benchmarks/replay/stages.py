"""``python -m benchmarks.replay.stages``: where a replay's CPU time goes, by stage, in ms an article; bare trafilatura beside.

What the pool does is timed stage by stage over the evaluation pages, least of ``ROUNDS``. What the pipeline's own process does
is sampled while it replays: a signal of the CPU clock, and which of ``OWN`` is on the stack. So neither is slowed down as by a
tracing profiler, which makes small functions look large.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import trafilatura

from benchmarks.replay import measure
from benchmarks.replay.__main__ import RESULTS, ROOT
from benchmarks.replay.archive import PAGES, build, pages
from benchmarks.results import load, machine
from core.errors import ExtractionError
from core.query import text_of
from core.records import OrderKey, Position, RawArticle, decode, encode, raw_hash, version_hash
from core.topics import Tagger, load_topic
from core.topics.definitions import builtin_definitions
from pipeline.drafts.kept import Keeping, KeptDrafts
from pipeline.elements import Envelope, pack, unpack
from pipeline.stories.features import features
from pipeline.text.encoder import encoder
from pipeline.text.language import detect
from pipeline.transforms.prepare import extract_raw, prepare
from pipeline.transforms.record import RecordWork

T = TypeVar("T")
ROUNDS = 3
TIMES = 4
POOL, NOTHING_KEPT, WARC, STREAM = "pool", "nothing kept", "crawl.warc.gz", "raw stream"
"""Parts of the measurement; all but the first are replays, the last two from kept drafts."""
TICK_S = 0.001
OWN: tuple[tuple[str, str, str], ...] = (
    ("stories: decide", "pipeline/stories/stage.py", "handle"),
    ("alerts", "pipeline/ledger/writer.py", "_alerts"),
    ("store: read before deciding", "pipeline/ledger/writer.py", "_begin"),
    ("store: write", "pipeline/ledger/ledger.py", "commit"),
    ("rest of the ordered stage", "pipeline/transforms/write.py", "_write_batch"),
    ("hash of the raw bytes", "core/records/identity.py", "raw_hash"),
    ("stream: decompress", "core/streams/embedded/stream.py", "unpack"),
    ("stream: read", "core/streams/embedded/stream.py", "read"),
    ("kept drafts: find and finish", "pipeline/transforms/record.py", "find"),
    ("merge, number", "pipeline/drivers/history.py", "take"),
    ("WARC: read", "connectors/archives/read.py", "_read_file"),
    ("index: encode and write records", "wirewatch/replay/sources.py", "add_item"),
    ("index: read back", "pipeline/drivers/sorted_input.py", "take"),
    ("building the graph", "pipeline/drivers/slices.py", "__init__"),
    ("Beam's slices", "pipeline/drivers/slices.py", "run"),
    ("rest of the replay's driver", "pipeline/drivers/replay.py", "run"),
)
"""Label, file and function, innermost first: a sample counts for the first of them that is on the stack."""


def envelopes() -> list[Envelope]:
    """The evaluation pages as raw records, with the time of their fetching: a page from the future has no date to be found."""
    found = []
    for number, (url, fetched, body) in enumerate(pages()):
        raw = RawArticle(
            url=url, source="", fetched_at=datetime.fromisoformat(fetched), html=body.decode("utf-8", "replace")
        )
        place = Position(run="stages", stream="", partition=0, offset=number)
        found.append(Envelope(number=number, position=place, key=OrderKey(number, "", ""), value=encode(raw)))
    return found


def timed(work: Callable[[T], object], items: Iterable[T]) -> float:
    """CPU time in ms of ``work`` for one item, least of several rounds over all."""
    several, best = list(items), float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for one in several:
            work(one)
        best = min(best, time.process_time() - began)
    return 1000 * best / len(several)


def pool(folder: Path) -> Iterator[tuple[str, float]]:
    """The stages of the pool, and what keeping a draft and finding it take."""
    records = envelopes()
    raws = [decode(one.value, RawArticle) for one in records]
    yield "bare trafilatura.extract", timed(lambda raw: trafilatura.extract(raw.html or ""), raws)
    yield "all of the pool's work before topics", timed(lambda one: prepare(one, extract_raw), records)
    yield "  extraction", timed(extracted, raws)
    articles = [draft.article for one in records if (draft := prepare(one, extract_raw).draft).article is not None]
    known = [one for one in articles if one is not None]
    yield "  language", timed(lambda one: detect(one.title, one.text), known)
    count = itertools.count()
    # What was encoded is remembered: another title each time.
    yield (
        "  vector of title and lead",
        timed(lambda one: encoder().vector(f"{one.title} {next(count)}", one.text), known),
    )
    yield "  features", timed(lambda one: features(one.title, one.text, one.language, None), known)
    yield "  hash of the version", timed(lambda one: version_hash(one.title, one.text), known)
    tagger = Tagger(load_topic(text, name) for name, text in builtin_definitions().items())
    yield "topics", timed(lambda one: tagger.tag(one.title, one.text, one.language), known)
    yield "  words, cut once for topics and queries", timed(lambda one: text_of(one).cut(), known)
    yield "to the pool and unpacked there", timed(lambda one: unpack(pack(one)), records)
    work = RecordWork(keeping=Keeping(str(folder / "drafts.db"), 1 << 30, on_stream=False))
    drafts = KeptDrafts(Keeping(str(folder / "other.db"), 1 << 30, on_stream=False), "stages")
    slots = [slot for one in records if (slot := drafts.slot(one)) is not None]
    made = [work.do(one).draft for one in records]
    yield "kept draft: key", timed(drafts.slot, records)
    yield "kept draft: keep", timed(lambda one: one[0].keep(one[1]), list(zip(slots, made, strict=True)))
    yield "kept draft: find", timed(lambda one: one.find(), slots)
    yield "hash of the raw bytes", timed(lambda one: raw_hash(one.value), records)


def extracted(raw: RawArticle) -> object:
    """Extraction alone. A page that gives no article takes time too."""
    try:
        return extract_raw(raw)
    except ExtractionError as error:
        return error


class Samples:
    """Counts which of ``OWN`` the main thread is in, each ``TICK_S`` of this process's CPU time."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def begin(self) -> None:
        """Count from now on."""
        signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)

    def end(self) -> None:
        """Stop counting."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def _tick(self, _signal: int, frame: FrameType | None) -> None:
        there = set[tuple[str, str]]()
        while frame is not None:
            code: Any = frame.f_code
            there.add((code.co_filename, code.co_name))
            frame = frame.f_back
        for label, file, name in OWN:
            if any(function == name and path.endswith(file) for path, function in there):
                self.counts[label] += 1
                return
        self.counts["other"] += 1


def own(path: Path, folder: Path, articles: int, *, from_stream: bool) -> Iterator[tuple[str, float]]:
    """The stages of the pipeline's own process in a replay from kept drafts, which an earlier replay has filled."""
    samples = Samples()

    class Meter(measure.Meter):
        def __init__(self) -> None:
            super().__init__()
            samples.begin()

        def read(self) -> dict[str, float]:
            samples.end()
            return super().read()

    measure.Meter = Meter  # type: ignore[misc]
    cost = measure.replay(path, folder, 1, path.with_name("drafts.db"), from_stream=from_stream)
    whole = 1000 * cost["own_cpu_s"] / articles
    yield "own process", whole
    for label, count in samples.counts.most_common():
        yield f"  {label}", whole * count / samples.counts.total()
    yield "pool", 1000 * cost["children_cpu_s"] / articles
    yield "drafts reused, of each article", cost["reused"] / articles


def one_part(part: str, scratch: Path) -> None:
    """Measure one part in a process of its own, and print its rows as JSON."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as folder:
        articles = TIMES * len(pages())
        rows = (
            pool(Path(folder))
            if part == POOL
            else own(scratch / WARC, Path(folder), articles, from_stream=part == STREAM)
        )
        print(json.dumps(list(rows)))


def main(out: Path) -> None:
    """Measure all parts, print them and write them down."""
    if not PAGES.is_dir():
        sys.exit("the evaluation pages (../shared/corpora/pages) are not beside the project")
    known, rows = machine(), list[tuple[str, str, float]]()
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as scratch:
        build(Path(scratch) / WARC, TIMES)
        # The first replay fills the kept drafts, which the others find.
        for part in (POOL, NOTHING_KEPT, WARC, STREAM):
            words = [sys.executable, "-m", "benchmarks.replay.stages", "--part", part, "--scratch", scratch]
            done = subprocess.run(words, stdout=subprocess.PIPE, check=True, cwd=ROOT)
            for label, value in json.loads(done.stdout.splitlines()[-1]):
                rows.append((part, label, value))
                print(f"{part:14} {label:44} {value:8.3f}", flush=True)
    print(f"ms of CPU an article; load {known['load_before']} to {load():.1f}")
    out.mkdir(exist_ok=True)
    target = out / f"stages-{datetime.now(UTC):%Y%m%dT%H%MZ}.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {name}: {value}\n" for name, value in known.items())
        writer = csv.writer(file)
        writer.writerow(("part", "stage", "ms_an_article"))
        writer.writerows((part, label.strip(), round(value, 3)) for part, label, value in rows)
    print(f"written to {os.path.relpath(target, ROOT)}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.replay.stages", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--out", type=Path, default=RESULTS, help="folder for the CSV file")
    options.add_argument("--part", default="", help=argparse.SUPPRESS)
    options.add_argument("--scratch", type=Path, default=Path(), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.part:
        one_part(chosen.part, chosen.scratch)
    else:
        main(chosen.out)
