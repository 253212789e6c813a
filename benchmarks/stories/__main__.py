"""``python -m benchmarks.stories [ARTICLES] [MEASURED]``: one process, one core."""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import time
from collections import Counter
from pathlib import Path

import msgspec

from benchmarks.results import keep, machine
from benchmarks.stories.peer import SIGNATURE_BYTES, PlainIndex
from benchmarks.stories.world import World
from pipeline.malloc import settle, tidy_heaps
from pipeline.stories.features import LAYOUT, features
from pipeline.stories.index import StoryIndex
from pipeline.stories.stage import Decided, StoryStage

BATCH = 500
RESULTS = Path(__file__).parent / "results"
PEER_ARTICLES = 20_000
WINDOW_MS = 72 * 3_600_000


def resident_bytes() -> int:
    """The memory of this process that is in use."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main(articles: int, measured: int) -> None:
    """Fill a window, measure the stage on what comes next, then the peer."""
    known = machine()
    # As every run does.
    tidy_heaps()
    world, ms_apart = World(), WINDOW_MS / (articles + measured)
    # Only what the index keeps is measured: the world's own memory is made first.
    entries_at_once = 10_000
    index = StoryIndex(WINDOW_MS)
    used, filling = 0, 0.0
    for first in range(0, articles, entries_at_once):
        entries = [world.entry(number, ms_apart) for number in range(first, min(first + entries_at_once, articles))]
        gc.collect()
        before, begun = resident_bytes(), time.perf_counter()
        for entry in entries:
            index.add(entry)
        filling += time.perf_counter() - begun
        used += resident_bytes() - before
        del entries, entry
        world.made = world.made[-30_000:]
    print(f"{len(index):,} articles in the window, {articles / filling:,.0f} added a second")
    print(f"memory an article: {used / articles:,.0f} bytes resident, {index.nbytes / articles:,.0f} of them counted")

    drafts = list(world.drafts(measured + 1, articles, ms_apart))
    stage = StoryStage(index)
    begun = time.perf_counter()
    stage.handle(drafts[:1], done={}, histories={}, last_key=None)
    # A copy asks nothing about events, so the terms might be counted only among the measured documents.
    if (article := drafts[1].article) is not None:
        index.event_of(article.fingerprint, article=article.id, language=article.language, as_of=article.key)
    print(f"the first document after a cold start: {time.perf_counter() - begun:.2f} s (all terms are counted)")
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    # As the pipeline does with a large window (pipeline/ledger/writer.py).
    settle()
    begun = time.process_time()
    for first in range(1, measured + 1, BATCH):
        since = time.perf_counter()
        handled = stage.handle(drafts[first : first + BATCH], done={}, histories={}, last_key=None)
        slowest = max(slowest, (time.perf_counter() - since) / len(handled.decided))
        outcomes.update(kind_of(one) for one in handled.decided)
    rate = measured / (time.process_time() - begun)
    print(
        f"the stage: {rate:,.0f} documents/s of CPU, slowest batch {slowest * 1000:.2f} ms a document; {dict(outcomes)}"
    )
    begun = time.process_time()
    for draft in drafts:
        article = draft.article
        if article is not None:
            index.copy_of(article.version_hash, article.fingerprint, article=article.id, as_of=article.key)
    questions = len(drafts) / (time.process_time() - begun)
    row = {
        "articles": len(index),
        "added_a_second": articles / filling,
        "bytes_an_article": used / articles,
        "documents_a_cpu_second": rate,
        "slowest_batch_ms_a_document": slowest * 1000,
        "copy_questions_a_second": questions,
    }
    keep(RESULTS / "stories.csv", known, row)
    awkward(stage, drafts[-1].key.time_ms)
    peer(world, ms_apart, questions)


def kind_of(told: Decided) -> str:
    """How a record ended, for people."""
    article = told.article
    joined = article is not None and article.duplicate_of is None and article.story_id != article.id
    return "joined a story" if joined else str(told.outcome.kind)


def awkward(stage: StoryStage, at_ms: int) -> None:
    """Texts that say nothing, or far too much."""
    world = World(2)
    texts = {
        "empty": "",
        "one word, 1 MB": "news " * 200_000,
        "huge, 4 MB": "".join(map(chr, range(33, 3_000))) * 1_350,
    }
    for name, text in texts.items():
        draft = next(world.drafts(1, 10_000_000, 1.0))
        if draft.article is None:
            continue
        begun = time.perf_counter()
        value = features("A title", text)
        made = time.perf_counter() - begun
        key = msgspec.structs.replace(draft.key, time_ms=at_ms + 1)
        article = msgspec.structs.replace(draft.article, text=text, title="A title", fingerprint=value, key=key)
        draft = msgspec.structs.replace(draft, article=article, key=key)
        begun = time.perf_counter()
        told = stage.handle([draft], done={}, histories={}, last_key=None).decided[0]
        spent = time.perf_counter() - begun
        print(f"{name}: {kind_of(told)}; features {made * 1000:.1f} ms, stage {spent * 1000:.2f} ms")


def peer(world: World, ms_apart: float, questions: float) -> None:
    """The plain index with a part of the window, on the same kind of articles; ``questions``: our copy questions a second."""
    gc.collect()
    plain = PlainIndex()
    entries = [world.entry(20_000_000 + number, ms_apart) for number in range(PEER_ARTICLES)]
    fields = LAYOUT.fields or {}
    offset = int(fields["signature"][1])
    signatures = [entry.fingerprint[offset : offset + SIGNATURE_BYTES] for entry in entries]
    kept = [dataclasses.replace(entry, fingerprint=b"") for entry in entries]
    before = resident_bytes()
    for entry, signature in zip(kept, signatures, strict=True):
        plain.add(entry, signature)
    # The entries themselves were there before.
    each = (resident_bytes() - before) / PEER_ARTICLES + SIGNATURE_BYTES
    count, begun = 2_000, time.process_time()
    found = sum(plain.copy_of(signature, entries[-1].key) is not None for signature in signatures[-count:])
    plain_rate = count / (time.process_time() - begun)
    print(
        f"plain index (copies by resemblance only) with {PEER_ARTICLES:,} articles: {plain_rate:,.0f} questions/s, "
        f"{found} copies, over {each:,.0f} bytes an article"
    )
    print(
        f"ours, copy questions alone, the full window: {questions:,.0f} a second, {questions / plain_rate:.2f} times the plain"
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m benchmarks.stories", description=__doc__)
    options.add_argument("articles", nargs="?", type=int, default=300_000, help="in the window (default: 300,000)")
    options.add_argument("measured", nargs="?", type=int, default=5_000, help="that come next (default: 5,000)")
    chosen = options.parse_args()
    main(chosen.articles, chosen.measured)
