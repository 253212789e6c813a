"""The board: the newest stories, in memory, as everybody sees them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from desk.views.cards import Card

SIZE = 2_000
"""Stories kept: a page of a filter is picked out of these without asking the store. Older ones are for Search."""


class Board:
    """Cards by id, and in order (the one that changed last first). Thread-safe; a snapshot never changes."""

    def __init__(self, size: int = SIZE) -> None:
        self._size, self._lock = size, threading.Lock()
        self._cards: dict[str, Card] = {}
        self._ordered: tuple[Card, ...] = ()
        self._seq = 0

    @property
    def seq(self) -> int:
        """All transactions up to this one are in it."""
        return self._seq

    def snapshot(self) -> tuple[Card, ...]:
        """All cards, in order."""
        return self._ordered

    def get(self, story: str) -> Card | None:
        """The card of one story, if it is on the board."""
        return self._cards.get(story)

    def put(self, cards: Iterable[Card], seq: int) -> None:
        """Add cards or put them in the place of older ones; the oldest stories fall off."""
        with self._lock:
            kept = {**self._cards, **{card.id: card for card in cards}}
            ordered = sorted(kept.values(), key=lambda card: card.order, reverse=True)[: self._size]
            self._cards = {card.id: card for card in ordered}
            self._ordered = tuple(ordered)
            self._seq = max(self._seq, seq)

    def drop_all(self) -> dict[str, Card]:
        """Forget all cards, and return them: what is stored may no longer hold what they show."""
        with self._lock:
            old, self._cards, self._ordered = self._cards, {}, ()
            return old

    def since(self, seq: int) -> Sequence[Card]:
        """Cards that changed after this transaction, the one that changed first first."""
        return sorted((card for card in self._ordered if card.seq > seq), key=lambda card: (card.seq, card.order))
