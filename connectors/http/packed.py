"""gzip inside of what was unpacked already. Pure."""

from __future__ import annotations

import zlib

_GZIP = b"\x1f\x8b"
MAX_LEVELS = 3
"""Servers and archives pack twice by mistake; who packs oftener means harm."""

_STEP = 1 << 20


class NotUnpacked(ValueError):
    """The bytes can't be unpacked; the message says why in plain words."""


def unpacked(body: bytes, max_bytes: int) -> bytes:
    """Undo gzip, up to three times one in the other. Raises NotUnpacked where it is broken or gives more than the cap.

    What is cut off behind some content gives that content.
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
    # Several members in a row are one content.
    while body.startswith(_GZIP):
        machine = zlib.decompressobj(31)
        while body and not machine.eof:
            try:
                plain += machine.decompress(body, _STEP)
            except zlib.error as error:
                raise NotUnpacked("broken gzip data") from error
            body = machine.unconsumed_tail
            if len(plain) > max_bytes:
                raise NotUnpacked(f"larger than {max_bytes >> 20} MiB when unpacked")
        body = machine.unused_data
    return bytes(plain)
