"""Roles, and who is asking. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from core.errors import UsageError
from desk.language import N_, gettext

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
    Role.READER: N_("Can read everything, keep their own marks on stories, and make read-only tokens."),
    Role.EDITOR: N_("Can also change what is watched (subscriptions, feeds) and write the handover."),
    Role.ADMIN: N_("Can also add and remove people, and see the audit trail."),
}
"""What a role may do, in words."""
ROLE_NAMES: dict[str, str] = {Role.READER: N_("Reader"), Role.EDITOR: N_("Editor"), Role.ADMIN: N_("Admin")}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. ``writes`` False: a token that may only read. ``session`` is the hash of the session, if any.

    ``language``: what they chose for the pages (a code of ``desk.language``), None if they chose none.
    """

    id: str
    name: str
    role: Role
    means: Means
    writes: bool = True
    session: str | None = None
    language: str | None = None


DEMO = Caller("demo", "demo", Role.ADMIN, "demo")
"""The one person of ``wirewatch up --demo``, who needs no sign-in."""


def role_named(text: str) -> Role:
    """The role. Raises UsageError for any other word."""
    try:
        return Role(text)
    except ValueError:
        raise UsageError(
            gettext("%(name)s is not a role", name=repr(text)),
            hint=gettext("roles are %(names)s", names=", ".join(Role)),
        ) from None
