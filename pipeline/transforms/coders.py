"""Beam coders of what flows between the steps of the graph.

JSON with the raw bytes behind it, never pickle: a worker of another version can refuse what it does not know, and
reading an element runs no code. Importing this module registers the coders, so modules that build a graph take ``Draft``
and ``Envelope`` from here; all others take them from ``pipeline.elements``, which does not load Beam.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders.coders import Coder

from core.records import Position
from pipeline.elements import Draft, Envelope, pack, unpack
from pipeline.order import MergeMark

__all__ = ["Draft", "DraftCoder", "Envelope", "EnvelopeCoder", "MarkCoder", "ReorderState", "ReorderStateCoder"]


class ReorderState(msgspec.Struct, frozen=True, array_like=True):
    """The reorder buffer's state beside its early elements: the next number, whether any are early, and the last position."""

    expected: int = 0
    holding: bool = False
    last: Position | None = None


class EnvelopeCoder(Coder):
    """Envelopes as ``pack`` writes them."""

    def encode(self, value: Envelope) -> bytes:
        return pack(value)

    def decode(self, encoded: bytes) -> Envelope:
        return unpack(encoded)

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


class ReorderStateCoder(_JsonCoder):
    """The reorder buffer's ``ReorderState`` as JSON."""

    kind = ReorderState


class MarkCoder(_JsonCoder):
    """Merge marks as JSON: the reader's position in a runner's checkpoint."""

    kind = MergeMark


beam.coders.registry.register_coder(Envelope, EnvelopeCoder)
beam.coders.registry.register_coder(Draft, DraftCoder)
