"""A backtest counts what the plain matcher and the rule of one alert a story give."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import QueryError
from core.query import compile_query, parse
from core.search import Filters, FoundArticle, SearchIndex, backtest, compare
from core.search.question import day_of
from core.search.schema import document_of
from tests.core.query import strategies
from tests.core.search.test_search import fill
from tests.core.search.world import DAY_MS, START_MS, mixed
from tests.laws import examples

END_MS = START_MS + 300 * 3_600_000


@cache
def articles() -> list[FoundArticle]:
    return mixed(strategies.WORDS, strategies.GLUE, 300, seed=5)


NEWS_SINCE_MS = min(one.time_ms for one in articles() if not one.backfill)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    made = SearchIndex.open(tmp_path_factory.mktemp("full"))
    fill(made, articles())
    return made


def matching(query: str, since_ms: int, until_ms: int) -> list[FoundArticle]:
    matcher = compile_query(parse(query))
    return [one for one in articles() if since_ms <= one.time_ms < until_ms and matcher.holds(document_of(one))]


def alerting(matches: list[FoundArticle]) -> dict[str, FoundArticle]:
    """Story → the article that raises its alert."""
    raised: dict[str, FoundArticle] = {}
    for one in matches:
        if not one.backfill:
            raised.setdefault(one.story, one)
    return raised


@settings(max_examples=examples(120), deadline=None)
@given(strategies.queries, st.integers(0, 299), st.integers(1, 300))
def test_counts_are_those_of_the_matcher(full: SearchIndex, query: str, first: int, hours: int) -> None:
    since, until = START_MS + first * 3_600_000, START_MS + (first + hours) * 3_600_000
    matches = matching(query, since, until)
    raised = alerting(matches)
    report = backtest(full, query, since, until, examples=1_000)
    assert report.complete
    assert (str(report.articles), str(report.alerts)) == (str(len(matches)), str(len(raised)))
    assert report.stories.value == len({one.story for one in matches})
    begins = max(since, NEWS_SINCE_MS)
    assert report.store_since_ms == (NEWS_SINCE_MS if begins > since else None)
    assert report.alerts_a_day == round(len(raised) / max((until - begins) / DAY_MS, 1 / 24), 2)
    assert {day.day: day.alerts for day in report.days if day.alerts} == Counter(
        day_of(one.time_ms) for one in raised.values()
    )
    assert {day.day: day.articles for day in report.days if day.articles} == Counter(
        day_of(one.time_ms) for one in matches
    )
    assert [one.hit.article for one in report.examples] == sorted(raised.values(), key=lambda a: -a.time_ms)
    sizes = Counter(one.story for one in matches)
    assert all(one.articles == sizes[one.story] for one in report.examples)
    assert len(matches) <= report.cost.candidates <= report.cost.articles == len(articles()[first : first + hours])


@settings(max_examples=examples(60), deadline=None)
@given(strategies.queries, strategies.queries)
def test_gained_and_lost_articles_are_the_difference(full: SearchIndex, before: str, after: str) -> None:
    was, now = (alerting(matching(query, START_MS, END_MS)) for query in (before, after))
    change = compare(full, before, after, START_MS, END_MS, examples=1_000)
    assert {one.story for one in change.won_examples} == now.keys() - was.keys()
    assert {one.story for one in change.lost_examples} == was.keys() - now.keys()
    assert (change.won.value, change.lost.value) == (len(now.keys() - was.keys()), len(was.keys() - now.keys()))


@pytest.mark.parametrize("query", ["LEAD/9(syr* OR iran OR al)", "NOT zzz"])
def test_when_time_runs_out_the_newest_part_is_counted_and_said_to_be_a_part(full: SearchIndex, query: str) -> None:
    ticks = count()
    report = backtest(
        full, query, START_MS, END_MS, budget_ms=1_000, clock=lambda: float(next(ticks)), examples=0, part=20
    )
    assert not report.complete
    assert START_MS < report.covered_since_ms < END_MS
    assert report.alerts.certainty == "at_least"
    assert str(report.alerts).startswith("at least")
    part = matching(query, report.covered_since_ms, END_MS)
    assert part
    assert report.alerts.value == len(alerting(part))
    assert report.alerts.value <= len(alerting(matching(query, START_MS, END_MS)))
    days = (END_MS - report.covered_since_ms) / DAY_MS
    assert report.alerts_a_day == round(len(alerting(part)) / days, 2)


def test_many_articles_of_one_moment_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.search.schema.TIE_BITS", 0)
    index = SearchIndex.open(tmp_path)
    fill(index, [one for one in articles()[:40] if one.title])
    made = len([one for one in articles()[:40] if one.title])
    assert backtest(index, "NOT zzz", START_MS, END_MS, part=4).articles.value == made
    assert backtest(index, "NOT cs:zzz", START_MS, END_MS, part=4).articles.value == made


def test_filters_are_a_subscriptions(full: SearchIndex) -> None:
    filters = Filters(sources=("afp",), languages=("en", "ar"))
    report = backtest(full, "syria OR NOT syria", START_MS, END_MS, filters=filters)
    assert report.articles.value == sum(one.source == "AFP" and one.language in ("en", "ar") for one in articles())


def test_the_price_says_whether_a_query_can_be_filed(full: SearchIndex) -> None:
    assert backtest(full, "syria iran", START_MS, END_MS).cost.filterable
    assert not backtest(full, "NOT iran", START_MS, END_MS).cost.filterable
    cost = backtest(full, "LEAD/3(syr*)", START_MS, END_MS).cost
    assert cost.required_terms == ("syr*",)
    assert cost.checked == cost.candidates > 0
    assert cost.ms_per_check is not None
    with pytest.raises(QueryError):
        backtest(full, "syria AND", START_MS, END_MS)


def test_the_rate_is_over_the_days_that_the_store_has(tmp_path: Path) -> None:
    """A desk asks for thirty days, and began three days ago; what its feeds held before is no day of watching."""
    index = SearchIndex.open(tmp_path)
    ages = ((20, True), (3, False), (2, False), (1, False))
    fill(
        index,
        [
            replace(one, title="syria", story=f"s{age}", time_ms=END_MS - age * DAY_MS, backfill=backfill)
            for one, (age, backfill) in zip(articles(), ages, strict=False)
        ],
    )
    report = backtest(index, "syria", END_MS - 30 * DAY_MS, END_MS)
    assert (report.alerts.value, report.alerts_a_day) == (3, 1.0)
    assert (report.store_since_ms, report.days_covered, report.no_news) == (END_MS - 3 * DAY_MS, 3.0, False)
    later = backtest(index, "syria", END_MS - 2 * DAY_MS, END_MS)
    assert (later.alerts.value, later.alerts_a_day, later.store_since_ms) == (2, 1.0, None)


def test_a_backtest_of_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    report = backtest(SearchIndex.open(tmp_path), "syria", START_MS, END_MS)
    assert (report.alerts.value, report.alerts_a_day, report.examples, report.no_news) == (0, 0.0, (), True)
    assert defaultdict(int, {day.day: day.alerts for day in report.days})["x"] == 0


def test_the_counts_use_whole_days(full: SearchIndex) -> None:
    report = backtest(full, "syria", START_MS, END_MS)
    assert len(report.days) == -(-300 // 24)
    assert report.days[0].day == day_of(START_MS)
