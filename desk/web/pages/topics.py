"""Topics: the list; one topic with its articles over time, an article's score, and its file to try out and save."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Response
from starlette.responses import RedirectResponse

from core.durations import DAY_MS
from core.errors import NotFound, UsageError
from core.topics import Topic, check_topic
from desk.language import gettext, ngettext
from desk.people.roles import Role
from desk.use_cases import topics as use_case
from desk.use_cases.topics import DAYS, SHOWN, Tried
from desk.views.charts import Chart, bars
from desk.views.wording import COUNTED
from desk.web.guard import allow
from desk.web.render import clock_of
from desk.web.requests import Number, TheVisit, Visit
from desk.web.turns import TheTurn

router = APIRouter(include_in_schema=False)
Definition = Annotated[str, Form(max_length=400_000)]
Identity = Annotated[str, Query(max_length=200)]
Version = Annotated[int, Form(ge=-1, lt=1 << 53)]


@router.get("/topics")
@allow(Role.READER)
def listing(visit: TheVisit, turn: TheTurn) -> Response:
    """All topics with their articles over time."""
    pages = use_case.topic_pages(visit.desk)
    charts = {page.stored.name: _chart(visit, page.stored.name, turn) for page in pages}
    return visit.page("topics.html", pages=pages, charts=charts, period=_period(visit))


@router.get("/topics/of/{name}")
@allow(Role.READER)
def show(visit: TheVisit, turn: TheTurn, name: str, article: Identity = "", saved: Number = 0) -> Response:
    """One topic; with ``article`` (an id), also that article's score."""
    return _page(visit, turn, name, article=article.strip().rpartition("/")[2], saved=saved)


@router.post("/topics/try")
@allow(Role.EDITOR)
def try_out(
    visit: TheVisit,
    turn: TheTurn,
    name: Annotated[str, Form(max_length=100)],
    definition: Definition,
    based_on: Version = 0,
) -> Response:
    """Try a changed file on its examples and on stored articles; saves nothing."""
    definition = definition.replace("\r\n", "\n")
    try:
        tried = use_case.tried(visit.desk, definition, turn.stopped)
    except UsageError as error:
        return _page(visit, turn, name, definition=definition, based_on=based_on, problem=str(error))
    return _page(visit, turn, name, definition=definition, based_on=based_on, tried=tried)


@router.post("/topics/example")
@allow(Role.EDITOR)
def example(
    visit: TheVisit,
    turn: TheTurn,
    name: Annotated[str, Form(max_length=100)],
    article: Annotated[str, Form(max_length=200)],
    belongs: Annotated[str, Form(max_length=10)],
) -> Response:
    """The topic's file with an article added as an example, to try and save."""
    definition = use_case.with_article(visit.desk, name, article, belongs=belongs == "yes")
    return _page(visit, turn, name, definition=definition, added=True)


@router.post("/topics/save")
@allow(Role.EDITOR)
def save(
    visit: TheVisit,
    turn: TheTurn,
    name: Annotated[str, Form(max_length=100)],
    definition: Definition,
    based_on: Version = 0,
) -> Response:
    """Save a version."""
    definition = definition.replace("\r\n", "\n")
    try:
        saved = use_case.save(visit.desk, visit.by, definition, based_on)
    except UsageError as error:
        return _page(visit, turn, name, definition=definition, based_on=based_on, problem=str(error))
    return RedirectResponse(f"/topics/of/{saved.name}?saved={saved.version}", 303)


def _page(
    visit: Visit,
    turn: TheTurn,
    name: str,
    *,
    definition: str | None = None,
    based_on: int | None = None,
    article: str = "",
    saved: int = 0,
    problem: str = "",
    tried: Tried | None = None,
    added: bool = False,
) -> Response:
    page = use_case.topic_page(visit.desk, name) if name else None
    topic: Topic | None = page.topic if page else None
    score = None
    if article and topic is not None:
        try:
            score = use_case.scored(visit.desk, topic, article)
        except NotFound as error:
            problem = str(error)
    return visit.page(
        "topic.html",
        status=400 if problem else 200,
        page=page,
        topic=topic,
        chart=_chart(visit, name, turn) if name else None,
        period=_period(visit),
        failures=check_topic(topic) if topic is not None else [],
        definition=definition if definition is not None else page.stored.definition if page else "",
        changed=definition is not None,
        based_on=based_on if based_on is not None else page.stored.version if page else 0,
        article=article,
        score=score,
        saved=saved,
        problem=problem,
        tried=tried,
        added=added,
        shown=SHOWN,
    )


def _period(visit: Visit) -> str:
    """The period of the charts: 30 days, or less if the store begins later."""
    first_ms, clock = visit.desk.reader.first_ms(), clock_of(visit.desk)
    if first_ms is None or first_ms < clock.now_ms - DAYS * DAY_MS:
        return ngettext("last %(num)s day", "last %(num)s days", DAYS)
    return gettext("since the store's first article, %(time)s", time=clock.short(first_ms))


def _chart(visit: Visit, name: str, turn: TheTurn) -> Chart | None:
    volume = use_case.volume(visit.desk, name, turn.stopped)
    if volume is None:
        return None
    return bars(volume.counts, volume.start_ms, volume.step_ms, what=COUNTED["article"], zone=visit.desk.zone)
