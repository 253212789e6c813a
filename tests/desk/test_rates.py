"""The usual day, bursts and silence; countries as articles name them; the map. Pure."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.durations import HOUR_MS
from core.query import Document, compile_query, lint, parse
from desk.use_cases.overview import SHADES, country_lines, shade_of
from desk.views.countries import CountryFinder, country_names, country_query, query_in, tiles
from desk.views.rates import DAY_HOURS, SPARK_HEIGHT, rate, rate_of, rate_words, spark, window_of

CASES = Path(__file__).parents[1] / "cases"
RATES = tomllib.loads((CASES / "rates.toml").read_text("utf-8"))["case"]
LANGUAGES = """
ar az be bg bn ca cs da de el en es et fa fi fr he hi hr hu hy id it ja ka kk ko ku lt lv mk nl no pl ps
pt ro ru sk sl sq sr sv sw th tr uk ur uz vi zh
""".split()  # noqa: SIM905 - fifty names
NAMED = tomllib.loads((CASES / "countries.toml").read_text("utf-8"))["case"]


def hours(text: str) -> list[int]:
    made: list[int] = []
    for part in text.split():
        times, _, count = part.partition("*")
        made += [int(count)] * int(times)
    assert len(made) == DAY_HOURS
    return made


@pytest.mark.parametrize("case", RATES, ids=[one["name"] for one in RATES])
def test_a_burst_or_silence_is_what_a_case_says(case: dict[str, Any]) -> None:
    found = rate(hours(case["now"]), [hours(day) for day in case["days"]], case.get("part", 1.0))
    assert (found.number, found.expected) == (case["number"], case.get("expected"))
    assert (found.burst, found.quiet_hours) == (case["burst"], case["quiet"])
    said = rate_words(found, "article")
    assert (": a burst" in said) == case["burst"]
    assert ("quiet for" in said) == bool(case["quiet"])


@given(st.lists(st.lists(st.integers(0, 60), min_size=24, max_size=24), min_size=1, max_size=8), st.floats(0, 1))
def test_more_is_never_less_of_a_burst_and_a_burst_is_never_quiet_all_day(days: list[list[int]], part: float) -> None:
    now, before = days[0], days[1:]
    found = rate(now, before, part)
    more = rate([count + 1 for count in now], before, part)
    assert more.burst or not found.burst
    assert more.quiet_hours == 0
    assert found.quiet_hours <= DAY_HOURS
    chart = spark(found)
    assert all(0 <= y <= SPARK_HEIGHT and height > 0 for _, y, _, height in chart.bars)
    assert len(chart.bars) == sum(count > 0 for count in now)


def test_days_before_the_store_began_do_not_count() -> None:
    now_ms = 1_000 * DAY_HOURS * HOUR_MS + 12 * HOUR_MS
    window = window_of(now_ms)
    assert (len(window), window[-1]) == (24, now_ms)
    label = ("topic", "syria")
    counted = {window[0] - hour * HOUR_MS: Counter({label: 2}) for hour in range(-23, 24 * 5)}
    every = rate_of(counted, *label, now_ms, begins_ms=min(counted))
    assert every.expected == 2 * 23
    # Two whole days before the window are too few.
    assert rate_of(counted, *label, now_ms, begins_ms=window[0] - 71 * HOUR_MS).expected is None
    assert rate_of(counted, *label, now_ms, begins_ms=window[0] - 72 * HOUR_MS).expected is not None


@pytest.mark.parametrize("case", NAMED, ids=[f"{one['language']} {one['title']}" for one in NAMED])
def test_countries_are_found_by_the_page_as_by_its_query(case: dict[str, Any]) -> None:
    found = CountryFinder().countries(case["title"], case["text"], case["language"])
    assert sorted(found) == case["countries"]
    # What a tile opens finds the same article.
    document = Document(case["title"], case["text"], language=case["language"])
    for code in {*case["countries"], "GN", "NE", "SD", "SY", "US"}:
        query = country_query(code, [case["language"], "en"])
        assert bool(compile_query(parse(query)).match(document)) == (code in found)


def test_every_country_has_one_tile_and_a_query_in_english() -> None:
    codes = [tile.code for tile in tiles()]
    assert len(codes) == len(set(codes)) == 200
    assert len({(tile.column, tile.row) for tile in tiles()}) == len(codes)
    assert set(country_names("en")) == set(codes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_names_of_every_language_make_queries_that_hold(language: str) -> None:
    # A few, longer names within others among them: all of them take seconds.
    for code in {"AE", "CI", "GN", "KP", "PS", "US"} & set(country_names(language)):
        query = query_in(code, language)
        assert compile_query(parse(query)).match(Document(country_names(language)[code][0], "", language=language))


def test_shades_of_the_map_grow_with_the_articles() -> None:
    assert [shade_of(number, 100) for number in (0, 1, 9, 20, 50, 100)] == [0, 1, 1, 2, 3, SHADES]
    lines = country_lines(Counter({("country", "SY"): 4, ("country", "US"): 1, ("language", "ar"): 5}))
    named = {line.code: line for line in lines if line.number}
    assert (named["SY"].shade, named["US"].shade) == (4, 2)
    assert named["SY"].query.startswith("(lang:ar LEAD/40(stem:")
    assert not [one for one in lint(named["SY"].query) if one.confirm]
