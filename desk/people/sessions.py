"""Sign-in sessions: how one begins, and when it has ended. Pure.

``Accounts.sign_in`` begins them and ``Accounts.by_session`` asks whether they still hold, for every request of a browser
(``desk/web/guard.py``). They are stored in ``desk/people/store.py``.
"""

from __future__ import annotations

import msgspec

IDLE_MS = 24 * 3_600_000
"""A session ends if it was not used for a day; an open page uses it."""
LONGEST_MS = 30 * IDLE_MS
"""It ends after this time, used or not."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser that is signed in. ``hash`` is that of the secret in its cookie."""

    hash: str
    person: str
    created_ms: int
    seen_ms: int
    ends_ms: int
    address: str = ""
    agent: str = ""

    def has_ended(self, now_ms: int) -> bool:
        """Whether it is too old, or was not used for too long."""
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
