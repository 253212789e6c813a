"""When something is tried again: one rule for pages, feeds, connectors that broke, and stores that are away. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses between tries, in seconds: ``steps_s`` one after the other, then the last one doubled up to ``longest_s``.

    Without a ``longest_s`` the steps are all: that many times something is tried again, and then no more.
    """

    steps_s: tuple[float, ...]
    longest_s: float | None = None

    def after(self, failures: int, *, least_s: float | None = None) -> float | None:
        """The pause after so many failures before this one; None if the limit is reached.

        ``least_s``: what the other side asked for.
        """
        if failures < len(self.steps_s):
            wait_s = self.steps_s[failures]
        elif self.longest_s is None or not self.steps_s:
            return None
        else:
            wait_s = self.steps_s[-1] * 2.0 ** min(failures - len(self.steps_s) + 1, _MOST_DOUBLINGS)
        if self.longest_s is not None:
            wait_s = min(wait_s, self.longest_s)
        return max(wait_s, least_s or 0.0)


WALL = Pauses((900.0, 3_600.0, 14_400.0, 86_400.0))
"""For a page that was a wall."""
