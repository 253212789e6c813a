"""Beam coders for the elements between the steps of the graph.

JSON followed by the raw bytes, never pickle, so that decoding runs no code. Elements are sealed with their writer's version,
so a worker of another version refuses them (``pipeline.versions``). Importing this module registers the coders, so modules
that build a graph import ``Draft`` and ``Envelope`` from here; all others import them from ``pipeline.elements``, which does
not load Beam.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders.coders import Coder

from pipeline.elements import Draft, Envelope, pack, unpack
from pipeline.order import MergeMark, ReorderState
from pipeline.versions import SEAL, damaged

__all__ = ["Draft", "DraftCoder", "Envelope", "EnvelopeCoder", "MarkCoder", "ReorderState", "ReorderStateCoder"]
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _SealedCoder(Coder):
    """Encodes elements of type ``element`` as JSON; ``kind`` is their name in errors."""

    kind: str
    element: type[Any]

    def encode(self, value: Any) -> bytes:
        return SEAL.close(self.kind, self._write(value))

    def decode(self, encoded: bytes) -> Any:
        """Raises OtherVersion, DamagedElement."""
        body = SEAL.open(self.kind, encoded)
        try:
            return self._read(body)
        except _UNREADABLE as error:
            raise damaged(self.kind, error) from error

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> type[Any]:
        return self.element

    def _write(self, value: Any) -> bytes:
        return msgspec.json.encode(value)

    def _read(self, body: bytes) -> Any:
        return msgspec.json.decode(body, type=self.element)


class EnvelopeCoder(_SealedCoder):
    """Encodes envelopes with ``pack``."""

    kind, element = "envelope", Envelope

    def _write(self, value: Envelope) -> bytes:
        return pack(value)

    def _read(self, body: bytes) -> Envelope:
        return unpack(body)


class DraftCoder(_SealedCoder):
    """Encodes drafts."""

    kind, element = "draft", Draft


class ReorderStateCoder(_SealedCoder):
    """Encodes the reorder buffer's ``ReorderState``."""

    kind, element = "reorder-state", ReorderState


class MarkCoder(_SealedCoder):
    """Encodes merge marks, the reader's position in a runner's checkpoint."""

    kind, element = "mark", MergeMark


beam.coders.registry.register_coder(Envelope, EnvelopeCoder)
beam.coders.registry.register_coder(Draft, DraftCoder)
