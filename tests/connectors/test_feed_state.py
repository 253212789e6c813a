"""The connectors' book on both databases: what a hostile feed says of itself is kept, or made so that it can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.base import PollResult, SavedCursor
from connectors.feeds import FeedCursor, FeedFacts, FeedItem, ItemState
from connectors.feeds.identity import marks_of
from connectors.store.feeds import FeedRepository
from connectors.store.rows import feed_id
from core.store import Store
from tests.core.store.conftest import store, store_url

__all__ = ["store", "store_url"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://a.example/rss"


def test_a_cursor_with_odd_characters_is_loaded_as_it_was_saved(store: Store) -> None:
    state = FeedRepository(store)
    assert state.add(URL, "a", NOON)
    assert not state.add(URL, "a", NOON)
    name = feed_id(URL)
    item = FeedItem(key="k" * 32, url="https://a.example/1", title="A\0b 100%", authors=("名前",), content="<p>\0")
    cursor = FeedCursor(
        facts=FeedFacts(title="Half\0 a title", etag='"\0"', problem="what\0ever"),
        items={"k" * 32: ItemState(digest=str(marks_of(item)), first_seen_ms=1, item=item)},
    )
    later = NOON + timedelta(minutes=5)
    assert state.save(name, SavedCursor(), PollResult((), cursor, later))
    assert not state.save(name, SavedCursor(), PollResult((), cursor, later))
    loaded = state.load(name)
    assert (loaded.cursor.facts, loaded.cursor.items, loaded.revision) == (cursor.facts, cursor.items, 1)
    (row,) = state.listing()
    assert (row.title, row.problem, row.source) == ("Half\ufffd a title", "what\ufffdever", "a")
    assert (state.due(NOON, limit=5), state.due(later, limit=5), state.next_due()) == ([], [name], later)
    state.postpone(name, later, "half \ud800 of a pair")
    assert state.pending() == 1
    assert state.remove(URL)
