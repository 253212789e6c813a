"""Bytes that are not what they seem: gzip inside of what was unpacked already, pictures and documents. Pure."""

from __future__ import annotations

import zlib

_GZIP = b"\x1f\x8b"
MAX_LEVELS = 3
"""Servers and archives pack twice by mistake; who packs oftener means harm."""

_STEP = 1 << 20
_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"BZh9", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x7fELF", "a program"),
    (b"OggS", "a sound"),
    (b"ID3", "a sound"),
)


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


def binary_kind(body: bytes) -> str | None:
    """What a body is that is no text, by its first bytes; None for what may be text."""
    return next((name for magic, name in _MAGIC if body.startswith(magic)), None)
