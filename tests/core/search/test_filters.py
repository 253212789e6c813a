"""A subscription's filters in search mean what they mean to the live matcher."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.query import QueryIndex, document_of
from core.query.filters import admits, effective_query, meets
from core.records import Article, OrderKey, Position, Subscription, TopicMatch
from core.search import FoundArticle, SearchIndex, backtest, filters_of
from core.search.question import Snapshot, ask
from tests.core.search.test_search import fill
from tests.core.search.world import START_MS, found, in_memory, labels_of
from tests.laws import examples

SOURCES = ("Post", "The Post", "Morning Post", "BBC Русская", "Straße 7", 'The "Herald"', "el País", "!!!", "Who?")
LANGUAGES = (None, "en", "ar", "fr", "zh")
TOPICS = ((), ("syria",), ("iran-saudi",), ("syria", "ukraine-talks"))
ARTICLES = [
    found(number, text="grain", source=source, language=language, topics=topics)
    for number, (source, language, topics) in enumerate(
        (source, language, topics) for source in SOURCES for language in LANGUAGES for topics in TOPICS
    )
]
INDEX: list[Snapshot] = []


def stored(one: FoundArticle) -> Article:
    """The article of which ``one`` is the copy in the index."""
    moment = datetime.fromtimestamp(one.time_ms / 1000, UTC)
    return Article(
        id=one.id,
        url=one.url,
        canonical_url=one.url,
        source=one.source,
        title=one.title,
        text=one.text,
        fetched_at=moment,
        key=OrderKey(one.time_ms, one.id, ""),
        position=Position(run="live", stream="s", partition=0, offset=0),
        version_hash="",
        language=one.language,
        topics=tuple(TopicMatch(topic, 4.0) for topic in one.topics),
        labels=labels_of(one),
    )


def searched(subscription: Subscription) -> set[str]:
    """Ids of the articles that search finds with the subscription's query and filters."""
    if not INDEX:
        INDEX.append(in_memory(ARTICLES))
    asked = ask(INDEX[0], subscription.query, None, None, filters_of(subscription))
    hits = asked.snapshot.searcher.search(asked.wanted, limit=len(ARTICLES)).hits
    return {one.id for one in (asked.article(address) for _, address in hits) if asked.holds(one)}


def matched(subscription: Subscription) -> set[str]:
    """Ids of the articles that the live matcher gives the subscription."""
    index = QueryIndex[str]()
    index.add(subscription.id, effective_query(subscription))
    those = {
        one.id
        for one in map(stored, ARTICLES)
        if index.evaluate(document_of(one)).matches and admits(subscription, one)
    }
    assert those == {one.id for one in map(stored, ARTICLES) if meets(subscription, one)}
    return those


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 180),
        ({"languages": ("en",)}, 36),
        ({"languages": ("EN",)}, 36),
        ({"languages": ("En", "AR")}, 72),
        ({"languages": ("fr-FR",)}, 0),
        ({"languages": ("fr-FR", "fr")}, 36),
        ({"topics": ("Syria",)}, 90),
        ({"topics": ("IRAN-SAUDI",)}, 45),
        ({"topics": ("iran",)}, 0),
        ({"outlets": ("post",)}, 20),
        ({"outlets": ("POST", "the post")}, 40),
        ({"outlets": ("bbc русская",)}, 20),
        ({"outlets": ("STRASSE 7",)}, 20),
        ({"outlets": ('THE "HERALD"',)}, 20),
        ({"outlets": ("EL PAÍS",)}, 20),
        ({"outlets": ("el pais",)}, 0),
        ({"outlets": ("!!!",)}, 20),
        ({"outlets": ("WHO?",)}, 20),
        ({"outlets": ("Wh*",)}, 0),
        ({"outlets": ("？ho",)}, 0),
        ({"outlets": ("Post", "P\\s?")}, 20),
        ({"topics": ("syr*",)}, 0),
        ({"topics": ("★",)}, 0),
        ({"topics": ("★", "syria")}, 90),
        ({"topics": ("？yria",)}, 0),
        ({"outlets": ("Post",), "languages": ("EN",), "topics": ("Syria",)}, 2),
    ],
)
def test_filters_in_any_case(filters: dict[str, tuple[str, ...]], count: int) -> None:
    subscription = Subscription(id="s", query="grain", **filters)
    assert len(matched(subscription)) == count
    assert searched(subscription) == matched(subscription)


def in_any_case(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    form = st.sampled_from([str.upper, str.lower, str.title, str.casefold, str])
    return st.lists(st.builds(lambda value, change: change(value), st.sampled_from(values), form), max_size=3).map(
        tuple
    )


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from(
        [
            "grain",
            "NOT wheat",
            "grain OR lang:en",
            "LEAD/3(gr?in)",
            "grain NOT kind:state",
            "kind:(state OR pub*) grain",
        ]
    ),
    in_any_case(("syria", "iran-saudi", "ukraine-talks", "iran", "syria-aid")),
    in_any_case(("en", "ar", "fr", "zh", "uk", "fr-FR")),
    in_any_case((*SOURCES, "herald", "posts")),
)
def test_search_and_the_live_matcher_agree(
    query: str, topics: tuple[str, ...], languages: tuple[str, ...], outlets: tuple[str, ...]
) -> None:
    subscription = Subscription(id="s", query=query, topics=topics, languages=languages, outlets=outlets)
    assert searched(subscription) == matched(subscription)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("grain AND kind:state", 20),
        ("grain NOT kind:state", 160),
        ('kind:"public broadcaster"', 20),
        ("kind:(state OR pub*)", 40),
        ("kind:agency", 0),
        ("kind:public", 0),
    ],
)
def test_labels_in_a_query(query: str, count: int) -> None:
    subscription = Subscription(id="s", query=query)
    assert len(matched(subscription)) == count
    assert searched(subscription) == matched(subscription)


def test_a_backtest_counts_what_the_live_matcher_gives(index: SearchIndex) -> None:
    fill(index, ARTICLES)
    subscription = Subscription(id="s", query="grain", languages=("EN",), topics=("Syria",), outlets=("POST",))
    report = backtest(index, "grain", START_MS, ARTICLES[-1].time_ms + 1, filters=filters_of(subscription))
    assert report.articles.value == len(matched(subscription)) == 2
