"""Decides whether an attempt to sign in is answered now. Pure; times are whole milliseconds, passed by the caller.

Attempts are counted per name and place, so that attempts of a stranger elsewhere never use up a person's own. If a name is
guessed at from many places, or many names of a desk are, then every place from which the person has not signed in before has
fewer attempts, but always one. ``Spent`` says when each allowance is full again.
"""

from __future__ import annotations

from typing import NamedTuple

Limit = tuple[int, int]
"""Attempts allowed at once, and the milliseconds after which each further one is allowed."""

AT_PLACE: tuple[Limit, ...] = ((10, 60_000), (5, 300_000), (2, 1_800_000))
"""Attempts at one name from one place: usually, while the name or the desk is being guessed at, and if that continues."""
PLACE: Limit = (20, 15_000)
"""Attempts from one place at any name."""


class Pool(NamedTuple):
    """Wrong attempts from all places together. Each counts for ``every_ms``; ``steps``: the numbers that tighten the limit."""

    every_ms: int
    steps: tuple[int, int]
    most: int


NAME = Pool(60_000, (20, 100), 200)
"""Wrong attempts at one name."""
DESK = Pool(10_000, (100, 500), 1_000)
"""Wrong attempts at all names together."""


_MOST = (
    max(number * every_ms for number, every_ms in AT_PLACE),
    PLACE[0] * PLACE[1],
    NAME.most * NAME.every_ms,
    DESK.most * DESK.every_ms,
)


class Spent(NamedTuple):
    """When the allowances of the name at the place, of the place, of the name and of the desk are full again."""

    pair_ms: int = 0
    place_ms: int = 0
    name_ms: int = 0
    desk_ms: int = 0


class TryDecision(NamedTuple):
    """If ``wait_ms`` is 0, the attempt is answered and costs ``cost`` unless the password is right. Else it costs nothing."""

    wait_ms: int
    spent: Spent
    cost: Spent


def decide(spent: Spent, *, known: bool, now_ms: int) -> TryDecision:
    """Whether an attempt is answered. ``known``: the person has signed in from this place before."""
    # A clock that was ahead for a while locks no person out once it is right again.
    whole = Spent(*(min(max(one, now_ms), now_ms + most) for one, most in zip(spent, _MOST, strict=True)))
    step = max(_step(NAME, whole.name_ms - now_ms), _step(DESK, whole.desk_ms - now_ms))
    limit = AT_PLACE[0 if known else step]
    waits = [_wait(limit, whole.pair_ms - now_ms)]
    if not known:
        # People in one building share an address: a person who has signed in from there is not locked out by others.
        waits.append(_wait(PLACE, whole.place_ms - now_ms))
    if max(waits) > 0:
        return TryDecision(max(waits), whole, Spent())
    costs = (limit[1], PLACE[1], NAME.every_ms, DESK.every_ms)
    after = Spent(*(min(one + cost, now_ms + most) for one, cost, most in zip(whole, costs, _MOST, strict=True)))
    return TryDecision(0, after, Spent(*(b - a for a, b in zip(whole, after, strict=True))))


def undone(spent: Spent, cost: Spent) -> Spent:
    """What is spent after an answered attempt turned out to be right: nothing for the name at this place."""
    return Spent(*(max(0, a - b) for a, b in zip(spent, cost, strict=True)))._replace(pair_ms=0)


def _wait(limit: Limit, owed_ms: int) -> int:
    return max(0, owed_ms - (limit[0] - 1) * limit[1])


def _step(pool: Pool, owed_ms: int) -> int:
    return sum(owed_ms >= number * pool.every_ms for number in pool.steps)
