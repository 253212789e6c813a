"""What a person looks for on the Search page, as the address of the page carries it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import cast, get_args
from urllib.parse import urlencode

import msgspec

from core.records import to_ms
from core.search import Facets, Filters, Order
from desk.views.filters import Choice

FACETS = ("topic", "source", "lang")
DAYS = (1, 7, 30, 90, 365)
LONGEST_QUERY = 20_000
_MOST = 50
_OF_FACETS = {"topic": "topics", "source": "sources", "lang": "languages"}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A search. ``days``: only so many days back; else ``since`` to ``until`` (both in), as ``YYYY-MM-DD`` of the desk's zone.

    Of each facet given, any of its values. ``copies`` False: without articles that repeat another's text.
    """

    q: str = ""
    topic: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    lang: tuple[str, ...] = ()
    days: int | None = None
    since: str = ""
    until: str = ""
    copies: bool = True
    order: Order = "newest"

    @property
    def narrowed(self) -> bool:
        """Whether anything but the query narrows it."""
        return msgspec.structs.replace(self, q="", order="newest") != Wish()

    @property
    def filters(self) -> Filters:
        """For the index."""
        return Filters(topics=self.topic, sources=self.source, languages=self.lang, copies=self.copies)

    def period(self, zone: tzinfo, now_ms: int) -> tuple[int | None, int | None]:
        """From (in) and to (out), in ms; None for no bound."""
        if self.days is not None:
            return now_ms - self.days * 86_400_000, None
        since, until = _day(self.since), _day(self.until)
        return (
            None if since is None else _midnight(since, zone),
            None if until is None else _midnight(until + timedelta(days=1), zone),
        )

    def query(self, **changed: object) -> str:
        """The query string of a page with this search, some of it changed."""
        values: list[tuple[str, str]] = []
        for name in self.__struct_fields__:
            value = changed.get(name, getattr(self, name))
            if name in FACETS:
                values += [(name, one) for one in sorted(cast("tuple[str, ...]", value))]
            elif name == "copies":
                values += [] if value else [("copies", "no")]
            elif value not in (None, "", "newest"):
                values.append((name, str(value)))
        return urlencode(values)

    def toggled(self, facet: str, value: str) -> str:
        """The query string with one value of a facet added, or taken away."""
        now = set(getattr(self, facet))
        return self.query(**{facet: tuple(now ^ {value})})


def wish_of(query: Iterable[tuple[str, str]]) -> Wish:
    """The search of an address. What it doesn't know, or what makes no sense, is left out: addresses get old."""
    values: dict[str, list[str]] = {}
    for name, value in query:
        if value and len(value) <= (LONGEST_QUERY if name == "q" else 200) and len(values.get(name, ())) < _MOST:
            values.setdefault(name, []).append(value)
    last = {name: several[-1].strip() for name, several in values.items()}
    days, order = last.get("days", ""), last.get("order", "")
    whole = days.isascii() and days.isdigit() and 0 < int(days) <= 10_000
    since, until = (last[name] if _day(last.get(name, "")) else "" for name in ("since", "until"))
    return Wish(
        q=last.get("q", ""),
        **{facet: tuple(sorted(set(values.get(facet, ())))) for facet in FACETS},
        days=int(days) if whole else None,
        since="" if whole else since,
        until="" if whole else until,
        copies=last.get("copies") != "no",
        order=cast("Order", order if order in get_args(Order) else "newest"),
    )


def facet_choices(found: Facets | None, wish: Wish, labels: Mapping[str, Mapping[str, str]]) -> dict[str, list[Choice]]:
    """For each facet its values among all hits, the most frequent first; chosen ones always, and before the others."""
    made: dict[str, list[Choice]] = {}
    for facet in FACETS:
        counts = {one.value: one.count for one in (getattr(found, _OF_FACETS[facet]) if found is not None else ())}
        chosen = getattr(wish, facet)
        # The index folds case for outlets, an address may not.
        ranked = sorted({*counts, *chosen}, key=lambda value: (value not in chosen, -counts.get(value, 0), value))
        made[facet] = [
            Choice(
                value,
                labels.get(facet, {}).get(value, value),
                counts.get(value, 0),
                value in chosen,
                wish.toggled(facet, value),
            )
            for value in ranked
        ]
    return made


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9990 and len(text) == 10 else None


def _midnight(day: date, zone: tzinfo) -> int:
    return to_ms(datetime.combine(day, time(), zone))
