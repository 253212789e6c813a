"""``docs/queries.md`` holds what is true: its examples parse, find and are imported as it says, and it leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.query import Document, compile_query, lint, parse
from core.query.importing import DIALECTS, import_query
from core.query.parse import PREFIXES

PAGE = (Path(__file__).parents[3] / "docs" / "queries.md").read_text("utf-8")


def fenced(kind: str) -> list[str]:
    return [line for block in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def queries() -> list[tuple[str, list[tuple[str, str]]]]:
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for line in fenced("query"):
        if line.startswith("  "):
            what, text = line.split(maxsplit=1)
            found[-1][1].append((what, text))
        else:
            found.append((line, []))
    return found


def imports() -> list[tuple[str, str, str]]:
    lines = fenced("import")
    return [
        (*first.split(maxsplit=1), second.removeprefix("  becomes").strip())  # type: ignore[misc]
        for first, second in zip(lines[::2], lines[1::2], strict=True)
    ]


@pytest.mark.parametrize(("query", "texts"), queries(), ids=[query for query, _ in queries()])
def test_examples_find_what_they_are_said_to_find(query: str, texts: list[tuple[str, str]]) -> None:
    compiled = compile_query(parse(query))
    assert [one for one in lint(query) if one.severity == "error"] == []
    for what, text in texts:
        assert what in ("finds", "not")
        assert (compiled.match(Document("", text)) is not None) == (what == "finds"), text


@pytest.mark.parametrize(("dialect", "query", "becomes"), imports(), ids=[one[0] for one in imports()])
def test_imports_become_what_they_are_said_to_become(dialect: str, query: str, becomes: str) -> None:
    assert import_query(query, dialect).query == becomes


def test_queries_of_the_table_parse() -> None:
    rows = re.search(r"\| write \| finds \|\n(.*?)\n\n", PAGE, re.DOTALL)
    assert rows
    cells = [query for row in rows[1].splitlines()[1:] for query in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert len(cells) >= 15
    for query in cells:
        assert parse(query)


def test_nothing_is_left_out() -> None:
    for name in (
        *(f"`{prefix}:`" for prefix in PREFIXES),
        "NEAR/n",
        "ONEAR/n",
        "ATLEAST/n",
        "LEAD/n",
        "AND",
        "OR",
        "NOT",
    ):
        assert name in PAGE, name
    assert {one[0] for one in imports()} == set(DIALECTS)
    assert len(queries()) >= 20
