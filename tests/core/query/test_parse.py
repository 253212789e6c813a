from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import QueryError
from core.query.ast import (
    And,
    AtLeast,
    Cased,
    Exact,
    Field,
    Lead,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Query,
    Stemmed,
    Term,
    Wild,
)
from core.query.parse import MAX_DEPTH, MAX_LENGTH, parse

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "query_errors.toml").read_text("utf-8"))["case"]


def show(node: Node) -> str:
    match node:
        case Term(word=Exact(key, _)):
            return key
        case Term(word=Prefix(key)):
            return f"{key}*"
        case Term(word=Wild(pattern)):
            return pattern
        case Phrase(words=words):
            return '"' + " ".join(f"{offset}:{show(Term(word, ''))}" for offset, word in words) + '"'
        case And(parts=parts):
            return "(" + " & ".join(map(show, parts)) + ")"
        case Or(parts=parts):
            return "(" + " | ".join(map(show, parts)) + ")"
        case Not(part=part):
            return f"!{show(part)}"
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            return f"<{show(left)} {'>' if ordered else '~'}{distance} {show(right)}>"
        case Field(name=name, part=part):
            return f"{name}={show(part)}"
        case AtLeast(count=count, part=part):
            return f"{count}x{show(part)}"
        case Lead(count=count, part=part):
            return f"lead{count}={show(part)}"
        case Cased(part=part):
            return f"cs={show(part)}"
        case Stemmed(part=part):
            return f"stem={show(part)}"


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        ("syria", "syria"),
        ("syria iraq", "(syria & iraq)"),
        ("a OR b c AND NOT d", "(a | (b & c & !d))"),
        ("a NOT b OR c", "((a & !b) | c)"),
        ("(a OR b) c", "((a | b) & c)"),
        ("(a AND (b c)) d", "(a & b & c & d)"),
        ("a OR (b OR c)", "(a | b | c)"),
        ("NOT NOT a", "a"),
        ("NOT a", "!a"),
        ("a and b or not c", "(a & and & b & or & not & c)"),
        ("ANDROID OR NOTE", "(android | note)"),
        ("AND-gate", '"0:and 1:gate"'),
        ("a AND(b)OR(c)", "((a & b) | c)"),
        (
            "“peace talks” „Waffenruhe jetzt“ «cessez le feu»",
            '("0:peace 1:talks" & "0:waffenruhe 1:jetzt" & "0:cessez 1:le 2:feu")',
        ),
        ('"Syria"', "syria"),
        ("Al-Tanf", '"0:al 1:tanf"'),
        ("don’t U.S.", "(dont & u.s)"),
        ("sanction* s?ria organi?ation*", "(sanction* & s?ria & organi?ation*)"),
        ('"sanction* regime"', '"0:sanction* 1:regime"'),
        ("叙利亚* 叙", '("0:叙利 1:利亚" & 叙)'),
        ("（伊朗 OR 沙特）", "(伊朗 | 沙特)"),
        ("a**b a***", "(a*b & a*)"),
        ("title:syria", "title=syria"),
        ("TITLE: syria iraq", "(title=syria & iraq)"),
        ("title:(a OR b) c", "(title=(a | b) & c)"),
        ("NOT title:a NEAR/3 b OR c", "(!<title=a ~3 b> | c)"),
        ("a NEAR/3 b ONEAR/0 c d", "(<<a ~3 b> >0 c> & d)"),
        ("a NEAR/3 (b ONEAR/0 c)", "<a ~3 <b >0 c>>"),
        ("ATLEAST/3(a OR b) LEAD/50 (c d)", "(3x(a | b) & lead50=(c & d))"),
        ("title:cs:BEST stem:talks", "(title=cs=best & stem=talks)"),
        ('author:"jane doe" source:reuters.com', '(author="0:jane 1:doe" & source="0:reuters 1:com")'),
        ("url:https://example.org/a", 'url="0:https 1:example 2:org 3:a"'),
        ("near atleast lead NEARLY", "(near & atleast & lead & nearly)"),
        ("\ufeffsyria\u00a0iraq\u3000iran", "(syria & iraq & iran)"),
    ],
)
def test_a_query_means_what_its_case_says(query: str, meaning: str) -> None:
    assert show(parse(query).root) == meaning


def test_nodes_know_their_place_in_the_query() -> None:
    query = 'iran AND ("peace talks" OR truce)'
    root = parse(query).root
    assert isinstance(root, And)
    talks = root.parts[1]
    assert isinstance(talks, Or)
    assert [query[part.start : part.end] for part in talks.parts] == ['"peace talks"', "truce"]
    assert (root.start, root.end) == (0, len(query) - 1)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_no_query_is_refused_with_place_and_expectation(case: dict[str, Any]) -> None:
    with pytest.raises(QueryError) as caught:
        parse(case["query"])
    error = caught.value
    assert error.position == case["position"]
    assert error.expected is not None
    assert case["expected"] in error.expected
    assert error.query == case["query"]
    assert error.exit_code == 2


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_messages_are_in_a_desks_words(case: dict[str, Any]) -> None:
    with pytest.raises(QueryError) as caught:
        parse(case["query"])
    message = str(caught.value)
    assert not any(word in message for word in ("Token", "WORD", "PHRASE", "RPAR", "LPAR", "$END", "_AND", "terminal"))


@pytest.mark.parametrize(
    "query",
    [
        "(" * 2_000 + "syria" + ")" * 2_000,
        "NOT " * 5_000 + "syria",
        "(a " * 2_000 + ")" * 2_000,
        " ".join(["word"] * 4_000),
        " OR ".join(f"word{i}" for i in range(2_500)),
        '"' + "word " * 4_000 + '"',
    ],
    ids=["parentheses", "NOTs", "nested ANDs", "adjacent", "ORs", "phrase"],
)
def test_long_queries_parse(query: str) -> None:
    assert isinstance(parse(query), Query)


@pytest.mark.parametrize(
    "query",
    [
        "(" * 2_000,
        ")" * 2_000,
        "(a OR (b AND " * 1_000 + "c" + "))" * 1_000,
        "NOT (a " * 500 + ")" * 500,
        "a " * (MAX_LENGTH // 2 + 1),
        "title:" * 3_000 + "a",
        "a NEAR/3 " * 2_000 + "b",
        "LEAD/3(" * 1_000 + "a" + ")" * 1_000,
        " NEAR/3 ".join(["(a AND b AND c AND d)"] * 8),
        "a*" * 9_000,
    ],
    ids=["opened", "closed", "alternating", "negated", "too long", "fields", "chain", "leads", "multiplied", "stars"],
)
def test_monsters_are_refused_clearly(query: str) -> None:
    with pytest.raises(QueryError):
        parse(query)


def test_depth_up_to_the_limit_is_taken() -> None:
    pairs = (MAX_DEPTH - 2) // 2
    parse("(a OR (b AND " * pairs + "c" + "))" * pairs)


_PIECES = [
    *'ab*?()"“-:&',
    " ",
    " ",
    "\n",
    "叙",
    "ب",
    " AND ",
    " OR ",
    " NOT ",
    "NEAR/3",
    " NEAR/3 ",
    "title:",
    "stem:",
    "cs:",
    "LEAD/2(",
    "ATLEAST/2",
    "\u200b",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=25).map("".join))
def test_any_text_parses_or_raises_a_query_error_inside_it(query: str) -> None:
    error = None
    try:
        parse(query)
    except QueryError as caught:
        error = caught
    assert error is None or 0 <= error.position <= len(query)
    assert error is None or error.expected
