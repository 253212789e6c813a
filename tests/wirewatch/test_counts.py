"""Messages with a count are right for 1 too: ``counted`` has the noun in both forms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOUNS = re.compile(
    r"\s+(?:other |more |new |failed |missing |repeated )*"
    r"(?:articles|records|feeds|subscriptions|stories|alerts|items|files|rows|outcomes|messages|queries|drafts|decisions|"
    r"topics|channels|devices|versions|pages|texts|examples|accounts|runs)\b"
)


def plurals(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each value in a string that a plural noun follows, unless it is the whole of a part ("2 of 5")."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for before, value, after in zip([None, *node.values], node.values, node.values[1:], strict=False):
                if not isinstance(value, ast.FormattedValue) or not isinstance(after, ast.Constant):
                    continue
                part_of = isinstance(before, ast.Constant) and str(before.value).endswith(
                    (" of ", "more than ", "at most ")
                )
                if not part_of and (noun := NOUNS.match(str(after.value))):
                    yield node.lineno, ast.unparse(value.value) + noun[0]


def test_a_plural_is_found_where_a_count_stands_before_it() -> None:
    found = plurals('f"{n} feeds"; f"{a} of {n} feeds"; f"{n} feed(s)"; f"a {n} more alerts b"; f"{n} feedstock"')
    assert [words for _, words in found] == ["n feeds", "n more alerts"]


def test_commands_count_with_both_forms_of_a_noun() -> None:
    found = {
        f"{file.relative_to(ROOT)}: {words}"
        for file in sorted((ROOT / "wirewatch").rglob("*.py"))
        for _, words in plurals(file.read_text("utf-8"))
    }
    # These show a count only from 2 on, a column of a table, or a decimal.
    assert found == {
        "wirewatch/commands/backtest.py: more alerts",
        "wirewatch/commands/backtest.py: one.articles articles",
        "wirewatch/commands/replay.py: day.records records",
        "wirewatch/feeds.py: len(named) feeds",
        "wirewatch/feeds.py: len(listed.outlines) feeds",
    }
