"""The index's data on a version: an entry, its compact form, and rows of arrays, so that many are compared at once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.records import OrderKey
from pipeline.stories.features import LAYOUT, Features, agency_of, written
from pipeline.text.encoder import DIMENSIONS

Slots = NDArray[np.int64]
_HEX = re.compile("[0-9a-f]{32}")
_FIRST_ROWS = 1_024
_ROOM_ROWS = 512
_Name = TypeVar("_Name", str, "str | None")
_ID_DIGITS = 32
_HALF = 8
_LISTED = 2 * 8 + 8 + 4
"""Bytes of a row in two lists, and in the two for the order of places (frequencies.py)."""

_ROW_BYTES = 4 * 8 + 2 * 4 + 2 + 1
"""Bytes of a row in the arrays other than ``features``."""

_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The story stage's data on one version of one article.

    ``fingerprint`` is the value of ``features``, or a plain signature; it contains ``origin``.
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
        """The earliest article with this text: itself, or its original if it is a copy."""
        return self.duplicate_of or self.article

    @property
    def origin(self) -> str | None:
        """The agency that the text credits."""
        return agency_of(self.fingerprint)


_Id = str | bytes
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder()


def pack(entry: IndexEntry) -> bytes:
    """All but key, fingerprint, outlet and language, in about 30 bytes, without the digest's half that ``number_of`` gives.

    Ids equal to the article's take one byte, and default values at the end take none.
    """
    fields: list[Any] = [
        "" if entry.article == entry.key.article else _short(entry.article),
        entry.version,
        _short(entry.version_hash),
        "" if entry.text_hash == entry.version_hash else _half(entry.text_hash or "-"),
    ]
    rest: list[Any] = [
        "" if entry.story == entry.article else _short(entry.story),
        None if entry.duplicate_of is None else _short(entry.duplicate_of),
        entry.backfill,
    ]
    while rest and rest == _USUAL[: len(rest)]:
        rest.pop()
    return _ENCODER.encode(fields + rest)


def unpack(
    packed: bytes, key: OrderKey, fingerprint: bytes, *, text: int, source: str, language: str | None
) -> IndexEntry:
    """The entry that ``pack`` wrote. ``text``: ``number_of`` its ``text_hash``."""
    fields: list[Any] = _DECODER.decode(packed)
    article, version, version_hash, text_hash, story, duplicate_of, backfill = fields + _USUAL[len(fields) - 4 :]
    own = _long(article) or key.article
    return IndexEntry(
        article=own,
        version=version,
        version_hash=_long(version_hash),
        text_hash="" if text_hash == "-" else _whole(text_hash, text) or _long(version_hash),
        key=key,
        story=_long(story) or own,
        source=source,
        duplicate_of=None if duplicate_of is None else _long(duplicate_of),
        language=language,
        fingerprint=fingerprint,
        backfill=backfill,
    )


_USUAL: list[Any] = ["", None, False]


def _half(value: str) -> _Id:
    short = _short(value)
    return short[:_HALF] if isinstance(short, bytes) else short


def _whole(half: _Id, number: int) -> str:
    """The digest with this first half, of which ``number`` is both halves combined by XOR."""
    if isinstance(half, str):
        return half
    return half.hex() + (int.from_bytes(half, "big") ^ number).to_bytes(_HALF, "big").hex()


def place_of(key: OrderKey) -> bytes:
    """The key as bytes that sort as keys do. Ids contain no NUL."""
    last = key.occurrence << 32 | key.late
    return b"%b%b\0%b\0%b" % (
        (key.time_ms + 2**63).to_bytes(8, "big"),
        key.article.encode("utf-8", "surrogatepass"),
        key.raw_hash.encode("utf-8", "surrogatepass"),
        last.to_bytes(8, "big") if last else b"",
    )


def key_of(place: bytes) -> OrderKey:
    """The key of ``place_of``."""
    article, raw_hash, end = place[8:].split(b"\0", 2)
    last = int.from_bytes(end, "big")
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


class Columns:
    """Rows by slot number. A dropped slot is used again only after ``reuse``, when nothing refers to it.

    ``room``: memory for the vectors of one comparison (``events.alike``).
    """

    def __init__(self) -> None:
        self._free: list[int] = []
        self._dropped: list[int] = []
        self._size = 0
        self._held = 0
        self._languages: dict[str | None, int] = {None: 0}
        self._outlets: dict[str, int] = {}
        self._codes: list[str | None] = [None]
        self._names: list[str] = []
        self.places: list[bytes] = []
        self.packed: list[bytes] = []
        self._room = np.empty(_ROOM_ROWS, LAYOUT)
        self.room = np.empty((_ROOM_ROWS, DIMENSIONS), np.float32)
        self._allocate(_FIRST_ROWS)

    def _allocate(self, rows: int) -> None:
        self.features = np.zeros(rows, LAYOUT)
        # Many rows are looked at for each one that is compared, so these are apart, each small enough to stay in a cache.
        self.times = np.zeros(rows, np.int64)
        self.texts, self.articles, self.stories = (np.zeros(rows, np.uint64) for _ in range(3))
        self.outlets, self.versions = np.zeros(rows, np.uint32), np.zeros(rows, np.int32)
        self.languages, self.alive = np.zeros(rows, np.uint16), np.zeros(rows, np.bool_)

    @property
    def _arrays(self) -> tuple[NDArray[Any], ...]:
        texts = self.texts, self.articles, self.stories
        return self.features, self.times, *texts, self.outlets, self.versions, self.languages, self.alive

    @property
    def nbytes(self) -> int:
        """Bytes of the rows in use: in the arrays, of their keys and packed fields, and in the lists of those."""
        return self._size * (self.features.itemsize + _ROW_BYTES + _LISTED) + self._held

    def __len__(self) -> int:
        return self._size - len(self._free) - len(self._dropped)

    def put(self, entry: IndexEntry, known: Features) -> int:
        """Store the entry, whose fingerprint has the features ``known``; returns its slot."""
        place, packed = place_of(entry.key), pack(entry)
        self._held += getsizeof(place) + getsizeof(packed)
        if self._free:
            slot = self._free.pop()
            self.places[slot], self.packed[slot] = place, packed
        else:
            slot, self._size = self._size, self._size + 1
            self.places.append(place)
            self.packed.append(packed)
            if slot == len(self.times):
                self._grow()
        self.features[slot] = known
        article = self.articles[slot] = number_of(entry.article)
        self.times[slot], self.texts[slot] = entry.key.time_ms, number_of(entry.text_hash)
        self.stories[slot] = article if entry.story == entry.article else number_of(entry.story)
        self.outlets[slot] = _numbered(self._outlets, self._names, entry.source)
        self.languages[slot] = _numbered(self._languages, self._codes, entry.language)
        self.versions[slot], self.alive[slot] = entry.version, True
        return slot

    def entry(self, slot: int) -> IndexEntry:
        """The entry as it was stored."""
        return unpack(
            self.packed[slot],
            key_of(self.places[slot]),
            written(self.features[slot]),
            text=int(self.texts[slot]),
            source=self._names[self.outlets[slot]],
            language=self._codes[self.languages[slot]],
        )

    def of_article(self, article: str) -> list[int]:
        """The slots of an article's versions."""
        own = (self.articles[: self._size] == number_of(article)) & self.alive[: self._size]
        return own.nonzero()[0].tolist()  # type: ignore[no-any-return]

    def put_story(self, slot: int, story: str) -> None:
        """Give an entry another story."""
        self._held -= getsizeof(self.packed[slot])
        self.packed[slot] = pack(replace(self.entry(slot), story=story))
        self._held += getsizeof(self.packed[slot])
        self.stories[slot] = number_of(story)

    def article(self, slot: int) -> str:
        """The article of an entry."""
        own: _Id = _DECODER.decode(self.packed[slot])[0]
        return _long(own) or key_of(self.places[slot]).article

    def rows(self, slots: Slots) -> NDArray[Any]:
        """The features of these rows, valid until the next call: fresh pages take longer than the copying."""
        if len(slots) > _ROOM_ROWS:
            return self.features.take(slots)
        room = self._room[: len(slots)]
        # All slots are rows; without a mode, numpy would copy twice.
        self.features.take(slots, out=room, mode="clip")
        return room

    def language(self, code: str | None) -> int:
        """The number of a language; 0 for None, and for an unknown language a number that no row has."""
        return self._languages.get(code, 0xFFFF)

    def outlet(self, source: str) -> int:
        """The number of an outlet; for an unknown outlet, a number that no row has."""
        return self._outlets.get(source, 0xFFFFFFFF)

    def drop(self, slot: int) -> None:
        """Remove a row."""
        self._held -= getsizeof(self.places[slot]) + getsizeof(self.packed[slot])
        self.alive[slot] = False
        self.places[slot] = self.packed[slot] = b""
        self._dropped.append(slot)

    @property
    def waiting(self) -> int:
        """How many dropped slots wait for ``reuse``."""
        return len(self._dropped)

    def reuse(self) -> None:
        """Allow dropped slots to be used again, once nothing refers to them."""
        self._free += self._dropped
        self._dropped = []

    def earliest(self, slots: Slots) -> int:
        """The slot of the earliest key among these (at least one)."""
        first = slots[self.times[slots] == self.times[slots].min()].tolist()
        return int(min(first, key=self.places.__getitem__))

    def _grow(self) -> None:
        # Fresh pages use memory only when they are written, so doubling costs address space, not memory.
        before = self._arrays
        self._allocate(len(self.times) * 2)
        for grown, array in zip(self._arrays, before, strict=True):
            grown[: len(array)] = array


def _numbered(numbers: dict[_Name, int], names: list[_Name], name: _Name) -> int:
    """The number of a name, a new one if it has none."""
    number = numbers.get(name)
    if number is None:
        number = numbers[name] = len(names)
        names.append(name)
    return number


def number_of(identity: str) -> int:
    """An id as a 64-bit number, 0 for none. Ids of the records are hashes, whose halves are combined by XOR."""
    if not identity:
        return 0
    if len(identity) == _ID_DIGITS and not identity.strip("0123456789abcdef"):
        whole = int(identity, 16)
        return (whole ^ whole >> 64) & _MASK
    return int.from_bytes(hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
