from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.query import Document, QueryIndex, compile_query, parse
from core.query import document as document_module
from core.query.index import Tuning
from core.query.term_table import most_met
from tests.core.query import oracle, strategies
from tests.corpora import corpus
from tests.laws import examples


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(strategies.queries, min_size=1, max_size=12),
    st.lists(st.tuples(strategies.texts, strategies.texts, strategies.metadata), max_size=4),
)
def test_the_same_as_every_query_by_itself(queries: list[str], texts: list[tuple[str, str, oracle.Meta]]) -> None:
    index = QueryIndex[int]()
    parsed = dict(enumerate(map(parse, queries)))
    for number, query in parsed.items():
        index.add(number, query)
    for title, text, meta in texts:
        wanted = {number: oracle.matches(query.root, title, text, meta) for number, query in parsed.items()}
        wanted = {number: found for number, found in wanted.items() if found is not None}
        assert index.match(Document(title, text, **meta._asdict())) == wanted
        assert index.matching(Document(title, text, **meta._asdict())) == list(wanted)
        document = Document(title, text, **meta._asdict())
        decided = index.decide(document)
        # In any order, and after all others: what was found for one never depends on another.
        assert {one: index.spans(one, document) for one in reversed(decided.matching)} == wanted


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.none() | strategies.queries), max_size=30), strategies.texts)
def test_adding_and_removing_in_any_order(steps: list[tuple[int, str | None]], text: str) -> None:
    index = QueryIndex[int]()
    held: dict[int, str] = {}
    document = Document("", text)
    for number, query in steps:
        if query is None:
            index.remove(number)
            held.pop(number, None)
        else:
            index.add(number, parse(query))
            held[number] = query
        wanted = {n: found for n, q in held.items() if (found := oracle.matches(parse(q).root, "", text)) is not None}
        assert index.match(document) == wanted
    for number in list(held):
        index.remove(number)
    assert len(index) == 0
    assert not index._filed
    assert not index._always
    assert len(index._terms) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(strategies.queries, min_size=1, max_size=8),
    st.lists(strategies.queries, max_size=8),
    strategies.texts,
    st.sampled_from([0, 1_000]),
)
def test_many_at_once_and_a_smaller_table_give_the_same(
    queries: list[str], gone: list[str], text: str, small: int
) -> None:
    """With the thresholds at nothing: every query is looked up in the table, and the table is made smaller at every removal."""
    index = QueryIndex[str](
        Tuning(few=-1, few_known=-1, small=small, knowing=0, refiled_each=1, patience=1, wasted_terms=0)
    )
    for number, query in enumerate(gone):
        index.add(f"gone {number}", parse(query))
    for number, query in enumerate(queries):
        index.add(str(number), parse(query))
    for number in range(len(gone)):
        index.remove(f"gone {number}")
    wanted = [str(n) for n, query in enumerate(queries) if oracle.matches(parse(query).root, "", text) is not None]
    for _ in range(3):
        assert index.matching(Document("", text)) == wanted
        assert list(index.match(Document("", text))) == wanted


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(strategies.queries, min_size=1, max_size=8), st.lists(strategies.texts, min_size=1, max_size=4))
def test_few_documents_are_counted_and_the_words_alone_decide(queries: list[str], texts: list[str]) -> None:
    """A small index after its first documents, filed again at each; with and without all pairs of words."""
    for pairs in (0, 1_000):
        tuning = Tuning(sampled_at_first=0, sampled=3, knowing=0, refiled_each=1, patience=1, few_pairs=pairs)
        index = QueryIndex[int](tuning)
        for number, query in enumerate(queries):
            index.add(number, parse(query))
        for text in texts * 2:
            wanted = [n for n, query in enumerate(queries) if oracle.matches(parse(query).root, "", text) is not None]
            assert index.matching(Document("", text)) == wanted


@settings(max_examples=examples(150), deadline=None)
@given(strategies.queries, strategies.texts, strategies.texts, st.integers(1, 4), st.integers(4, 30))
def test_the_first_matches_of_a_long_text_are_those_of_the_whole(
    query: str, title: str, text: str, most: int, head: int
) -> None:
    """With heads of a few letters, so that each text is a long one."""
    index = QueryIndex[int]()
    index.add(0, parse(query))
    every = list(index.spans(0, Document(title, text)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_module, "HEAD", head)
        found = index.spans(0, Document(title, text), most)
    of_text = [one for one in every if one.field == "text"][:most]
    assert list(found) == of_text + [one for one in every if one.field != "text"][:most]


def test_a_long_text_is_cut_as_far_as_the_first_matches() -> None:
    words = [f"w{number}" for number in range(200_000)]
    document = Document("", " ".join(words))
    index = QueryIndex[int]()
    for number, query in enumerate(("w*", "v OR w1*", "w199999")):
        index.add(number, parse(query))
    assert index.matching(document) == [0, 1, 2]
    assert [len(index.spans(number, document, 200)) for number in (0, 1)] == [200, 200]
    assert not document.fields[0].is_cut
    # Of this there are fewer, so the whole text is searched for them.
    assert [one.text for one in index.spans(2, document, 200)] == ["w199999"]
    assert document.fields[0].is_cut


def test_a_query_that_was_filed_again_still_matches_by_each_of_its_parts() -> None:
    index = QueryIndex[int]()
    query = parse("(government AND oslo) OR (the AND (fjord* OR skerry)) OR (source:post AND NOT (tax OR nav*))")
    index.add(0, query)
    for _ in range(400):
        assert index.matching(Document("", "the government of norway", source="times")) == []
    assert index.required_terms(0) == ("fjord*", "oslo", "skerry", "source:post")
    assert index.matching(Document("", "government, oslo")) == [0]
    assert index.matching(Document("", "the fjords")) == [0]
    assert index.matching(Document("", "skerry and the sea")) == [0]
    assert index.matching(Document("", "ships", source="post")) == [0]
    assert index.matching(Document("", "navy ships", source="post")) == []


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("the naryshkin", {"naryshkin"}),
        ("of sanction*", {"sancti*"}),
        ("is OR (of naryshkin)", {"is", "naryshkin"}),
        ('"of the naryshkin"', {"the naryshkin"}),
        ("wa?hington", {"wa*"}),
        ("NOT syria", None),
        ("syria OR NOT iraq", None),
        ("syria NOT iraq", {"syria"}),
        ("of NEAR/3 naryshkin", {"naryshkin"}),
        ("ATLEAST/2(naryshkin OR is)", {"naryshkin", "is"}),
        ("LEAD/9(title:naryshkin)", {"naryshkin"}),
        ("cs:NARYSHKIN", {"naryshkin"}),
        ("source:reuters lang:en", {"source:reuters"}),
        ("author:r*", {"author:*"}),
        ("title:body:naryshkin", set()),
    ],
)
def test_filed_under_the_rarest_necessary_words(query: str, terms: set[str] | None) -> None:
    index = QueryIndex[str]()
    index.add("q", parse(query))
    found = index.required_terms("q")
    assert (None if found is None else set(found)) == terms


def test_a_query_that_is_often_tried_without_a_match_is_filed_again() -> None:
    index = QueryIndex[str]()
    index.add("q", parse("government oslo"))
    assert index.required_terms("q") == ("government",)
    document = Document("", "the government of norway")
    for _ in range(100):
        assert index.match(document) == {}
    assert index.required_terms("q") == ("oslo",)
    assert list(index.match(Document("", "government in oslo"))) == ["q"]


def test_adding_an_id_again_replaces() -> None:
    index = QueryIndex[str]()
    index.add("q", parse("syria"))
    index.add("q", parse("iraq"))
    assert index.match(Document("", "syria")) == {}
    assert list(index.match(Document("", "iraq"))) == ["q"]
    assert "q" in index
    index.remove("never there")


def test_a_failing_query_is_reported_and_the_others_are_run() -> None:
    index = QueryIndex[str]()
    index.add("monster", parse(f"({' NEAR/1000 '.join('abababab')}) NEAR/1 syria"))
    index.add("sound", parse("syria"))
    result = index.evaluate(Document("", "a b " * 4_000 + "in syria"))
    assert list(result.matches) == ["sound"]
    assert [failure.id for failure in result.failures] == ["monster"]
    assert "pairs of places" in str(result.failures[0].error)


@pytest.mark.corpus
def test_the_benchmarks_queries_match_as_by_themselves() -> None:
    luwak = corpus("luwak")
    lines = (luwak / "queries").read_text("utf-8").splitlines()[::20]
    queries = [compile_query(parse(line.replace("+", ""))) for line in lines]
    index = QueryIndex[int]()
    for number, query in enumerate(queries):
        index.add(number, query)
    for path in sorted((luwak / "docs").iterdir())[::40]:
        document = Document(path.name, path.read_text("utf-8", errors="replace"))
        wanted = {n: found for n, query in enumerate(queries) if (found := query.match(document)) is not None}
        assert index.match(document) == wanted


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 5), max_size=30), st.integers(0, 30))
def test_the_words_met_oftenest_are_kept(met: dict[str, int], most: int) -> None:
    kept = most_met(Counter(met), most)
    assert len(kept) <= most
    assert kept.items() <= met.items()
    least = min(kept.values(), default=max(met.values(), default=0) + 1)
    assert all(word in kept for word, count in met.items() if count >= least)
    if len(met) <= most:
        assert kept == met
