"""Bar charts of counts over time: the geometry, which a template draws as SVG. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import zip_longest
from typing import NamedTuple

from core.durations import DAY_MS
from core.records import from_ms
from desk.language import day, gettext, hour_and_minute, ngettext

WIDTH, HEIGHT = 1_000.0, 100.0
MOST_BARS = 180
FEWEST = 24
"""The minimum number of steps. Otherwise, for a store with one day, a single bar would fill the chart."""


class Bar(NamedTuple):
    """One step: its rectangle in chart units, its period in ms (end exclusive), its count, and a description in words."""

    x: float
    y: float
    width: float
    height: float
    start_ms: int
    end_ms: int
    number: int
    label: str


class Chart(NamedTuple):
    """A chart of ``WIDTH`` by ``HEIGHT``, y downwards. ``words`` describes it for people who can't see it."""

    bars: tuple[Bar, ...]
    most: int
    total: int
    first: str
    last: str
    words: str


def bars(
    counts: Sequence[int], start_ms: int, step_ms: int, *, what: Callable[[int], str], zone: tzinfo = UTC
) -> Chart | None:
    """The chart of counts in equal steps; None if all are zero. If there are too many steps, a bar combines several; if there
    are too few, empty ones come before them.

    Days are UTC days, as counted; hours are shown in ``zone``. ``what`` writes a count in words, such as ``2 articles``.
    """
    if not any(counts):
        return None
    each = -(-len(counts) // MOST_BARS)
    gathered = [sum(part) for part in zip_longest(*[iter(counts)] * each, fillvalue=0)]
    missing = max(0, FEWEST - len(gathered))
    gathered, start_ms = [0] * missing + gathered, start_ms - missing * each * step_ms
    step_ms *= each
    most, slot = max(gathered), WIDTH / len(gathered)
    shown = zone if step_ms < DAY_MS else UTC
    made = []
    for place, count in enumerate(gathered):
        begin = start_ms + place * step_ms
        # Nonzero counts stay visible, however small they are compared to the rest.
        height = max(count / most * HEIGHT, 2.0) if count else 0.0
        made.append(
            Bar(
                round(place * slot, 2),
                round(HEIGHT - height, 2),
                round(slot * 0.86, 2),
                round(height, 2),
                begin,
                begin + step_ms,
                count,
                gettext("%(period)s: %(count)s", period=_period(begin, step_ms, shown), count=what(count)),
            )
        )
    total = sum(gathered)
    first, last = _period(start_ms, step_ms, shown), _period(start_ms + (len(made) - 1) * step_ms, step_ms, shown)
    top = max(made, key=lambda bar: bar.number)
    words = gettext(
        "%(count)s from %(first)s to %(last)s; the most in one step: %(top)s",
        count=what(total),
        first=first,
        last=last,
        top=top.label,
    )
    return Chart(tuple(made), most, total, first, last, words)


def _period(start_ms: int, step_ms: int, zone: tzinfo) -> str:
    moment: datetime = from_ms(start_ms).astimezone(zone)
    if step_ms < DAY_MS:
        return f"{day(moment)} {hour_and_minute(moment)}"
    first = day(moment, year=True)
    if step_ms == DAY_MS:
        return first
    return ngettext("%(num)s day from %(first)s", "%(num)s days from %(first)s", step_ms // DAY_MS, first=first)
