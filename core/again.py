"""When to retry: one rule for pages, feeds, connectors that failed, and stores that can't be reached. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses between tries, in seconds: first those of ``steps_s``, then the last of them, doubled each time, up to
    ``longest_s``.

    Without ``longest_s`` there are only the steps: as many retries, then no more.
    """

    steps_s: tuple[float, ...]
    longest_s: float | None = None

    def after(self, failures: int, *, least_s: float | None = None) -> float | None:
        """The pause after a failure with this many failures before it; None once there are no more retries.

        ``least_s``: the pause that the server asked for.
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
