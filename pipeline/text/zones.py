"""Time zones in dates: abbreviations, names that follow summer time, and offsets.

Some abbreviations mean several zones. The outlet's country (the end of its host) or its language decides; without either, the
zone that is most common in news is used, and flagged as a guess.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

# Minutes east of UTC.
_FIXED = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 60, "cet": 60, "mez": 60, "cest": 120, "mesz": 120, "bez": 60,
    "hnec": 60, "heec": 120,
    "eet": 120, "sast": 120, "cat": 120, "wat": 60, "eat": 180, "eest": 180, "msk": 180, "мск": 180, "trt": 180, "tsi": 180,
    "irst": 210, "irdt": 270, "azt": 240,
    "pkt": 300, "uzt": 300, "npt": 345, "wib": 420, "ict": 420, "hkt": 480, "sgt": 480, "myt": 480, "pht": 480, "awst": 480,
    "jst": 540, "kst": 540, "acst": 570, "acdt": 630, "aest": 600, "aedt": 660,
    "nzst": 720, "nzdt": 780, "brt": -180, "art": -180, "clt": -240, "vet": -240, "cot": -300, "pet": -300, "edt": -240,
    "cdt": -300,
    "mdt": -360, "mst": -420, "pdt": -420, "pst": -480, "akst": -540, "akdt": -480, "hst": -600, "idt": 180, "adt": -180,
    "ndt": -150, "nst": -210,
    "kyiv": 120, "bnt": 480, "wita": 480, "wit": 540,
}  # fmt: skip
# Names that follow a country's summer time.
_NAMED = {
    "et": "America/New_York", "eastern": "America/New_York", "ct": "America/Chicago", "central time": "America/Chicago",
    "mt": "America/Denver",
    "mountain time": "America/Denver", "pt": "America/Los_Angeles", "pacific": "America/Los_Angeles",
    "uk time": "Europe/London", "london time": "Europe/London",
    "moscow time": "Europe/Moscow", "kyiv time": "Europe/Kyiv", "kiev time": "Europe/Kyiv", "israel time": "Asia/Jerusalem",
    "beijing time": "Asia/Shanghai",
    "по москве": "Europe/Moscow", "московского времени": "Europe/Moscow", "за киевом": "Europe/Kyiv",
    "за києвом": "Europe/Kyiv", "по киеву": "Europe/Kyiv",
    "توقيت غرينتش": "UTC", "غرينتش": "UTC", "جرينتش": "UTC", "بتوقيت غرينتش": "UTC", "بتوقيت جرينتش": "UTC",
    "توقيت مكة": "Asia/Riyadh", "بتوقيت مكة": "Asia/Riyadh", "بتوقيت القاهرة": "Africa/Cairo",
    "بتوقيت دمشق": "Asia/Damascus", "بتوقيت بيروت": "Asia/Beirut", "بتوقيت تهران": "Asia/Tehran",
    "به وقت تهران": "Asia/Tehran", "به وقت گرینویچ": "UTC", "گرینویچ": "UTC", "tsi": "Europe/Istanbul",
    "北京时间": "Asia/Shanghai", "日本時間": "Asia/Tokyo", "한국시간": "Asia/Seoul", "hora peninsular": "Europe/Madrid",
    "heure de paris": "Europe/Paris",
}  # fmt: skip
_PHRASES = tuple((name, zone) for name, zone in _NAMED.items() if " " in name or not name.isascii())
# "по московскому времени", "за київським часом": an adjective of the capital, and "time" in any case.
_BY_CAPITAL = re.compile(
    r"\b(москов|киев|київ|минск|мінс|бакин|тбилис|ереван|астан|ташкент|бишкек|кишин)\w{2,9}\s(?:врем|час)\w{1,4}",
    re.IGNORECASE,
)
_CAPITALS = {
    "москов": "Europe/Moscow", "киев": "Europe/Kyiv", "київ": "Europe/Kyiv", "минск": "Europe/Minsk", "мінс": "Europe/Minsk",
    "бакин": "Asia/Baku", "тбилис": "Asia/Tbilisi", "ереван": "Asia/Yerevan", "астан": "Asia/Almaty",
    "ташкент": "Asia/Tashkent", "бишкек": "Asia/Bishkek", "кишин": "Europe/Chisinau",
}  # fmt: skip
_GUESSED_FIRST: dict[str, list[tuple[set[str], int | str]]] = {
    # abbreviation: [(countries and languages, minutes or zone)], the first also as the default
    "ist": [({"in", "hi", "bn", "ta", "te", "ml", "mr", "gu", "pa", "kn"}, 330), ({"il", "he"}, "Asia/Jerusalem"), ({"ie",
    "ga"}, "Europe/Dublin")],
    "cst": [({"us", "ca", "mx"}, -360), ({"cn", "tw", "hk", "zh"}, 480), ({"cu"}, -300)],
    "ast": [({"ca", "pr"}, -240), ({"sa", "ae", "kw", "qa", "bh", "ye", "iq", "ar"}, 180)],
    "bst": [({"uk", "gb"}, 60), ({"bd", "bn"}, 360)],
    "est": [({"us", "ca"}, -300), ({"au"}, 600)],
    "edt": [({"us", "ca"}, -240), ({"au"}, 660)],
    "gst": [({"ae", "om", "ar"}, 240), ({"gs"}, -120)],
    "sst": [({"sg", "my"}, 480), ({"as"}, -660)],
    "mst": [({"us", "ca", "mx"}, -420), ({"my"}, 480), ({"mm"}, 390)],
    "wst": [({"au"}, 480), ({"ws"}, 780)],
    "pst": [({"us", "ca"}, -480), ({"ph"}, 480), ({"pk"}, 300)],
    "ect": [({"ec"}, -300), ({"eu"}, 60)],
}  # fmt: skip
_SURE = frozenset({"bst", "est", "edt", "mst", "pst"})
"""Abbreviations whose first meaning is hardly ever wrong."""

_OFFSET = re.compile(
    r"^\W{0,4}(?:utc|gmt|cet|tsi)?\s?([+\u2212-])(\d{1,2})(?::?([0-5]\d))?(?![\d./-])(?!\s*[^\W\d_]{3,}\s+\d)",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]+")
_BEFORE_ZONE = frozenset(
    {"uhr", "h", "hrs", "hours", "ч", "год", "clock", "o", "am", "pm", "a", "m", "p", "at", "klo", "local"}
)
_MOST = 6


class Zone(NamedTuple):
    """A zone, and whether the text could mean another one."""

    info: tzinfo
    guessed: bool = False

    def applied(self, moment: datetime) -> datetime:
        """The naive moment in this zone."""
        return moment.replace(tzinfo=self.info)


def minutes_east(minutes: int) -> tzinfo:
    """The zone with this offset in minutes east of UTC."""
    return timezone(timedelta(minutes=minutes))


def zone_in(text: str, places: frozenset[str] = frozenset()) -> Zone | None:
    """The zone at the beginning of ``text``, which follows a time; None if there is none.

    ``places``: the outlet's country and language, as two letters each.
    """
    if found := _OFFSET.match(text):
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes <= 14 * 60:
            return Zone(minutes_east(-minutes if found[1] != "+" else minutes))
    lower = text[:60].lower()
    if (said := _zone_said(lower[:40], lower)) is not None:
        return said
    for number, found in enumerate(_WORDS.finditer(text[:60])):
        word = found[0]
        if number >= _MOST:
            break
        name = word.lower()
        if word.isupper() or name in ("мск", "uhr") or (word[:1].isupper() and name in ("eastern", "pacific")):
            if name in ("utc", "gmt") and (offset := _OFFSET.match(text[found.start() :])):
                minutes = int(offset[2]) * 60 + int(offset[3] or 0)
                return Zone(minutes_east(-minutes if offset[1] != "+" else minutes))
            if (zone := named_zone(name, places)) is not None:
                return zone
        if name not in _BEFORE_ZONE and not _is_mark(name):
            break
    return None


def zone_before(text: str) -> Zone | None:
    """The zone named in words before a date and its time: "北京时间 …", "по московскому времени …"; None if there is none."""
    lower = text.lower()
    if lower.isascii() and " " not in lower.strip():
        return None
    return _zone_said(lower, lower)


def _zone_said(near: str, lower: str) -> Zone | None:
    """The zone of a phrase in ``near``, or of a capital's time in ``lower``; both in lower case."""
    if (where := next((where for phrase, where in _PHRASES if phrase in near), None)) is not None:
        return Zone(ZoneInfo(where))
    capital = _BY_CAPITAL.search(lower)
    return Zone(ZoneInfo(_CAPITALS[capital[1]])) if capital else None


def _is_mark(name: str) -> bool:
    return len(name) <= 12 and not name.isascii()


def named_zone(name: str, places: frozenset[str] = frozenset()) -> Zone | None:
    """The zone of an abbreviation or name; None if it is unknown."""
    name = name.lower()
    if name in _GUESSED_FIRST:
        meanings = _GUESSED_FIRST[name]
        known = next((zone for where, zone in meanings if where & places), None)
        zone = meanings[0][1] if known is None else known
        guessed = known is None and name not in _SURE
        return Zone(ZoneInfo(zone) if isinstance(zone, str) else minutes_east(zone), guessed)
    if name in _FIXED:
        return Zone(minutes_east(_FIXED[name]))
    return Zone(ZoneInfo(_NAMED[name])) if name in _NAMED else None
