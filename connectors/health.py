"""The health of each feed, and what the desk may be missing because of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from connectors.base import SourceFacts
from connectors.feeds.schedule import Rhythm, expected, is_silent
from connectors.store.rows import FeedRow
from core.errors import FailureKind
from core.records import from_ms, to_ms
from core.records.article import WallCount

RECENT = timedelta(days=7)
"""How far back a gap or a failed page counts in the report."""

EARLY_MS = 3_600_000
"""A feed that has been watched for less has no rhythm yet: its state is ``early``, and no full day is expected from it."""

RESTLESS = 3
"""Consecutive polls with changes in most items, after which a feed counts as changing at every poll."""

_MANY_FAILED = 0.2
_STATES = {"over": "given up"}


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
    risks: tuple[str, ...] = ()


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The report: feeds by state; for each country and language (working feeds, all feeds); risks, worst first.

    ``walls``: pages of the last week that were walls, by outlet and kind, most frequent first. ``again``: pages to
    fetch again, by reason and state (waiting, asked, over).
    """

    feeds: int
    states: dict[str, int]
    countries: dict[str, tuple[int, int]]
    languages: dict[str, tuple[int, int]]
    risks: tuple[str, ...]
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
    if state == "unverified" and row.problem:
        risks.append(f"could never be read: {row.problem}")
    elif state == "failing":
        since = f" since {row.last_ok_at:%Y-%m-%d %H:%M} UTC" if row.last_ok_at else ""
        risks.append(f"not read{since}: {row.problem}")
    elif state in ("gone", "ended"):
        risks.append(f"it is {state}: {row.problem or 'nothing more comes'}")
    elif state == "silent":
        count = expected(rhythm, rhythm.last_new_ms, now_ms)
        risks.append(f"silent since {from_ms(rhythm.last_new_ms):%Y-%m-%d %H:%M} UTC, about {count:.0f} items expected")
    if rhythm.gaps and now - from_ms(rhythm.gap_ms) < RECENT:
        risks.append(f"its list overran at {from_ms(rhythm.gap_ms):%Y-%m-%d %H:%M} UTC: items were likely missed")
    if facts.restless >= RESTLESS:
        risks.append("most of its items change at every poll (counters, dates): such changes are not fetched again")
    if week[0] and week[1] / week[0] >= _MANY_FAILED:
        risks.append(f"{week[1]} of {week[0]} pages could not be fetched in a week; the feed's own text had to do")
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
    some = f"{len(unasked)} feed{'s' if len(unasked) > 1 else ''}"
    new = (
        [f"{some} not checked yet: wirewatch feed check fetches {'them' if len(unasked) > 1 else 'it'}"]
        if unasked
        else []
    )
    asked = [feed for feed in watched if feed not in unasked]
    risks = new + [
        f"nothing from {name} is being read ({total} feed{'s' if total > 1 else ''})"
        for name, (working, total) in [*_shares(asked, "country").items(), *_shares(asked, "language").items()]
        if not working
    ]
    worst = sorted(watched, key=lambda feed: -feed.expected_per_day)
    risks += [f"{feed.url}: {risk}" for feed in worst for risk in feed.risks]
    by_outlet: dict[str, list[WallCount]] = {}
    for one in walls:
        by_outlet.setdefault(one.source, []).append(one)
    for source, kinds in sorted(by_outlet.items(), key=lambda item: -sum(one.walls for one in item[1])):
        said = ", ".join(f"{one.kind} {one.walls}" for one in kinds)
        risks.append(f"{source}: walls in place of pages in a week: {said}; the latest: {kinds[0].last_item}")
    if again:
        said = "; ".join(
            f"{reason}: " + ", ".join(f"{pages} {_STATES.get(state, state)}" for state, pages in sorted(states.items()))
            for reason, states in again.items()
        )
        risks.append(f"pages asked for again: {said}")
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
