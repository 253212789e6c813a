"""What an article is: new, a new version, a copy, or nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.records import Article, OrderKey, OutcomeKind, version_hash
from pipeline.stories.index import Entry, StoryIndex

# A text of fewer letters says too little to be somebody's copy ("Video", "More soon").
MIN_TEXT = 80


@dataclass(frozen=True, slots=True)
class Decision:
    """``entry`` is what the index must remember; None where nothing is new."""

    kind: OutcomeKind
    version: int
    story: str
    duplicate_of: str | None
    entry: Entry | None


def text_hash(text: str) -> str:
    """Digest of the text alone (a copy often has another title); empty for a text too short to be compared."""
    return version_hash("", text) if len(text) >= MIN_TEXT else ""


def decide(article: Article, key: OrderKey, history: Sequence[Entry], index: StoryIndex) -> Decision:
    """The decision for ``article`` at place ``key``. ``history``: versions of the same article, of any age, in any order.

    The same article with the same title and text as its latest version is ``unchanged``; with others it is ``updated``
    and stays in its story. An article never seen is ``duplicate`` where an earlier text in the window is (nearly) its
    own, else ``published``, and begins a story that bears its id.
    """
    earlier = max((entry for entry in history if entry.key < key), key=lambda entry: entry.version, default=None)
    if earlier is not None:
        if earlier.version_hash == article.version_hash:
            return Decision(OutcomeKind.UNCHANGED, earlier.version, earlier.story, earlier.duplicate_of, None)
        version, story, duplicate_of = earlier.version + 1, earlier.story, earlier.duplicate_of
        kind = OutcomeKind.UPDATED
    else:
        copied = index.copy_of(text_hash(article.text), article.fingerprint, article=article.id, as_of=key)
        version = 1
        if copied is None:
            kind, story, duplicate_of = OutcomeKind.PUBLISHED, article.id, None
        else:
            kind, story, duplicate_of = OutcomeKind.DUPLICATE, copied.story, copied.original
    return Decision(kind, version, story, duplicate_of, entry_of(article, key, version, story, duplicate_of))


def entry_of(article: Article, key: OrderKey, version: int, story: str, duplicate_of: str | None) -> Entry:
    """The index entry of one version."""
    return Entry(
        article=article.id,
        version=version,
        version_hash=article.version_hash,
        text_hash=text_hash(article.text),
        key=key,
        story=story,
        source=article.source,
        duplicate_of=duplicate_of,
        language=article.language,
        fingerprint=article.fingerprint,
        backfill=article.backfill,
    )
