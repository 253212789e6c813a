"""Secrets that people and programs carry: cookies, tokens, and what keeps forms from being sent by others. Pure."""

from __future__ import annotations

import hashlib
import hmac
import secrets

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
