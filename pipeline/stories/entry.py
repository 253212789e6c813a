"""What the index remembers of a version, and its compact form."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from core.records import OrderKey
from pipeline.stories.features import agency_of

_HEX = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What the story stage remembers of one version of one article.

    ``fingerprint`` is what ``features`` made, or a plain signature. ``origin`` is read from it.
    """

    article: str
    version: int
    version_hash: str
    text_hash: str
    key: OrderKey
    story: str
    source: str
    duplicate_of: str | None = None
    language: str | None = None
    fingerprint: bytes = b""
    backfill: bool = False

    @property
    def original(self) -> str:
        """The earliest article of this text: itself, or what it is a copy of."""
        return self.duplicate_of or self.article

    @property
    def origin(self) -> str | None:
        """The agency that the text credits."""
        return agency_of(self.fingerprint)


_Id = str | bytes
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder()


def pack(entry: Entry) -> bytes:
    """All but the key and the fingerprint, in some 70 bytes. Ids that are the article's own take one byte."""
    return _ENCODER.encode(
        (
            "" if entry.article == entry.key.article else _short(entry.article),
            entry.version,
            _short(entry.version_hash),
            "" if entry.text_hash == entry.version_hash else _short(entry.text_hash or "-"),
            "" if entry.story == entry.article else _short(entry.story),
            entry.source,
            None if entry.duplicate_of is None else _short(entry.duplicate_of),
            entry.language,
            entry.backfill,
        )
    )


def unpack(packed: bytes, key: OrderKey, fingerprint: bytes) -> Entry:
    """The entry again."""
    article, version, version_hash, text_hash, story, source, duplicate_of, language, backfill = _DECODER.decode(packed)
    own = _long(article) or key.article
    text = _long(text_hash)
    return Entry(
        article=own,
        version=version,
        version_hash=_long(version_hash),
        text_hash="" if text == "-" else text or _long(version_hash),
        key=key,
        story=_long(story) or own,
        source=source,
        duplicate_of=None if duplicate_of is None else _long(duplicate_of),
        language=language,
        fingerprint=fingerprint,
        backfill=backfill,
    )


def place_of(key: OrderKey) -> bytes:
    """The key in bytes that sort as keys do. No id holds a NUL."""
    return b"%b%b\0%b\0%b" % (
        (key.time_ms + 2**63).to_bytes(8, "big"),
        key.article.encode("utf-8", "surrogatepass"),
        key.raw_hash.encode("utf-8", "surrogatepass"),
        (key.occurrence << 32 | key.late).to_bytes(8, "big"),
    )


def key_of(place: bytes) -> OrderKey:
    """The key of ``place_of``."""
    article, raw_hash = place[8:-9].split(b"\0")
    last = int.from_bytes(place[-8:], "big")
    return OrderKey(
        int.from_bytes(place[:8], "big") - 2**63,
        article.decode("utf-8", "surrogatepass"),
        raw_hash.decode("utf-8", "surrogatepass"),
        last >> 32,
        last & 0xFFFFFFFF,
    )


def _short(value: str) -> _Id:
    return bytes.fromhex(value) if _HEX.fullmatch(value) else value


def _long(value: _Id) -> str:
    return value.hex() if isinstance(value, bytes) else value
