"""What an article is: new, a new version, a copy, another report on a known event, or nothing new."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from core.records import Article, OrderKey, OutcomeKind
from pipeline.stories.features import agency_of, features, is_full, settled_of
from pipeline.stories.index import Entry, StoryIndex

# A text of fewer letters says too little to be somebody's copy ("Video", "More soon").
MIN_TEXT = 80


MAX_HASHED = 200_000


@dataclass(frozen=True, slots=True)
class Decision:
    """``entry`` is what the index must remember; None where nothing is new.

    ``origin``: the agency that the text credits, or else the one that the text it is a copy of does; None for no agency.
    """

    kind: OutcomeKind
    version: int
    story: str
    duplicate_of: str | None
    entry: Entry | None
    origin: str | None = None


def text_hash(text: str) -> str:
    """Digest of the text alone (a copy often has another title); empty for a text too short to be compared.

    Only letters and digits count: blanks and rules may fill a page that says nothing.
    """
    enough = next(islice(filter(str.isalnum, text), MIN_TEXT - 1, None), None)
    if not enough:
        return ""
    # Splitting is six times as fast as a regular expression. Of a dump of megabytes head and length must do.
    head = text[:MAX_HASHED]
    flat = " ".join((head if head.isascii() else unicodedata.normalize("NFKC", head)).split())
    flat += str(max(len(text) - MAX_HASHED, 0))
    return hashlib.blake2b(flat.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def decide(article: Article, key: OrderKey, history: Sequence[Entry], index: StoryIndex) -> Decision:
    """The decision for ``article`` at place ``key``. ``history``: versions of the same article, of any age, in any order.

    The same article with the same title and text as its latest version (clockwork lines aside) is ``unchanged``; with
    others it is ``updated`` and stays in its story. An article never seen is ``duplicate`` where an earlier text in the
    window is (nearly) its own, else ``published``; then it joins the story of other texts on the same event, or begins
    one that bears its id. Features are worked out here where the article brings a plain signature only.
    """
    fingerprint = article.fingerprint
    if not is_full(fingerprint):
        fingerprint = features(article.title, article.text)
    origin = agency_of(fingerprint)
    earlier = max((entry for entry in history if entry.key < key), key=lambda entry: entry.version, default=None)
    if earlier is not None:
        settled = settled_of(earlier.fingerprint)
        if earlier.version_hash == article.version_hash or (settled and settled == settled_of(fingerprint)):
            return Decision(OutcomeKind.UNCHANGED, earlier.version, earlier.story, earlier.duplicate_of, None, origin)
        version, story, duplicate_of = earlier.version + 1, earlier.story, earlier.duplicate_of
        kind, text = OutcomeKind.UPDATED, text_hash(article.text)
    else:
        version, text = 1, text_hash(article.text)
        copied = index.copy_of(text, fingerprint, article=article.id, as_of=key)
        if copied is not None:
            kind, story, duplicate_of = OutcomeKind.DUPLICATE, copied.story, copied.original
            origin = origin or copied.origin
        else:
            kind, duplicate_of = OutcomeKind.PUBLISHED, None
            event = index.event_of(fingerprint, article=article.id, language=article.language, as_of=key)
            story = article.id if event is None else event.story
    entry = Entry(
        article=article.id,
        version=version,
        version_hash=article.version_hash,
        text_hash=text,
        key=key,
        story=story,
        source=article.source,
        duplicate_of=duplicate_of,
        language=article.language,
        fingerprint=fingerprint,
        backfill=article.backfill,
    )
    return Decision(kind, version, story, duplicate_of, entry, origin)


def entry_of(article: Article, key: OrderKey, version: int, story: str, duplicate_of: str | None) -> Entry:
    """The index entry of one version whose place is known."""
    known = article.fingerprint
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
        fingerprint=known if is_full(known) else features(article.title, article.text),
        backfill=article.backfill,
    )
