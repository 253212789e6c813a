"""The story index: near copies by MinHash bands, asked as of an order key (DESIGN section 4)."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass

from pipeline.records import OrderKey
from pipeline.text.fingerprint import bands, similarity

# Below this estimated Jaccard similarity of 5-word shingles two texts are not copies.
COPY_AT = 0.6
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What the story stage remembers of one version of one article."""

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


class StoryIndex:
    """All versions of the last ``window_ms`` of event time, by text.

    Asked as of an order key X, only entries in (X − window, X) count, whatever else was added: the same question gives
    the same answer after a crash. ``expire`` forgets what no later question can see. Single-threaded.
    """

    def __init__(self, window_ms: int = 72 * HOUR_MS) -> None:
        self.window_ms = window_ms
        self._by_band: dict[bytes, list[Entry]] = defaultdict(list)
        self._by_text: dict[str, list[Entry]] = defaultdict(list)
        self._ages: list[tuple[OrderKey, str, int, Entry]] = []

    def __len__(self) -> int:
        return len(self._ages)

    def add(self, entry: Entry) -> None:
        """Remember an entry. Adding in any order gives the same answers."""
        heapq.heappush(self._ages, (entry.key, entry.article, entry.version, entry))
        if entry.text_hash:
            self._by_text[entry.text_hash].append(entry)
        for band in bands(entry.fingerprint):
            self._by_band[band].append(entry)

    def copy_of(self, text_hash: str, fingerprint: bytes, *, article: str, as_of: OrderKey) -> Entry | None:
        """The earliest entry, as of a key, whose text is (nearly) this one. Entries of ``article`` itself don't count.

        An empty ``text_hash`` (a text too short to mean anything) is a copy of nothing.
        """
        oldest_ms = as_of.time_ms - self.window_ms
        best: Entry | None = None
        seen: set[int] = set()

        def consider(entry: Entry, *, same: bool) -> None:
            nonlocal best
            if entry.article == article or not (entry.key < as_of and entry.key.time_ms > oldest_ms):
                return
            if best is not None and best.key <= entry.key:
                return
            if same or similarity(entry.fingerprint, fingerprint) >= COPY_AT:
                best = entry

        for entry in self._by_text.get(text_hash, ()) if text_hash else ():
            consider(entry, same=True)
        for band in bands(fingerprint):
            for entry in self._by_band.get(band, ()):
                if id(entry) not in seen:
                    seen.add(id(entry))
                    consider(entry, same=False)
        return best

    def expire(self, now: OrderKey) -> None:
        """Forget entries that no question at or after ``now`` can see."""
        oldest_ms = now.time_ms - self.window_ms
        while self._ages and self._ages[0][0].time_ms <= oldest_ms:
            entry = heapq.heappop(self._ages)[3]
            if entry.text_hash:
                self._forget(self._by_text, entry.text_hash, entry)
            for band in bands(entry.fingerprint):
                self._forget(self._by_band, band, entry)

    @staticmethod
    def _forget(table: dict[str, list[Entry]] | dict[bytes, list[Entry]], key: str | bytes, entry: Entry) -> None:
        left = [other for other in table[key] if other is not entry]  # type: ignore[index]
        if left:
            table[key] = left  # type: ignore[index]
        else:
            del table[key]  # type: ignore[arg-type]
