"""A story as the desk shows it, kept up article by article."""

from __future__ import annotations

import msgspec

from pipeline.records import Article, OrderKey
from pipeline.stories.features import agency_of


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A group of articles about one event.

    ``id`` and ``headline`` are those of its first article. ``first_ms`` and ``last_ms`` are event times in milliseconds,
    UTC. ``articles`` counts articles, not versions, copies included; ``copies`` those that are copies. ``sources``:
    outlets with a text of their own, sorted; where a text credits an agency, the agency stands for the outlet, so one
    agency text in 43 outlets is one source.
    """

    id: str
    headline: str
    first_ms: int
    last_ms: int
    articles: int = 0
    copies: int = 0
    sources: tuple[str, ...] = ()

    @property
    def independent_sources(self) -> int:
        """How many have told the story in words of their own."""
        return len(self.sources)


def grown(story: Story | None, article: Article, key: OrderKey) -> Story:
    """The story with one more article, or one more version of one. ``story`` None: the article begins it.

    ``article`` has been through the story stage. Articles must come in the run's order; the same one twice counts twice.
    """
    identity = article.story_id or article.id
    if story is None:
        story = Story(id=identity, headline=article.title, first_ms=key.time_ms, last_ms=key.time_ms)
    new = article.version == 1
    sources = set(story.sources)
    if article.duplicate_of is None:
        sources.add(independent_source(article.source, article.fingerprint))
    return msgspec.structs.replace(
        story,
        last_ms=max(story.last_ms, key.time_ms),
        articles=story.articles + new,
        copies=story.copies + (new and article.duplicate_of is not None),
        sources=tuple(sorted(sources)),
    )


def independent_source(source: str, fingerprint: bytes) -> str:
    """Who wrote a text: the agency that it credits, else its outlet."""
    return agency_of(fingerprint) or source
