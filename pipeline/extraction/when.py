"""The times of publication and modification: the best plausible claim of the highest rank, otherwise a flagged one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import NamedTuple

from pipeline.extraction.candidates import DATE_RANKS, Candidate
from pipeline.text.dates import Flag, flag_of, read_date
from pipeline.text.written_days import DateContext


class When(NamedTuple):
    """A time in UTC with a flag for doubts, and its origin ("" if there is none)."""

    moment: datetime | None = None
    flag: Flag | None = "missing"
    origin: str = ""


_BETTER: tuple[Flag, ...] = ("guessed", "future", "ancient")


_NOON = timedelta(hours=12)
_OF_THE_DAY = timedelta(hours=26)
"""Clocks differ from UTC by at most 14 hours, so it may already be that day somewhere."""


def chosen_date(claims: Iterable[Candidate], fetched_at: datetime, context: DateContext) -> When:
    """The first sound claim by rank. Without one, a guess; without that, one that can't be true, to be shown with its flag."""
    doubtful: dict[Flag, When] = {}
    day: datetime | None = None
    where = ""
    for claim in sorted(claims, key=lambda one: -DATE_RANKS[one.origin]):
        found = read_date(claim.value, context)
        if found is None:
            continue
        flag = flag_of(found, fetched_at)
        if flag is None and day is None and found.moment.time() != time():
            return When(found.moment, None, claim.origin)
        if flag is None:
            # Only a day; another place may have the time.
            if day is None:
                day, where = found.moment, claim.origin
            elif found.moment.time() != time() and abs(found.moment - day - _NOON) < _OF_THE_DAY:
                return When(found.moment, None, claim.origin)
            continue
        doubtful.setdefault(flag, When(found.moment, flag, claim.origin))
    if day is not None:
        return When(day, None, where)
    return next((doubtful[flag] for flag in _BETTER if flag in doubtful), When())


_QUARTER = timedelta(minutes=15)


def clock_shown(published: Iterable[Candidate], context: DateContext) -> timedelta | None:
    """How far the page's clock is ahead of UTC: its data and its readers are told the same moment by different clocks."""
    shifted = replace(context, offset=timedelta(hours=1))
    stamped: datetime | None = None
    shown: datetime | None = None
    for claim in sorted(published, key=lambda one: -DATE_RANKS[one.origin]):
        found, other = read_date(claim.value, context), read_date(claim.value, shifted)
        if found is None or other is None or found.guessed or found.moment.time() == time():
            continue
        if claim.origin == "visible":
            shown = shown or (found.moment if found != other else None)
        else:
            stamped = stamped or (found.moment.replace(second=0, microsecond=0) if found == other else None)
    if stamped is None or shown is None:
        return None
    ahead = shown - stamped
    return ahead if ahead and not ahead % _QUARTER and abs(ahead) <= timedelta(hours=14) else None
