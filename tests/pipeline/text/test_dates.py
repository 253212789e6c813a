"""Claimed dates: read alike everywhere and at any time, and flagged if they can't be true."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.calendars import gregorian
from pipeline.text.dates import flag_of, parse_date, read_date, url_day
from pipeline.text.written_days import DateContext
from tests.pipeline.text import cldr

_CASES = Path(__file__).parents[2] / "cases"
WRITTEN = tomllib.loads((_CASES / "text_dates_written.toml").read_text(encoding="utf-8"))["date"]
CLAIMS = tomllib.loads((Path(__file__).parents[2] / "cases" / "text_dates.toml").read_text(encoding="utf-8"))["claims"]
FETCHED = datetime(2024, 5, 3, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(("claim", "expected"), CLAIMS.items(), ids=list(CLAIMS))
def test_a_claimed_date_is_read_as_its_case_says(claim: str, expected: str) -> None:
    moment = parse_date(claim)
    assert (moment.isoformat() if moment else "") == expected


@given(st.text())
def test_any_text_gives_an_aware_time_or_none(claim: str) -> None:
    moment = parse_date(claim)
    assert moment is None or moment.utcoffset() == timedelta(0)


# Years of other calendars in ISO's dress are converted: 1369 to 1457, 2533 to 2578.
@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1800, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_iso_times_come_back(moment: datetime) -> None:
    assert parse_date(moment.isoformat()) == moment


@pytest.mark.parametrize("fetched_at", [FETCHED, FETCHED.replace(tzinfo=None)], ids=["utc", "naive"])
@pytest.mark.parametrize(
    ("claim", "flag"),
    [
        ("2024-05-04T17:59:00Z", None),
        ("2024-05-04T18:01:00Z", "future"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "ancient"),
        ("1989-12-31T23:59:59Z", "ancient"),
        ("1990-01-01T00:00:00Z", None),
    ],
)
def test_a_date_that_cannot_be_true_is_flagged(claim: str, flag: str | None, fetched_at: datetime) -> None:
    found = read_date(claim)
    assert found is not None
    assert flag_of(found, fetched_at) == flag


def test_day_in_the_address() -> None:
    assert url_day("https://example.com/2024/05/03/story") == datetime(2024, 5, 3, tzinfo=UTC)
    assert url_day("https://example.com/world/20240503-story") == datetime(2024, 5, 3, tzinfo=UTC)
    assert url_day("https://example.com/2024/story") is None
    assert url_day("https://example.com/2024/02/31/story") is None


@pytest.mark.parametrize("case", WRITTEN, ids=[case["claim"] for case in WRITTEN])
def test_written_in_many_languages(case: dict[str, Any]) -> None:
    context = DateContext(case.get("language"), case.get("country"), datetime(2026, 11, 29, 12, tzinfo=UTC))
    found = read_date(case["claim"], context)
    assert (found.moment.isoformat() if found else "") == case["expected"]
    assert (found.guessed if found else False) == case.get("guessed", False)


@given(st.text(max_size=60), st.sampled_from([None, "en", "ar", "fa", "ru", "zh", "th"]))
@settings(deadline=None)
def test_any_text_is_read_or_not_against_a_time_of_fetching(claim: str, language: str | None) -> None:
    found = read_date(claim, DateContext(language, None, FETCHED))
    assert found is None or found.moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize("year", range(1370, 1414))
def test_a_jalali_year_has_the_length_of_a_year(year: int) -> None:
    first, next_first = gregorian(year, 1, 1), gregorian(year + 1, 1, 1)
    assert first is not None
    assert first.month == 3
    assert next_first is None or (next_first - first).days in (365, 366)


def test_the_tables_are_cldrs() -> None:
    assert cldr.FILE.read_text(encoding="utf-8") == cldr.written()
