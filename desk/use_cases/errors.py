"""Why something asked for is not done. The web gives each its status, the command line its exit code."""

from __future__ import annotations

from core.errors import UsageError, WirewatchError


class NotFound(UsageError):
    """What was asked for does not exist (any more)."""


class Conflict(UsageError):
    """Somebody else changed it first: look again."""


class Unavailable(WirewatchError):
    """The installation has no part that could do it."""
