"""``wirewatch people``: accounts from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from desk.people.directory import Directory
from desk.people.roles import Role
from pipeline.clock import wall_ms
from pipeline.store import open_store

PASSWORD = "twelve little letters"


def people(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """``wirewatch people …`` with a line on its standard input."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "wirewatch", "people", *arguments],
        cwd=folder,
        env=clean,
        input=typed,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done


def listed(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in people(folder, "list", "--json").stdout.splitlines()]


def test_somebody_is_let_in_changed_and_closed_out(tmp_path: Path) -> None:
    assert listed(tmp_path) == []
    added = people(tmp_path, "add", "Ann", "--role", "admin", typed=f"{PASSWORD}\n")
    assert (added.returncode, "Ann may use the desk as admin" in added.stderr) == (0, True)
    assert people(tmp_path, "add", "Bo", "--by-proxy").returncode == 0
    assert [(one["name"], one["role"], one["active"], one["password"]) for one in listed(tmp_path)] == [
        ("Ann", "admin", True, True),
        ("Bo", "reader", True, False),
    ]
    assert people(tmp_path, "role", "Bo", "editor").returncode == 0
    token = people(tmp_path, "token", "bo", "--for", "a script").stdout.strip()
    store = open_store(f"sqlite:///{tmp_path}/var/store.db")
    directory = Directory(store, clock_ms=wall_ms)
    caller = directory.by_token(token)
    assert caller is not None
    assert (caller.name, caller.role, caller.writes) == ("Bo", Role.EDITOR, False)
    signed = directory.sign_in("ann", PASSWORD, address="here", agent="a test")
    assert signed is not None
    assert people(tmp_path, "close", "Bo").returncode == 0
    assert directory.by_token(token) is None
    assert people(tmp_path, "password", "Ann", typed="another twelve letters\n").returncode == 0
    assert directory.by_session(signed[0]) is None
    assert directory.sign_in("ann", "another twelve letters", address="here", agent="a test") is not None
    store.close()


def test_what_makes_no_sense_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    assert people(tmp_path, "add", "Ann", "--role", "admin", typed=f"{PASSWORD}\n").returncode == 0
    for arguments, typed, why in (
        (("add", "ann"), f"{PASSWORD}\n", "there is a person called ann already"),
        (("add", "Bo"), "short\n", "12 characters"),
        (("role", "Ann", "reader"), "", "Ann is the last admin"),
        (("close", "Ann"), "", "Ann is the last admin"),
        (("token", "Ann", "--scope", "all"), "", "'all' is no scope"),
    ):
        refused = people(tmp_path, *arguments, typed=typed)
        assert refused.returncode == 2, arguments
        assert why in refused.stderr
    unknown = people(tmp_path, "role", "Nobody", "editor")
    assert unknown.returncode != 0
    assert "no such person" in unknown.stderr
