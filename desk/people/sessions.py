"""Sign-in sessions: their beginning and end. Pure.

``Accounts.sign_in`` begins sessions, and ``Accounts.by_session`` checks for every request of a browser whether its session is
still valid (``desk/web/guard.py``). ``desk/people/store.py`` stores them.
"""

from __future__ import annotations

import msgspec

IDLE_MS = 24 * 3_600_000
"""A session ends if it is not used for a day; an open page uses it."""
LONGEST_MS = 30 * IDLE_MS
"""A session ends after this time, used or not."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One signed-in browser. ``hash`` is the hash of the secret in its cookie."""

    hash: str
    person: str
    created_ms: int
    seen_ms: int
    ends_ms: int
    address: str = ""
    agent: str = ""

    def has_ended(self, now_ms: int) -> bool:
        """Whether the session is too old, or was unused for too long."""
        return now_ms >= self.ends_ms or now_ms - self.seen_ms >= IDLE_MS


def new_session(hash_: str, person: str, *, now_ms: int, address: str, agent: str) -> Session:
    """A session that begins now."""
    return Session(
        hash=hash_,
        person=person,
        created_ms=now_ms,
        seen_ms=now_ms,
        ends_ms=now_ms + LONGEST_MS,
        address=address,
        agent=agent[:300],
    )
