"""The health of each feed, and what the desk may be missing because of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from connectors.base import SourceFacts
from connectors.feeds.schedule import Rhythm, expected, is_silent
from connectors.store.rows import FeedRow
from core.errors import FailureKind
from core.failure_words import failure, wall
from core.records import from_ms, to_ms
from core.records.article import WallCount
from core.saying import Said, counting, saying
from core.store.page_requests import OVER

RECENT = timedelta(days=7)
"""How far back a gap or a failed page counts in the report."""

EARLY_MS = 3_600_000
"""A feed that has been watched for less has no rhythm yet: its state is ``early``, and no full day is expected from it."""

RESTLESS = 3
"""Consecutive polls with changes in most items, after which a feed counts as changing at every poll."""

_MANY_FAILED = 0.2


class FeedHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One feed. ``state``: ok, early (too early to tell), new, unverified (never read well), failing, silent,
    gone, ended, removed.

    ``expected_per_day`` by its own rhythm, to compare with the last day. ``risks``: what may be missing, in plain
    words. Times are UTC.
    """

    url: str
    source: str
    outlet: str | None
    country: str | None
    language: str | None
    kind: str | None
    state: str
    problem: str | None
    problem_kind: FailureKind | None
    expected_per_day: float
    seen_last_day: int
    poll_every_s: float | None
    last_new_at: datetime | None
    risks: tuple[Said, ...] = ()


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The report: feeds by state; for each country and language (working feeds, all feeds); risks, worst first.

    ``walls``: pages of the last week that were walls, by outlet and kind, most frequent first. ``again``: pages to
    fetch again, by reason and state (waiting, asked, over).
    """

    feeds: int
    states: dict[str, int]
    countries: dict[str, tuple[int, int]]
    languages: dict[str, tuple[int, int]]
    risks: tuple[Said, ...]
    walls: tuple[WallCount, ...] = ()
    again: Mapping[str, Mapping[str, int]] = {}


def judge(row: FeedRow, facts: SourceFacts, week: tuple[int, int], day: tuple[int, int], now: datetime) -> FeedHealth:
    """Judge a feed. ``week`` and ``day``: number of its items in that time, and how many of them without a page."""
    now_ms, rhythm = to_ms(now), facts.rhythm or Rhythm()
    silent = is_silent(rhythm, now_ms)
    if not row.active:
        state = "removed"
    elif row.health in ("gone", "failing", "ended"):
        state = row.health if row.verified_at or row.health != "failing" else "unverified"
    elif row.verified_at is None and row.last_ok_at is None:
        state = "unverified"
    else:
        state = "silent" if silent else row.health
        # A kind without a rhythm can't be early.
        state = "early" if state == "ok" and facts.rhythm and _watched_ms(rhythm, now_ms) < EARLY_MS else state
    risks = []
    problem = failure(row.problem_kind, row.problem)
    if state == "unverified" and row.problem:
        risks.append(saying("could never be read: %(problem)s", problem=problem))
    elif state == "failing" and row.last_ok_at:
        risks.append(saying("not read since %(time)s: %(problem)s", time=row.last_ok_at, problem=problem))
    elif state == "failing":
        risks.append(saying("not read: %(problem)s", problem=problem))
    elif state in ("gone", "ended"):
        why = problem or saying("no more items will come")
        risks.append(
            saying("it is gone: %(problem)s", problem=why)
            if state == "gone"
            else saying("it has ended: %(problem)s", problem=why)
        )
    elif state == "silent":
        risks.append(
            counting(
                "silent since %(time)s, about %(num)s item expected",
                "silent since %(time)s, about %(num)s items expected",
                round(expected(rhythm, rhythm.last_new_ms, now_ms)),
                time=from_ms(rhythm.last_new_ms),
            )
        )
    if rhythm.gaps and now - from_ms(rhythm.gap_ms) < RECENT:
        risks.append(saying("its list overran at %(time)s: items were probably missed", time=from_ms(rhythm.gap_ms)))
    if facts.restless >= RESTLESS:
        risks.append(
            saying("most of its items change at every poll (counters, dates): such changes are not fetched again")
        )
    if week[0] and week[1] / week[0] >= _MANY_FAILED:
        risks.append(
            saying(
                "%(failed)s of %(all)s pages could not be fetched in a week; the feed's own text was used instead",
                failed=week[1],
                all=week[0],
            )
        )
    about = row.about
    return FeedHealth(
        url=row.url,
        source=row.source,
        outlet=about.outlet or row.title,
        country=about.country,
        language=about.language or facts.language,
        kind=about.kind,
        state=state,
        problem=row.problem,
        problem_kind=row.problem_kind,
        expected_per_day=(
            round(expected(rhythm, now_ms, now_ms + 86_400_000), 1) if rhythm.days and state != "early" else 0.0
        ),
        seen_last_day=day[0],
        poll_every_s=rhythm.wait_ms / 1000 if rhythm.wait_ms else None,
        last_new_at=from_ms(rhythm.last_new_ms) if rhythm.last_new_ms else None,
        risks=tuple(risks),
    )


def _watched_ms(rhythm: Rhythm, now_ms: int) -> float:
    # Old days count less, which does not matter for a feed watched for such a short time.
    since_last = max(0, now_ms - rhythm.at_ms) if rhythm.at_ms else 0
    return rhythm.days * 86_400_000 + since_last


def coverage(
    feeds: Sequence[FeedHealth], walls: Sequence[WallCount] = (), again: Mapping[str, Mapping[str, int]] | None = None
) -> Coverage:
    """The report over all feeds that are not removed."""
    watched = [feed for feed in feeds if feed.state != "removed"]
    states: dict[str, int] = {}
    for feed in watched:
        states[feed.state] = states.get(feed.state, 0) + 1
    countries, languages = _shares(watched, "country"), _shares(watched, "language")
    # Feeds that were just added are not a gap yet; one line covers all of them.
    unasked = [feed for feed in watched if feed.state == "unverified" and not feed.problem]
    risks = []
    if unasked:
        risks.append(
            counting(
                "%(num)s feed not checked yet: wirewatch feed check fetches it",
                "%(num)s feeds not checked yet: wirewatch feed check fetches them",
                len(unasked),
            )
        )
    asked = [feed for feed in watched if feed not in unasked]
    risks += [
        counting(
            "nothing from %(name)s is being read (%(num)s feed)",
            "nothing from %(name)s is being read (%(num)s feeds)",
            total,
            name=name,
        )
        for name, (working, total) in [*_shares(asked, "country").items(), *_shares(asked, "language").items()]
        if not working
    ]
    worst = sorted(watched, key=lambda feed: -feed.expected_per_day)
    risks += [saying("%(item)s: %(problem)s", item=feed.url, problem=risk) for feed in worst for risk in feed.risks]
    by_outlet: dict[str, list[WallCount]] = {}
    for one in walls:
        by_outlet.setdefault(one.source, []).append(one)
    for source, kinds in sorted(by_outlet.items(), key=lambda item: -sum(one.walls for one in item[1])):
        risks.append(
            saying(
                "%(outlet)s: walls in place of pages in a week: %(kinds)s; the latest: %(item)s",
                outlet=source,
                kinds=tuple(saying("%(kind)s %(count)s", kind=wall(one.kind), count=one.walls) for one in kinds),
                item=kinds[0].last_item,
            )
        )
    if waiting := sum(pages for states in (again or {}).values() for state, pages in states.items() if state != OVER):
        risks.append(counting("%(num)s page is being fetched again", "%(num)s pages are being fetched again", waiting))
    if given_up := sum(states.get(OVER, 0) for states in (again or {}).values()):
        risks.append(
            counting(
                "%(num)s page was requested again and given up",
                "%(num)s pages were requested again and given up",
                given_up,
            )
        )
    return Coverage(
        feeds=len(watched),
        states=dict(sorted(states.items())),
        countries=countries,
        languages=languages,
        risks=tuple(risks),
        walls=tuple(walls),
        again=again or {},
    )


def _shares(feeds: Iterable[FeedHealth], field: str) -> dict[str, tuple[int, int]]:
    shares: dict[str, tuple[int, int]] = {}
    for feed in feeds:
        if name := getattr(feed, field):
            working, total = shares.get(name, (0, 0))
            shares[name] = (working + (feed.state in ("ok", "early", "silent")), total + 1)
    return dict(sorted(shares.items()))
