"""Lucene Monitor's own benchmark (2,000 queries, 999 documents) on both, round by round in one run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.match.lucene import LuceneMonitor
from benchmarks.results import keep, machine
from core.query import Document, QueryIndex, compile_query, parse

WARM_UP = 3
RESULTS = Path(__file__).parent / "results"
LISTED = 40


def compare(corpus: Path, rounds: int) -> float:
    """Print both sides' times, their ratio and what they match differently. Returns the ratio of documents per second.

    A round is every document once, from its text to the ids of the matching queries: words cut, queries picked and run.
    Rounds alternate, so that other load on the machine meets both. The middle one counts.
    """
    known = machine()
    lines = [line for line in (corpus / "queries").read_text("utf-8").splitlines() if line.strip()]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in sorted((corpus / "docs").iterdir())]
    index = QueryIndex[int]()
    start = perf_counter()
    for number, line in enumerate(lines):
        index.add(number, parse(translated(line)))
    print(f"{len(lines):,} queries, {len(texts):,} documents; ours filed in {perf_counter() - start:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        queries, documents = Path(folder) / "queries", Path(folder) / "documents"
        queries.write_text("\n".join(lines), "utf-8")
        documents.mkdir()
        for number, text in enumerate(texts):
            (documents / f"{number:04}").write_text(text, "utf-8")
        with LuceneMonitor(queries, documents) as lucene:
            cold = lucene.time() / len(texts) * 1e3, _ids(index, texts) / len(texts) * 1e3
            for _ in range(WARM_UP):
                lucene.time()
                _ids(index, texts)
            theirs, ours, shown = [], [], []
            for _ in range(rounds):
                theirs.append(lucene.time())
                ours.append(_ids(index, texts))
                shown.append(_spans(index, texts))
            listed = lucene.matches(len(texts))
    print(f"  first round, before any warming up: {cold[0]:.3f} ms Lucene Monitor, {cold[1]:.3f} ms Wirewatch")
    for name, times in (
        ("Lucene Monitor 9.11.1, ids", theirs),
        ("Wirewatch, ids", ours),
        ("Wirewatch, with the span of every matched word", shown),
    ):
        each = median(times) / len(texts)
        print(f"  {each * 1e3:8.3f} ms a document  {1 / each:9,.0f} documents/s   {name}")
    ratio = median(theirs) / median(ours)
    row = {
        name: median(times) / len(texts) * 1e3
        for name, times in (("lucene_ms", theirs), ("ids_ms", ours), ("spans_ms", shown))
    }
    keep(RESULTS / "luwak.csv", known, {**row, "lucene_cold_ms": cold[0], "ids_cold_ms": cold[1], "ratio": ratio})
    print(f"ratio: {ratio:.1f} times as many documents a second (with spans {median(theirs) / median(shown):.1f})")
    _differences(index, lines, texts, listed)
    return ratio


def translated(line: str) -> str:
    """A query of the corpus in our language: its ``+word``s are ANDed here without a sign."""
    return " ".join(word.removeprefix("+") for word in line.split())


def _ids(index: QueryIndex[int], texts: list[str]) -> float:
    start = perf_counter()
    for text in texts:
        index.matching(Document("", text, language="en"))
    return perf_counter() - start


def _spans(index: QueryIndex[int], texts: list[str]) -> float:
    start = perf_counter()
    for text in texts:
        index.match(Document("", text, language="en"))
    return perf_counter() - start


def _differences(index: QueryIndex[int], lines: list[str], texts: list[str], listed: list[set[int]]) -> None:
    same, differing = 0, []
    for number, (text, theirs) in enumerate(zip(texts, listed, strict=True)):
        ours = set(index.matching(Document("", text, language="en")))
        same += len(ours & theirs)
        differing += [(number, query, query in ours) for query in sorted(ours ^ theirs)]
    only_ours = sum(found for _, _, found in differing)
    print(
        f"matches: {same:,} the same, {only_ours} only ours, {len(differing) - only_ours} only Lucene's; why, word by word:"
    )
    for number, query, found in differing[:LISTED]:
        document = Document("", texts[number], language="en")
        why = [_evidence(word, document, texts[number], found) for word in translated(lines[query]).split()]
        print(f"  {'ours  ' if found else 'Lucene'} document {number:3} {lines[query]}: {'; '.join(filter(None, why))}")
    if len(differing) > LISTED:
        print(f"  and {len(differing) - LISTED} more")


def _evidence(word: str, document: Document, text: str, found: bool) -> str:
    """Where a word is: for a match of ours how it stands in the text, for Lucene's what it may have taken for it."""
    matches = compile_query(parse(word)).match(document)
    if matches is not None:
        around = {text[max(0, one.start - 6) : one.end + 6].replace("\n", " ") for one in matches}
        return f"{word} in {min(around, key=len)!r}" if found and len(around) < 4 else ""
    place = text.lower().find(word.lower())
    return f"{word} in {text[max(0, place - 8) : place + len(word) + 8]!r}" if place >= 0 else f"{word} nowhere as such"
