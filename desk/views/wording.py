"""Words for people: names of languages and outlets, times in the desk's zone, reasons. Pure: the clock is passed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from core.records import Article, from_ms
from core.records.article import FeedOutlet

_NAMES = """
ar:Arabic az:Azerbaijani be:Belarusian bg:Bulgarian bn:Bengali ca:Catalan cs:Czech da:Danish de:German el:Greek
en:English es:Spanish et:Estonian fa:Persian fi:Finnish fr:French he:Hebrew hi:Hindi hr:Croatian hu:Hungarian
hy:Armenian id:Indonesian it:Italian ja:Japanese ka:Georgian kk:Kazakh ko:Korean ku:Kurdish lt:Lithuanian
lv:Latvian mk:Macedonian nl:Dutch no:Norwegian pl:Polish ps:Pashto pt:Portuguese ro:Romanian ru:Russian
sk:Slovak sl:Slovene sq:Albanian sr:Serbian sv:Swedish sw:Swahili th:Thai tr:Turkish uk:Ukrainian ur:Urdu
uz:Uzbek vi:Vietnamese zh:Chinese
"""
LANGUAGES = dict(one.split(":") for one in _NAMES.split())
"""English names of the codes that the pipeline gives."""


def language_name(code: str | None) -> str:
    """Its English name; the code itself where we have none."""
    return "unknown" if not code else LANGUAGES.get(code, code)


def kept_short(article: Article) -> list[str]:
    """What a reader must know of a text that is not the whole article's: that it is cut, a headline alone, or the feed's."""
    said = []
    if article.wall is not None:
        whose = "the feed's text: " if article.text_from == "feed" else ""
        said.append(f"{whose}the page is a wall ({article.wall})")
    if article.partial:
        said.append("cut off by the publisher: this is the beginning")
    if article.text_from == "title":
        said.append("a headline without a text")
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
            return f"{moment:%H:%M}"
        return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment.day} {moment:%b %Y %H:%M}"

    def hour(self, ms: int) -> str:
        """Hour and minute, of whatever day."""
        return f"{from_ms(ms).astimezone(self._zone):%H:%M}"

    def full(self, ms: int) -> str:
        """Day, time to the second, and the zone."""
        moment = from_ms(ms).astimezone(self._zone)
        return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M:%S} {moment.tzname() or 'UTC'}"

    def age(self, ms: int) -> str:
        """How long ago, in one unit: now, 3 min, 5 h, 2 d."""
        seconds = max(0, self.now_ms - ms) // 1000
        if seconds < 60:
            return "now"
        if seconds < 3_600:
            return f"{seconds // 60} min"
        return f"{seconds // 3_600} h" if seconds < 86_400 else f"{seconds // 86_400} d"

    def brief(self, moment: datetime) -> str:
        """``short`` of a record's own time; one without a zone is taken as UTC."""
        return self.short(int(_aware(moment).timestamp() * 1000))

    def moment(self, moment: datetime) -> str:
        """A record's own time, in full."""
        local = _aware(moment).astimezone(self._zone)
        return f"{local:%a} {local.day} {local:%b %Y %H:%M} {local.tzname() or 'UTC'}"


def span(seconds: float) -> str:
    """A length of time for a sentence: 40 seconds, 3 minutes, 5 hours, 2 days."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'' if count == 1 else 's'}"
    return "0 seconds"


_REASONS = {
    "story": "new story",
    "sources": "another source",
    "figures": "new figure",
    "quotes": "new quote",
    "development": "another event",
    "correction": "correction",
    "retraction": "retracted",
    "edit": "edited",
    "takedown": "taken down",
}
# Changed stretches are stored as their words and marks, each apart.
_BEFORE_MARK = re.compile(r"(?<!\s)\s++(?=[.,:;!?…)\]}»”’،؛؟。，、])")
_AFTER_BRACKET = re.compile(r"(?<=[(\[{«“‘])\s+")


def reason_in_words(kind: str) -> str:
    """Why an alert was raised, or what is new in it; a kind that is not known here as it is called."""
    return _REASONS.get(kind, kind)


def closed_up(text: str) -> str:
    """A text whose words and marks stand apart, with the marks where they belong."""
    return _AFTER_BRACKET.sub("", _BEFORE_MARK.sub("", text))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
