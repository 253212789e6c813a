"""The day at a glance: the overview, and the briefing of a period."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from core.records import from_ms
from desk.people.roles import Role
from desk.use_cases.briefing import LONGEST_HOURS, briefing, last_hours
from desk.use_cases.overview import CountryLine, Line, overview
from desk.views.briefing import BriefingItem
from desk.views.rates import Rate
from desk.web.api.feeds import FEED
from desk.web.api.schema import PREFIX, Shape, Time, answer, composed, gives
from desk.web.api.stories import STORY, story_out
from desk.web.guard import allow
from desk.web.requests import TheDesk

router = APIRouter(prefix=PREFIX, tags=["overview"])


class LastDay(msgspec.Struct, frozen=True):
    """The counts of the last 24 hours beside the usual day. ``id``: of a topic or a subscription; empty for all articles.

    ``number``: the total; ``expected``: that of a usual day. ``hours``: the 24 counts by hour, the current hour last;
    ``usual``: those of a usual day. While fewer than three days are known, ``usual`` is empty, ``expected`` and ``burst_over``
    are null. ``burst``: ``number`` is a burst, which begins above ``burst_over``. ``quiet_hours``: nothing came for so many
    hours, if that is unusual; otherwise 0.
    """

    id: str
    name: str
    number: int
    expected: float | None
    burst: bool
    burst_over: float | None
    quiet_hours: int
    hours: tuple[int, ...]
    usual: tuple[float, ...]


class CountryCount(msgspec.Struct, frozen=True):
    """The number of articles of the last 24 hours whose title or first 40 words name a country (``code``: ISO 3166).

    ``query``: the search query that finds these articles. ``name`` is in English.
    """

    code: str
    name: str
    number: int
    query: str


Overview = composed(
    "Overview",
    "The last 24 hours. Times are UTC. ``window``: when each of the 24 hours begins, the current hour last. ``complete`` is "
    "false while hours are still being counted, so that numbers are too low. ``begins``: the first hour in the store if it is "
    "within the past eight days, otherwise null. ``articles``: all articles together. ``largest``: the stories with the most "
    "independent sources. ``new``: stories that began in the last 24 hours. ``silent``: feeds that deliver less than usual.",
    now=Time,
    window=tuple[Time, ...],
    complete=bool,
    begins=Time | None,
    articles=LastDay,
    topics=tuple[LastDay, ...],
    subscriptions=tuple[LastDay, ...],
    largest=STORY.several,
    new=STORY.several,
    silent=FEED.several,
    countries=tuple[CountryCount, ...],
)
ITEM = Shape(
    "BriefingStory",
    BriefingItem,
    "A story of a briefing. ``sentences`` are quoted word for word from the article with the id ``article``, whose address, "
    "title, outlet and language are ``url``, ``title``, ``outlet`` and ``quoted_language``. ``last``: when the newest article "
    "came in, UTC. ``sources``: the number of independent sources. ``new``: the story began in the period; otherwise "
    "``changes`` says what changed.",
)


BriefingSection = composed(
    "BriefingSection",
    "The stories of one topic, those with the most sources first. ``more``: how many are left out. ``topic`` is empty for "
    "stories that have an alert but no topic.",
    topic=str,
    title=str,
    stories=ITEM.several,
    more=int,
)
Briefing = composed(
    "Briefing",
    "The stories of a period by topic, each once. ``since`` (inclusive) and ``until`` (exclusive) are UTC.",
    since=Time,
    until=Time,
    sections=tuple[BriefingSection, ...],  # type: ignore[valid-type]
)


@router.get("/overview", responses=gives(Overview))
@allow(Role.READER)
def day(desk: TheDesk) -> Response:
    """The last 24 hours: counts by topic and subscription, the largest and the new stories, silent feeds, countries."""
    view = overview(desk, None)
    return answer(
        {
            "now": from_ms(view.now_ms),
            "window": tuple(map(from_ms, view.window)),
            "complete": view.counted,
            "begins": from_ms(view.begins_ms) if view.begins_ms is not None else None,
            "articles": _last_day("", "", view.everything),
            "topics": tuple(map(_line, view.topics)),
            "subscriptions": tuple(map(_line, view.subscriptions)),
            "largest": tuple(map(story_out, view.largest)),
            "new": tuple(map(story_out, view.new.new)),
            "silent": tuple(map(FEED.of, view.silent)),
            "countries": tuple(_country(one) for one in view.countries if one.number),
        }
    )


@router.get("/briefing", responses=gives(Briefing))
@allow(Role.READER)
def morning(
    desk: TheDesk,
    hours: Annotated[
        int, Query(ge=1, le=LONGEST_HOURS, description="The length of the period up to now, in hours.")
    ] = 24,
) -> Response:
    """The briefing of a period that ends now."""
    now_ms = desk.clock_ms()
    period = last_hours(hours, now_ms)
    made = briefing(desk.store, desk.settings.run, period, outlets=desk.follower.outlets, now_ms=now_ms)
    sections = [
        {"topic": one.topic, "title": one.title, "stories": tuple(map(ITEM.of, one.items)), "more": one.more}
        for one in made.sections
    ]
    return answer({"since": from_ms(made.from_ms), "until": from_ms(made.until_ms), "sections": sections})


def _line(line: Line) -> LastDay:
    return _last_day(line.id, line.name, line.rate)


def _last_day(identity: str, name: str, rate: Rate) -> LastDay:
    return LastDay(
        id=identity,
        name=name,
        number=rate.number,
        expected=rate.expected,
        burst=rate.burst,
        burst_over=rate.over,
        quiet_hours=rate.quiet_hours,
        hours=rate.hours,
        usual=rate.usual,
    )


def _country(one: CountryLine) -> CountryCount:
    return CountryCount(one.code, one.name, one.number, one.query)
