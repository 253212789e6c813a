"""Names for processes by which another process on the same machine can tell that they have ended.

A name is ``HOST:MACHINE:PID:START:RANDOM``. MACHINE is the kernel's boot id with the namespace of process ids, so it is
the same for two processes exactly if a process id means the same to both. START is when the process started (in kernel
ticks), since ids are reused. If the system does not provide these (no ``/proc``), MACHINE is empty, and no process
counts as ended by its name: its leases expire instead.
"""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from pathlib import Path
from typing import NamedTuple

_HOST_LENGTH, _BOOT_LENGTH = 40, 12


class _Stat(NamedTuple):
    state: str
    started: str


def process_name() -> str:
    """A name for this process, unique among all that share a store; at most 100 characters."""
    mine = _stat(os.getpid())
    machine, started = (_machine(), mine.started) if mine else ("", "")
    host = socket.gethostname()[:_HOST_LENGTH].replace(":", "-")
    return f"{host}:{machine}:{os.getpid()}:{started}:{secrets.token_hex(4)}"


def is_dead(name: str) -> bool:
    """Whether the process with this name has certainly ended. False for one on another machine, and for any other text."""
    parts = name.split(":")
    if len(parts) != 5 or not parts[1] or parts[1] != _machine() or not (parts[2].isdecimal() and parts[2].isascii()):
        return False
    pid = int(parts[2])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        # Another user's process: it is alive, but nothing more can be known about it.
        return False
    now = _stat(pid)
    # A killed process that was not waited for yet runs nothing any more.
    return now is not None and (now.state in "ZX" or now.started != parts[3])


@cache
def _machine() -> str:
    """The scope in which process ids are comparable; empty if the system does not provide it."""
    boot = boot_id()
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""
    return f"{boot}-{''.join(filter(str.isdecimal, namespace))}" if boot else ""


@cache
def boot_id() -> str:
    """An id of this boot of the machine, 12 characters; empty if the system does not provide it."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    except (OSError, ValueError):
        return ""
    return text.strip().replace("-", "")[:_BOOT_LENGTH]


def cpu_seconds(pid: int) -> float | None:
    """CPU seconds used by a running process of this machine; None if the system does not provide it."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if len(fields) > 12 else None


def _stat(pid: int) -> _Stat | None:
    fields = _fields(pid)
    return _Stat(fields[0], fields[19]) if len(fields) > 19 else None


def _fields(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return []
    # The name of the program is in brackets and may contain any character.
    return text.rpartition(")")[2].split()
