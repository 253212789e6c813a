"""Rejected records: the number of each kind, the newest, and retries after a fix."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Response

from core.store.retries import Wanted, kind_of
from desk.language import ngettext
from desk.people.roles import Role
from desk.use_cases import rejected as use_case
from desk.web.guard import allow
from desk.web.requests import TheVisit, Visit

router = APIRouter(include_in_schema=False)
SHOWN = 100
Stage = Annotated[str, Query(max_length=100)]
Reason = Annotated[str, Query(max_length=500)]


@router.get("/rejected")
@allow(Role.READER)
def show(visit: TheVisit, stage: Stage = "", reason: Reason = "") -> Response:
    """All kinds with their numbers, and the newest records of one kind or all kinds."""
    return _page(visit, Wanted(stage, reason))


@router.post("/rejected/retry")
@allow(Role.EDITOR)
def retry(
    visit: TheVisit,
    position: Annotated[str, Form(max_length=300)] = "",
    stage: Annotated[str, Form(max_length=100)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Retry one record, or all of a kind."""
    wanted = Wanted(stage, reason)
    made = use_case.retry(visit.desk, visit.by, wanted, [position] if position else ())
    said = [
        ngettext(
            "%(num)s record will be processed again within a minute or so",
            "%(num)s records will be processed again within a minute or so",
            made.again,
        )
    ]
    said += [
        ngettext("%(num)s is not processed again: %(why)s", "%(num)s are not processed again: %(why)s", count, why=why)
        for why, count in made.left.most_common()
    ]
    return _page(visit, wanted, done="; ".join(said))


def _page(visit: Visit, wanted: Wanted, *, done: str = "") -> Response:
    return visit.page(
        "rejected.html",
        kinds=use_case.counts(visit.desk).most_common(),
        records=use_case.listing(visit.desk, wanted, SHOWN),
        shown=SHOWN,
        wanted=wanted,
        kind_of=kind_of,
        done=done,
    )
