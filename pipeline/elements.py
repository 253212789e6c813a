"""The graph's elements: a raw record with its number, and the draft that the stateless steps make from it. Pure.

Their Beam coders are in ``pipeline.transforms.coders``: this module must stay free of Beam, because the processes that
prepare drafts import it and Beam takes a second and 100 MB to load.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from core.records import Article, OrderKey, Position
from pipeline.stories.repeated_walls import Doubtful

TIMEOUT, CRASHED, OUT_OF_MEMORY, SET_ASIDE = "timeout", "crashed", "out_of_memory", "set_aside"
BY_LIMIT = (TIMEOUT, CRASHED, OUT_OF_MEMORY, SET_ASIDE)
"""First words of reasons that depend on the machine and its clock, which a replay takes from the run that it replays."""

WALL = "wall"
"""Stage of rejected walls; the reason is the kind of wall."""


class Rejection(msgspec.Struct, frozen=True):
    """Why a record is rejected: the stage, and a short, stable reason."""

    stage: str
    reason: str

    @property
    def by_limit(self) -> bool:
        """Whether it was rejected by a time or memory limit, so that it does not depend only on the record."""
        return self.reason.partition(":")[0] in BY_LIMIT


class RefusedRecord(msgspec.Struct, frozen=True):
    """The outcome of a record rejected by a limit: its item, and the reason."""

    item: str
    problem: Rejection


class Postponed(msgspec.Struct, frozen=True):
    """The record has left the order for the slow lane: why (``slow``, ``crashed``, ``breaker``, ``behind``), and its outlet."""

    why: str
    outlet: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record, numbered from 0 without gaps, with its position and order key.

    ``item``: file and line in a bounded input; ``problem``: why an item of a bounded input could not be read.
    ``digest``: the ``raw_hash`` of ``value``, if it was computed from these bytes on this machine; empty if not.
    ``ready``: ``value`` is not a raw record but the finished draft of one that comes back from the slow lane.
    ``kept``: the draft that was kept of the record. Then there is no ``value``: nothing needs it.
    ``finished``: the draft of ``kept`` has all that the steps for single records add.
    """

    number: int
    position: Position
    key: OrderKey
    value: bytes
    item: str = ""
    problem: Rejection | None = None
    digest: str = ""
    ready: bool = False
    kept: KeptDraft | None = None
    finished: bool = False

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        article = self.kept.draft.article if self.kept is not None else None
        return len(self.value) + (len(article.text) if article is not None else 0)


class PageSource(msgspec.Struct, frozen=True):
    """The source of a page: its outlet, feed and the feed's title, its address, and whether it was there at the first poll."""

    source: str
    url: str = ""
    feed_url: str | None = None
    title: str | None = None
    backfill: bool = False


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record after the stateless steps: an article without its story, or a problem, never both.

    With ``postponed`` it is a placeholder: the order continues without the record, which comes back later. It then has
    neither or, if it waits for another version of its article, the article with which it will come back.

    ``after`` is the position of the previous processed record, set by the reorder buffer: the ledger must have it.
    ``undecided``: subscriptions for which matching could not be decided. ``page``: the record's source, if it could be
    read. ``doubt``: the article's text may be a wall's, if other addresses have it too. ``text_hash``: that of the article's
    text (``pipeline.text.same_text``); None: not computed.
    """

    number: int
    position: Position
    key: OrderKey
    item: str
    article: Article | None = None
    problem: Rejection | None = None
    after: Position | None = None
    undecided: int = 0
    postponed: Postponed | None = None
    page: PageSource | None = None
    doubt: Doubtful | None = None
    text_hash: str | None = None

    def __post_init__(self) -> None:
        if self.article is not None and self.problem is not None:
            raise ValueError("a draft has an article or a problem, never both")
        if self.article is None and self.problem is None and self.postponed is None:
            raise ValueError("a draft has an article or a problem, unless it is postponed")


class KeptDraft(NamedTuple):
    """A draft with its topics, and a digest of the definitions it was tagged with; empty if it was not tagged."""

    draft: Draft
    topics: str = ""


class EnvelopeHead(msgspec.Struct, frozen=True, array_like=True):
    """The packed part of an envelope before its value."""

    number: int
    position: Position
    key: OrderKey
    item: str
    problem: Rejection | None
    digest: str = ""
    ready: bool = False
    finished: bool = False
    kept: bool = False


def pack(envelope: Envelope) -> bytes:
    """One line of JSON, then the value verbatim: pages are large, and Base64 would make them a third larger."""
    kept = envelope.kept
    head = EnvelopeHead(
        envelope.number,
        envelope.position,
        envelope.key,
        envelope.item,
        envelope.problem,
        envelope.digest,
        envelope.ready,
        envelope.finished,
        kept is not None,
    )
    return msgspec.json.encode(head) + b"\n" + (envelope.value if kept is None else msgspec.json.encode(kept))


def unpack(packed: bytes) -> Envelope:
    """The envelope that ``pack`` wrote."""
    line, _, value = packed.partition(b"\n")
    head = msgspec.json.decode(line, type=EnvelopeHead)
    return Envelope(
        number=head.number,
        position=head.position,
        key=head.key,
        value=b"" if head.kept else value,
        item=head.item,
        problem=head.problem,
        digest=head.digest,
        ready=head.ready,
        kept=_kept.decode(value) if head.kept else None,
        finished=head.finished,
    )


_kept = msgspec.json.Decoder(KeptDraft)
