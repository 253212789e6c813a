"""Bytes of the raw stream → raw articles, or the reason why they are none."""

from __future__ import annotations

import msgspec

from core.records import RawArticle, decode
from pipeline.transforms.values import Decoded, Envelope, Problem

SCHEMAS = frozenset({1})


def decode_envelope(envelope: Envelope) -> Decoded:
    """The raw article in an envelope. A stub (a body that could not be stored) is a problem that says why."""
    raw, problem = None, envelope.problem
    if problem is None:
        try:
            raw = decode(envelope.value, RawArticle)
        except msgspec.ValidationError as error:
            problem = Problem("decode", f"no raw article: {error}")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            problem = Problem("decode", f"no JSON: {error}")
        else:
            if raw.schema not in SCHEMAS:
                problem = Problem("decode", f"unknown schema {_short(raw.schema)}")
            elif raw.stub is not None and not (raw.html or raw.text):
                problem = Problem("fetch", raw.stub)
    return Decoded(
        number=envelope.number,
        position=envelope.position,
        key=envelope.key,
        item=envelope.item or (raw.url if raw else ""),
        raw=raw if problem is None else None,
        problem=problem,
    )


def _short(number: int) -> str:
    # A number of thousands of digits is no short reason.
    return str(number) if abs(number) < 1 << 63 else "of many digits"
