"""A large desk: hundreds of thousands of stored queries of mixed kinds, in one process, on one core."""

from __future__ import annotations

import random
import resource
from collections import Counter
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from benchmarks.figures import quantile
from benchmarks.match.generate import Desk
from benchmarks.results import keep, machine
from core.query import Document, QueryIndex, parse
from pipeline.malloc import settle

SEED = 5
WARM_UP = 400
SHOWN = 150
"""Documents that are matched with the spans of every query, to compare."""
RESULTS = Path(__file__).parent / "results"


def scale(corpus: Path, count: int) -> float:
    """Print load time, memory, milliseconds a document and the time to add one query. Returns the first of the times.

    The documents are the corpus's, each a news text of 700 words on average with metadata made up. The index knows
    nothing when the queries come, as in production; a first part of the documents runs once, so that it learns which words
    are rare; the rest are measured, each once.
    """
    known = machine()
    rng = random.Random(SEED)
    texts = [path.read_bytes().decode("utf-8", "replace") for path in sorted((corpus / "docs").iterdir())]
    rng.shuffle(texts)
    desk = Desk(texts, rng)
    queries = [desk.query() for _ in range(count)]
    kinds = Counter(kind for kind, _ in queries)
    print(f"\n{count:,} generated queries: {', '.join(f'{number:,} {kind}' for kind, number in kinds.most_common())}")
    lengths = sorted(len(text) for _, text in queries)
    print(
        f"  characters a query: median {lengths[count // 2]}, mean {sum(lengths) / count:.0f}, longest {lengths[-1]:,}"
    )
    before = _resident_mb()
    index = QueryIndex[int]()
    start = perf_counter()
    for number, (_, text) in enumerate(queries):
        index.add(number, parse(text))
    loaded = perf_counter() - start
    print(
        f"  parsed and filed in {loaded:.0f} s ({loaded / count * 1e3:.2f} ms a query); "
        f"{_resident_mb() - before:,} MB more memory"
    )
    settle()  # the stored queries stay: no collection need walk them again
    documents = [(text, desk.metadata(number)) for number, text in enumerate(texts)]
    for text, metadata in documents[:WARM_UP]:
        index.matching(Document("", text, **metadata))
    times, matched, tried = [], 0, 0
    processor = process_time()
    for text, metadata in documents[WARM_UP:]:
        start = perf_counter()
        found = index.matching(Document("", text, **metadata))
        times.append((perf_counter() - start) * 1e3)
        matched += len(found)
    processor = (process_time() - processor) / len(times) * 1e3
    with_spans = process_time()
    for text, metadata in documents[-SHOWN:]:
        index.match(Document("", text, **metadata))
    with_spans = (process_time() - with_spans) / SHOWN * 1e3
    for text, metadata in documents[-50:]:
        tried += len(index.candidates(Document("", text, **metadata)))
    mean = sum(times) / len(times)
    keep(
        RESULTS / "scale.csv",
        known,
        {
            "queries": count,
            "load_s": loaded,
            "ms_a_document": mean,
            "cpu_ms_a_document": processor,
            "median_ms": median(times),
            "p99_ms": quantile(times, 0.99),
            "matches_a_document": matched / len(times),
            "tried_a_document": tried / 50,
            "memory_mb": _resident_mb(),
        },
    )
    print(
        f"  {mean:.2f} ms a document ({processor:.2f} of the processor; "
        f"median {median(times):.2f}, 99th percentile {quantile(times, 0.99):.2f}), "
        f"{1e3 / mean:,.0f} documents/s, by ids; all spans {with_spans:.2f} of the processor; "
        f"{matched / len(times):.0f} queries match a document, {tried / 50:.0f} are tried"
    )
    print(
        f"  memory now {_resident_mb():,} MB; target 10 ms of the processor a document: "
        f"{'met' if processor <= 10 else 'MISSED'}"
    )
    _adding(index, desk, count)
    return mean


def _adding(index: QueryIndex[int], desk: Desk, first: int) -> None:
    times = []
    for number in range(first, first + 1_000):
        _, text = desk.query()
        start = perf_counter()
        index.add(number, parse(text))
        times.append((perf_counter() - start) * 1e3)
    giant = desk.giant()
    start = perf_counter()
    index.add(-1, parse(giant))
    large = (perf_counter() - start) * 1e3
    start = perf_counter()
    for number in range(first, first + 1_000):
        index.remove(number)
    removed = perf_counter() - start
    print(
        f"  to add one query: median {median(times):.2f} ms, 99th percentile {quantile(times, 0.99):.2f} ms, "
        f"one of {len(giant):,} characters {large:.0f} ms; to remove one {removed:.3f} ms"
    )


def _resident_mb() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() >> 20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
