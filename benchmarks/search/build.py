"""The index of the generated world, made once and kept in ``.cache``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from time import perf_counter

import tantivy

from benchmarks.search.world import World
from pipeline.search.schema import VERSION, build_schema, index_document

MADE = "made.json"
_HEAP_BYTES = 256 << 20


def index_folder(cache: Path, count: int) -> Path:
    """The folder of an index of ``count`` articles below ``cache``; built where it isn't there yet."""
    folder = cache / f"search-{count}" / f"v{VERSION}" / "live"
    made = folder.parent / MADE
    if made.is_file():
        told = json.loads(made.read_text())
        print(
            f"index of {count:,} articles: there already (built in {told['seconds']:.0f} s, {told['megabytes']:,} MB)"
        )
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    index = tantivy.Index(build_schema(), path=str(folder))
    writer = index.writer(_HEAP_BYTES, 1)
    start, inside, characters = perf_counter(), 0.0, 0
    for number, article in enumerate(World(count).articles(), 1):
        before = perf_counter()
        writer.add_document(index_document(article))
        inside += perf_counter() - before
        characters += len(article.title) + len(article.text)
        if number % 50_000 == 0:
            writer.commit()
            print(f"  {number:,} articles, {perf_counter() - start:.0f} s", flush=True)
    before = perf_counter()
    writer.commit()
    writer.wait_merging_threads()
    inside += perf_counter() - before
    size = sum(path.stat().st_size for path in folder.iterdir()) >> 20
    print(
        f"index of {count:,} articles of {characters / count:.0f} characters: {inside:.0f} s for the index "
        f"({inside / count * 1e3:.2f} ms an article), {perf_counter() - start:.0f} s in all, {size:,} MB on disk"
    )
    made.write_text(json.dumps({"seconds": inside, "megabytes": size, "characters": characters / count}))
    return folder
