"""What a person wants to see on Live: facets, as the address of the page carries them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from desk.views.cards import Card

FACETS = ("topic", "subscription", "lang", "outlet", "country")
HOURS = (1, 3, 6, 12, 24, 72)
_OF_CARD = {
    "topic": "topics",
    "subscription": "subscriptions",
    "lang": "languages",
    "outlet": "outlets",
    "country": "countries",
}
_MOST = 50


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Of each facet given, any of its values. ``hours``: changed since so long. ``show``: all, unread, starred, alerts."""

    topic: tuple[str, ...] = ()
    subscription: tuple[str, ...] = ()
    lang: tuple[str, ...] = ()
    outlet: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    hours: int | None = None
    show: str = "all"

    @property
    def empty(self) -> bool:
        """Whether it lets everything through."""
        return self == Filter()

    def query(self, **changed: object) -> str:
        """The query string of a page with this filter, some of it changed; sorted, so that one filter has one address."""
        values: list[tuple[str, str]] = []
        for name in (*FACETS, "hours", "show"):
            value = changed.get(name, getattr(self, name))
            if name in FACETS:
                values += [(name, one) for one in sorted(value)]  # type: ignore[call-overload]
            elif value not in (None, "all"):
                values.append((name, str(value)))
        return urlencode(values)

    def toggled(self, facet: str, value: str) -> str:
        """The query string with one value of a facet added, or taken away."""
        now = set(getattr(self, facet))
        return self.query(**{facet: tuple(sorted(now ^ {value}))})


class Choice(msgspec.Struct, frozen=True):
    """A value of a facet, how many stories have it, whether it is chosen, and the page's query if it is clicked."""

    value: str
    label: str
    count: int
    chosen: bool
    query: str


def filter_of(query: Iterable[tuple[str, str]]) -> Filter:
    """The filter of an address. What it doesn't know, or what makes no sense, is left out: addresses get old."""
    values: dict[str, list[str]] = {}
    for name, value in query:
        if value and len(value) <= 200 and len(values.get(name, ())) < _MOST:
            values.setdefault(name, []).append(value)
    hours = values.get("hours", [""])[-1]
    show = values.get("show", ["all"])[-1]
    return Filter(
        **{facet: tuple(sorted(set(values.get(facet, ())))) for facet in FACETS},
        hours=int(hours) if hours.isascii() and hours.isdigit() and 0 < int(hours) <= 10_000 else None,
        show=show if show in ("unread", "starred", "alerts") else "all",
    )


def wanted(card: Card, wish: Filter, now_ms: int) -> bool:
    """Whether the story is to be seen, as far as that is the same for everybody (not unread, not starred)."""
    if wish.hours is not None and card.last_ms < now_ms - wish.hours * 3_600_000:
        return False
    if wish.show == "alerts" and not card.subscriptions:
        return False
    return all(
        not getattr(wish, facet) or not set(getattr(wish, facet)).isdisjoint(getattr(card, _OF_CARD[facet]))
        for facet in FACETS
    )


def choices(
    cards: Sequence[Card], wish: Filter, labels: Mapping[str, Mapping[str, str]], *, most: int = 40
) -> dict[str, list[Choice]]:
    """For each facet its values among the cards, the most frequent first; chosen ones always."""
    found: dict[str, list[Choice]] = {}
    for facet in FACETS:
        counts = Counter(value for card in cards for value in getattr(card, _OF_CARD[facet]))
        chosen = set(getattr(wish, facet))
        ranked = sorted({*counts, *chosen}, key=lambda value: (value not in chosen, -counts[value], value))
        found[facet] = [
            Choice(
                value,
                labels.get(facet, {}).get(value, value),
                counts[value],
                value in chosen,
                wish.toggled(facet, value),
            )
            for value in ranked[: most + len(chosen)]
        ]
    return found
