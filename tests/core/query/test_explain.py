from __future__ import annotations

from hypothesis import given, settings

from core.query import Document, Explanation, compile_query, explain, parse
from tests.core.query import oracle, strategies
from tests.laws import examples


def shape(one: Explanation) -> tuple[object, ...]:
    return (
        one.clause,
        one.held,
        [f"{match.field}:{match.text}" for match in one.matches],
        [shape(part) for part in one.parts],
    )


def test_which_clause_held_and_where() -> None:
    document = Document("Talks in Oslo", "Syria met Iraq.", source="AFP")
    query = "title:(talks OR truce) AND syria NEAR/3 iraq NOT (source:afp AND kuwait)"
    found = explain(parse(query), document)
    assert shape(found) == (
        "title:(talks OR truce) AND syria NEAR/3 iraq AND NOT (source:afp AND kuwait)",
        True,
        ["text:Syria", "text:Iraq", "title:Talks"],
        [
            (
                "title:(talks OR truce)",
                True,
                ["title:Talks"],
                [
                    (
                        "talks OR truce",
                        True,
                        ["title:Talks"],
                        [("talks", True, ["title:Talks"], []), ("truce", False, [], [])],
                    )
                ],
            ),
            (
                "syria NEAR/3 iraq",
                True,
                ["text:Syria", "text:Iraq"],
                [("syria", True, ["text:Syria"], []), ("iraq", True, ["text:Iraq"], [])],
            ),
            (
                "NOT (source:afp AND kuwait)",
                True,
                [],
                [
                    (
                        "source:afp AND kuwait",
                        False,
                        [],
                        [
                            ("source:afp", True, ["source:AFP"], [("afp", True, ["source:AFP"], [])]),
                            ("kuwait", False, [], []),
                        ],
                    )
                ],
            ),
        ],
    )
    near = found.parts[1]
    assert query[near.start : near.end] == "syria NEAR/3 iraq"


@settings(max_examples=examples(150), deadline=None)
@given(strategies.queries, strategies.texts, strategies.texts, strategies.metadata)
def test_agrees_with_the_match(query: str, title: str, text: str, meta: oracle.Meta) -> None:
    parsed = parse(query)
    document = Document(title, text, **meta._asdict())
    found = explain(parsed, document)
    matches = compile_query(parsed).match(document)
    assert found.held == (matches is not None)
    assert [one for one in found.matches if one.field in ("title", "text")] == list(matches or ())
