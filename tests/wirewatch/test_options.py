"""What commands share: without a store, those that read it say so and make nothing, those that write it make it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from core.errors import StoreError
from core.settings import Settings
from tests.wirewatch.command import wirewatch
from wirewatch.cli import app
from wirewatch.commands.options import require_store
from wirewatch.commands.subscriptions import Fields

MAKING = {
    *("up", "run", "replay", "archive", "doctor", "desk", "deliver", "connectors run", "connectors listen"),
    *("pipeline run", "feed add", "feed import", "subscriptions add", "subscriptions import", "channels add"),
    *("people add", "streams create", "streams adopt"),
}
STORELESS = {
    *("match", "feed parse", "feed discover", "query lint", "query explain", "query import", "topics list"),
    *("topics test", "topics lint", "topics fit", "topics score"),
    *("streams list", "streams contracts", "channels kinds"),
}


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """All commands, each with its name as it is typed and its function."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, *path, name)
        else:
            yield " ".join((*path, name)), one.callback


def test_every_command_declares_whether_it_creates_the_store() -> None:
    found = dict(commands(typer.main.get_command(app)))
    reading = {name for name, command in found.items() if getattr(command, "reads_store", False)}
    assert len(reading) > 25
    assert not reading & (MAKING | STORELESS)
    assert reading | MAKING | STORELESS == found.keys()


def test_commands_that_share_a_dataclass_of_options_take_each_of_its_fields_alike() -> None:
    found = typer.main.get_command(app).commands["subscriptions"].commands  # type: ignore[attr-defined]
    add, edit = ({one.name: vars(one) for one in found[name].params} for name in ("add", "edit"))
    for name in Fields.__dataclass_fields__:
        assert {key: add[name][key] for key in ("opts", "default", "help")} == {
            key: edit[name][key] for key in ("opts", "default", "help")
        }
        assert add[name]["help"]
    given = Fields(topics=["-"], delivery=["ops", "mail"], digest="07:30", quiet="-", per_hour=0, note="why")
    assert given.changes() == {
        "topics": [],
        "delivery": ["ops", "mail"],
        "note": "why",
        "schedule": {"kind": "daily", "at": "07:30", "quiet": "", "per_hour": 0},
    }


@pytest.mark.parametrize(
    "words",
    ["search syria", "tail --no-follow", "runs list", "subscriptions list", "feed list", "status", "channels list",
     "backtest syria", "export --parquet out", "takedown https://a.example/x --reason r", "trace https://a.example/x",
     "show stories", "people list"],
)  # fmt: skip
def test_reading_without_a_store_is_one_line_with_the_next_step_and_makes_nothing(tmp_path: Path, words: str) -> None:
    done = wirewatch(*words.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert f"there is no store at {tmp_path / 'var/store.db'} — wirewatch up creates it" in line
    assert "data_dir / WIREWATCH_DATA_DIR" in line
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_writes_makes_the_store_and_then_reading_goes(tmp_path: Path) -> None:
    assert wirewatch("subscriptions", "add", "syria", "--id", "s", cwd=tmp_path).returncode == 0
    done = wirewatch("subscriptions", "list", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["id"]) == (0, "s")
    assert wirewatch("subscriptions", "list", "--help", cwd=tmp_path / "var").returncode == 0


def test_help_needs_no_store(tmp_path: Path) -> None:
    done = wirewatch("search", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Search the stored articles" in done.stdout
    assert "--days" in done.stdout


def test_a_server_is_asked_itself(tmp_path: Path) -> None:
    require_store(Settings(store_url="postgresql://desk@db.example/wirewatch"))
    require_store(Settings(store_url="sqlite:///:memory:"))
    with pytest.raises(StoreError, match="there is no store at"):
        require_store(Settings(data_dir=str(tmp_path)))


def test_a_takedown_of_an_unknown_address_is_reported_and_still_holds(tmp_path: Path) -> None:
    wirewatch("subscriptions", "add", "syria", "--id", "s", cwd=tmp_path)
    done = wirewatch("takedown", "https://a.example/mistyped", "--reason", "court", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing was stored under this address: check its spelling" in done.stderr
    listed = wirewatch("takedown", "--list", "--json", cwd=tmp_path)
    assert json.loads(listed.stdout)["url"] == "https://a.example/mistyped"


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        ("--config nope.toml runs list", {}, "nope.toml: no such file or directory — --config takes"),
        ("--config bad.toml runs list", {}, "bad.toml: not TOML: "),
        ("--config wrong.toml runs list", {}, "wrong.toml: desk_port must be a whole number — it says: port that"),
        ("--config near.toml runs list", {}, "near.toml: there is no setting 'desk_prot' — did you mean desk_port?"),
        ("runs list", {"WIREWATCH_DESK_PORT": "abc"}, "WIREWATCH_DESK_PORT: desk_port must be a whole number"),
        (
            "runs list",
            {"WIREWATCH_LOG_FORMAT": "x"},
            "WIREWATCH_LOG_FORMAT: log_format must be one of auto, json, text",
        ),
        ("show storys", {}, "'storys' can't be shown — did you mean wirewatch show stories?"),
        ("feed remove https://a.example/none", {}, "https://a.example/none: no such feed — wirewatch feed list"),
    ],
)
def test_wrong_use_is_one_line_in_plain_words_and_exit_2(
    tmp_path: Path, words: str, environment: dict[str, str], said: str
) -> None:
    wirewatch("subscriptions", "add", "syria", "--id", "s", cwd=tmp_path)
    (tmp_path / "bad.toml").write_text("[a\n")
    (tmp_path / "wrong.toml").write_text('desk_port = "x"\n')
    (tmp_path / "near.toml").write_text("desk_prot = 1\n")
    done = wirewatch(*words.split(), cwd=tmp_path, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert said in line
    assert "Errno" not in line
    assert "`int`" not in line
