"""What flows between the steps of the graph, and how it is written down between workers.

JSON with the raw bytes behind it, never pickle: a worker of another version can refuse what it does not know, and
reading an element runs no code.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders.coders import Coder

from pipeline.order import MergeMark
from pipeline.records import Article, OrderKey, Position, RawArticle


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


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record after the stateless steps: an article without its story, or a problem. Never both, never neither.

    ``page_language`` and ``feed_language`` are claims, for the step that decides the language. ``after`` is the position
    of the record handled before, which the reorder buffer remembers: the ledger must have it.
    """

    number: int
    position: Position
    key: OrderKey
    item: str
    article: Article | None = None
    problem: Problem | None = None
    page_language: str | None = None
    feed_language: str | None = None
    after: Position | None = None


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """What the reorder buffer keeps beside early elements: the next number, whether any are early, who came last."""

    expected: int = 0
    holding: bool = False
    last: Position | None = None


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record, read: an article as fetched, or a problem."""

    number: int
    position: Position
    key: OrderKey
    item: str
    raw: RawArticle | None = None
    problem: Problem | None = None


class _Head(msgspec.Struct, frozen=True, array_like=True):
    number: int
    position: Position
    key: OrderKey
    item: str
    problem: Problem | None


class EnvelopeCoder(Coder):
    """One line of JSON, then the value verbatim: pages are large, and Base64 would make them a third larger."""

    def encode(self, value: Envelope) -> bytes:
        head = _Head(value.number, value.position, value.key, value.item, value.problem)
        return msgspec.json.encode(head) + b"\n" + value.value

    def decode(self, encoded: bytes) -> Envelope:
        line, _, value = encoded.partition(b"\n")
        head = msgspec.json.decode(line, type=_Head)
        return Envelope(
            number=head.number,
            position=head.position,
            key=head.key,
            value=value,
            item=head.item,
            problem=head.problem,
        )

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> type[Any]:
        return Envelope


class _JsonCoder(Coder):
    kind: type[Any]

    def encode(self, value: Any) -> bytes:
        return msgspec.json.encode(value)

    def decode(self, encoded: bytes) -> Any:
        return msgspec.json.decode(encoded, type=self.kind)

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> type[Any]:
        return self.kind


class DraftCoder(_JsonCoder):
    """Drafts as JSON."""

    kind = Draft


class DecodedCoder(_JsonCoder):
    """Decoded records as JSON."""

    kind = Decoded


class TurnCoder(_JsonCoder):
    """The reorder buffer's turn as JSON."""

    kind = Turn


class MarkCoder(_JsonCoder):
    """Merge marks as JSON: what a runner's checkpoint holds of the reader."""

    kind = MergeMark


beam.coders.registry.register_coder(Envelope, EnvelopeCoder)
beam.coders.registry.register_coder(Decoded, DecodedCoder)
beam.coders.registry.register_coder(Draft, DraftCoder)
