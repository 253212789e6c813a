"""Decides which records leave the order, and which waiting record is begun next.

See docs/architecture.md, "The slow lane". Versions of one article never overtake each other: while one of them waits, later
ones wait behind it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from core.records import OrderKey, Position
from pipeline.elements import Draft, Postponed

BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Parted:
    """``now`` are decided, in order; ``later`` leave the order; ``back`` are those of ``now`` that had left it before."""

    now: list[Draft] = field(default_factory=list)
    later: list[Draft] = field(default_factory=list)
    back: list[Position] = field(default_factory=list)


def part(drafts: Iterable[Draft], *, done: Collection[Position], waiting: Mapping[str, Sequence[Position]]) -> Parted:
    """Split a batch, in order. ``waiting``: the waiting positions by article, in the order in which they left.

    Positions in ``done`` have their outcome and are skipped. A record that is already waiting is skipped too, unless it
    is the first of its article and finished: then it is back.
    """
    parted = Parted()
    queues = {article: deque(positions) for article, positions in waiting.items()}
    for draft in drafts:
        queue = queues.setdefault(draft.key.article, deque())
        if draft.position in done:
            continue
        if draft.position in queue:
            if draft.postponed is None and queue[0] == draft.position:
                queue.popleft()
                parted.back.append(draft.position)
                parted.now.append(draft)
            continue
        if draft.postponed is None and queue:
            outlet = draft.article.source if draft.article else ""
            draft = replace(draft, postponed=Postponed(BEHIND, outlet))
        if draft.postponed is None:
            parted.now.append(draft)
        else:
            queue.append(draft.position)
            parted.later.append(draft)
    return parted


@dataclass(frozen=True, slots=True)
class WaitingRecord:
    """A record that waits to be begun. ``left`` says when it left the order: by transaction, then by its own place."""

    position: Position
    article: str
    outlet: str
    left: tuple[int, str]
    tries: int = 0

    @property
    def key(self) -> OrderKey:
        """Its own place."""
        return OrderKey.parse(self.left[1])


def choose(waiting: Iterable[WaitingRecord], running: Iterable[WaitingRecord], free: int) -> list[WaitingRecord]:
    """Up to ``free`` records to begin: outlets take turns, so that one with many slow pages delays only its own.

    Only the first record of an article is begun, and none while another one of it is running.
    """
    turns = Counter(one.outlet for one in running)
    busy = {one.article for one in running}
    ranked: list[tuple[int, tuple[int, str], WaitingRecord]] = []
    for one in sorted(waiting, key=lambda each: each.left):
        if one.article not in busy:
            busy.add(one.article)
            ranked.append((turns[one.outlet], one.left, one))
            turns[one.outlet] += 1
    return [one for _, _, one in sorted(ranked, key=lambda each: each[:2])[: max(0, free)]]
