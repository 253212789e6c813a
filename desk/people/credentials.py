"""Credentials of people and programs: passwords, cookies, tokens, and tokens that protect forms from forgery."""

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

TOKEN_PREFIX = "ww_"  # noqa: S105 - the prefix of all tokens, by which scanners recognise one in a file


FEED_PREFIX = "wwf_"
"""The prefix of a feed's token, which is valid for nothing else."""


def new_secret() -> str:
    """256 random bits, for a cookie."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A new token for a program."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_feed_token() -> str:
    """A new token for the address of one feed."""
    return FEED_PREFIX + secrets.token_urlsafe(32)


def hashed_for(token: str, address: str) -> str:
    """The stored hash of a feed's token. It includes the address, so the token is unknown at any other address."""
    return hashed(f"{token}\n{address}")


def hashed(secret: str) -> str:
    """The stored hash of a secret. A plain hash is enough, since 256 random bits can't be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def form_token(cookie: str) -> str:
    """The token in every form. Only the desk's own pages, which know the cookie, can compute it."""
    return hmac.new(cookie.encode("utf-8", "replace"), b"wirewatch form", hashlib.sha256).hexdigest()


def is_form_token(given: str, cookie: str) -> bool:
    """Whether ``given`` is the form token of this cookie."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), form_token(cookie).encode())


LEAST, MOST = 12, 1_000
"""The shortest and the longest password, in characters."""

# Each check takes 64 MiB: with more at once, an attacker could exhaust the memory.
_AT_ONCE = threading.BoundedSemaphore(SIGNING_IN)


class Passwords:
    """Creates and checks hashes of passwords. Thread-safe; at most two at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # Compared if there is no account, so that the time taken reveals nothing to an attacker.
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The hash of a new password. Raises UsageError if it is too short or too long."""
        if not LEAST <= len(password) <= MOST:
            raise UsageError(
                gettext("a password has at least %(least)s characters (and at most %(most)s)", least=LEAST, most=MOST)
            )
        with _AT_ONCE:
            return self._hasher.hash(password)

    def fits(self, password: str, hashed: str | None) -> bool:
        """Whether the hash is that of this password; False, after the same time, if there is no hash."""
        with _AT_ONCE:
            try:
                self._hasher.verify(hashed or self._nobody, password[: MOST + 1])
            except (Argon2Error, InvalidHashError):
                return False
        return hashed is not None

    def is_old(self, hashed: str) -> bool:
        """Whether the hash was created with weaker parameters than the current ones, and should be replaced."""
        return self._hasher.check_needs_rehash(hashed)
