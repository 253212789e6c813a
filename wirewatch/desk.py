"""The desk of a store: ``wirewatch desk`` serves it, and commands use it for what people do on the desk."""

from __future__ import annotations

import time

from core.records import Article
from core.records.decision import CarriedOut
from core.search import SearchIndex
from core.settings import Settings
from core.store import Store, open_store
from desk.story_port import InCommon
from desk.use_cases.desk import Desk
from pipeline.ledger.decisions import WantedDecision, decide_stories
from pipeline.stories.in_common import figures_in_common, names_in_common
from wirewatch import console
from wirewatch.feeds import ConnectorFeeds


def desk_of(settings: Settings, store: Store, *, search: SearchIndex | None = None, demo: bool = False) -> Desk:
    """The desk of this store, with the connectors' feeds and the pipeline's stories behind it.

    ``search`` None: without search.
    """
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


def desk_at(settings: Settings) -> Desk:
    """The desk of the store in the settings, for a command."""
    return desk_of(settings, open_store(settings.store))


class PipelineStories:
    """The stories of the continuous run: the desk's ``StoryPort``, implemented with the pipeline."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._run, self._store = settings.run, store

    def join(self, story: str, into: str, *, by: str, why: str) -> CarriedOut:
        """See StoryPort."""
        return self._decide(WantedDecision("join", story=story, into=into, why=why), by)

    def split(self, article: str, *, by: str, why: str) -> CarriedOut:
        """See StoryPort."""
        return self._decide(WantedDecision("split", article=article, why=why), by)

    def undo(self, number: int, *, by: str, why: str) -> CarriedOut:
        """See StoryPort."""
        return self._decide(WantedDecision("undo", undoes=number, why=why), by)

    def in_common(self, one: Article, other: Article) -> InCommon:
        """See StoryPort."""
        return InCommon(names_in_common(one, other), figures_in_common(one, other))

    def _decide(self, wanted: WantedDecision, by: str) -> CarriedOut:
        return decide_stories(self._store, self._run, wanted, by=by, now_ms=console.now_ms())
