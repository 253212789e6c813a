"""Four weeks of invented publishing rhythms: our schedule, with the defaults that ship, against polling every ten minutes."""

from __future__ import annotations

import bisect
import dataclasses
import heapq
import random
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from benchmarks.results import keep, machine
from connectors.feeds.cursor import FeedFacts
from connectors.feeds.decide import FeedPolicy, feed_went_well
from connectors.feeds.kind import LOOK_AGAIN
from connectors.feeds.schedule import Listed, worth_for
from core.settings import Settings

RESULTS = Path(__file__).parent / "results"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# A Monday.
START_MS = 1_930_089_600_000 // (7 * DAY_MS) * 7 * DAY_MS + 4 * DAY_MS
DAYS = 28
FIXED_S = 600
LIST = 30
AVERAGE_S = Settings().poll_average_s
DEFAULT = FeedPolicy(interval_s=Settings().poll_interval_s, ceiling_s=86_400.0)

Busy = Callable[[float], float]
"""How busy a feed is at a time (ms since the start), from 0 to 1."""


def around_the_clock(_: float) -> float:
    """An agency."""
    return 1.0


def newsroom(at: float) -> float:
    """A paper: by day, little by night, half as much on weekends."""
    hour, day = at // HOUR_MS % 24, at // DAY_MS % 7
    return (1.0 if 7 <= hour < 20 else 0.15) * (0.5 if day >= 5 else 1.0)


def office(at: float) -> float:
    """A ministry: nine to five, Monday to Friday."""
    return float(9 <= at // HOUR_MS % 24 < 17 and at // DAY_MS % 7 < 5)


def crisis(at: float) -> float:
    """Quiet, but for four days in the third week."""
    return 1.0 if 15 <= at // DAY_MS < 19 else 0.05


def dying(at: float) -> float:
    """One that stops after the first week."""
    return float(at < 7 * DAY_MS)


class Outlet(NamedTuple):
    """``per_day``: items on its busiest day, if it lasted all day. ``zone_h``: its hours ahead of UTC."""

    per_day: float
    busy: Busy
    zone_h: int


def published(outlet: Outlet, rng: random.Random) -> Iterator[int]:
    """Times (ms, UTC) at random by the outlet's rhythm."""
    at = 0.0
    while (at := at + rng.expovariate(outlet.per_day) * DAY_MS) < DAYS * DAY_MS:
        if rng.random() < outlet.busy(at + outlet.zone_h * HOUR_MS):
            yield START_MS + int(at)


class Watched(NamedTuple):
    """Requests that were made, delay of each item in seconds, items that left the list unseen."""

    requests: int
    delays: list[float]
    missed: int


def by_rhythm(times: list[list[int]], policy: FeedPolicy = DEFAULT) -> list[Watched]:
    """Poll all feeds as the connectors do: the very functions that decide there decide here."""
    watched = [Watched(1, [], 0) for _ in times]
    seen = [0] * len(times)
    rngs = [random.Random(number) for number in range(len(times))]
    facts = [
        replace(feed_went_well(FeedFacts(), START_MS, policy, rng, Listed(0, 0, LIST)), listed=True) for rng in rngs
    ]
    queue = [(one.poll_at_ms, number) for number, one in enumerate(facts)]
    heapq.heapify(queue)
    look_at = START_MS
    while queue[0][0] < START_MS + DAYS * DAY_MS:
        now, number = heapq.heappop(queue)
        if now >= look_at:
            look_at = now + int(LOOK_AGAIN.total_seconds() * 1000)
            worth_s = worth_for(
                [one.rhythm for one in facts], AVERAGE_S, floor_s=policy.interval_s, ceiling_s=policy.ceiling_s or 0
            )
            policy = dataclasses.replace(policy, worth_s=worth_s)
        due, before = times[number], watched[number]
        until = bisect.bisect_right(due, now)
        new = until - seen[number]
        delays = [(now - at) / 1000 for at in due[max(seen[number], until - LIST) : until]]
        before.delays.extend(delays)
        watched[number] = Watched(before.requests + 1, before.delays, before.missed + max(new - LIST, 0))
        seen[number] = until
        listed = Listed(min(new, LIST), max(LIST - new, 0), LIST) if new else Listed()
        facts[number] = feed_went_well(facts[number], now, policy, rngs[number], listed)
        heapq.heappush(queue, (facts[number].poll_at_ms, number))
    return watched


def fixed(times: list[int], rng: random.Random) -> Watched:
    """Poll every ten minutes."""
    first = START_MS + rng.randrange(FIXED_S * 1000)
    delays = [(first - at) % (FIXED_S * 1000) / 1000 for at in times]
    return Watched(DAYS * DAY_MS // (FIXED_S * 1000), delays, 0)


def desk(rng: random.Random, feeds: int) -> list[Outlet]:
    """Outlets as a desk has them: few publish much, most a little."""
    kinds = (around_the_clock, newsroom, newsroom, newsroom, office, office, crisis, dying)
    return [
        Outlet(10 ** rng.uniform(-1, 2.8), kinds[n % len(kinds)], rng.choice((0, 2, 3, 3, -5, 8))) for n in range(feeds)
    ]


def populations(rng: random.Random) -> dict[str, list[Outlet]]:
    """A desk, and two that suit the schedule less."""
    return {
        "a desk: 64 feeds, 0.1 to 630 items a day": desk(rng, 64),
        "small outlets only: 0.1 to 10 a day": [one._replace(per_day=one.per_day**0.36) for one in desk(rng, 32)],
        "all alike: 48 a day around the clock": [Outlet(48, around_the_clock, 0) for _ in range(16)],
    }


def main(policy: FeedPolicy = DEFAULT) -> None:
    """Print requests and delays."""
    known = machine()
    print(
        f"\n{DAYS} simulated days; least pause {policy.interval_s:g} s (the default), against every {FIXED_S // 60} minutes"
    )
    for name, outlets in populations(random.Random(4)).items():
        times = [list(published(outlet, random.Random(number))) for number, outlet in enumerate(outlets)]
        ours = by_rhythm(times, policy)
        plain = [fixed(one, random.Random(number)) for number, one in enumerate(times)]
        print(f"{name}: {sum(len(one.delays) for one in plain):,} items")
        _line("every 10 minutes", plain)
        _line("by rhythm", ours)
        delay = _median(ours) / _median(plain)
        asked = sum(one.requests for one in ours) / sum(one.requests for one in plain)
        row = {"feeds_kind": name, "share_of_delay": delay, "share_of_requests": asked}
        row |= {"median_delay_s": _median(ours), "requests": sum(one.requests for one in ours)}
        keep(RESULTS / "simulation.csv", known, row)
        verdict = (
            "target met" if delay <= 0.5 and asked <= 1 else "target (half the delay for no more requests) not met"
        )
        print(f"  ratio: {delay:.2f} of the delay with {asked:.2f} of the requests: {verdict}")


def _median(watched: list[Watched]) -> float:
    return statistics.median(delay for one in watched for delay in one.delays)


def _line(name: str, watched: list[Watched]) -> None:
    delays = sorted(delay for one in watched for delay in one.delays)
    requests = sum(one.requests for one in watched)
    print(
        f"  {name}: {requests:,} requests, median delay {_median(watched):.0f} s, mean {statistics.mean(delays):.0f} s, "
        f"99 of 100 under {delays[len(delays) * 99 // 100] / 60:.0f} min, {sum(one.missed for one in watched)} items missed"
    )
