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
def test_examples_match_as_declared(query: str, texts: list[tuple[str, str]]) -> None:
    compiled = compile_query(parse(query))
    assert [one for one in lint(query) if one.severity == "error"] == []
    for what, text in texts:
        assert what in ("finds", "not")
        assert (compiled.match(Document("", text)) is not None) == (what == "finds"), text


def words() -> list[tuple[str, str, str]]:
    """Lines of the table of words: query, text, ``finds`` or ``not``."""
    table = re.search(r"\| \| query \| finds \| not \|\n(.*?)\n\n", PAGE, re.DOTALL)
    assert table
    found = []
    for line in table[1].splitlines()[1:]:
        _, query, finds, lacks = (cell.strip() for cell in line.strip("|").split("|"))
        for what, cell in (("finds", finds), ("not", lacks)):
            found += [(query.strip("`"), text.strip(), what) for text in cell.split("·") if text.strip()]
    return found


@pytest.mark.parametrize(("query", "text", "what"), words())
def test_words_are_found_as_the_table_says(query: str, text: str, what: str) -> None:
    compiled = compile_query(parse(query))
    assert compiled.holds(Document("", f"– {text} –")) == (what == "finds")
    assert compiled.holds(Document(text, "")) == (what == "finds")
    # Among much ASCII, words are cut another way.
    assert compiled.holds(Document("", f"{'pad ' * 200}{text}")) == (what == "finds")


def near_misses_of_the_table() -> list[tuple[str, str]]:
    table = re.search(r"\| written \| probably meant \|\n(.*?)\n\n", PAGE, re.DOTALL)
    assert table
    found = []
    for line in table[1].splitlines()[1:]:
        written, meant = (re.findall(r"`([^`]+)`", cell) for cell in re.split(r"(?<!\\)\|", line)[1:3])
        found += [(one.replace("\\|", "|"), *meant) for one in written]
    return found


@pytest.mark.parametrize(("query", "meant"), near_misses_of_the_table())
def test_near_misses_of_the_table_are_named_and_mended(query: str, meant: str) -> None:
    [mended] = {one.suggestion for one in lint(query) if one.confirm or one.severity == "error"}
    operators = r"AND(?! NOT)|OR|NOT|NEAR/5|[a-z]+:|\(|\"[a-z ]+\""
    assert [one for one in re.findall(operators, mended or "") if one != "(" or "(" in meant] == re.findall(
        operators, meant
    )


@pytest.mark.parametrize(("dialect", "query", "becomes"), imports(), ids=[one[0] for one in imports()])
def test_imports_give_the_declared_queries(dialect: str, query: str, becomes: str) -> None:
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
