"""Articles through the real story stage, as the stateless steps would leave them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from core.records import Article, OrderKey, Position, article_id, canonical_url, from_ms, raw_hash, version_hash
from pipeline.elements import Draft
from pipeline.stories.entries import IndexEntry
from pipeline.stories.features import features
from pipeline.stories.index import StoryIndex
from pipeline.stories.stage import Decided, StoryStage
from pipeline.text.encoder import encoder


def article(url: str, title: str, text: str, *, at_ms: int, source: str, language: str | None = None) -> Article:
    identity = article_id(url)
    return Article(
        id=identity,
        url=url,
        canonical_url=canonical_url(url),
        source=source,
        title=title,
        text=text,
        fetched_at=from_ms(at_ms),
        key=OrderKey(at_ms, identity, raw_hash(f"{url} {title} {text} {at_ms}".encode())),
        position=Position(run="r", stream="s", partition=0, offset=at_ms),
        version_hash=version_hash(title, text),
        language=language,
        fingerprint=fingerprint_of(title, text, language),
    )


@lru_cache(maxsize=20_000)
def fingerprint_of(title: str, text: str, language: str | None) -> bytes:
    """Worked out once for each text: the sets hold many articles in pairs with others."""
    return features(title, text, language, encoder().vector(title, text))


@dataclass
class Teller:
    """The stage with a memory of what it told, as the store would have it."""

    stage: StoryStage = field(default_factory=lambda: StoryStage(StoryIndex()))
    histories: dict[str, list[IndexEntry]] = field(default_factory=dict)
    last_key: OrderKey | None = None
    number: int = 0

    def tell(self, articles: Iterable[Article]) -> list[Decided]:
        told: list[Decided] = []
        for one in articles:
            self.number += 1
            position = Position(run="r", stream="s", partition=0, offset=self.number)
            draft = Draft(number=self.number, position=position, key=one.key, item=one.url, article=one)
            handled = self.stage.handle([draft], done={}, histories=self.histories, last_key=self.last_key)
            self.last_key = handled.last_key
            for each in handled.decided:
                if each.entry is not None:
                    self.histories.setdefault(each.entry.article, []).append(each.entry)
            told += handled.decided
        return told


def stories(told: Sequence[Decided]) -> list[str]:
    """The story of each, which is the first article's id."""
    return [one.article.story_id or "" if one.article else "" for one in told]


def originals(told: Sequence[Decided]) -> list[str]:
    """What each is a copy of, itself where it is none."""
    return [(one.article.duplicate_of or one.article.id) if one.article else "" for one in told]
