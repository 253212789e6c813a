"""A feed's remembered items, read from the store only when they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from connectors.feeds.cursor import ItemState


class StoredItems(Mapping[str, ItemState]):
    """The pending items are at hand; all of them (a busy feed has thousands) are loaded at the first other question.

    Most polls find nothing new (a 304, the same bytes) and never ask. ``load`` may raise StoreError, at that question.
    Not for several threads at once.
    """

    def __init__(self, pending: Mapping[str, ItemState], load: Callable[[], Mapping[str, ItemState]]) -> None:
        self.pending = pending
        self._load = load
        self._all: Mapping[str, ItemState] | None = None

    def _known(self) -> Mapping[str, ItemState]:
        if self._all is None:
            self._all = self._load()
        return self._all

    def __getitem__(self, key: str) -> ItemState:
        found = self.pending.get(key)
        return self._known()[key] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())
