"""Walls are recognised by what they are: the project's own pages that nothing was fitted to, and the weights themselves."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.walls.examples import articles, in_more_languages, walls
from core.errors import ExtractionError
from pipeline.extraction import wall_meaning
from pipeline.extraction.clean import extract
from pipeline.extraction.wall_meaning import meaning_of
from pipeline.extraction.wall_words import words_of_walls
from pipeline.extraction.walls import READS_SO, READS_SO_BY_WORDS

HELD = tomllib.loads((Path(__file__).parent / "walls" / "held.toml").read_text("utf-8"))
FETCHED = datetime(2026, 11, 29, 12, tzinfo=UTC)
URL = "https://outlet.example/news/1"
WALLS_FLOOR = 0.92
CHROME = (
    "<header><a href='/'>Lethe Herald</a><nav><a href='/world'>World</a> <a href='/login'>Log in</a></nav></header>",
    "<footer><p>© Lethe Herald. We use cookies.</p></footer>",
)


def page(case: dict[str, str], inner: str) -> str:
    return (
        f"<!doctype html><html lang='{case['language']}'><head><meta charset='utf-8'><title>{case['title']} | Lethe</title>"
        f"</head><body>{CHROME[0]}<main>{inner}</main>{CHROME[1]}</body></html>"
    )


def is_refused(case: dict[str, str]) -> bool:
    try:
        extract(page(case, case["body"]), url=URL, fetched_at=FETCHED)
    except ExtractionError as error:
        return error.reason == "wall"
    return False


def test_walls_of_every_kind_and_language_are_known() -> None:
    missed = [(case["language"], case["title"]) for case in HELD["wall"] if not is_refused(case)]
    assert len(missed) <= (1 - WALLS_FLOOR) * len(HELD["wall"]), missed


@pytest.mark.parametrize("case", HELD["article"], ids=[case["title"] for case in HELD["article"]])
def test_a_short_article_that_speaks_of_such_things_comes_through(case: dict[str, str]) -> None:
    inner = f"<h1>{case['title']}</h1><p>{case['body']}</p>"
    found = extract(page(case, inner), url=URL, fetched_at=FETCHED)
    assert (found.title, found.text, found.partial) == (case["title"], case["body"], False)


def test_an_offer_below_an_articles_beginning_is_not_its_text() -> None:
    missed = []
    for case in HELD["teaser"]:
        inner = f"<article><h1>{case['title']}</h1>{case['body']}</article>"
        found = extract(page(case, inner), url=URL, fetched_at=FETCHED)
        if (found.text.count("\n"), found.partial) != (1, True):
            missed.append(case["language"])
    assert len(missed) <= 1, missed


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_the_weights_separate_what_they_were_fitted_to(every: int) -> None:
    """They are those of these texts: a text that was added without fitting them again would show."""
    encoded = {one.language for one in walls()} - {"fa", "uk"}
    low = [one.text for one in walls()[::every] if one.language in encoded and meaning_of(one.text[:300]).odds < 0]
    high = [one.text for one in articles()[::every] if meaning_of(one.text).odds >= READS_SO]
    assert (low, high) == ([], [])


def test_words_separate_walls_from_articles_in_further_languages() -> None:
    more, others = in_more_languages()
    odds = [found.odds for one in (*others, *articles()) if (found := words_of_walls(one.text)) is not None]
    assert max(odds) < READS_SO_BY_WORDS
    known = [found for one in more if (found := words_of_walls(one.text)) and found.odds >= READS_SO_BY_WORDS]
    assert len(known) == len(more)


def test_the_kind_of_most_walls_is_right() -> None:
    all_of = walls()
    right = sum(meaning_of(one.text[:300]).kind == one.kind for one in all_of)
    assert right >= 0.85 * len(all_of)


def test_a_sum_of_whole_numbers_decides() -> None:
    held = wall_meaning._weights()
    assert held.weights.dtype == held.kinds.dtype == np.int64
    assert np.abs(held.weights).sum() * 7 + abs(held.start) < 2**31
