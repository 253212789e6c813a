"""How much the index compares for texts that say nothing, or far too much: counted in rows, not in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import pipeline.stories.index as index_module
from core.records import OrderKey, OutcomeKind, raw_hash
from pipeline.stories.entries import IndexEntry
from pipeline.stories.features import Features, features, read_features
from pipeline.stories.index import MAX_COPY_CANDIDATES, MAX_GROUP_CANDIDATES, StoryIndex
from pipeline.stories.similarity import LexicalSimilarity, Rows, Shares, TermRarity, are_copies
from pipeline.stories.stage import StoryStage
from tests.pipeline.stories.world import prose
from tests.quality.stories.stage import Teller, article, stories
from tests.quality.stories.test_events import events

MANY = 500
FOOTER = prose(7, 200)
NOTHING = {
    "empty": "",
    "one word": "news " * 20_000,
    "one letter": "a" * 100_000,
    "one sign of Chinese": "字" * 50_000,
    "two words": "more news " * 10_000,
}


class Counted(LexicalSimilarity):
    """Counts the rows that it compares."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0

    def scores(self, asked: Features, rows: Rows, ages_ms: np.ndarray, background: TermRarity) -> Shares:
        self.rows += len(rows)
        return super().scores(asked, rows, ages_ms, background)


@contextmanager
def copies_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    compared: list[int] = []

    def counting(asked: Features, rows: Rows, other_outlet: np.ndarray) -> np.ndarray:
        compared.append(len(rows))
        return are_copies(asked, rows, other_outlet)

    with monkeypatch.context() as patch:
        patch.setattr(index_module, "are_copies", counting)
        yield compared


def entry(number: int, fingerprint: bytes) -> IndexEntry:
    identity = raw_hash(b"%d" % number)
    return IndexEntry(
        article=identity,
        version=1,
        version_hash=raw_hash(b"v%d" % number),
        text_hash=raw_hash(b"t%d" % number),
        key=OrderKey(number, identity, identity),
        story=identity,
        source="post",
        language="en",
        fingerprint=fingerprint,
    )


def teller(similarity: Counted, fingerprints: list[bytes]) -> Teller:
    index = StoryIndex(similarity=similarity)
    for number, fingerprint in enumerate(fingerprints):
        index.add(entry(number, fingerprint))
    return Teller(StoryStage(index))


@pytest.mark.parametrize("name", NOTHING)
def test_a_text_that_says_nothing_is_compared_with_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among many of its own kind, under one title, from many outlets."""
    similarity = Counted()
    same = features("Live: the ferry off Lorne Point", NOTHING[name])
    real = [features(each["title"], each["text"]) for each in events("en")]
    told = teller(similarity, [same] * MANY + real)
    with copies_counted(monkeypatch) as compared:
        end = told.tell(
            article(
                f"https://{n}.example/",
                "Live: the ferry off Lorne Point",
                NOTHING[name] + str(n) * 3,
                at_ms=9_000 + n,
                source=f"s{n}",
                language="en",
            )
            for n in range(5)
        )
    assert [one.outcome.kind for one in end] == [OutcomeKind.PUBLISHED] * 5
    assert stories(end) == [one.article.id for one in end if one.article]
    assert (similarity.rows, compared) == (0, [])


def test_a_huge_text_is_asked_for_by_as_few_keys_as_any(monkeypatch: pytest.MonkeyPatch) -> None:
    similarity = Counted()
    others = [features(f"Title {n}", prose(n)) for n in range(60)]
    told = teller(similarity, others)
    huge = " ".join([prose(300, 500), *(prose(seed) for seed in range(60)), prose(301, 60_000)])
    with copies_counted(monkeypatch) as compared:
        (end,) = told.tell(
            [article("https://huge.example/", "All of it", huge, at_ms=9_000, source="s", language="en")]
        )
    assert end.outcome.kind is OutcomeKind.PUBLISHED
    assert end.article is not None
    assert end.article.story_id == end.article.id
    assert sum(compared) <= 24
    assert similarity.rows <= MAX_GROUP_CANDIDATES


def test_a_text_shared_by_thousands_is_compared_with_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """One footer and one title under everything: candidates are cut, however many there are."""
    similarity = Counted()
    rows = np.array(
        [read_features(features("Daily report of the exchange", prose(100 + n, 60) + " " + FOOTER)) for n in range(40)]
    )
    told = teller(similarity, [rows[n % 40].tobytes() for n in range(4 * MANY)])
    with copies_counted(monkeypatch) as compared:
        (end,) = told.tell(
            [
                article(
                    "https://one.example/",
                    "Daily report of the exchange",
                    prose(200, 60) + " " + FOOTER,
                    at_ms=9_000,
                    source="s",
                    language="en",
                )
            ]
        )
    assert end.outcome.kind is OutcomeKind.PUBLISHED
    # Keys are taken whole: the last one may pass the bound by its own number only, and the first always counts.
    assert 0 < sum(compared) <= max(MAX_COPY_CANDIDATES, 4 * MANY)
    assert similarity.rows <= 4 * MANY // 40 + MAX_GROUP_CANDIDATES


def test_the_same_text_of_one_title_is_asked_for_once() -> None:
    """The features of a megabyte hold no more keys than those of a page."""
    page, dump = read_features(features("T", prose(1, 700))), read_features(features("T", prose(2, 100_000)))
    assert page.nbytes == dump.nbytes
    assert dump["shingles"] < 40_000
