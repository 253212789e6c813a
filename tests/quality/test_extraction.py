"""The quality gate of extraction: real pages, gold texts, floors in a file, bare trafilatura beside it.

The measure is that of the design: F1 between the sets of 4-word shingles of extracted and gold text, lower-cased words by
``\\w+``, averaged over the pages. Run ``pytest tests/quality -s`` to see the figures.
"""

from __future__ import annotations

import gzip
import json
import re
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trafilatura

from benchmarks.stories.peer import bands, similarity
from core.errors import ExtractionError
from pipeline.extraction.clean import Extracted, extract, extract_text
from pipeline.text.boilerplate import is_boilerplate
from pipeline.text.characters import folded
from pipeline.text.fingerprint import fingerprint
from pipeline.text.language import detect, language_code
from tests import corpora

FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text(encoding="utf-8"))

pytestmark = pytest.mark.corpus


@dataclass(frozen=True)
class Page:
    """One page of the corpus with its gold and what we made of it."""

    gold: dict[str, Any]
    html: bytes
    found: Extracted | None


@dataclass(frozen=True)
class Corpus:
    pages: Sequence[Page]
    ms_per_page: float


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    folder = corpora.corpus("pages")
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    pages, seconds = [], 0.0
    for row in rows:
        html = gzip.decompress((folder / row["file"]).read_bytes())
        begun = time.perf_counter()
        found = extracted(row, html)
        seconds += time.perf_counter() - begun
        pages.append(Page(row, html, found))
    return Corpus(pages, seconds * 1000 / len(pages))


def extracted(row: dict[str, Any], html: bytes) -> Extracted | None:
    fetched = datetime.fromisoformat(row["fetched"]).replace(tzinfo=UTC)
    try:
        return extract(html, url=row["url"], fetched_at=fetched)
    except ExtractionError:
        return None


def shingles(text: str, size: int = 4) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + size]) for start in range(max(len(words) - size + 1, 1))} if words else set()


def f1(found: str, gold: str) -> float:
    one, other = shingles(found), shingles(gold)
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def test_texts_are_better_than_bare_trafilaturas(corpus: Corpus) -> None:
    floors = FLOORS["extraction"]
    ours = {
        page.gold["file"]: f1(page.found.text if page.found else "", page.gold["text"])
        for page in corpus.pages
        if page.gold["text"]
    }
    begun = time.perf_counter()
    texts = {
        page.gold["file"]: trafilatura.extract(page.html.decode("utf-8", "replace")) or "" for page in corpus.pages
    }
    bare_ms = (time.perf_counter() - begun) * 1000 / len(corpus.pages)
    bare = {
        page.gold["file"]: f1(texts[page.gold["file"]], page.gold["text"]) for page in corpus.pages if page.gold["text"]
    }
    mean, bare_mean = sum(ours.values()) / len(ours), sum(bare.values()) / len(bare)
    print(f"\nF1 {mean:.4f} ({corpus.ms_per_page:.1f} ms a page, with title, authors and date)")
    print(f"bare trafilatura {bare_mean:.4f} ({bare_ms:.1f} ms a page, text only)")
    print("worst:", *(f"{name} {score:.2f}" for name, score in sorted(ours.items(), key=lambda item: item[1])[:5]))
    behind = sorted((ours[name] - bare[name], name) for name in ours)[:5]
    print("most behind bare:", *(f"{name} {difference:+.3f}" for difference, name in behind))
    assert sum(page.found is not None for page in corpus.pages) >= floors["pages"]
    assert mean >= floors["f1"]
    assert mean >= bare_mean
    assert min(ours.values()) >= floors["worst_f1"]


def test_titles_authors_and_dates(corpus: Corpus) -> None:
    counts = dict.fromkeys(("title", "authors", "date_minute", "date_day"), 0)
    for page in corpus.pages:
        if page.found is None:
            continue
        counts["title"] += folded(page.found.title) == folded(page.gold["title"])
        counts["authors"] += set(map(folded, page.found.authors)) == set(map(folded, page.gold["authors"] or ()))
        if page.gold["published"] and page.found.published_at:
            gold = datetime.fromisoformat(page.gold["published"])
            away = abs(page.found.published_at - (gold if gold.tzinfo else gold.replace(tzinfo=UTC)))
            counts["date_minute"] += away <= timedelta(minutes=1)
            counts["date_day"] += away <= timedelta(days=1)
    print("\n", counts)
    assert {name: counts[name] >= FLOORS["extraction"][name] for name in counts} == dict.fromkeys(counts, True)


def test_no_furniture_leaks(corpus: Corpus) -> None:
    for page in corpus.pages:
        assert page.found is not None, page.gold["file"]
        lines = page.found.text.split("\n")
        assert not [line for line in lines if is_boilerplate(line)], page.gold["file"]
        words = folded(page.found.text)
        for notice in ("we use cookies", "accept all cookies", "alle akzeptieren", "accepter les cookies"):
            assert notice not in words, page.gold["file"]


def test_the_guessed_language_is_the_declared_one_for_most_pages(corpus: Corpus) -> None:
    agrees = 0
    for page in corpus.pages:
        assert page.found is not None
        guess = detect(page.found.title, page.found.text)
        declared = language_code(page.found.page_language)
        agrees += guess.code == declared
        if guess.code != declared:
            print(page.gold["file"], guess, page.found.page_language)
    print(f"\n{agrees} of {len(corpus.pages)} languages are those that the pages declare")
    assert agrees >= FLOORS["language"]["agrees"]


def test_different_articles_have_different_fingerprints(corpus: Corpus) -> None:
    signatures = [fingerprint(page.found.text) for page in corpus.pages if page.found]
    assert all(signatures)
    pairs = [(one, other) for place, one in enumerate(signatures) for other in signatures[:place]]
    assert max(similarity(one, other) for one, other in pairs) < 0.2
    assert not any(set(bands(one)) & set(bands(other)) for one, other in pairs)


def test_the_seed_loses_its_two_boilerplate_lines_and_nothing_else() -> None:
    for file in sorted(corpora.corpus("seed").glob("*.txt")):
        raw = file.read_text(encoding="utf-8")
        found = extract_text(raw, url="https://news.example/seed", fetched_at=datetime(2024, 1, 1, tzinfo=UTC))
        lines = [line.strip() for line in raw.split("\n") if line.strip()]
        lost = [line for line in lines if line not in found.text.split("\n")]
        assert len(lost) == 2
        assert lost[0] == "Get the Latest News Updates"
        assert lost[1].startswith("Also see:")
        assert [line for line in found.text.split("\n") if line] == [line for line in lines if line not in lost]
        assert found.title == lines[1]
        assert detect(found.title, found.text).code == "en"
