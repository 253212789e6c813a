"""The version handshake: an element is read only by the version of Wirewatch that wrote it, or refused with an error. Pure.

A version is the code's version number and a digest of the elements' shape, such as ``0.1.0+5f0c12ab``. The digest is
computed from the structs that flow between the steps of the graph or wait in a runner's checkpoint, so no change of them
can be forgotten. Every element carries the version of its writer and a checksum (``Seal``); the submitter's version goes
with the job, and pool and steps of another version refuse it (``pipeline.drivers.worker_pool``, ``pipeline.transforms.step``).

There is no conversion between versions, since none is needed: a new job continues from the ledger.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from crc32c import crc32c

from core import version
from core.errors import WirewatchError
from core.query import words
from pipeline.elements import Draft, EnvelopeHead
from pipeline.order import MergeMark, ReorderState

MEANING = 1
"""Raise it if a field of an element changes its meaning and neither its name nor its type."""

REFUSAL = "another version of Wirewatch"
"""How every refusal begins: the driver looks for it in what a runner tells of failed workers."""

UNKNOWN = "an unknown version"
_KINDS: tuple[type[msgspec.Struct], ...] = (EnvelopeHead, Draft, ReorderState, MergeMark)
_LONGEST_HEADER = 200


class OtherVersion(WirewatchError):
    """Something is from another version than this process. A retry never helps."""

    def __init__(self, what: str, theirs: str, ours: str) -> None:
        super().__init__(
            f"{REFUSAL}: {what} of {theirs} met {ours}",
            hint="stop the pipeline, bring submitter and workers to one version, start it without a savepoint: "
            "it goes on from the ledger (docs/operations.md, Upgrade)",
        )


class DamagedElement(WirewatchError):
    """An element of this version that was truncated or changed on its way."""


def shape_of(kinds: Sequence[type[msgspec.Struct]], meaning: int = MEANING) -> str:
    """Eight hex digits that differ if a field is added, gone, moved, renamed, or has another type or default, at any depth."""
    seen: set[str] = set()
    described = [meaning, *(_described(found, seen) for found in msgspec.inspect.multi_type_info(kinds))]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:8]


def _described(found: Any, seen: set[str]) -> Any:
    """A part of a type as plain JSON, without anything that depends on the machine or the process."""
    if isinstance(found, msgspec.inspect.StructType):
        if found.cls.__qualname__ in seen:
            return found.cls.__qualname__
        seen.add(found.cls.__qualname__)
    if isinstance(found, msgspec.Struct):
        parts = ((name, _described(getattr(found, name), seen)) for name in found.__struct_fields__)
        # What is not set says nothing, and a later msgspec may have more of it.
        return [type(found).__name__, {name: part for name, part in parts if part is not None}]
    if isinstance(found, type) and issubclass(found, enum.Enum):
        return [found.__qualname__, sorted(str(member.value) for member in found)]
    if isinstance(found, (tuple, list)):
        return [_described(one, seen) for one in found]
    return getattr(found, "__qualname__", None) or (found if isinstance(found, (str, int, type(None))) else repr(found))


class Seal:
    """Writes a version and a checksum before what an element is encoded as, and reads only what bears the same version.

    One line, ``version kind checksum``, then the body.
    """

    def __init__(self, version: str) -> None:
        self.version = version

    def close(self, kind: str, body: bytes) -> bytes:
        """The sealed body. ``kind`` is a word, such as ``draft``."""
        return b"%b %b %08x\n%b" % (self.version.encode(), kind.encode(), crc32c(body), body)

    def open(self, kind: str, sealed: bytes) -> bytes:
        """The body. Raises OtherVersion, or DamagedElement if it is not what was written."""
        end = sealed.find(b"\n", 0, _LONGEST_HEADER)
        theirs, found, checksum = _header(sealed[: max(end, 0)])
        if theirs != self.version:
            raise OtherVersion(f"a {kind}", theirs or UNKNOWN, self.version)
        body = sealed[end + 1 :]
        if (found, checksum) != (kind, f"{crc32c(body):08x}"):
            raise damaged(kind, "it was cut off or changed on its way" if found == kind else f"it is a {found}")
        return body


def damaged(kind: str, why: object) -> DamagedElement:
    """The error for an element that can't be read."""
    return DamagedElement(f"a {kind} can't be read: {why}", hint="restart the pipeline: it continues from the ledger")


def _header(line: bytes) -> tuple[str, str, str]:
    parts = line.decode("ascii", "replace").split(" ")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 and "+" in parts[0] else ("", "", "")


VERSION = f"{version()}+{shape_of(_KINDS)}w{words.VERSION}"
"""This process's version: of the program, of the structs, and of the rules for words, by which queries are matched."""

SEAL = Seal(VERSION)


def require_same(theirs: str | None, what: str) -> None:
    """Raise OtherVersion unless ``what`` was made by this version."""
    if theirs != VERSION:
        raise OtherVersion(what, theirs or UNKNOWN, VERSION)


def refusal_in(text: str) -> str | None:
    """The refusal that a runner's report of a failure holds, as one line; None if there is none."""
    for line in text.splitlines():
        _, found, rest = line.partition(REFUSAL)
        if found:
            return found + rest.rstrip()
    return None
