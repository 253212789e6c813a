"""A story as the desk shows it, kept up article by article."""

from __future__ import annotations

import msgspec

from core.records import Article, OrderKey
from core.records.story import Story
from pipeline.stories.features import agency_of


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
