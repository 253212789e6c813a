"""The pages for one machine: deploy, backup and upgrade. Their shell commands run in folders of the test."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.settings import load_settings
from core.store import SubscriptionStore, open_store
from core.streams import create_stream
from tests.pages import ROOT, section
from tests.wirewatch.command import surroundings, wirewatch

FOLDER, PROGRAMS, BACKUP = "/var/lib/wirewatch", "/opt/wirewatch/.venv/bin", "/backup"
ROOTS = "systemctl() { echo systemctl $*; }; git() { :; }; make() { :; }; runuser() { shift 3; $*; }\n"
"""What root does to the machine, left out."""


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of the page's section on one machine."""
    found = section((ROOT / "docs" / page).read_text("utf-8"), "## One machine")
    return re.findall(rf"^```{language}\n(.*?)^```", found, re.DOTALL | re.MULTILINE)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with the installation's programs, its folder with a store, and one for backups."""
    for name in ("programs", "wirewatch", "backup"):
        (tmp_path / name).mkdir()
    program = tmp_path / "programs/wirewatch"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wirewatch "$@"\n')
    program.chmod(0o755)
    here = tmp_path / "wirewatch"
    (here / "wirewatch.toml").write_text('contact = "https://desk.example/about"\n')
    wirewatch("feed", "add", "https://outlet.example/feed.xml", "--unchecked", cwd=here)
    wirewatch("subscriptions", "add", "ferry", "--id", "ferries", cwd=here)
    with closing(create_stream(f"sqlite:///{here}/var/streams.db", "raw-articles")):
        pass
    return tmp_path


def run(machine: Path, commands: str) -> str:
    """What the commands print on stdout. Raises CalledProcessError if one fails."""
    given = {FOLDER: machine / "wirewatch", PROGRAMS: machine / "programs", BACKUP: machine / "backup"}
    for shown, real in given.items():
        commands = commands.replace(shown, str(real))
    commands = commands.replace("cd /opt/wirewatch ", "cd / ")
    environment = surroundings() | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-euc", commands], env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def queries(machine: Path) -> set[str]:
    with closing(open_store(f"sqlite:///{machine}/wirewatch/var/store.db")) as store:
        return {one.id for one in SubscriptionStore(store).read(now_ms=0).subscriptions}


@pytest.mark.slow
def test_a_backup_is_restored_as_the_page_says(machine: Path) -> None:
    backup, restore = blocks("backup.md", "sh")
    run(machine, backup)
    saved = {file.name: file.stat() for file in (machine / "backup").iterdir()}
    assert set(saved) == {"store.db", "streams.db", "wirewatch.toml", "feeds.opml", "subscriptions.jsonl"}
    assert all(each.st_mode & 0o077 == 0 and each.st_size for each in saved.values())

    wirewatch("subscriptions", "add", "rail", "--id", "rail", cwd=machine / "wirewatch")
    assert queries(machine) == {"ferries", "rail"}
    run(machine, restore)
    assert queries(machine) == {"ferries"}


@pytest.mark.slow
def test_an_upgrade_runs_the_commands_of_its_page(machine: Path) -> None:
    [upgrade] = blocks("upgrade.md", "sh")
    printed = run(machine, ROOTS + upgrade)
    assert printed.startswith("systemctl stop wirewatch\n")
    assert "1 subscription," in printed
    assert printed.endswith("systemctl start wirewatch\n")


def test_the_settings_to_deploy_with_are_settings(tmp_path: Path) -> None:
    [toml] = blocks("deploy.md", "toml")
    (tmp_path / "wirewatch.toml").write_text(toml)
    assert load_settings(tmp_path / "wirewatch.toml", {}).smtp_from == "alerts@desk.example"


def test_the_unit_to_deploy_with_passes_systemds_own_check(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on this machine")
    [unit] = blocks("deploy.md", "ini")
    assert f"ExecStart={PROGRAMS}/wirewatch up\n" in unit
    file = tmp_path / "wirewatch.service"
    file.write_text(unit.replace(f"{PROGRAMS}/wirewatch", "/bin/true"))
    done = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True, check=False)
    assert [line for line in (done.stdout + done.stderr).splitlines() if "wirewatch" in line] == []


@pytest.mark.parametrize("page", ["deploy.md", "backup.md", "upgrade.md"])
def test_each_command_finds_the_program(page: str) -> None:
    """A system user has no environment in its PATH."""
    for block in blocks(page, "sh"):
        found = block.partition(f"PATH=$PATH:{PROGRAMS}\n")[0]
        assert not re.search(r"(?m)^wirewatch ", found), block
