"""How long the full text of articles is kept: each outlet has its own limit or the default. Title, link and facts stay.

Like a stored query, a limit is in force from an event time on and never changes afterwards. So which texts are gone as
of a record's place is a function of the limits and of times, whatever was deleted by then, and a record is decided
alike before and after its article's earlier text was deleted, and in a replay. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import msgspec

from core.durations import DAY_MS

DEFAULT = ""
"""The name for all outlets without a limit of their own."""


class TextLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of ``source`` from an event time on (ms, UTC). ``keep_ms`` 0: no limit; None: the default applies again."""

    source: str
    effective_from_ms: int
    keep_ms: int | None
    by: str = ""


class TextLimits:
    """All limits, past and present. Pure."""

    def __init__(self, limits: Sequence[TextLimit] = ()) -> None:
        self._of: dict[str, list[TextLimit]] = {}
        for one in sorted(limits, key=lambda limit: limit.effective_from_ms):
            self._of.setdefault(one.source, []).append(one)

    def __bool__(self) -> bool:
        return any(one.keep_ms for several in self._of.values() for one in several)

    def in_force(self, at_ms: int) -> dict[str, TextLimit]:
        """Source → the limit in force at an event time; sources that went back to the default are left out."""
        found = {source: _at(several, at_ms) for source, several in self._of.items()}
        return {source: one for source, one in found.items() if one is not None and one.keep_ms is not None}

    def before_ms(self, source: str, at_ms: int) -> int:
        """Texts of ``source`` with event times before this are gone as of event time ``at_ms``; 0: none are.

        A text that is gone stays gone, whatever limit comes later.
        """
        own, common = self._of.get(source, []), self._of.get(DEFAULT, [])
        changes = sorted({one.effective_from_ms for one in (*own, *common) if one.effective_from_ms <= at_ms})
        before = 0
        for begin, end in pairwise([*changes, at_ms]):
            limit = self._limit(source, begin)
            if limit is not None and limit.keep_ms:
                before = max(before, end - limit.keep_ms)
        return before

    def gone(self, source: str, event_ms: int, at_ms: int) -> bool:
        """Whether the text of a record of ``source`` with this event time is gone as of ``at_ms``."""
        return event_ms < self.before_ms(source, at_ms)

    def as_of(self, at_ms: int) -> Callable[[str, int], bool]:
        """``gone`` as of one time, by source and event time, for many records: each outlet's limits are read once."""
        before_ms = cache(lambda source: self.before_ms(source, at_ms))
        return lambda source, event_ms: event_ms < before_ms(source)

    def latest_before_ms(self, at_ms: int) -> int:
        """The event time (ms) from which the texts of all outlets are kept."""
        return max((self.before_ms(source, at_ms) for source in {DEFAULT, *self._of}), default=0)

    def stamp(self, from_ms: int, to_ms: int, at_ms: int) -> str:
        """A stamp for a file with records of these event times from which gone texts were removed; it changes when more
        are gone.

        Empty if nothing of that time is gone.
        """
        found = {source: min(self.before_ms(source, at_ms), to_ms) for source in self._of}
        gone = sorted((source, before) for source, before in found.items() if before > from_ms)
        return msgspec.json.encode(gone).decode() if gone else ""

    def shortest_ms(self, at_ms: int) -> int:
        """The shortest limit in force at ``at_ms``; 0: there is none."""
        return min((one.keep_ms for one in self.in_force(at_ms).values() if one.keep_ms), default=0)

    def why(self, source: str, event_ms: int, at_ms: int) -> str | None:
        """Why such a text is gone as of ``at_ms``; None if it is kept."""
        return self.words(source, at_ms) if self.gone(source, event_ms, at_ms) else None

    def _limit(self, source: str, at_ms: int) -> TextLimit | None:
        """The outlet's own limit that holds at ``at_ms``, else the default; None: there is neither."""
        own = _at(self._of.get(source, []), at_ms)
        return _at(self._of.get(DEFAULT, []), at_ms) if own is None or own.keep_ms is None else own

    def words(self, source: str, at_ms: int) -> str:
        """The explanation for a reader of why a text is gone."""
        limit = self._limit(source, at_ms)
        whose = "all outlets" if limit is None or limit.source == DEFAULT else source
        days = f"{limit.keep_ms / DAY_MS:g} days" if limit is not None and limit.keep_ms else "an earlier limit"
        return f"the text was removed: texts of {whose} are kept for {days}"


NO_LIMITS = TextLimits()


def _at(limits: Sequence[TextLimit], at_ms: int) -> TextLimit | None:
    number = bisect_right([one.effective_from_ms for one in limits], at_ms)
    return limits[number - 1] if number else None
