"""Roles, and the caller of a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from core.errors import UsageError
from desk.language import N_, gettext

Means = Literal["session", "token", "feed", "proxy", "demo"]
"""How a caller is identified: by a cookie, a program's token, the token in a feed's address, a reverse proxy, or as the demo's
only person."""


class Role(StrEnum):
    """Each role may also do what the roles before it may."""

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
"""A sentence about what each role may do."""
ROLE_NAMES: dict[str, str] = {Role.READER: N_("Reader"), Role.EDITOR: N_("Editor"), Role.ADMIN: N_("Admin")}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. ``writes`` is False for a token that may only read. ``session``: the session's hash, if any.

    ``language``: the language chosen for the pages (a code of ``desk.language``), or None.
    """

    id: str
    name: str
    role: Role
    means: Means
    writes: bool = True
    session: str | None = None
    language: str | None = None


DEMO = Caller("demo", "demo", Role.ADMIN, "demo")
"""The only person of ``wirewatch up --demo``, who needs no sign-in."""


def role_named(text: str) -> Role:
    """The role with this name. Raises UsageError if there is none."""
    try:
        return Role(text)
    except ValueError:
        raise UsageError(
            gettext("%(name)s is not a role", name=repr(text)),
            hint=gettext("roles are %(names)s", names=", ".join(Role)),
        ) from None
