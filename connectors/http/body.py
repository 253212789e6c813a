"""Decompresses bodies within bounds: HTTP's content codings, and gzip inside unpacked content."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import httpx

_TEXT = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*+[<{\[]")
"""How markup and JSON begin, unlike compressed bytes."""
_STEP = 1 << 16
_UNPACKED_STEP = 1 << 20
_GZIP = b"\x1f\x8b"
_INFLATED = frozenset({"gzip", "x-gzip", "deflate"})
_CODINGS = _INFLATED | {"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "x-bzip2", "bzip2"}
"""Content codings in IANA's registry, and two that servers use; only the first three are ever requested."""

MAX_LEVELS = 3
"""Servers and archives compress twice by mistake; more often than that is an attack."""


class BodyTooLarge(Exception):
    """The decoded body is over the cap."""


class BadBody(Exception):
    """The body can't be decoded; the message is the reason in plain words."""


def decoded(response: httpx.Response, max_bytes: int) -> Iterator[bytes]:
    """Decompress the body piece by piece: httpx would unpack a whole chunk, whatever its size."""
    declared = response.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and len(declared) < 19 and int(declared) > max_bytes:
        raise BodyTooLarge
    yield from decompressed(response.iter_raw(), response.headers.get("content-encoding", ""), max_bytes)


def codings(encoding: str) -> list[str]:
    """The content codings that a header names, in lower case and in its order.

    As in curl, values that are not codings (a charset, "none", "binary", "aws-chunked") are ignored.
    """
    return [word for one in encoding.split(",") if (word := one.strip().lower()) in _CODINGS]


def decompressed(chunks: Iterator[bytes], encoding: str, max_bytes: int) -> Iterator[bytes]:
    """Undo the content codings that ``encoding`` names. Raises BadBody, and BodyTooLarge after ``max_bytes``."""
    named = codings(encoding)
    if not named:
        pieces: Iterator[bytes] = chunks
    elif len(named) == 1 and named[0] in _INFLATED:
        pieces = _inflated(chunks, gzip=named[0] != "deflate", max_bytes=max_bytes)
    else:
        raise BadBody(f"sent in an encoding that was not asked for ({', '.join(named)[:40]})")
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > max_bytes:
            raise BodyTooLarge
        yield piece


def _inflated(chunks: Iterator[bytes], *, gzip: bool, max_bytes: int) -> Iterator[bytes]:
    machine: zlib._Decompress | None = None
    received = 0
    as_it_is = False
    for chunk in chunks:
        if not received and _TEXT.match(chunk):
            # Some servers declare gzip but send plain text.
            as_it_is = gzip
        received += len(chunk)
        if received > max_bytes:
            raise BodyTooLarge
        if as_it_is:
            yield chunk
            continue
        data = chunk
        while data:
            if machine is None:
                # "deflate" means zlib's format, but some servers send raw deflate.
                bare = not gzip and (data[0] & 0x0F) != 8
                machine = zlib.decompressobj(31 if gzip else -15 if bare else 15)
            try:
                yield machine.decompress(data, _STEP)
            except zlib.error as error:
                raise BadBody("sent a broken compressed body") from error
            if machine.eof:
                data, machine = machine.unused_data, None
                if not data.startswith(b"\x1f\x8b"):
                    return
            else:
                data = machine.unconsumed_tail
    # A body without its trailer is accepted: by HTTP's own framing it is complete.


class NotUnpacked(ValueError):
    """The bytes can't be unpacked; the message is the reason in plain words."""


def unpacked(body: bytes, max_bytes: int) -> bytes:
    """Undo gzip, nested up to three times. Raises NotUnpacked if it is broken or larger than the cap when unpacked.

    Truncated data gives the content up to there.
    """
    for _ in range(MAX_LEVELS):
        if not body.startswith(_GZIP):
            return body
        body = _once(body, max_bytes)
    if body.startswith(_GZIP):
        raise NotUnpacked(f"packed more than {MAX_LEVELS} times")
    return body


def _once(body: bytes, max_bytes: int) -> bytes:
    plain = bytearray()
    # Consecutive members are one content.
    while body.startswith(_GZIP):
        machine = zlib.decompressobj(31)
        while body and not machine.eof:
            try:
                plain += machine.decompress(body, _UNPACKED_STEP)
            except zlib.error as error:
                raise NotUnpacked("broken gzip data") from error
            body = machine.unconsumed_tail
            if len(plain) > max_bytes:
                raise NotUnpacked(f"larger than {max_bytes >> 20} MiB when unpacked")
        body = machine.unused_data
    return bytes(plain)
