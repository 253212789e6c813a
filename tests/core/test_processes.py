"""Names of processes: who has ended, as far as another process of the same machine can tell."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.processes import cpu_seconds, is_dead, process_name

NAME = "from core.processes import process_name; print(process_name(), flush=True); input()"


def test_a_killed_process_is_dead_even_before_its_parent_waits_for_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    name = child.stdout.readline().strip()
    assert not is_dead(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(name), "it is still in the table of processes"
    child.communicate()
    assert is_dead(name)


def test_a_name_is_this_process_s_own_and_fits_its_column() -> None:
    name = process_name()
    assert not is_dead(name)
    assert len(name) <= 100
    assert name != process_name(), "two workers of one process are two"


@pytest.mark.parametrize("field", [1, 3])
def test_what_another_machine_or_an_earlier_process_of_the_id_says(field: int) -> None:
    parts = process_name().split(":")
    parts[field] += "1"
    # Another machine's process can't be looked at; one that began at another time was another process.
    assert is_dead(":".join(parts)) is (field == 3)


def test_another_user_s_process_lives() -> None:
    parts = process_name().split(":")
    parts[2], parts[3] = "1", Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    assert not is_dead(":".join(parts))


@given(st.text())
def test_any_other_text_is_not_a_dead_process(text: str) -> None:
    assert not is_dead(text)
    host, machine, *_ = process_name().split(":")
    assert not is_dead(f"{host}:{machine}:{text}")
    assert not is_dead(f"{text}::1:1:1")


def test_the_cpu_of_a_process_is_what_it_has_used() -> None:
    before = cpu_seconds(os.getpid())
    own = time.process_time()
    assert before is not None
    assert abs(before - own) < 1.0
    assert cpu_seconds(2**22 + 1) is None
