"""The bar at the top of every page, which says whether silence means no news or a fault. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from core.records import to_ms
from core.records.article import FeedCounts
from core.store.canary import CanaryHealth, CanaryState
from desk.language import N_, gettext, ngettext, number
from desk.views.wording import Clock, span

Level = Literal["ok", "warn", "bad"]
QUIET_MS = 900_000
"""After this time without an article, the bar says so."""
_STAGES = {
    "connectors": N_("Broken: the connectors are silent"),
    "raw stream": N_("Broken: the raw stream is silent"),
    "pipeline": N_("Broken: the pipeline is silent"),
    "alerts": N_("Broken: no alerts are raised"),
    "relay": N_("Broken: the relay is silent"),
    "delivery": N_("Broken: delivery is silent"),
}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The bar's input. ``last_ms``: event time of the newest article; ``problem``: why the store can't be read, if it
    can't; ``loading``: the desk has not read the store yet.
    """

    canary: CanaryState | None = None
    last_ms: int | None = None
    feeds: FeedCounts | None = None
    problem: str | None = None
    loading: bool = False


class Status(msgspec.Struct, frozen=True):
    """``level`` and a short sentence; ``more``: further sentences, the worst first."""

    level: Level
    text: str
    more: tuple[str, ...] = ()


def status_of(health: Health, clock: Clock) -> Status:
    """The bar's text, in the reader's language."""
    if health.problem is not None:
        return Status("bad", gettext("The store can't be read: what you see may be out of date"), (health.problem,))
    if health.loading:
        return Status("ok", gettext("Starting"))
    said: list[tuple[int, str]] = []
    canary, feeds = health.canary, health.feeds
    if canary is not None and canary.health is CanaryHealth.SILENT:
        stage = canary.silent_stage or ""
        said.append((2, gettext(_STAGES[stage]) if stage in _STAGES else canary.summary))
        said.append((1, canary.summary))
    if feeds is not None:
        if not feeds.watched:
            said.append((1, gettext("No feeds are watched yet")))
        elif feeds.failing:
            failing = ngettext(
                "%(failing)s of %(num)s feed is failing",
                "%(failing)s of %(num)s feeds are failing",
                feeds.watched,
                failing=number(feeds.failing),
            )
            said.append((1, failing))
    if health.last_ms is None:
        said.append((0, gettext("No articles yet")))
    else:
        said.append((0, _last(health.last_ms, clock.now_ms, canary)))
    if canary is not None and canary.health is CanaryHealth.OK and canary.last_out is not None:
        said.append(
            (0, gettext("The last test article came through at %(time)s", time=clock.short(to_ms(canary.last_out))))
        )
    worst = max(rank for rank, _ in said)
    levels: tuple[Level, Level, Level] = ("ok", "warn", "bad")
    ordered = sorted(said, key=lambda one: -one[0])
    return Status(levels[worst], ordered[0][1], tuple(text for _, text in ordered[1:]))


def _last(last_ms: int, now_ms: int, canary: CanaryState | None) -> str:
    ago = max(0, now_ms - last_ms)
    if ago < 60_000:
        return gettext("Last article just now")
    if ago >= QUIET_MS and canary is not None and canary.health is CanaryHealth.OK:
        # Only the canary can distinguish the two.
        return gettext("Quiet, not broken: last article %(span)s ago", span=span(ago / 1000))
    return gettext("Last article %(span)s ago", span=span(ago / 1000))
