"""What people and programs prove themselves by: passwords, cookies, tokens, and what keeps forms from being forged."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from core.errors import UsageError
from desk.language import gettext
from desk.people.limits import SIGNING_IN

TOKEN_PREFIX = "ww_"  # noqa: S105 - what all tokens begin with, so that scanners recognise one in a file


FEED_PREFIX = "wwf_"
"""What the token of one feed begins with; no other door takes it."""


def new_secret() -> str:
    """256 random bits, for a cookie."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A token for a program."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_feed_token() -> str:
    """A token for the address of one feed."""
    return FEED_PREFIX + secrets.token_urlsafe(32)


def hashed_for(token: str, address: str) -> str:
    """What is stored of a feed's token. The address is part of it: at another address the token is an unknown one."""
    return hashed(f"{token}\n{address}")


def hashed(secret: str) -> str:
    """What is stored of it. A plain hash will do: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def form_token(cookie: str) -> str:
    """What every form carries: only a page of ours, which knows the cookie, can make it."""
    return hmac.new(cookie.encode("utf-8", "replace"), b"wirewatch form", hashlib.sha256).hexdigest()


def is_form_token(given: str, cookie: str) -> bool:
    """Whether ``given`` belongs to the cookie."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), form_token(cookie).encode())


LEAST, MOST = 12, 1_000
"""Characters of a password."""

# Each check takes 64 MiB: more at once would let a guesser fill the memory.
_AT_ONCE = threading.BoundedSemaphore(SIGNING_IN)


class Passwords:
    """Makes and checks hashes. Thread-safe; at most two at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # Compared if there is no account, so that the time taken tells a guesser nothing.
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The hash of a new password. Raises UsageError for one that is too short or too long."""
        if not LEAST <= len(password) <= MOST:
            raise UsageError(
                gettext("a password has at least %(least)s characters (and at most %(most)s)", least=LEAST, most=MOST)
            )
        with _AT_ONCE:
            return self._hasher.hash(password)

    def fits(self, password: str, hashed: str | None) -> bool:
        """Whether it is the password; False, after the same time, if there is no hash."""
        with _AT_ONCE:
            try:
                self._hasher.verify(hashed or self._nobody, password[: MOST + 1])
            except (Argon2Error, InvalidHashError):
                return False
        return hashed is not None

    def is_old(self, hashed: str) -> bool:
        """Whether the hash was made with weaker parameters than today's, and should be replaced."""
        return self._hasher.check_needs_rehash(hashed)
