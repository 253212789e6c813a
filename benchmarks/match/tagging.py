"""What tagging costs: CPU time an article for the three built-in topics, its words split each time, as in the pipeline."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from statistics import median

from benchmarks.results import keep, machine
from core.query import Document
from core.topics import Tagger, builtin_topics

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5


def tagging(corpus: Path) -> float:
    """Print and return the ms of CPU an article takes, the best of some rounds over the labelled articles in ``corpus``."""
    known = machine()
    with gzip.open(corpus / "articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        articles = [(one.get("title") or "", one["text"]) for one in map(json.loads, lines)]
    began = time.process_time()
    tagger = Tagger(builtin_topics())
    tagger.tag("Syria", "Syria", "en")
    loading_s = time.process_time() - began
    rounds = []
    each: list[float] = []
    for _ in range(ROUNDS):
        each = []
        for title, text in articles:
            start = time.process_time()
            tagger.tag(title, text, "en", Document(title, text, language="en"))
            each.append((time.process_time() - start) * 1000)
        rounds.append(sum(each) / len(each))
    letters = sum(len(text) for _, text in articles) / len(articles)
    figures = {
        "articles": len(articles),
        "letters": round(letters),
        "loading_s": round(loading_s, 4),
        "ms_mean": round(min(rounds), 4),
        "ms_median": round(median(each), 4),
        "ms_worst": round(max(each), 4),
    }
    keep(RESULTS / "tagging.csv", known, figures)
    print(
        f"tagging with {len(tagger.topics)} topics: {min(rounds):.2f} ms an article of {letters:,.0f} letters "
        f"(median {median(each):.2f}, worst {max(each):.1f}); loading {loading_s:.2f} s"
    )
    return min(rounds)
