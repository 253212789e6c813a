"""Commands are imported when they are wanted; what stands about them beforehand is what they say themselves."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import wirewatch.commands
from wirewatch.cli import app
from wirewatch.commands import COMMANDS, short_help

GROUP: Any = typer.main.get_command(app)


def test_the_table_has_every_command_of_every_module() -> None:
    modules = {path.stem for path in Path(wirewatch.commands.__file__).parent.glob("*.py")}
    found: dict[str, set[str]] = {}
    for module in modules - {"__init__", "options"}:
        made = typer.Typer()
        made.add_typer(import_module(f"wirewatch.commands.{module}").app)
        made.callback()(lambda: None)
        whole: Any = typer.main.get_group(made)
        for name in whole.commands:
            found.setdefault(name, set()).add(module)
    assert found.keys() == COMMANDS.keys()
    for name, (module, _) in COMMANDS.items():
        assert module in found[name]
        # Of a group that several modules fill, the one that is named brings the others along.
        code = f"import sys, wirewatch.commands.{module}; print(*(one for one in sys.modules if 'wirewatch.commands.' in one))"
        if len(found[name]) > 1:
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            assert {f"wirewatch.commands.{one}" for one in found[name]} <= set(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_help_is_the_commands(name: str) -> None:
    command = GROUP.commands[name]
    first = " ".join(command.help.split("\n\n")[0].split())
    assert first == COMMANDS[name][1]
    for limit in (20, 45, 62, 200):
        assert short_help(first, limit) == command.get_short_help_str(limit)


def test_a_misspelt_command_is_named_with_the_nearest() -> None:
    said = CliRunner().invoke(app, ["serch"])
    assert said.exit_code == 2
    assert "Did you mean 'search'" in said.output


def test_help_and_version_import_no_command() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from wirewatch.cli import app\n"
        "for words in (['--help'], ['--version'], ['nonsense']): CliRunner().invoke(app, words)\n"
        "heavy = {'sqlalchemy', 'numpy', 'lxml', 'trafilatura', 'tantivy', 'apache_beam', 'kafka'}\n"
        "print(sorted(heavy & set(sys.modules)), [one for one in sys.modules if one.startswith('wirewatch.commands.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_commands_that_read_or_deliver_import_neither_beam_nor_extraction() -> None:
    # In one process, since each would import the same libraries.
    code = (
        "import sys; from importlib import import_module\n"
        "for name in ('delivery', 'replay', 'runs', 'trace'):\n"
        "    import_module(f'wirewatch.commands.{name}')\n"
        "    print(name, sorted({'apache_beam', 'trafilatura', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["delivery []", "replay []", "runs []", "trace []"]
