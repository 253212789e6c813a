"""Shells complete commands: the names of groups, and of the commands in them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("wirewatch feed disc", ["discover"]),
        pytest.param("wirewatch sub", ["subscriptions"], marks=pytest.mark.slow),
        pytest.param("wirewatch nothing", [], marks=pytest.mark.slow),
    ],
)
def test_bash_gets_the_words_that_may_follow(words: str, completed: list[str]) -> None:
    asked = {"_WIREWATCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    answer = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['wirewatch']; from wirewatch.cli import main; main()"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout.split() == completed
    assert "Traceback" not in answer.stderr
