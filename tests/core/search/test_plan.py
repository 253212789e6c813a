"""The index never misses a match, and if it says that it is exact, it finds nothing else."""

from __future__ import annotations

from functools import cache

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from core.query import compile_query, parse
from core.search.question import Snapshot, ask
from core.search.schema import FoundArticle, document_of
from core.store.metadata import storable
from tests.core.query import oracle, strategies
from tests.core.search.world import found, in_memory, labels_of, mixed
from tests.laws import examples


@cache
def corpus() -> tuple[list[FoundArticle], Snapshot]:
    articles = mixed(strategies.WORDS, strategies.GLUE, 400)
    return articles, in_memory(articles)


@cache
def plain_corpus() -> tuple[list[FoundArticle], Snapshot]:
    """Without names that are joined by an apostrophe."""
    articles = mixed(strategies.WORDS, [glue for glue in strategies.GLUE if glue != "'"], 400)
    return articles, in_memory(articles)


def candidates(snapshot: Snapshot, query: tantivy.Query) -> set[str]:
    hits = snapshot.searcher.search(query, limit=10_000).hits
    return {str(ask_id(snapshot, address)) for _, address in hits}


def ask_id(snapshot: Snapshot, address: tantivy.DocAddress) -> str:
    from core.search.schema import read_record

    return read_record(snapshot.searcher.doc(address)).id


def check(articles: list[FoundArticle], snapshot: Snapshot, query: str) -> bool:
    asked = ask(snapshot, query, None, None)
    matcher = compile_query(parse(query))
    wanted = {one.id for one in articles if matcher.holds(document_of(one, labels_of(one)))}
    possible = candidates(snapshot, asked.wanted)
    assert wanted <= possible
    if asked.exact:
        assert possible == wanted
    return asked.exact


@settings(max_examples=examples(400), deadline=None)
@given(strategies.queries)
def test_candidates_hold_every_match(query: str) -> None:
    check(*corpus(), query)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.tuples(strategies.texts | strategies.wild_texts.map(storable), strategies.texts, strategies.metadata),
        max_size=5,
    ),
    st.lists(strategies.queries, min_size=1, max_size=8),
)
def test_on_generated_documents(texts: list[tuple[str, str, oracle.Meta]], queries: list[str]) -> None:
    articles = [
        found(
            number,
            title,
            text,
            source=meta.source or "",
            language=meta.language,
            topics=meta.topics,
            url=meta.url or "",
            authors=meta.authors,
        )
        for number, (title, text, meta) in enumerate(texts)
    ]
    snapshot = in_memory(articles)
    for query in queries:
        check(articles, snapshot, query)


@pytest.mark.parametrize(
    "query",
    [
        "syria",
        '"al tanf"',
        "syr*",
        "s?ria",
        "iran NEAR/3 syria",
        "iran ONEAR/3 syria",
        "(iran OR don) NEAR/4 (syria OR best)",
        "title:(syria NEAR/2 iran)",
        "stem:negotiate",
        "cs:BEST",
        "syria NOT iran",
        "topic:syria lang:en",
        "source:reuters.com",
        'author:"jane doe"',
        "LEAD/3(syria)",
        "LEAD/2(syria OR iran) title:LEAD/4(best)",
        "U.S. NEAR/3 syria",
        "NOT syria",
        "syria OR NOT iran",
        "ATLEAST/2(syria)",
        "ATLEAST/3(syria OR iran OR best)",
        "iran NOT ATLEAST/2(syria)",
    ],
)
def test_the_most_frequent_kinds_of_query_need_no_check(query: str) -> None:
    assert check(*plain_corpus(), query)


@pytest.mark.parametrize("query", ["sana NEAR/3 sanaa", "ATLEAST/2(brien OR obrien)", "iran NEAR/2 syria"])
def test_words_that_share_a_place_somewhere_are_checked(query: str) -> None:
    texts = ["In Sana'a, O'Brien said", "Iran'Syria", "Iran and Syria, Sanaa and sana", "brien obrien"]
    articles = [found(number, "", text) for number, text in enumerate(texts)]
    assert not check(articles, in_memory(articles), query)
    assert check(articles, in_memory(articles), "said NEAR/3 sanaa")


@pytest.mark.parametrize(
    "query",
    [
        "LEAD/3(syr*)",
        "ATLEAST/2(syr*)",
        "ATLEAST/9(syria)",
        "ATLEAST/2(title:syria)",
        "cs:best",
        '"al tanf" NEAR/3 syria',
        "(a NEAR/2 b) NEAR/3 c",
        "cs:s*a",
    ],
)
def test_the_rest_is_checked(query: str) -> None:
    assert not check(*corpus(), query)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("ATLEAST/2(port)", {2, 3, 4, 5}),
        ("ATLEAST/3(port)", {4, 5}),
        ("ATLEAST/6(port)", {5}),
        ("ATLEAST/7(port)", {5}),
        ("ATLEAST/8(port)", set()),
        ("ATLEAST/3(port OR ship)", {3, 4, 5, 6}),
        ("ATLEAST/4(port OR ship OR none)", {4, 5}),
        ("ATLEAST/2(us)", {7}),
        ("ATLEAST/3(us OR u.s.)", set()),
    ],
)
def test_how_often_words_stand_there(query: str, wanted: set[int]) -> None:
    articles = [
        found(1, "Port", "ship"),
        found(2, "Port", "port"),
        found(3, "", "Ports. A port, the PORT; a ship"),
        found(4, "Port port", "port ship"),
        found(5, "port", "port " * 6),
        found(6, "ship", "ship ship"),
        found(7, "", "U.S. and U.S. again"),
    ]
    snapshot = in_memory(articles)
    check(articles, snapshot, query)
    matcher = compile_query(parse(query))
    assert {one.id for one in articles if matcher.holds(document_of(one))} == {articles[n - 1].id for n in wanted}


def test_words_longer_than_a_term() -> None:
    long = "ab" * 40_000
    articles = [found(1, text=f"x {long}z y"), found(2, text=f"x {long}q y"), found(3, text="x abz y")]
    snapshot = in_memory(articles)
    for query in (f"{long}z", "ab*", "a*z", f"{long}*", f'"x {long}z"', f"x NEAR/1 {long}q", f"cs:{long}z"):
        if len(query) < 100_000:
            check(articles, snapshot, query)
    assert check(articles, snapshot, "x") is True
    assert check(articles, snapshot, "a*z") is False


def test_a_wildcard_that_the_index_refuses_is_left_to_the_exact_matcher() -> None:
    articles, snapshot = corpus()
    for query in ("a*b" + "?" * 20, "s" + "a" * 1_500 + "*"):
        assert not check(articles, snapshot, f"{query} OR s?ria OR syria")


def test_only_the_first_of_thousands_of_wildcards_are_looked_up() -> None:
    articles, snapshot = corpus()
    query = " OR ".join(["s?ria", *(f"a*{number}" for number in range(600)), "elys*e"])
    assert not check(articles, snapshot, query)
