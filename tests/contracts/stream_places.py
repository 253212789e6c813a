"""Where the streams of the contract suite live: what the suite must know of each kind, and no more."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from core.streams import Stream, create_stream, open_stream
from core.streams.open import delete_stream


class Retaining(Protocol):
    """A stream from which old records can be deleted by hand."""

    def delete_before(self, timestamp_ms: int) -> int: ...


@dataclass
class Place:
    """A kind of stream at a URL. Streams opened through it are closed when the test ends."""

    kind: str
    url: str
    nowhere: str
    """A URL of the same kind that can't be reached."""
    _open: ExitStack = field(default_factory=ExitStack)

    def name(self) -> str:
        return f"contract-{uuid.uuid4()}"

    def make(self, name: str | None = None, partitions: int = 4, **options: Any) -> Stream:
        return self._open.enter_context(create_stream(self.url, name or self.name(), partitions, **options))

    def again(self, stream: Stream) -> Stream:
        """Another instance of the same stream."""
        return self._open.enter_context(open_stream(self.url, stream.name))

    def delete(self, stream: Stream) -> None:
        delete_stream(self.url, stream.name)

    def close(self) -> None:
        self._open.close()


def embedded(directory: Path) -> Place:
    blocked = directory / "a file"
    blocked.write_text("no folder")
    return Place("sqlite", f"sqlite:///{directory}/поток ü 1%20.db", f"sqlite:///{blocked}/streams.db")


def kafka(url: str, dead_port: int) -> Place:
    return Place("kafka", url, f"kafka://127.0.0.1:{dead_port}?timeout_s=1")


def retaining(stream: Stream) -> Retaining:
    return cast("Retaining", stream)
