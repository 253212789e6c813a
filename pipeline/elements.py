"""A raw record on its way through the steps: as it comes, as it is read, and as a draft with an article.

Apart from the coders (``elements``), so that a process that prepares drafts need not load Beam, which takes a second and
100 MB.
"""

from __future__ import annotations

import msgspec

from core.records import Article, OrderKey, Position, RawArticle


class Problem(msgspec.Struct, frozen=True):
    """Why a record is rejected: the stage that could not go on, and its short reason."""

    stage: str
    reason: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record on its way: numbered, with its place and its order key. ``item`` names a bounded input's file and line."""

    number: int
    position: Position
    key: OrderKey
    value: bytes
    item: str = ""
    problem: Problem | None = None


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record, read: an article as fetched, or a problem."""

    number: int
    position: Position
    key: OrderKey
    item: str
    raw: RawArticle | None = None
    problem: Problem | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record after the stateless steps: an article without its story, or a problem. Never both, never neither.

    ``after`` is the position of the record handled before, which the reorder buffer remembers: the ledger must have it.
    """

    number: int
    position: Position
    key: OrderKey
    item: str
    article: Article | None = None
    problem: Problem | None = None
    after: Position | None = None


class _Head(msgspec.Struct, frozen=True, array_like=True):
    number: int
    position: Position
    key: OrderKey
    item: str
    problem: Problem | None


def pack(envelope: Envelope) -> bytes:
    """One line of JSON, then the value verbatim: pages are large, and Base64 would make them a third larger."""
    head = _Head(envelope.number, envelope.position, envelope.key, envelope.item, envelope.problem)
    return msgspec.json.encode(head) + b"\n" + envelope.value


def unpack(packed: bytes) -> Envelope:
    """What ``pack`` made."""
    line, _, value = packed.partition(b"\n")
    head = msgspec.json.decode(line, type=_Head)
    return Envelope(
        number=head.number, position=head.position, key=head.key, value=value, item=head.item, problem=head.problem
    )
