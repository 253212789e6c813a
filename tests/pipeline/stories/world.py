"""Articles for the story stage, with real fingerprints, and a stage that keeps what a store would."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import zip_longest
from random import Random

from msgspec.structs import replace

from core.records import (
    Alert,
    Article,
    OrderKey,
    OutcomeKind,
    Position,
    Subscription,
    SubscriptionMatch,
    article_id,
    from_ms,
    raw_hash,
    version_hash,
)
from pipeline.elements import Draft, Rejection
from pipeline.stories.alerts import AlertRule
from pipeline.stories.entries import IndexEntry
from pipeline.stories.index import StoryIndex
from pipeline.stories.repeated_walls import Doubtful, Sighting
from pipeline.stories.stage import Decided, StoryStage
from pipeline.stories.story_memory import StoryMemory
from tests.pipeline.transforms.support import fingerprint_of

HOUR = 3_600_000


def prose(seed: int, words: int = 120) -> str:
    """A text of invented words: the same for the same seed, unlike that of any other."""
    random = Random(seed)
    return " ".join("".join(random.choices("abcdefghijklmnop", k=random.randint(2, 9))) for _ in range(words)) + "."


def edited(text: str, words: int) -> str:
    """The text with its last ``words`` words replaced."""
    return " ".join([*text.split(" ")[:-words], *prose(99, words).split(" ")])


def article(
    url: str,
    text: str,
    *,
    title: str = "A title",
    at_ms: int = 0,
    subscriptions: Sequence[str] = (),
    backfill: bool = False,
) -> Article:
    """An article as the stateless steps leave it. Its source is the first part of ``url``, say "post/1"."""
    identity = article_id(f"https://{url}")
    return Article(
        id=identity,
        url=f"https://{url}",
        canonical_url=f"https://{url}",
        source=url.split("/")[0],
        title=title,
        text=text,
        fetched_at=from_ms(at_ms),
        key=OrderKey(at_ms, identity, raw_hash(f"{url} {title} {text} {at_ms}".encode())),
        position=Position(run="r", stream="s", partition=0, offset=0),
        version_hash=version_hash(title, text),
        subscriptions=tuple(SubscriptionMatch(one, 1) for one in subscriptions),
        fingerprint=fingerprint_of(text),
        backfill=backfill,
    )


def subscription(name: str) -> Subscription:
    """One that wants all news."""
    return Subscription(id=name, query="word")


@dataclass
class Desk:
    """The story stage with its index, and the memory that the store is for it."""

    stage: StoryStage = field(default_factory=lambda: StoryStage(StoryIndex()))
    entries: list[IndexEntry] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    last_key: OrderKey | None = None
    handled: int = 0
    memories: dict[str, StoryMemory] = field(default_factory=dict)
    wanted: dict[str, Subscription] = field(default_factory=dict)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    sightings: dict[str, list[Sighting]] = field(default_factory=dict)

    def tell(self, one: Article | Rejection, key: OrderKey | None = None, doubt: Doubtful | None = None) -> Decided:
        """Handle one record."""
        (told,) = self.tell_all([one], key, [doubt])
        return told

    def tell_all(
        self,
        several: Sequence[Article | Rejection],
        key: OrderKey | None = None,
        doubts: Sequence[Doubtful | None] = (),
    ) -> list[Decided]:
        """Handle records as one batch."""
        drafts = [
            replace(self._draft(one, key), doubt=doubt)
            for one, doubt in zip_longest(several, doubts)
            if one is not None
        ]
        histories: dict[str, list[IndexEntry]] = {}
        for entry in self.entries:
            histories.setdefault(entry.article, []).append(entry)
        handled = self.stage.handle(
            drafts,
            done={},
            histories=histories,
            last_key=self.last_key,
            texts=dict(self.texts),
            sightings=self.sightings,
        )
        self.last_key = handled.last_key
        rule = AlertRule(self.memories, lambda name, version, _time_ms: self.wanted.get(name, subscription(name)))
        for told in handled.decided:
            if told.entry is not None:
                self.entries.append(told.entry)
            if told.sighting is not None:
                self.sightings.setdefault(told.sighting.digest, []).append(told.sighting)
            if told.article is not None:
                self.texts[told.article.id] = (told.article.title, told.article.text)
                self.alerts += rule.alerts_of(told.article, told.key, told.difference)
        return handled.decided

    def restarted(self) -> Desk:
        """The same desk in a new process: its index comes from the store."""
        stage = StoryStage(StoryIndex())
        for entry in self.entries:
            stage.index.add(entry)
        kept = deepcopy(self.memories), dict(self.wanted), dict(self.texts), deepcopy(self.sightings)
        return Desk(stage, list(self.entries), list(self.alerts), self.last_key, self.handled, *kept)

    def _draft(self, one: Article | Rejection, key: OrderKey | None) -> Draft:
        self.handled += 1
        position = Position(run="r", stream="s", partition=0, offset=self.handled)
        if isinstance(one, Rejection):
            own = key or OrderKey(self.last_key.time_ms + 1 if self.last_key else 0, "", raw_hash(str(one).encode()))
            return Draft(number=self.handled, position=position, key=own, item="bad", problem=one)
        return Draft(number=self.handled, position=position, key=key or one.key, item=one.url, article=one)

    def alerted(self) -> list[tuple[str, str]]:
        """(subscription, URL of the article) of each alert, in order."""
        return [(alert.subscription, alert.url) for alert in self.alerts]


def ends(told: Sequence[Decided]) -> list[OutcomeKind]:
    return [one.outcome.kind for one in told]
