"""Words for people: names of languages and outlets, times in the desk's zone, reasons. Pure: the clock is passed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from core.records import Article, from_ms
from core.records.article import FeedOutlet
from desk.language import N_, day, gettext, hour_and_minute, locale, ngettext, number


def language_name(code: str | None) -> str:
    """What the reader's language calls it; the code itself if it has no name for it."""
    if not code:
        return gettext("unknown language")
    return str(locale().languages.get(code.replace("-", "_"), code))


WALLS: Mapping[str, str] = {
    "robot": N_("robot check"),
    "consent": N_("cookie consent"),
    "login": N_("sign-in page"),
    "subscription": N_("paywall"),
    "not_found": N_("page not found"),
    "app": N_("advertises an app"),
    "script": N_("needs JavaScript"),
    "blocked": N_("access blocked"),
}
"""What publishers show in an article's place (``pipeline.extraction.walls``), in words."""


def wall_in_words(kind: str) -> str:
    """The kind of wall; one that is not known here as it is called."""
    return gettext(WALLS[kind]) if kind in WALLS else kind


def kept_short(article: Article) -> list[str]:
    """What a reader must know of a text that is not the whole article's: that it is cut, a headline alone, or the feed's."""
    said = []
    if article.wall is not None:
        kind = wall_in_words(article.wall)
        if article.text_from == "feed":
            said.append(gettext("text from the feed: the page could not be read (%(kind)s)", kind=kind))
        else:
            said.append(gettext("the page could not be read (%(kind)s)", kind=kind))
    if article.partial:
        said.append(gettext("only the beginning: cut off by the publisher"))
    if article.text_from == "title":
        said.append(gettext("headline only"))
    return said


class Outlet(NamedTuple):
    """``country``: ISO 3166, INT for none, or None if unknown. ``labels``: what the desk calls it (``desk.labels``)."""

    name: str
    country: str | None = None
    labels: tuple[str, ...] = ()


Outlets = Mapping[str, Outlet]


def outlet_name(source: str, outlets: Outlets) -> str:
    """What people call it; the id if that is unknown."""
    known = outlets.get(source)
    return known.name if known is not None and known.name else source


def known_outlets(
    feeds: Iterable[FeedOutlet], labels: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, Outlet]:
    """Outlets by source, with the desk's labels. Of an outlet with several feeds, the first that says something."""
    given = labels or {}
    found = {source: Outlet("", None, these) for source, these in given.items()}
    for one in feeds:
        old = found.get(one.source)
        name, country = (old.name if old else "") or one.name or "", (old.country if old else None) or one.country
        found[one.source] = Outlet(name, country, given.get(one.source, ()))
    return found


def iso(ms: int) -> str:
    """For machines: UTC, with a Z."""
    return from_ms(ms).isoformat(timespec="seconds").replace("+00:00", "Z")


class Clock:
    """Times in the desk's zone, as of one moment; what templates call."""

    def __init__(self, now_ms: int, zone: tzinfo) -> None:
        self.now_ms, self._zone = now_ms, zone

    @property
    def zone(self) -> str:
        """The zone's name."""
        return str(self._zone)

    def short(self, ms: int) -> str:
        """Hour and minute of today; the day too for any other."""
        moment, now = from_ms(ms).astimezone(self._zone), from_ms(self.now_ms).astimezone(self._zone)
        if moment.date() == now.date():
            return hour_and_minute(moment)
        return f"{day(moment, year=moment.year != now.year)} {hour_and_minute(moment)}"

    def hour(self, ms: int) -> str:
        """Hour and minute, of whatever day."""
        return hour_and_minute(from_ms(ms).astimezone(self._zone))

    def full(self, ms: int) -> str:
        """Day, time to the second, and the zone."""
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

    def brief(self, moment: datetime) -> str:
        """``short`` of a record's own time; one without a zone is taken as UTC."""
        return self.short(int(_aware(moment).timestamp() * 1000))

    def moment(self, moment: datetime) -> str:
        """A record's own time, in full."""
        local = _aware(moment).astimezone(self._zone)
        return f"{day(local, year=True, weekday=True)} {hour_and_minute(local)} {local.tzname() or 'UTC'}"


def span(seconds: float) -> str:
    """A length of time for a sentence: 40 seconds, 3 minutes, 5 hours, 2 days."""
    if seconds >= 86_400:
        return ngettext("%(num)s day", "%(num)s days", int(seconds // 86_400))
    if seconds >= 3_600:
        return ngettext("%(num)s hour", "%(num)s hours", int(seconds // 3_600))
    if seconds >= 60:
        return ngettext("%(num)s minute", "%(num)s minutes", int(seconds // 60))
    return ngettext("%(num)s second", "%(num)s seconds", int(seconds))


_REASONS = {
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
# Changed stretches are stored as their words and marks, each apart.
_BEFORE_MARK = re.compile(r"(?<!\s)\s++(?=[.,:;!?…)\]}»”’،؛؟。，、])")
_AFTER_BRACKET = re.compile(r"(?<=[(\[{«“‘])\s+")


def reason_in_words(kind: str) -> str:
    """Why an alert was raised, or what is new in it; a kind that is not known here as it is called."""
    return gettext(_REASONS[kind]) if kind in _REASONS else kind


def closed_up(text: str) -> str:
    """A text whose words and marks stand apart, with the marks where they belong."""
    return _AFTER_BRACKET.sub("", _BEFORE_MARK.sub("", text))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
