"""What a kept draft depends on besides its raw record: this program's code and data, its libraries, the interpreter.

It is computed from the installed files, so no change can be forgotten. It changes more often than extraction does,
which only costs time: a draft from another version is not found, and the record is prepared again.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

from pipeline.versions import VERSION

_PACKAGES = ("core", "pipeline")
"""Our packages that preparing a record can import (tests/test_architecture.py)."""

_NO_PART = "__pycache__"


@cache
def preparation_version() -> str:
    """32 hex digits, equal in all processes that prepare records in the same way. Raises OSError if the code can't be read.

    A hash of the code's version (``pipeline.versions``), all files of ``core`` and ``pipeline``, the names and versions of
    all installed distributions, Python's version and the processor's architecture.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in (VERSION, sys.version, platform.machine(), *_distributions(sys.path)):
        digest.update(part.encode() + b"\n")
    for package in _PACKAGES:
        digest.update(code_digest(Path(str(files(package)))))
    return digest.hexdigest()


def code_digest(folder: Path) -> bytes:
    """A hash of the names and contents of all files below a folder; compiled ones don't count. Raises OSError."""
    digest = hashlib.blake2b(digest_size=32)
    for path in sorted(folder.rglob("*")):
        if _NO_PART in path.parts or not path.is_file():
            continue
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.digest()


def _distributions(places: Iterable[str]) -> list[str]:
    """The names of the installed distributions' metadata folders, such as ``trafilatura-2.3.0.dist-info``."""
    return sorted({path.name for place in places for path in Path(place or ".").glob("*-info") if path.is_dir()})
