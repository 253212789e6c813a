"""When an article was published and modified: the best sound claim of the highest rank, or else a flagged one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from pipeline.extraction.candidates import DATE_RANKS, Candidate
from pipeline.text.dates import Flag, flag_of, read_date
from pipeline.text.written_days import DateContext


class When(NamedTuple):
    """A time in UTC with what is doubtful about it, and where it was found ("" if nowhere)."""

    moment: datetime | None = None
    flag: Flag | None = "missing"
    origin: str = ""


_BETTER: tuple[Flag, ...] = ("guessed", "future", "ancient")


def chosen_date(claims: Iterable[Candidate], fetched_at: datetime, context: DateContext) -> When:
    """The first sound claim by rank. Without one, a guess; without that, one that can't be true, to be shown with its flag."""
    doubtful: dict[Flag, When] = {}
    for claim in sorted(claims, key=lambda one: -DATE_RANKS[one.origin]):
        found = read_date(claim.value, context)
        if found is None:
            continue
        flag = flag_of(found, fetched_at)
        if flag is None:
            return When(found.moment, None, claim.origin)
        doubtful.setdefault(flag, When(found.moment, flag, claim.origin))
    return next((doubtful[flag] for flag in _BETTER if flag in doubtful), When())
