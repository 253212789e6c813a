"""Labels of outlets, each with its source; editors change them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response

from core.errors import UsageError
from desk.labels import KINDS, LONGEST, label_words
from desk.language import gettext
from desk.people.roles import Role
from desk.use_cases import labels as use_case
from desk.web.guard import allow
from desk.web.requests import TheVisit, Visit

router = APIRouter(include_in_schema=False)
Source = Annotated[str, Form(max_length=300)]
Label = Annotated[str, Form(max_length=200)]


@router.get("/outlets")
@allow(Role.READER)
def show(visit: TheVisit) -> Response:
    """All outlets with their labels."""
    return _page(visit)


@router.post("/outlets/label")
@allow(Role.EDITOR)
def put(
    visit: TheVisit, source: Source = "", label: Label = "", basis: Annotated[str, Form(max_length=2_000)] = ""
) -> Response:
    """Give an outlet a label."""
    try:
        made = use_case.put_label(visit.desk, visit.by, source, label, basis)
    except UsageError as error:
        said = f"{error.message}: {error.hint}" if error.hint else error.message
        return _page(visit, problem=said, given=(source, label, basis))
    return _page(visit, done=gettext("%(outlet)s is labelled %(label)s", outlet=made.source, label=made.words))


@router.post("/outlets/unlabel")
@allow(Role.EDITOR)
def drop(visit: TheVisit, source: Source, label: Label) -> Response:
    """Remove a label."""
    use_case.drop_label(visit.desk, visit.by, source, label)
    return _page(
        visit, done=gettext("%(outlet)s is no longer labelled %(label)s", outlet=source, label=label_words(label))
    )


def _page(visit: Visit, *, done: str = "", problem: str = "", given: tuple[str, str, str] = ("", "", "")) -> Response:
    return visit.page(
        "outlets.html",
        status=400 if problem else 200,
        outlets=use_case.labelled_outlets(visit.desk),
        kinds=KINDS,
        longest=LONGEST,
        done=done,
        problem=problem,
        given=given,
    )
