"""``wirewatch query``: lint, explain, import. 30 kinds of malformed query are in ``tests/cases/query_errors.toml``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from core.errors import InputError, QueryError, UsageError
from core.query.importing import DIALECTS, Dialect
from tests.wirewatch.command import wirewatch
from wirewatch import console
from wirewatch.commands import query

MALFORMED = tomllib.loads((Path(__file__).parents[1] / "cases" / "query_errors.toml").read_text("utf-8"))["case"]


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    """The command in this process. Errors of ours come as ``exception``; ``cli.main`` turns them into a line and a code."""
    return CliRunner().invoke(query.group, [str(one) for one in arguments], input=stdin)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stdout is taken for a terminal, one without colours."""
    monkeypatch.setattr(
        console, "out", Console(force_terminal=True, color_system=None, highlight=False, soft_wrap=True)
    )


@pytest.mark.usefixtures("terminal")
def test_a_clean_query() -> None:
    done = run("lint", "syria AND (talks OR truce)")
    assert (done.exit_code, done.output) == (0, "no findings\n")
    assert json.loads(run("lint", "syria", "--json").stdout) == {"query": "syria", "parses": True, "findings": []}


@pytest.mark.usefixtures("terminal")
def test_warnings_point_and_propose() -> None:
    done = run("lint", "syria or iraq")
    assert done.exit_code == 0
    message, line, caret, better = done.output.splitlines()
    assert message.startswith("warning at position 7: ")
    assert (line, caret) == ("syria or iraq", "      ^")
    assert better == "instead: syria OR iraq"
    [finding] = json.loads(run("lint", "syria or iraq", "--json").stdout)["findings"]
    assert (finding["position"], finding["severity"], finding["suggestion"]) == (6, "warning", "syria OR iraq")


@pytest.mark.usefixtures("terminal")
def test_a_query_that_can_never_match_fails() -> None:
    done = run("lint", "syria AND NOT syria")
    assert done.exit_code == 1
    assert "can never match" in done.output


def test_json_is_one_object_with_offsets_from_0_and_a_pipe_gets_words(tmp_path: Path) -> None:
    for arguments in (("lint", "syria or iraq"), ("lint", "syria AND NOT syria"), ("lint", "syria")):
        piped, asked = run(*arguments), run(*arguments, "--json")
        assert piped.exit_code == asked.exit_code
        assert not piped.stdout.startswith("{")
        [line] = asked.stdout.splitlines()
        assert json.loads(line)["parses"] is True
    [finding] = json.loads(run("lint", "syria or iraq", "--json").stdout)["findings"]
    assert "syria or iraq"[finding["position"] :].startswith("or ")
    (tmp_path / "doc.txt").write_text("Syria and Iraq.", "utf-8")
    explained = run("explain", "syria AND iran", "--doc", tmp_path / "doc.txt", "--json")
    [told] = map(json.loads, explained.stdout.splitlines())
    assert (told["held"], [part["held"] for part in told["parts"]]) == (False, [True, False])


@pytest.mark.parametrize("case", MALFORMED, ids=[case["name"] for case in MALFORMED])
def test_malformed_queries_are_wrong_use(case: dict[str, str]) -> None:
    for command_line in (("lint", "--json", "--", case["query"]), ("explain", "--doc", __file__, "--", case["query"])):
        done = run(*command_line)
        assert isinstance(done.exception, QueryError)
        assert done.exception.exit_code == 2
        assert done.exception.position == case["position"]
        assert case["expected"] in (done.exception.expected or "")
        assert done.exception.pointer().endswith("^")
    assert json.loads(run("lint", "--json", "--", case["query"]).stdout)["parses"] is False


@pytest.mark.usefixtures("terminal")
def test_explain_shows_each_clause_and_its_words(tmp_path: Path) -> None:
    (tmp_path / "doc.json").write_text(
        json.dumps(
            {"title": "Syria talks", "text": "Iraq agreed on a truce. \x1b[31mSyria, Syria.", "language": "en",
             "topics": [{"topic": "syria", "score": 5.0, "matches": []}]}
        )
    )  # fmt: skip
    text = "title:syria AND (iraq NEAR/3 agreed OR kurds) AND NOT football AND topic:syria"
    done = run("explain", text, "--doc", tmp_path / "doc.json")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "matches"
    assert "  ✓ Field: title:syria" in lines
    assert "    ✓ syria   title: 'Syria'" in lines
    assert "    ✗ kurds" in lines
    assert "    ✗ football" in lines
    told = json.loads(run("explain", text, "--doc", tmp_path / "doc.json", "--json").stdout)
    assert told["held"] is True
    assert [part["held"] for part in told["parts"]] == [True, True, True, True]
    assert told["parts"][0]["matches"] == [{"field": "title", "start": 0, "end": 5, "text": "Syria"}]
    assert run("explain", "kurds", "--doc", tmp_path / "doc.json").output.splitlines() == ["does not match", "✗ kurds"]


@pytest.mark.usefixtures("terminal")
def test_explain_takes_plain_text_and_counts_repeats(tmp_path: Path) -> None:
    (tmp_path / "doc.txt").write_text("Syria. Syria. Syria and SYRIA.", "utf-8")
    assert "✓ syria   text: 'Syria' ×3, text: 'SYRIA'" in run("explain", "syria", "--doc", tmp_path / "doc.txt").output


@pytest.mark.parametrize("content", ["[1]", '{"title": 3}', "{", "[" * 100_000, "null"])
def test_a_bad_document_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "doc.json").write_text(content)
    done = run("explain", "syria", "--doc", tmp_path / "doc.json")
    assert isinstance(done.exception, InputError)
    assert "doc.json" in str(done.exception)


def test_import_gives_the_query_on_stdout_and_the_changes_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("kyiv near5 moscow\r\nand hd=talks\n", "utf-8")
    done = run("import", "--from", "factiva", "--file", tmp_path / "old.txt")
    assert done.exit_code == 0
    assert done.stdout == "(kyiv NEAR/4 moscow) AND title:talks\n"
    assert "at position 6: near5 became NEAR/4: Factiva counts from 1" in done.stderr
    told = json.loads(run("import", "--from", "factiva", "kyiv near5 moscow", "--json").stdout)
    assert (told["from"], told["query"]) == ("factiva", "kyiv NEAR/4 moscow")
    assert [change["position"] for change in told["changes"]] == [5]
    piped = run("import", "--from", "google", "--file", "-", stdin='"syria" -"football"\n')
    assert piped.stdout == "syria AND NOT football\n"


def test_import_names_what_has_no_equivalent() -> None:
    done = run("import", "--from", "factiva", "vodafone same telecom")
    assert isinstance(done.exception, QueryError)
    assert done.exception.position == 9
    assert "same has no equivalent" in str(done.exception)


def test_every_dialect_can_be_named() -> None:
    assert set(get_args(Dialect)) == DIALECTS.keys()
    assert run("import", "--from", "lycos", "syria").exit_code == 2


@pytest.mark.parametrize("arguments", [("lint",), ("lint", "syria", "--file", __file__), ("lint", "--file", "nowhere")])
def test_a_query_is_given_once(arguments: tuple[str, ...]) -> None:
    assert isinstance(run(*arguments).exception, UsageError)


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes(b"syri\xff")
    done = run("lint", "--file", tmp_path / "old.txt")
    assert "not UTF-8 at byte 4" in str(done.exception)


def test_the_real_command_exits_2_and_points(tmp_path: Path) -> None:
    done = wirewatch("query", "lint", "syria AND", cwd=tmp_path)
    assert done.returncode == 2
    line, query_line, caret = done.stderr.splitlines()
    assert line.startswith("wirewatch: at position 10: ")
    assert (query_line, caret) == ("syria AND", "         ^")
