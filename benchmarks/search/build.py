"""The index of the generated world, made once and kept in ``.cache``; an interrupted build continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from time import perf_counter, process_time

import tantivy

from benchmarks.search.world import World
from core.search.schema import VERSION, IndexedTerms, build_schema, index_document, terms_of

MADE, BEGUN = "made.json", "begun.json"
_HEAP_BYTES = 600 << 20
_COMMIT = 50_000
"""Articles between two commits: what a run that was cut off loses at most."""


def index_folder(cache: Path, count: int) -> Path:
    """The folder of an index of ``count`` articles below ``cache``; built if it is missing, resumed if it was interrupted.

    An index begun from other articles, or with another schema, is not resumed.
    """
    folder = cache / f"search-{count}" / f"v{VERSION}" / "live"
    made, begun = folder.parent / MADE, folder.parent / BEGUN
    if made.is_file():
        told = json.loads(made.read_text())
        print(
            f"index of {count:,} articles: already exists (built in {told['seconds']:.0f} s, {told['megabytes']:,} MB)"
        )
        return folder
    start, processor = perf_counter(), process_time()
    world = World(count)
    texts = world.texts()
    terms = [terms_of(*one) for one in texts]
    each = (process_time() - processor) / len(texts) * 1e3
    print(f"  {len(texts):,} texts made and cut into words: {each:.2f} ms of the processor each", flush=True)
    digest = _digest(terms)
    if not begun.is_file() or json.loads(begun.read_text())["digest"] != digest:
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        begun.write_text(json.dumps({"digest": digest, "seconds": 0.0}))
    before = float(json.loads(begun.read_text())["seconds"])
    index = tantivy.Index(build_schema(), path=str(folder))
    index.config_reader("manual")
    index.reload()
    # Nothing is ever deleted, and commits are whole: as many articles are in as it counts.
    there = int(index.searcher().num_docs)
    if there:
        print(f"  continues after {there:,} articles", flush=True)
    writer = index.writer(_HEAP_BYTES, 3)
    processor, characters = process_time(), 0
    for number, (which, article) in enumerate(world.articles(texts), 1):
        characters += len(article.title) + len(article.text)
        if number <= there:
            continue
        writer.add_document(index_document(article, terms[which]))
        if number % _COMMIT == 0:
            writer.commit()
            spent = before + perf_counter() - start
            begun.write_text(json.dumps({"digest": digest, "seconds": spent}))
            print(f"  {number:,} articles, {spent:.0f} s", flush=True)
    writer.commit()
    writer.wait_merging_threads()
    added = (process_time() - processor) / max(count - there, 1) * 1e3
    size = sum(path.stat().st_size for path in folder.iterdir()) >> 20
    spent = before + perf_counter() - start
    print(
        f"index of {count:,} articles of {characters / count:.0f} characters: {added:.2f} ms of the processor to add one "
        f"(and {each:.2f} to cut its words), {spent:.0f} s in all, {size:,} MB on disk"
    )
    made.write_text(
        json.dumps({"seconds": spent, "megabytes": size, "characters": characters / count, "ms_added": added})
    )
    return folder


def _digest(terms: list[IndexedTerms]) -> str:
    """Of what goes into the index: another generator or cutting, another index."""
    return hashlib.blake2b(repr([one.often + one.stem for one in terms[:200]]).encode(), digest_size=8).hexdigest()
