"""Parses data from outside: whatever is wrong with it raises one kind of error."""

from __future__ import annotations

import re
import tomllib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_TOO_DEEP = "it is nested too deeply"

_MOST_PARTS = 20
"""Most dots on a line of TOML outside strings. A parser's work on a key grows with the square of its parts; ours have few."""

# Each alternative consumes what it began, closed or not, so nothing is scanned twice.
_NOT_KEYS = re.compile(
    r'''"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?|'{3}(?:[^']|'(?!''))*+(?:'{3})?|"(?:[^"\\\n]|\\.)*+"?|'[^'\n]*+'?|\#[^\n]*+''',
    re.DOTALL,
)


class Undecodable(ValueError):
    """The data is not in the format, not of the type, or nested too deeply for the parser."""


def from_json(data: bytes | str, kind: type[T] | Any = Any) -> T:
    """The JSON ``data`` as this type. Raises Undecodable."""
    try:
        decoded: T = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Undecodable(str(error)) from error
    except RecursionError as error:
        raise Undecodable(_TOO_DEEP) from error
    return decoded


def from_msgpack(data: bytes, kind: type[T]) -> T:
    """The msgpack ``data`` as this type. Raises Undecodable."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Undecodable(str(error)) from error
    except RecursionError as error:
        raise Undecodable(_TOO_DEEP) from error


def from_toml(data: bytes | str) -> dict[str, Any]:
    """The tables of the TOML ``data``. Raises Undecodable."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        for number, line in enumerate(_NOT_KEYS.sub(_only_lines, text).split("\n"), start=1):
            if line.count(".") > _MOST_PARTS:
                raise Undecodable(f"a key of more than {_MOST_PARTS} parts (at line {number})")
        return tomllib.loads(text)
    except Undecodable:
        raise
    except UnicodeDecodeError as error:
        raise Undecodable(f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Undecodable(_TOO_DEEP) from error
    except ValueError as error:
        # TOMLDecodeError is one; a number with too many digits and an impossible date raise others.
        raise Undecodable(str(error)) from error


def _only_lines(found: re.Match[str]) -> str:
    return "s" + "\n" * found[0].count("\n")
