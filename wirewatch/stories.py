"""What the desk and the command line decide about stories. ``PipelineStories`` is the desk's ``StoryPort``."""

from __future__ import annotations

from core.records import Article
from core.records.decision import CarriedOut
from core.settings import Settings
from core.store import Store
from desk.story_port import InCommon
from pipeline.ledger.decisions import WantedDecision, decide_stories
from pipeline.stories.in_common import figures_in_common, names_in_common
from wirewatch import console


class PipelineStories:
    """The stories of the continuous run."""

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
