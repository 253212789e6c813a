"""Keeps prepared drafts, so that replays, restarts and repeated records extract nothing twice.

A draft before matching is a function of the raw record's bytes, of ``preparation_version`` and of the topics. The first
two are its key; the topics are stored with a digest of their definitions; number, position, order key and the item's
name are those of the requesting record. Results that depend on anything else are never kept: rejections by limits,
failures, subscriptions. See docs/architecture.md, "Kept drafts".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
import zstandard
from msgspec.structs import replace

from core.clock import wall_ms
from core.durations import DAY_MS
from core.errors import WirewatchError
from core.records import Article, OrderKey, Position, article_id, raw_hash
from core.settings import Settings
from pipeline.drafts.file import DraftFile, RawPlace
from pipeline.drafts.version import preparation_version
from pipeline.elements import WALL, Draft, Envelope, KeptDraft
from pipeline.versions import SEAL

log = structlog.get_logger()
FILE = "drafts.db"
_EVER_MS = 1 << 62
_KIND = "kept-draft"
_LEVEL = 1
_MOST_CHARS = 64 << 20
"""Largest draft before compression: no more memory is used, whatever a damaged file claims."""

_NOWHERE = Position(run="", stream="", partition=0, offset=0)
_NO_KEY = OrderKey(0, "", "")


_kept = msgspec.json.Decoder(KeptDraft)


@dataclass(frozen=True)
class Keeping:
    """Where drafts are kept on a machine: at most ``most_bytes`` (0: none), for at most ``keep_ms`` (0: no limit).

    ``on_stream``: the records' positions are in the raw stream, which keeps a record for ``raw_ms`` (0: no limit); a
    draft is deleted with its record. Otherwise they come from files, about which nothing is known.
    """

    path: str
    most_bytes: int
    keep_ms: int = 0
    raw_ms: int = 0
    on_stream: bool = True

    def until_ms(self, event_ms: int, now_ms: int) -> int:
        """The time until which a draft of a record with this event time may be kept."""
        ends = [now_ms + self.keep_ms] if self.keep_ms else []
        if self.on_stream and self.raw_ms:
            ends.append(event_ms + self.raw_ms)
        return min(ends, default=_EVER_MS)


def keeping_of(settings: Settings, *, on_stream: bool = True) -> Keeping:
    """The parameters from the settings."""
    return Keeping(
        path=str(Path(settings.drafts_dir or settings.data_dir).absolute() / FILE),
        most_bytes=max(0, settings.drafts_bytes),
        keep_ms=round(settings.drafts_keep_days * DAY_MS),
        raw_ms=round(settings.retention_days * DAY_MS),
        on_stream=on_stream,
    )


class KeptDrafts:
    """The drafts kept on this machine, for one ``variant`` (other inputs that affect drafts). Thread-safe.

    ``clock_ms`` is the wall clock (UTC). Nothing here raises because of a record: a draft that can't be stored or read
    is prepared.
    """

    def __init__(self, keeping: Keeping, variant: str, clock_ms: Callable[[], int] = wall_ms) -> None:
        self._keeping, self._clock_ms = keeping, clock_ms
        self._prefix = f"{preparation_version()} {variant}\n".encode()
        self._file = DraftFile(Path(keeping.path), keeping.most_bytes)

    def slot(self, envelope: Envelope) -> Slot | None:
        """The slot for a record's draft; None if the envelope is not of a raw record."""
        if envelope.problem is not None or envelope.ready:
            return None
        # Hashing the record is most of the cost of reuse, and the record's place in the order has its digest already.
        digest = envelope.digest or raw_hash(envelope.value)
        return Slot(self, hashlib.sha256(self._prefix + digest.encode()).digest(), envelope)

    def find(self, key: bytes, envelope: Envelope) -> KeptDraft | None:
        """As ``Slot.find``."""
        body = self._file.find(key)
        if body is None:
            return None
        try:
            kept = _unpacked(key, body)
        except (WirewatchError, zstandard.ZstdError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            log.warning("a kept draft is damaged; the record is prepared again", problem=str(error)[:200])
            self._file.drop(key)
            return None
        return KeptDraft(_of(envelope, kept.draft), kept.topics)

    def keep(self, key: bytes, envelope: Envelope, draft: Draft, topics: str) -> None:
        """As ``Slot.keep``."""
        if draft.page is None or not _is_of_record(draft):
            return
        now_ms, place = self._clock_ms(), None
        until_ms = self._keeping.until_ms(envelope.key.time_ms, now_ms)
        if until_ms <= now_ms:
            return
        if self._keeping.on_stream:
            at = envelope.position
            place = RawPlace(at.stream, at.partition, at.offset)
        article = draft.article.id if draft.article is not None else article_id(draft.page.url)
        body, event_ms = _packed(key, KeptDraft(draft, topics)), envelope.key.time_ms
        self._file.keep(key, body, article=article, place=place, until_ms=until_ms, event_ms=event_ms)


class Slot(NamedTuple):
    """The slot for the draft of one record."""

    drafts: KeptDrafts
    key: bytes
    envelope: Envelope

    def find(self) -> KeptDraft | None:
        """The record's draft, equal to a newly prepared one; None if it must be prepared."""
        return self.drafts.find(self.key, self.envelope)

    def keep(self, draft: Draft, *, topics: str = "") -> None:
        """Keep the record's draft if it depends only on the record. ``topics``: a digest of those that it was tagged with."""
        self.drafts.keep(self.key, self.envelope, draft, topics)


def _is_of_record(draft: Draft) -> bool:
    if draft.postponed is not None:
        return False
    return draft.article is not None or (draft.problem is not None and draft.problem.stage == WALL)


def _packed(key: bytes, kept: KeptDraft) -> bytes:
    """Sealed with this version and a checksum. It contains the key, so that damage can't give a record another one's draft."""
    body = msgspec.json.encode(KeptDraft(_placed(kept.draft, 0, _NOWHERE, _NO_KEY, ""), kept.topics))
    return SEAL.close(_KIND, key + zstandard.ZstdCompressor(level=_LEVEL).compress(body))


def _unpacked(key: bytes, sealed: bytes) -> KeptDraft:
    """Raises WirewatchError, ZstdError, MsgspecError or ValueError if it is not what was stored for this key."""
    body = SEAL.open(_KIND, sealed)
    if not body.startswith(key):
        raise ValueError("it belongs to another record")
    packed = body[len(key) :]
    if not 0 <= zstandard.frame_content_size(packed) <= _MOST_CHARS:
        raise ValueError("its size is unknown or too large")
    return _kept.decode(zstandard.ZstdDecompressor().decompress(packed))


def _of(envelope: Envelope, draft: Draft) -> Draft:
    item = envelope.item or (draft.page.url if draft.page is not None else "")
    return _placed(draft, envelope.number, envelope.position, envelope.key, item)


def _placed(draft: Draft, number: int, position: Position, key: OrderKey, item: str) -> Draft:
    def moved(article: Article) -> Article:
        return replace(article, position=position, key=key)

    doubt = draft.doubt
    if doubt is not None and doubt.stand_in is not None:
        doubt = replace(doubt, stand_in=moved(doubt.stand_in))
    article = None if draft.article is None else moved(draft.article)
    return replace(draft, number=number, position=position, key=key, item=item, article=article, doubt=doubt)


@cache
def shared_drafts(keeping: Keeping, variant: str) -> KeptDrafts | None:
    """The instance of the process, whose file stays open between records. None if nothing can be kept, which is logged."""
    try:
        return KeptDrafts(keeping, variant)
    except OSError as error:
        log.warning("drafts can't be kept: the program's own files can't be read", problem=str(error))
        return None
