"""``wirewatch people``: accounts from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner

from core.clock import wall_ms
from core.errors import WirewatchError
from core.store import open_store
from desk.people.accounts import Accounts
from desk.people.roles import Role
from tests.wirewatch.command import wirewatch
from wirewatch.cli import app

PASSWORD = "twelve little letters"


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def people(folder: Path, *arguments: str, typed: str = "") -> Done:
    """``wirewatch people …`` with a line on its standard input, in this process: starting a new one takes seconds."""
    environment = {"WIREWATCH_DATA_DIR": str(folder / "var")}
    ran = CliRunner().invoke(app, ["people", *arguments], input=typed, env=environment)
    error = ran.exception
    assert error is None or isinstance(error, (WirewatchError, SystemExit)), repr(error)
    code = error.exit_code if isinstance(error, WirewatchError) else ran.exit_code
    said = ran.stderr + (str(error) if isinstance(error, WirewatchError) else "")
    assert PASSWORD not in ran.stdout + said
    return Done(code, ran.stdout, said)


def listed(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in people(folder, "list", "--json").out.splitlines()]


def test_an_account_is_created_changed_and_closed(tmp_path: Path) -> None:
    assert listed(tmp_path) == []
    added = people(tmp_path, "add", "Ann", "--role", "admin", typed=f"{PASSWORD}\n")
    assert (added.code, "Ann can now use the desk as admin" in added.err) == (0, True)
    assert people(tmp_path, "add", "Bo", "--by-proxy").code == 0
    assert [(one["name"], one["role"], one["active"], one["password"]) for one in listed(tmp_path)] == [
        ("Ann", "admin", True, True),
        ("Bo", "reader", True, False),
    ]
    assert people(tmp_path, "role", "Bo", "editor").code == 0
    token = people(tmp_path, "token", "bo", "--for", "a script").out.strip()
    store = open_store(f"sqlite:///{tmp_path}/var/store.db")
    accounts = Accounts(store, clock_ms=wall_ms)
    caller = accounts.by_token(token)
    assert caller is not None
    assert (caller.name, caller.role, caller.writes) == ("Bo", Role.EDITOR, False)
    signed = accounts.sign_in("ann", PASSWORD, address="here", agent="a test")
    assert signed is not None
    assert people(tmp_path, "close", "Bo").code == 0
    assert accounts.by_token(token) is None
    kept = people(tmp_path, "token", "ann").out.strip()
    assert people(tmp_path, "password", "Ann", "--keep-tokens", typed="yet another twelve\n").code == 0
    assert accounts.by_token(kept) is not None
    changed = people(tmp_path, "password", "Ann", typed="another twelve letters\n")
    assert (changed.code, "1 of their API tokens" in changed.err) == (0, True)
    assert accounts.by_token(kept) is None
    assert accounts.by_session(signed[0]) is None
    assert accounts.sign_in("ann", "another twelve letters", address="here", agent="a test") is not None
    store.close()


def test_contradictory_arguments_give_one_line_and_exit_code_2(tmp_path: Path) -> None:
    assert people(tmp_path, "add", "Ann", "--role", "admin", typed=f"{PASSWORD}\n").code == 0
    for arguments, typed, why in (
        (("add", "ann"), f"{PASSWORD}\n", "there is already a person called ann"),
        (("add", "Bo"), "short\n", "12 characters"),
        (("role", "Ann", "reader"), "", "Ann is the last admin"),
        (("close", "Ann"), "", "Ann is the last admin"),
        (("token", "Ann", "--scope", "all"), "", "'all' is not a scope"),
    ):
        refused = people(tmp_path, *arguments, typed=typed)
        assert refused.code == 2, arguments
        assert why in refused.err
    unknown = people(tmp_path, "role", "Nobody", "editor")
    assert unknown.code == 1
    assert "no such person" in unknown.err
    # The whole command, once.
    whole = wirewatch("people", "role", "Ann", "reader", cwd=tmp_path)
    assert whole.returncode == 2
    assert "Ann is the last admin" in whole.stderr
