"""Passwords, by Argon2id with the library's own parameters (64 MiB, 3 passes)."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from core.errors import UsageError

LEAST, MOST = 12, 1_000
"""Characters of a password."""

# Each check takes 64 MiB: more at once would let a guesser fill the memory.
_AT_ONCE = threading.BoundedSemaphore(2)


class Passwords:
    """Makes and checks hashes. Thread-safe; at most two at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # Compared where there is no account, so that a guesser can't tell by the time it takes.
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The hash of a new password. Raises UsageError for one that is too short or too long."""
        if not LEAST <= len(password) <= MOST:
            raise UsageError(f"a password has at least {LEAST} characters (and at most {MOST:,})")
        with _AT_ONCE:
            return self._hasher.hash(password)

    def fits(self, password: str, hashed: str | None) -> bool:
        """Whether it is the password; False, after the same time, where there is no hash."""
        with _AT_ONCE:
            try:
                self._hasher.verify(hashed or self._nobody, password[: MOST + 1])
            except (Argon2Error, InvalidHashError):
                return False
        return hashed is not None

    def is_old(self, hashed: str) -> bool:
        """Whether the hash was made with weaker parameters than today's, and should be made anew."""
        return self._hasher.check_needs_rehash(hashed)
