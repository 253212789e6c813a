"""What flows through the graph: a raw record with its number, and the draft that the stateless steps make of it. Pure.

Their Beam coders are in ``pipeline.transforms.coders``: this module must stay free of Beam, because the processes that
prepare drafts import it and Beam takes a second and 100 MB to load.
"""

from __future__ import annotations

import msgspec

from core.records import Article, OrderKey, Position


class Rejection(msgspec.Struct, frozen=True):
    """Why a record is rejected: the stage that refused it, and its short, stable reason."""

    stage: str
    reason: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record, numbered from 0 without gaps, with its position and order key.

    ``item`` names a bounded input's file and line; ``problem`` says why a bounded input's item could not be read.
    """

    number: int
    position: Position
    key: OrderKey
    value: bytes
    item: str = ""
    problem: Rejection | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record after the stateless steps: an article without its story, or a problem, never both.

    ``after`` is the position of the record handled before it, which the reorder buffer fills in: the ledger must have it.
    ``undecided``: subscriptions of which matching left open whether the article matches them.
    """

    number: int
    position: Position
    key: OrderKey
    item: str
    article: Article | None = None
    problem: Rejection | None = None
    after: Position | None = None
    undecided: int = 0

    def __post_init__(self) -> None:
        if (self.article is None) == (self.problem is None):
            raise ValueError("a draft has an article or a problem, and one of them only")


class EnvelopeHead(msgspec.Struct, frozen=True, array_like=True):
    """What is packed of an envelope before its value."""

    number: int
    position: Position
    key: OrderKey
    item: str
    problem: Rejection | None


def pack(envelope: Envelope) -> bytes:
    """One line of JSON, then the value verbatim: pages are large, and Base64 would make them a third larger."""
    head = EnvelopeHead(envelope.number, envelope.position, envelope.key, envelope.item, envelope.problem)
    return msgspec.json.encode(head) + b"\n" + envelope.value


def unpack(packed: bytes) -> Envelope:
    """The envelope that ``pack`` wrote."""
    line, _, value = packed.partition(b"\n")
    head = msgspec.json.decode(line, type=EnvelopeHead)
    return Envelope(
        number=head.number, position=head.position, key=head.key, value=value, item=head.item, problem=head.problem
    )
