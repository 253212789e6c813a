"""The bar at the top of every page: whether silence means that nothing happens, or that something is broken. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from core.records.article import FeedCounts
from core.store.canary import CanaryHealth, CanaryState
from desk.views.wording import span

Level = Literal["ok", "warn", "bad"]
QUIET_MS = 900_000
"""Without an article for so long, the bar says so."""


class Status(msgspec.Struct, frozen=True):
    """``level`` and a short sentence; ``more`` are further sentences, the worst first."""

    level: Level
    text: str
    more: tuple[str, ...] = ()


def status_of(
    *, canary: CanaryState | None, last_ms: int | None, feeds: FeedCounts | None, problem: str | None, now_ms: int
) -> Status:
    """What to say. ``last_ms``: event time of the newest article; ``problem``: why the store can't be read, if it can't."""
    if problem is not None:
        return Status("bad", "The store can't be read: what you see may be old", (problem,))
    said: list[tuple[int, str]] = []
    silent = canary is not None and canary.health is CanaryHealth.SILENT
    if canary is not None and silent:
        said.append((2, f"Broken: {canary.summary}"))
    if feeds is not None:
        if not feeds.watched:
            said.append((1, "No feeds are watched yet"))
        elif feeds.failing:
            said.append((1, f"{feeds.failing} of {feeds.watched} feeds failing"))
    if last_ms is None:
        said.append((0, "No articles yet"))
    else:
        said.append((0, _last(last_ms, now_ms, canary)))
    if canary is not None and canary.health is CanaryHealth.OK:
        said.append((0, canary.summary))
    worst = max(rank for rank, _ in said)
    levels: tuple[Level, Level, Level] = ("ok", "warn", "bad")
    ordered = sorted(said, key=lambda one: -one[0])
    return Status(levels[worst], ordered[0][1], tuple(text for _, text in ordered[1:]))


def _last(last_ms: int, now_ms: int, canary: CanaryState | None) -> str:
    ago = max(0, now_ms - last_ms)
    if ago < 60_000:
        return "Last article under a minute ago"
    text = f"Last article {span(ago / 1000)} ago"
    if ago < QUIET_MS or canary is None:
        return text
    # Only the canary knows the difference.
    return f"Quiet, not broken: {text[0].lower()}{text[1:]}" if canary.health is CanaryHealth.OK else text
