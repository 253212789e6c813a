from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.query import Document, NotDecided, compile_query, lint, parse
from core.query.ast import Query
from core.query.budget import MOST_STEPS
from core.query.compile import compile_node
from core.query.cost import REFUSED_STEPS, WARNED_STEPS, estimated_steps
from core.query.lint import mixed
from tests.core.query import strategies
from tests.laws import examples

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "query_lint.toml").read_text("utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_findings_are_those_of_a_case_each_at_its_place(case: dict[str, Any]) -> None:
    found = lint(case["query"])
    assert [(one.severity, one.position) for one in found] == [(one[0], one[1]) for one in case["findings"]]
    for one, (_, _, message) in zip(found, case["findings"], strict=True):
        assert message in str(one.message)
    suggestions = [one.suggestion for one in found if one.suggestion]
    assert suggestions[:1] == ([case["suggestion"]] if "suggestion" in case else [])


@settings(max_examples=examples(150), deadline=None)
@given(strategies.queries, strategies.texts, strategies.texts, strategies.metadata)
def test_queries_reported_as_never_matching_never_match(query: str, title: str, text: str, meta: Any) -> None:
    if any(one.severity == "error" and "steps" not in str(one.message) for one in lint(query)):
        assert compile_query(parse(query)).match(Document(title, text, **meta._asdict())) is None


def chain(terms: int, distance: int) -> str:
    return f" NEAR/{distance} ".join(("t*", "a*", "s*", "c*", "b*")[place % 5] for place in range(terms))


@pytest.mark.parametrize(
    ("query", "severity"),
    [
        (chain(3, 1_000), None),
        (chain(7, 1_000), None),
        (chain(8, 1_000), "error"),
        (chain(20, 1_000), "error"),
        (chain(10, 5), None),
        (chain(40, 5), "warning"),
        (f"talks AND NOT ({chain(8, 1_000)})", "error"),
        (f"ATLEAST/3({chain(5, 1_000)})", "error"),
        (" OR ".join(f"t*{number}" for number in range(1_000)), "warning"),
        (" NEAR/50 ".join([f"({' OR '.join(f'name{number}' for number in range(500))})"] * 4), None),
    ],
)
def test_what_a_query_costs_is_warned_of_and_then_refused(query: str, severity: str | None) -> None:
    found = [one for one in lint(query) if "steps on an article" in str(one.message)]
    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all("smaller distances" in str(one.message) for one in found)


def test_the_part_of_a_query_that_costs_too_much_is_marked() -> None:
    query = f"(talks NEAR/5 city) OR ({chain(8, 1_000)})"
    [found] = [one for one in lint(query) if "steps on an article" in str(one.message)]
    assert query[found.position :].startswith("t* NEAR")


BY_CHANCE = 300


def nears(terms: st.SearchStrategy[str], size: int) -> st.SearchStrategy[str]:
    joined = st.tuples(st.sampled_from(["NEAR", "ONEAR"]), st.sampled_from([2, 5, 20, 50, 300, 1_000]))
    return st.recursive(
        terms,
        lambda side: st.tuples(side, joined, side).map(lambda each: f"({each[0]} {each[1][0]}/{each[1][1]} {each[2]})"),
        max_leaves=size,
    )


SEEDS = 4


@settings(max_examples=examples(120), deadline=None)
@example("((t* NEAR/50 (b* NEAR/300 b*)) NEAR/50 (b* NEAR/50 (b* NEAR/300 b*)))", "ATLEAST/2")
# In the third article, these words happen to stand close together.
@example("((t* NEAR/5 s*) NEAR/20 (t* NEAR/20 s*))", "ATLEAST/2")
@example("(((t* NEAR/20 s*) NEAR/2 t*) NEAR/20 (s* NEAR/20 t*))", "ATLEAST/2")
@example("((s* NEAR/1000 s*) NEAR/300 ((t* NEAR/5 (s* ONEAR/2 s*)) ONEAR/2 (t* NEAR/300 (t* NEAR/2 s*))))", "ATLEAST/2")
# Its stretches are short, so there are far fewer than pairs.
@example(
    "((s* NEAR/20 ((t* NEAR/50 (c* ONEAR/50 a*)) NEAR/20 (a* ONEAR/50 c*))) NEAR/50 "
    "((t* NEAR/50 a*) NEAR/50 (a* NEAR/50 a*)))",
    "ATLEAST/2",
)
@given(nears(st.sampled_from(["t*", "a*", "s*", "c*", "b*"]), 10), st.sampled_from(["", "ATLEAST/2"]))
def test_what_is_estimated_is_what_evaluation_takes(query: str, around: str) -> None:
    """On articles of the estimate's size in which each word is as frequent as the estimate supposes."""
    parsed = parse(f"{around}({query})")
    average, most = (estimated_steps(compile_node(parsed.root), deviations) for deviations in (0, 2))
    spent = [steps_on(seed, parsed) for seed in range(SEEDS)]
    for steps in spent:
        # A few hundred steps more or less are chance: where the words of a small query happen to stand.
        assert steps <= 1.25 * most + BY_CHANCE
        # What is not warned of never runs out.
        assert steps <= MOST_STEPS or most > WARNED_STEPS
    # What is refused would take too many, or, where stretches are many and overlap, a hundredth of what is estimated.
    assert average < REFUSED_STEPS or 100 * max(spent) > average


def steps_on(seed: int, query: Query) -> int:
    """The steps on an article made with ``seed``; one more than the limit if there are too many."""
    words = [f"{letter}{number}" for letter in "tascb" for number in range(60)] + ["x"] * 700
    random.Random(seed).shuffle(words)
    document = Document("", " ".join(words))
    try:
        compile_query(query).holds(document)
    except NotDecided:
        return MOST_STEPS + 1
    # Without a NEAR, nothing is counted.
    return document.budget.limit - document.budget.left if "NEAR" in query.text else 0


@given(
    st.lists(st.sampled_from([*'ab*?()"“”-:', " ", " or ", " NOT ", " NEAR/3 ", "titel:", "LEAD/1("]), max_size=20).map(
        "".join
    )
)
def test_any_text_gets_findings_and_suggestions_parse(query: str) -> None:
    for one in lint(query):
        assert 0 <= one.position <= len(query)
        assert one.suggestion is None or parse(one.suggestion)


@settings(max_examples=examples(300), deadline=None)
@given(strategies.queries)
def test_parentheses_that_are_shown_are_how_the_query_is_read(query: str) -> None:
    places, better = mixed(query)
    assert parse(better) == parse(query)
    assert bool(places) == (better != query)
    assert mixed(better) == ([], better)
