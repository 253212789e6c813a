"""Choices in addresses and forms: filters of Live, a search, a subscription. Pure.

Unknown or invalid parameters in an address are ignored, since people keep old addresses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, cast, get_args
from urllib.parse import urlencode

import msgspec

from core.errors import UsageError
from core.records import Subscription, to_ms
from core.records.alert import ALL_NEWS
from core.search import Facets, Filters, Order
from desk.language import N_, gettext, in_words
from desk.language import listed as in_a_list
from desk.views.cards import Card
from desk.views.wording import LEVELS

LIVE_HOURS = (1, 3, 6, 12, 24, 72)
SEARCH_DAYS = (1, 7, 30, 90, 365)
LONGEST_QUERY = 20_000
_MOST_VALUES, _MOST_CHOICES = 50, 40
_OF_CARD = {
    "topic": "topics",
    "subscription": "subscriptions",
    "lang": "languages",
    "outlet": "outlets",
    "country": "countries",
    "label": "labels",
}
_OF_SEARCH = {"topic": "topics", "source": "sources", "lang": "languages"}
LIVE_FACETS, SEARCH_FACETS = tuple(_OF_CARD), tuple(_OF_SEARCH)

LISTS = ("topics", "languages", "outlets")
_WORDS = ("name", "note", "level", "state")
_SCHEDULE = ("kind", "at", "zone", "quiet", "breakthrough")
_NUMBERS = ("per_hour", "gather_s")

NEWS: Mapping[str, str] = {
    "sources": N_("another source joins"),
    "figures": N_("figures change"),
    "quotes": N_("new quotes"),
    "developments": N_("another event in the story"),
    "corrections": N_("corrections and retractions"),
    "edits": N_("edits"),
}
"""Reasons for a further alert in a story, in words."""


def told_words(one: Subscription) -> str:
    """How a subscription delivers its alerts, in one line."""
    if not one.delivery:
        return gettext("at the desk only")
    how = one.schedule
    channels = in_a_list(one.delivery)
    if how.kind == "daily":
        said = [
            gettext("%(channels)s: in a daily digest, %(time)s %(zone)s", channels=channels, time=how.at, zone=how.zone)
        ]
    elif how.kind == "hourly":
        said = [gettext("%(channels)s: in an hourly digest", channels=channels)]
    else:
        said = [gettext("%(channels)s: at once", channels=channels)]
    if how.quiet and how.kind == "immediate":
        said.append(gettext("quiet hours %(hours)s", hours=how.quiet))
    elif how.quiet:
        said.append(gettext("not within %(hours)s", hours=how.quiet))
    if one.level != "normal":
        said.append(gettext("level %(level)s", level=in_words(LEVELS, one.level)))
    return "; ".join(said)


class FacetChoice(msgspec.Struct, frozen=True):
    """A facet's value, its number of stories or articles, whether it is chosen, and the page's query after a click on it."""

    value: str
    label: str
    count: int
    chosen: bool
    query: str


class AddressForm(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters in a page's address. A tuple field is a facet: any of its values matches. Defaults are left out."""

    def query(self, **changed: object) -> str:
        """The page's query string with some changes; facets are sorted, so that each choice has exactly one address."""
        values: list[tuple[str, str]] = []
        for field in msgspec.structs.fields(self):
            value = changed.get(field.name, getattr(self, field.name))
            if isinstance(value, tuple):
                values += [(field.name, one) for one in sorted(value)]
            elif value != field.default:
                values.append((field.name, "no" if value is False else str(value)))
        return urlencode(values)

    def toggled(self, facet: str, value: str) -> str:
        """The query string with one value of a facet added, or removed if it was there."""
        return self.query(**{facet: tuple({*getattr(self, facet)} ^ {value})})


class LiveFilter(AddressForm, frozen=True, kw_only=True):
    """Which stories Live shows. ``hours``: changed within that time. ``show``: all, unread, starred, alerts."""

    topic: tuple[str, ...] = ()
    subscription: tuple[str, ...] = ()
    lang: tuple[str, ...] = ()
    outlet: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    hours: int | None = None
    show: str = "all"

    @property
    def empty(self) -> bool:
        """Whether the filter lets every story through."""
        return self == LiveFilter()

    def lets_through(self, card: Card, now_ms: int) -> bool:
        """Whether the story passes the parts of the filter that are the same for every person (not unread, not starred)."""
        if self.hours is not None and card.last_ms < now_ms - self.hours * 3_600_000:
            return False
        if self.show == "alerts" and not card.subscriptions:
            return False
        return all(
            not getattr(self, facet) or not set(getattr(self, facet)).isdisjoint(getattr(card, of_card))
            for facet, of_card in _OF_CARD.items()
        )


class SearchForm(AddressForm, frozen=True, kw_only=True):
    """A search. ``days``: the last days only; else ``since`` to ``until`` (both inclusive), ``YYYY-MM-DD`` in the desk's zone.

    ``copies`` False: leaves out articles that repeat another's text. ``label``: only outlets with this label.
    """

    q: str = ""
    topic: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    lang: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    days: int | None = None
    since: str = ""
    until: str = ""
    copies: bool = True
    order: Order = "newest"

    @property
    def narrowed(self) -> bool:
        """Whether anything besides the query narrows the search."""
        return msgspec.structs.replace(self, q="", order="newest") != SearchForm()

    @property
    def filters(self) -> Filters:
        """The filters for the index."""
        return Filters(topics=self.topic, sources=self.source, languages=self.lang, copies=self.copies)

    def period(self, zone: tzinfo, now_ms: int) -> tuple[int | None, int | None]:
        """From (inclusive) and to (exclusive), in ms; None for no bound."""
        if self.days is not None:
            return now_ms - self.days * 86_400_000, None
        since, until = _day(self.since), _day(self.until)
        return (
            None if since is None else _midnight(since, zone),
            None if until is None else _midnight(until + timedelta(days=1), zone),
        )


def live_filter_of(query: Iterable[tuple[str, str]]) -> LiveFilter:
    """Parses the filter in an address."""
    values = _values(query)
    show = values.get("show", ["all"])[-1]
    return LiveFilter(
        **{facet: tuple(sorted(set(values.get(facet, ())))) for facet in LIVE_FACETS},
        hours=_count(values.get("hours", [""])[-1]),
        show=show if show in ("unread", "starred", "alerts") else "all",
    )


def search_form_of(query: Iterable[tuple[str, str]]) -> SearchForm:
    """Parses the search in an address."""
    values = _values(query)
    last = {name: several[-1].strip() for name, several in values.items()}
    days, order = _count(last.get("days", "")), last.get("order", "")
    since, until = (last[name] if _day(last.get(name, "")) else "" for name in ("since", "until"))
    return SearchForm(
        q=last.get("q", ""),
        **{facet: tuple(sorted(set(values.get(facet, ())))) for facet in (*SEARCH_FACETS, "label")},
        days=days,
        since="" if days else since,
        until="" if days else until,
        copies=last.get("copies") != "no",
        order=cast("Order", order if order in get_args(Order) else "newest"),
    )


def live_choices(
    cards: Sequence[Card], chosen: LiveFilter, labels: Mapping[str, Mapping[str, str]], *, most: int = _MOST_CHOICES
) -> dict[str, list[FacetChoice]]:
    """The values of each facet among the cards, the most frequent first; always includes chosen values."""
    found = {}
    for facet in LIVE_FACETS:
        counts = Counter(value for card in cards for value in getattr(card, _OF_CARD[facet]))
        found[facet] = _choices(facet, counts, chosen, labels, most + len(getattr(chosen, facet)))
    return found


def search_choices(
    found: Facets | None, chosen: SearchForm, labels: Mapping[str, Mapping[str, str]]
) -> dict[str, list[FacetChoice]]:
    """The values of each facet among all hits, chosen values first, then the most frequent first."""
    made = {}
    for facet in SEARCH_FACETS:
        values = getattr(found, _OF_SEARCH[facet]) if found is not None else ()
        made[facet] = _choices(facet, {one.value: one.count for one in values}, chosen, labels)
    return made


def changes_of(form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The changes in a submitted form (see ``desk.use_cases.subscriptions.changed``); fields not in it stay unchanged.

    Browsers don't send unticked boxes: with ``boxes`` in the form, absent ones count as empty. Raises UsageError for an
    invalid number.
    """
    found: dict[str, Any] = {name: form[name][-1].strip() for name in _WORDS if name in form}
    if "query" in form:
        # A form's line ends are CRLF; stored like that, a query would differ from the text that was typed.
        found["query"] = form["query"][-1].replace("\r\n", "\n").strip()
    found |= {name: listed(form[name]) for name in LISTS if name in form}
    if "boxes" in form:
        found["delivery"] = list(dict.fromkeys(form.get("delivery", ())))
        ticked = set(form.get("news", ()))
        found["news"] = [one for one in ALL_NEWS if one in ticked]
    schedule: dict[str, Any] = {name: form[name][-1].strip() for name in _SCHEDULE if name in form}
    schedule |= {name: _number(name, form[name][-1]) for name in _NUMBERS if name in form}
    if schedule:
        found["schedule"] = schedule
    return found


def listed(values: Sequence[str]) -> list[str]:
    """One list of the values in several fields, separated by commas or lines."""
    return list(dict.fromkeys(one.strip() for text in values for one in re.split(r"[,;\n]", text) if one.strip()))


def _number(name: str, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= 6):
        raise UsageError(gettext("%(name)s: %(text)s is not a number from 0 to 999,999", name=name, text=repr(text)))
    return int(text)


def _values(query: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The values in an address by name, without empty ones, and limited to the number and length that pages produce."""
    values: dict[str, list[str]] = {}
    for name, value in query:
        longest = LONGEST_QUERY if name == "q" else 200
        if value and len(value) <= longest and len(values.get(name, ())) < _MOST_VALUES:
            values.setdefault(name, []).append(value)
    return values


def _choices(
    facet: str,
    counts: Mapping[str, int],
    form: AddressForm,
    labels: Mapping[str, Mapping[str, str]],
    most: int | None = None,
) -> list[FacetChoice]:
    # The index folds the case of outlets, but an address may not, so a chosen value may have no count.
    chosen: Collection[str] = getattr(form, facet)
    ranked = sorted({*counts, *chosen}, key=lambda value: (value not in chosen, -counts.get(value, 0), value))
    return [
        FacetChoice(
            value,
            labels.get(facet, {}).get(value, value),
            counts.get(value, 0),
            value in chosen,
            form.toggled(facet, value),
        )
        for value in ranked[:most]
    ]


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 10_000 else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9990 and len(text) == 10 else None


def _midnight(day: date, zone: tzinfo) -> int:
    return to_ms(datetime.combine(day, time(), zone))
