"""Lines among an article's paragraphs that are not its own go, and lines that look like them stay, in many languages.

Also, on real articles that are not part of the project: no sentence of them is taken for a call to the reader.
"""

from __future__ import annotations

import gzip
import html
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lines.__main__ import both_sides, fitted, mean
from pipeline.extraction.clean import clean_text, extract
from pipeline.text.characters import folded, normal_text
from pipeline.text.page_words import is_call, page_odds
from tests.corpora import corpus

LINES = Path(__file__).parent / "lines"
ARTICLES: dict[str, dict[str, Any]] = tomllib.loads((LINES / "articles.toml").read_text("utf-8"))
CASES: list[dict[str, Any]] = tomllib.loads((LINES / "cases.toml").read_text("utf-8"))["case"]
SENTENCES: list[tuple[str, str]] = [
    (listed["language"], text)
    for listed in tomllib.loads((LINES / "sentences.toml").read_text("utf-8"))["sentence"]
    for text in listed["texts"]
]
FETCHED = datetime(2026, 11, 29, 12, tzinfo=UTC)


def page_of(case: dict[str, Any]) -> str:
    article = ARTICLES[case["language"]]
    title, paragraphs = html.escape(article["title"]), [html.escape(one) for one in article["paragraphs"]]
    blocks = paragraphs if case.get("br") else [f"<p>{one}</p>" for one in paragraphs]
    blocks.insert(case["after"], case["html"])
    body = f"<div>{'<br><br>'.join(blocks)}</div>" if case.get("br") else "\n".join(blocks)
    return (
        f'<!doctype html><html lang="{case["language"]}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta property="og:type" content="article">'
        '<meta property="article:published_time" content="2026-03-05T10:00:00Z"></head>'
        '<body><header><nav><a href="/">A</a> <a href="/b">B</a></nav></header>'
        f"<main><article><h1>{title}</h1>{body}</article></main><footer><p>© 2026 Outlet</p></footer></body></html>"
    )


def text_of(case: dict[str, Any]) -> str:
    return extract(page_of(case), url="https://outlet.example/news/story-1", fetched_at=FETCHED).text


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_only_lines_that_are_not_the_articles_go(case: dict[str, Any]) -> None:
    text = text_of(case)
    assert [one for one in case.get("gone", ()) if one in text] == []
    wanted = [*case.get("kept", ()), *map(normal_text, ARTICLES[case["language"]]["paragraphs"])]
    assert [one for one in wanted if one not in text] == []


@pytest.mark.parametrize(("language", "sentence"), SENTENCES, ids=[sentence[:40] for _, sentence in SENTENCES])
def test_a_sentence_about_apps_and_media_stays(language: str, sentence: str) -> None:
    first, _, rest = sentence.partition(" ")
    for shown in (f"<p>{sentence}</p>", f'<p><a href="https://source.example/x">{first}</a> {rest}</p>'):
        assert normal_text(sentence) in text_of({"language": language, "after": 2, "html": shown})
    paragraphs = ARTICLES[language]["paragraphs"]
    last = {"language": language, "after": len(paragraphs), "html": f"<p>{sentence}</p>"}
    assert normal_text(sentence) in text_of(last)
    assert clean_text(sentence) == normal_text(sentence)
    assert normal_text(sentence) in clean_text(f"{paragraphs[0]}\n\n{sentence}\n\n{paragraphs[1]}")


def test_calls_of_a_left_out_fifth_are_distinguished_from_sentences() -> None:
    calls, sentences = both_sides()
    weights = fitted(
        [one for place, one in enumerate(calls) if place % 5], [one for place, one in enumerate(sentences) if place % 5]
    )
    assert sum(mean(weights, one.text) >= 10 for one in calls[::5]) >= 0.55 * len(calls[::5])
    assert sum(mean(weights, one.text) >= 70 for one in sentences[::5]) <= 0.005 * len(sentences[::5])


def test_the_committed_weights_are_the_fitted_ones() -> None:
    calls, sentences = both_sides()
    weights = fitted(calls, sentences)
    assert [one.text for one in calls if mean(weights, one.text) != page_odds(folded(one.text)).mean] == []


@pytest.mark.corpus
def test_no_sentence_of_a_real_article_is_a_call() -> None:
    lines: set[str] = set()
    for name in ("topics", "events"):
        with gzip.open(corpus(f"{name}/articles.jsonl.gz"), "rt", encoding="utf-8") as articles:
            for article in map(json.loads, articles):
                lines.update(normal_text(article["text"]).split("\n"))
    taken = sorted(line for line in lines if is_call(line, page_odds(folded(line))))
    assert taken == []
