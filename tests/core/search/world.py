"""Articles for an index, and indexes in memory."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import tantivy

from core.records import article_id
from core.search.question import Snapshot
from core.search.schema import FoundArticle, build_schema, index_document

DAY_MS = 86_400_000
START_MS = 20_000 * DAY_MS


def found(number: int, title: str = "", text: str = "", **fields: Any) -> FoundArticle:
    """Article ``number``, an hour after the one before."""
    made: dict[str, Any] = {
        "id": article_id(f"https://a.example/{number}"),
        "url": f"https://a.example/{number}",
        "source": "a.example",
        "time_ms": START_MS + number * 3_600_000,
        "story": f"story-{number}",
    }
    return FoundArticle(**{**made, **fields, "title": title, "text": text})


LABELS = {
    "afp": ("agency",),
    "reuters.com": ("agency", "state"),
    "post": ("public broadcaster",),
    "el país": ("state",),
}
"""What outlets are called; the keys are case-folded."""


def labels_of(article: FoundArticle) -> tuple[str, ...]:
    return LABELS.get(article.source.casefold(), ())


def in_memory(articles: Iterable[FoundArticle]) -> Snapshot:
    """A snapshot of an index of these, with ``LABELS``."""
    schema = build_schema()
    index = tantivy.Index(schema)
    writer = index.writer(15_000_000, 1)
    for article in articles:
        writer.add_document(index_document(article))
    writer.commit()
    index.reload()
    return Snapshot(index.searcher(), schema, 1, 0, LABELS)


def mixed(words: Sequence[str], glue: Sequence[str], count: int, seed: int = 7) -> list[FoundArticle]:
    """Articles of random words, languages and metadata."""
    rng = random.Random(seed)

    def text(most: int) -> str:
        return "".join(rng.choice(words) + rng.choice(glue) for _ in range(rng.randint(0, most)))

    return [
        found(
            number,
            text(6),
            text(24),
            source=rng.choice(["reuters.com", "AFP", "a.example"]),
            language=rng.choice([None, "en", "ar", "ru", "uk", "fr", "fa", "zh", "xx"]),
            topics=rng.choice([(), ("syria",), ("iran-saudi", "syria")]),
            url=rng.choice(["https://example.org/world/syria-1", "http://x.test"]),
            authors=rng.choice([(), ("Jane Doe",), ("Jane", "Doe Roe")]),
            story=f"story-{rng.randint(0, count // 3)}",
            duplicate_of=rng.choice([None, None, "other"]),
            backfill=rng.random() < 0.1,
        )
        for number in range(count)
    ]
