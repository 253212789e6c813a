"""Every command of the runbook is run by a test, or the page says that none runs it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.deploy import files

PAGE = (files.ROOT / "docs/operations.md").read_text("utf-8")
KNOWN: list[dict[str, Any]] = tomllib.loads((files.DEPLOY.parent / "tests/deploy/runbook.toml").read_text("utf-8"))[
    "command"
]
NOT_COMMANDS = ("#", "archive_", "restore_command", "recovery_target", "END")
"""Lines of blocks that go into a file of settings."""


def commands() -> list[str]:
    """The lines of the page's blocks that are commands, without what is said behind them."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines() if line.strip()]
    return [re.split(r"  +#", line)[0].strip() for line in lines if not line.startswith(NOT_COMMANDS)]


def entry(command: str) -> dict[str, Any] | None:
    """What is known of a command: by the longest beginning."""
    fitting = [one for one in KNOWN if command.startswith(one["line"])]
    return max(fitting, key=lambda one: len(one["line"]), default=None)


def test_each_command_of_a_block_is_run_by_a_test_or_marked() -> None:
    assert len(commands()) > 30
    assert [one for one in commands() if entry(one) is None] == []
    used = [found["line"] for one in commands() if (found := entry(one)) is not None]
    assert [one["line"] for one in KNOWN if one["line"] not in used] == [], "the page has these no more"


def test_what_runs_a_command_is_there() -> None:
    for one in KNOWN:
        assert ("by" in one) != ("not" in one), one["line"]
        if "by" in one:
            file, _, name = one["by"].partition("::")
            text = (files.ROOT / file).read_text("utf-8")
            assert not name or re.search(rf"(?:def|class) {name}\b", text), one["by"]
            assert one.get("words", one["line"]) in text, f"{one['line']}: not in {file}"


def test_the_page_names_what_no_test_runs() -> None:
    _, found, below = PAGE.partition("\n### Commands that no test runs\n")
    assert found
    said = below.split("\n#")[0]
    for one in KNOWN:
        if "not" in one:
            first = " ".join(one["line"].split()[:2])
            assert f"`{first}" in said, first
            assert one["not"] in said, one["not"]
