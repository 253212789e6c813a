"""Where the next page begins, as a short text that only this question's next call takes."""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from core.errors import UsageError


class Cursor(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """By time: everything up to ``at`` (an ``order``) was looked at, of ``at`` itself the articles ``seen``.

    By relevance: the next is number ``offset`` of the ranking that ``generation`` gave.
    """

    question: bytes
    at: int = 0
    seen: tuple[str, ...] = ()
    generation: int = 0
    offset: int = 0

    def text(self) -> str:
        """The cursor for the next call; letters, digits, ``-`` and ``_`` only."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


def read_cursor(text: str, question: bytes) -> Cursor:
    """The cursor of ``text``. Raises UsageError where it is none, or another question's."""
    try:
        data = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        cursor = msgspec.msgpack.decode(data, type=Cursor)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise UsageError("this is no cursor of a search", hint="leave it out to begin at the first page") from error
    if cursor.question != question:
        raise UsageError("the cursor belongs to another search", hint="leave it out to begin at the first page")
    return cursor


def question_of(*parts: object) -> bytes:
    """A digest of everything that makes a question."""
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=8).digest()
