"""The desk of a store: what ``wirewatch desk`` serves, and what commands do people's work with."""

from __future__ import annotations

import time

from core.search import SearchIndex
from core.settings import Settings
from core.store import Store
from desk.use_cases.desk import Desk
from wirewatch import console
from wirewatch.feeds import ConnectorFeeds
from wirewatch.stories import PipelineStories


def desk_of(settings: Settings, store: Store, *, search: SearchIndex | None = None, demo: bool = False) -> Desk:
    """The desk of this store, with the connectors' feeds behind it. ``search`` None: it can't search."""
    return Desk(
        settings=settings,
        store=store,
        clock_ms=console.now_ms,
        monotonic=time.monotonic,
        feeds=ConnectorFeeds(settings, store),
        stories=PipelineStories(settings, store),
        search=search,
        demo=demo,
    )
