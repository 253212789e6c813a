"""Overview, the first page: the last 24 hours against a usual day, the largest stories, silent feeds, countries."""

from __future__ import annotations

from fastapi import APIRouter, Response

from desk.people.roles import Role
from desk.use_cases.overview import overview
from desk.views.rates import BASELINE_DAYS, DEVIATIONS, FEWEST, FEWEST_DAYS, QUIET_EXPECTED, rate_words, spark
from desk.web.guard import allow
from desk.web.requests import TheVisit

router = APIRouter(include_in_schema=False)


@router.get("/overview")
@allow(Role.READER)
def show(visit: TheVisit) -> Response:
    """The overview as of now."""
    return visit.page(
        "overview.html",
        view=overview(visit.desk, visit.caller),
        spark=spark,
        rate_words=rate_words,
        rule={
            "days": BASELINE_DAYS,
            "fewest_days": FEWEST_DAYS,
            "deviations": DEVIATIONS,
            "fewest": FEWEST,
            "quiet": QUIET_EXPECTED,
        },
    )
