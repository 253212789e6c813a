"""Roles, and who is asking. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from core.errors import UsageError

Means = Literal["session", "token", "feed", "proxy", "demo"]
"""How a caller is known: by a cookie, a program's token, the token in one feed's address, a reverse proxy's word, or as the
demo's one person."""


class Role(StrEnum):
    """Each may do what those before it may."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


DOES = {
    Role.READER: "reads everything, marks stories for themselves, makes tokens that read",
    Role.EDITOR: "also changes what is watched: subscriptions, feeds, the handover",
    Role.ADMIN: "also lets people in and out, and sees the audit trail",
}
"""What a role may do, in words."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. ``writes`` False: a token that may only read. ``session`` is the hash of the session, if any."""

    id: str
    name: str
    role: Role
    means: Means
    writes: bool = True
    session: str | None = None


DEMO = Caller("demo", "demo", Role.ADMIN, "demo")
"""The one person of ``wirewatch up --demo``, who needs no sign-in."""


def role_named(text: str) -> Role:
    """The role. Raises UsageError for any other word."""
    try:
        return Role(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a role", hint=f"roles are {', '.join(Role)}") from None
