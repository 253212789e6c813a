"""Streams: append-only logs by URL, ``kafka://host:9092`` or ``sqlite:///path`` (the embedded default)."""

from core.streams.base import Appended, NewRecord, Stream, StreamRecord
from core.streams.open import create_stream, open_stream

__all__ = ["Appended", "NewRecord", "Stream", "StreamRecord", "create_stream", "open_stream"]
