"""What a query may cost on a document: in steps, never in time; the same for everybody, whatever was computed before."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import QueryError
from core.query import Document, NotDecided, QueryIndex, budget, compile_query, explain, parse
from core.query.explain import matched_clause
from core.query.narrower_queries import narrower_queries
from core.query.parse import MAX_WILDCARDS
from core.records import Match
from core.topics import Tagger, Topic, WeightedQuery
from tests.core.query import oracle, strategies
from tests.laws import examples

_WORDS = ["the", "talks", "about", "said", "state", "attack", "sources", "city", "bank", "border", "between", "trade"]
_WORDS += ["ships", "to", "and", "a", "army", "that", "country", "by"]


def chain(terms: int) -> str:
    return " NEAR/1000 ".join((["t*", "a*", "s*", "c*", "b*"] * 12)[:terms])


def news(words: int) -> Document:
    picked = random.Random(3)
    return Document("Title", " ".join(picked.choice(_WORDS) for _ in range(words)))


def spent(query: str, document: Document) -> int:
    """Steps that deciding takes, as the budget counts them."""
    compile_query(parse(query)).holds(document)
    return document.budget.limit - document.budget.left


def outcome(query: str, document: Document) -> tuple[Match, ...] | str | None:
    try:
        return compile_query(parse(query)).match(document)
    except NotDecided:
        return "not decided"


@pytest.mark.parametrize("words", [220, 600, 5_000])
@pytest.mark.parametrize("terms", [10, 20, 40])
def test_a_chain_of_nears_ends_within_its_steps(terms: int, words: int) -> None:
    document = news(words)
    assert outcome(chain(terms), document) == "not decided"
    # What was found until then is bounded too.
    assert sum(map(len, document.budget._hits.values())) <= budget.MOST_STEPS


@pytest.mark.parametrize("terms", [3, 4, 5, 6, 7])
def test_nears_in_nears_are_decided_and_shown_without_their_pairs(terms: int) -> None:
    """On every word of a long text: pairs would be millions."""
    steps = [spent(chain(terms), news(words)) for words in (300, 600, 1_200)]
    assert steps[2] < 5 * steps[0], "linear in the words"
    found = outcome(chain(terms), news(1_200))
    assert isinstance(found, tuple)
    assert len(found) > 800
    both = "((t* NEAR/50 a*) NEAR/50 (s* NEAR/50 c*)) NEAR/50 ((b* NEAR/50 t*) NEAR/50 (a* NEAR/50 s*))"
    assert isinstance(outcome(both, news(3_000)), tuple)


def test_short_chains_on_news_are_decided() -> None:
    assert spent(chain(2), news(600)) < 1_000
    assert outcome(chain(3), news(220)) not in (None, "not decided")
    assert outcome(chain(4), news(220)) not in (None, "not decided")


@pytest.mark.parametrize(
    "query",
    [
        " OR ".join(f"t*{number}" for number in range(500)),
        f"ATLEAST/2({' OR '.join(f't*{number}' for number in range(500))})",
        " OR ".join(f"(the NEAR/1 zz{number})" for number in range(100)) + f" OR ({chain(9)})",
        f"LEAD/10000({chain(9)})",
        f"NOT ({chain(9)})",
    ],
)
def test_all_that_can_grow_counts(query: str) -> None:
    document = Document("", " ".join([news(600).fields[0].text, *(f"t{number}q" for number in range(600))]))
    assert outcome(query, document) == "not decided"


def test_a_long_phrase_of_one_word_is_linear() -> None:
    document = Document("", "a " * 20_000)
    found = compile_query(parse(f'"{"a " * 3_000}"')).match(document)
    assert found is not None
    assert len(found) == 17_001


def test_long_phrases_with_wildcards_and_gaps_are_found_in_their_places() -> None:
    words = [f"w{number}" for number in range(40)]
    text = "x " + " ".join(words) + " y " + " ".join(words[:-1])
    found = compile_query(parse(f'"{" ".join([*words[:20], "w*", *words[21:]])}"')).match(Document("", text))
    assert found is not None
    assert [one.text for one in found] == [" ".join(words)]


def test_a_word_takes_a_limited_number_of_wildcards() -> None:
    parse("a" + "?" * MAX_WILDCARDS)
    for query in ("a" + "?" * 64, "a*b*c*d*" * 2_000, f'"the a{"?" * 64}"'):
        with pytest.raises(QueryError, match=f"at most {MAX_WILDCARDS} in one word"):
            parse(query)


@settings(max_examples=examples(300), deadline=None)
@given(strategies.queries, strategies.texts, strategies.texts, strategies.metadata, st.integers(0, 200))
def test_below_the_limit_nothing_changes(query: str, title: str, text: str, meta: oracle.Meta, limit: int) -> None:
    parsed = parse(query)
    document = Document(title, text, **meta._asdict())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "MOST_STEPS", limit)
        found = outcome(query, document)
    wanted = oracle.matches(parsed.root, title, text, meta)
    if isinstance(found, tuple) and found != wanted:
        # Showing took too many steps: the match stays one.
        assert wanted is not None
        assert set(found) < set(wanted)
    else:
        assert found in ("not decided", wanted)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(strategies.queries, min_size=1, max_size=6), strategies.texts, strategies.texts, st.integers(0, 60))
def test_the_same_whatever_was_tried_before(queries: list[str], title: str, text: str, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "MOST_STEPS", limit)
        alone = [outcome(query, Document(title, text)) for query in queries]
        shared = Document(title, text)
        assert [outcome(query, shared) for query in queries] == alone
        assert [outcome(query, shared) for query in queries] == alone
        bigrams = Document(title, text)
        assert bigrams.bigrams is bigrams.known_bigrams
        assert [outcome(query, bigrams) for query in queries] == alone


def test_an_or_holds_by_what_costs_nothing_whatever_stands_first() -> None:
    document = news(220)
    for query in (f"({chain(9)}) OR talks", f'({chain(9)}) OR "no such phrase" OR the'):
        assert compile_query(parse(query)).holds(document)
        assert document.budget.left == budget.MOST_STEPS


def test_the_other_queries_of_an_index_are_run() -> None:
    index = QueryIndex[str]()
    index.add("chain", parse(chain(20)))
    index.add("talks", parse("talks"))
    index.add("near", parse("talks NEAR/50 attack"))
    result = index.evaluate(news(220))
    assert list(result.matches) == ["talks", "near"]
    assert result.undecided == ["chain"]


def test_a_match_whose_marks_cost_too_much_stays_a_match_with_those_that_were_found() -> None:
    document = news(220)
    assert outcome(f"({chain(20)}) OR talks", document) == outcome("talks", document)


def test_explain_says_which_clause_was_left_open() -> None:
    tree = explain(parse(f"talks AND ({chain(20)})"), news(220))
    assert (tree.held, tree.undecided) == (False, True)
    assert [(part.held, part.undecided) for part in tree.parts] == [(True, False), (False, True)]


def test_the_clause_of_an_alert_and_proposals_end_too() -> None:
    document = news(220)
    assert matched_clause(parse(chain(20)), document) == ""
    assert matched_clause(parse(f"talks OR ({chain(20)})"), document) == ""
    assert narrower_queries(parse(chain(20)), document, title="Title") == []
    assert narrower_queries(parse(f"talks OR ({chain(20)})"), document, title="Title")


def test_a_topics_costly_rule_counts_as_one_that_does_not_hold() -> None:
    query = WeightedQuery(query="talks", weight=5.0)
    text = " ".join(_WORDS * 100)
    cheap = Topic(name="t", title="T", threshold=0.1, queries=(query,))
    costly = Topic(name="t", title="T", threshold=0.1, queries=(query, WeightedQuery(query=chain(40), weight=5.0)))
    assert Tagger([costly]).tag("Talks", text, None) == Tagger([cheap]).tag("Talks", text, None) != ()
