"""Words for people: names of languages and outlets, times in the desk's zone, reasons. Pure: callers pass the time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from core.failure_words import FAILURES, WALLS
from core.records import Article, from_ms
from core.records.article import FeedOutlet
from core.records.news_texts import own_sentence
from core.search import Count
from core.store.page_requests import BY_HAND
from desk.language import N_, day, gettext, hour_and_minute, in_words, locale, ngettext, number, said


def language_name(code: str | None) -> str:
    """The name of a language in the reader's language; the code itself if there is none."""
    if not code:
        return gettext("unknown language")
    return str(locale().languages.get(code.replace("-", "_"), code))


def asked_again_words(reason: str) -> str:
    """Why pages are fetched again, in words. ``reason``: from the feed report.

    It is ``by_hand``, ``wall: `` and the kind of wall, or a kind of failure.
    """
    if reason == BY_HAND:
        return gettext("requested by a person")
    name, _, kind = reason.partition(": ")
    return gettext("not read (%(kind)s)", kind=in_words(WALLS, kind)) if name == "wall" else in_words(FAILURES, reason)


def kept_short(article: Article) -> list[str]:
    """What a reader must know about an incomplete text: that it is cut, only a headline, or from the feed."""
    found = []
    if article.wall is not None:
        kind = in_words(WALLS, article.wall)
        if article.text_from == "feed":
            found.append(gettext("text from the feed: the page could not be read (%(kind)s)", kind=kind))
        else:
            found.append(gettext("the page could not be read (%(kind)s)", kind=kind))
    if article.partial:
        found.append(gettext("only the beginning: cut off by the publisher"))
    if article.text_from == "title":
        found.append(gettext("headline only"))
    return found


class Outlet(NamedTuple):
    """An outlet. ``country``: ISO 3166, INT for none, or None if unknown. ``labels``: the desk's labels (``desk.labels``)."""

    name: str
    country: str | None = None
    labels: tuple[str, ...] = ()


Outlets = Mapping[str, Outlet]


_TOTALS = {
    "at_least": N_("at least %(count)s"),
    "at_most": N_("at most %(count)s"),
    "about": N_("about %(count)s"),
}


def exactly(count: str, certainty: str) -> str:
    """A count in words, with the precision to which it is known (``core.search.Certainty``)."""
    return gettext(_TOTALS[certainty], count=count) if certainty in _TOTALS else count


def total_words(total: Count) -> str:
    """The number of articles that a search found, with the precision to which it is known."""
    return exactly(COUNTED["article"](total.value), total.certainty)


def outlet_name(source: str, outlets: Outlets) -> str:
    """The outlet's displayed name; its id if that is unknown."""
    known = outlets.get(source)
    return known.name if known is not None and known.name else source


def known_outlets(
    feeds: Iterable[FeedOutlet], labels: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, Outlet]:
    """Outlets by source, with the desk's labels. If an outlet has several feeds, uses the first with a value."""
    given = labels or {}
    found = {source: Outlet("", None, these) for source, these in given.items()}
    for one in feeds:
        old = found.get(one.source)
        name, country = (old.name if old else "") or one.name or "", (old.country if old else None) or one.country
        found[one.source] = Outlet(name, country, given.get(one.source, ()))
    return found


def iso(ms: int) -> str:
    """An ISO 8601 time in UTC, with a Z."""
    return from_ms(ms).isoformat(timespec="seconds").replace("+00:00", "Z")


class Clock:
    """Formats times in the desk's zone, relative to a fixed time; templates call it."""

    def __init__(self, now_ms: int, zone: tzinfo) -> None:
        self.now_ms, self._zone = now_ms, zone

    @property
    def zone(self) -> str:
        """The name of the zone."""
        return str(self._zone)

    def short(self, ms: int) -> str:
        """Hour and minute; for any day other than today, also the day."""
        moment, now = from_ms(ms).astimezone(self._zone), from_ms(self.now_ms).astimezone(self._zone)
        if moment.date() == now.date():
            return hour_and_minute(moment)
        return f"{day(moment, year=moment.year != now.year)} {hour_and_minute(moment)}"

    def hour(self, ms: int) -> str:
        """Hour and minute, without the day."""
        return hour_and_minute(from_ms(ms).astimezone(self._zone))

    def full(self, ms: int) -> str:
        """Day, time to the second, and zone."""
        moment = from_ms(ms).astimezone(self._zone)
        return f"{day(moment, year=True, weekday=True)} {moment:%H:%M:%S} {moment.tzname() or 'UTC'}"

    def age(self, ms: int) -> str:
        """How long ago, in one unit: now, 3 min, 5 h, 2 d."""
        seconds = max(0, self.now_ms - ms) // 1000
        if seconds < 60:
            return gettext("now")
        if seconds < 3_600:
            return gettext("%(num)s min", num=number(seconds // 60))
        if seconds < 86_400:
            return gettext("%(num)s h", num=number(seconds // 3_600))
        return gettext("%(num)s d", num=number(seconds // 86_400))

    def ago(self, ms: int) -> str:
        """The age for use in a sentence: now, 3 min ago."""
        age = self.age(ms)
        return age if self.now_ms - ms < 60_000 else gettext("%(age)s ago", age=age)

    def brief(self, moment: datetime) -> str:
        """``short`` for a record's own time; a time without a zone counts as UTC."""
        return self.short(int(_aware(moment).timestamp() * 1000))

    def moment(self, moment: datetime) -> str:
        """A record's own time, with year, day of the week and zone; a time without a zone counts as UTC."""
        local = _aware(moment).astimezone(self._zone)
        return f"{day(local, year=True, weekday=True)} {hour_and_minute(local)} {local.tzname() or 'UTC'}"


COUNTED: Mapping[str, Callable[[int], str]] = {
    "article": lambda count: ngettext("%(num)s article", "%(num)s articles", count),
    "story": lambda count: ngettext("%(num)s story", "%(num)s stories", count),
    "alert": lambda count: ngettext("%(num)s alert", "%(num)s alerts", count),
}
"""Counts of each kind of thing, in words."""
LEVELS: Mapping[str, str] = {
    "low": N_("low"),
    "normal": N_("normal"),
    "high": N_("high"),
    "urgent": N_("urgent"),
    "never": N_("never"),
}
SEVERITIES: Mapping[str, str] = {"error": N_("error"), "warning": N_("warning"), "note": N_("note")}
STATES: Mapping[str, str] = {
    "active": N_("active"),
    "paused": N_("paused"),
    "muted": N_("muted"),
    "removed": N_("removed"),
}
FEED_STATES: Mapping[str, str] = {
    "ok": N_("OK"),
    "early": N_("too early to tell"),
    "new": N_("not checked yet"),
    "unverified": N_("unverified"),
    "failing": N_("failing"),
    "silent": N_("silent"),
    "gone": N_("gone"),
    "ended": N_("ended"),
    "removed": N_("removed"),
}
DELIVERY_STATES: Mapping[str, str] = {
    "held": N_("held back"),
    "muted": N_("muted"),
    "queued": N_("queued"),
    "sent": N_("sent"),
    "failed": N_("failed"),
    "withdrawn": N_("withdrawn"),
}
CHANNEL_STATES: Mapping[str, str] = {"new": N_("not used yet"), "ok": N_("OK"), "failing": N_("failing")}
CHANGE_SIZES: Mapping[str, str] = {"none": N_("no change"), "minor": N_("minor change"), "major": N_("major change")}


def span(seconds: float) -> str:
    """A duration for a sentence: 40 seconds, 3 minutes, 5 hours, 2 days."""
    if seconds >= 86_400:
        return ngettext("%(num)s day", "%(num)s days", int(seconds // 86_400))
    if seconds >= 3_600:
        return ngettext("%(num)s hour", "%(num)s hours", int(seconds // 3_600))
    if seconds >= 60:
        return ngettext("%(num)s minute", "%(num)s minutes", int(seconds // 60))
    return ngettext("%(num)s second", "%(num)s seconds", int(seconds))


REASONS: Mapping[str, str] = {
    "story": N_("new story"),
    "sources": N_("another source"),
    "figures": N_("new figure"),
    "quotes": N_("new quote"),
    "development": N_("another event"),
    "correction": N_("correction"),
    "retraction": N_("retracted"),
    "edit": N_("edited"),
    "takedown": N_("taken down"),
}
"""Why an alert was raised, or what is new in it, in words."""
# Changed passages are stored as separate words and punctuation marks.
_BEFORE_MARK = re.compile(r"(?<!\s)\s++(?=[.,:;!?…)\]}»”’،؛؟。，、])")
_AFTER_BRACKET = re.compile(r"(?<=[(\[{«“‘])\s+")


def news_text(text: str, kind: str) -> str:
    """What is new: words of an article as they are, and what Wirewatch wrote in the reader's language."""
    sentence = own_sentence(kind, text)
    return said(sentence) if sentence is not None else text


def closed_up(text: str) -> str:
    """Joins a text of separate words and punctuation marks, with normal spacing around the marks."""
    return _AFTER_BRACKET.sub("", _BEFORE_MARK.sub("", text))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
