"""The index of the generated world, made once and kept in ``.cache``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from time import perf_counter, process_time

import tantivy

from benchmarks.search.world import World
from pipeline.search.schema import VERSION, build_schema, index_document, terms_of

MADE = "made.json"
_HEAP_BYTES = 600 << 20


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
    writer = index.writer(_HEAP_BYTES, 3)
    world = World(count)
    texts = world.texts()
    start = perf_counter()
    processor = process_time()
    terms = [terms_of(*one) for one in texts]
    each = (process_time() - processor) / len(texts) * 1e3
    print(f"  {len(texts):,} texts cut into words: {each:.2f} ms of the processor each", flush=True)
    processor, characters = process_time(), 0
    for number, (which, article) in enumerate(world.articles(texts), 1):
        writer.add_document(index_document(article, terms[which]))
        characters += len(article.title) + len(article.text)
        if number % 50_000 == 0:
            writer.commit()
            print(f"  {number:,} articles, {perf_counter() - start:.0f} s", flush=True)
    writer.commit()
    writer.wait_merging_threads()
    added = (process_time() - processor) / count * 1e3
    size = sum(path.stat().st_size for path in folder.iterdir()) >> 20
    print(
        f"index of {count:,} articles of {characters / count:.0f} characters: {added:.2f} ms of the processor to add one "
        f"(and {each:.2f} to cut its words), {perf_counter() - start:.0f} s in all, {size:,} MB on disk"
    )
    made.write_text(
        json.dumps({"seconds": perf_counter() - start, "megabytes": size, "characters": characters / count})
    )
    return folder
