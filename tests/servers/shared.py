"""One server for a whole test run, also where pytest-xdist spreads it over several processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.servers.kafka import alive


@contextlib.contextmanager
def shared(directory: Path, start: Callable[[Path], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What ``start(directory)`` gave for the first process that came: facts about a server, its ``pid`` among them.

    The last worker to leave ends the server, by that pid. A worker that died without leaving is not waited for.
    """
    directory.mkdir(parents=True, exist_ok=True)
    state = directory / "shared.json"
    with _locked(directory):
        known: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {"users": []}
        if "failed" in known:
            raise RuntimeError(known["failed"])
        if "server" not in known:
            try:
                known["server"] = start(directory)
            except Exception as error:
                # Said once for all workers, each of which would try again and wait as long.
                state.write_text(json.dumps({"users": [], "failed": str(error)}))
                raise
        me = [os.getpid(), time.monotonic_ns()]
        known["users"].append(me)
        state.write_text(json.dumps(known))
    try:
        yield known["server"]
    finally:
        with _locked(directory):
            known = json.loads(state.read_text())
            known["users"] = [user for user in known["users"] if user != me and alive(user[0])]
            if known["users"]:
                state.write_text(json.dumps(known))
            else:
                state.unlink()
                _end(known["server"]["pid"])


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end(pid: int) -> None:
    deadline = time.monotonic() + 30
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            # The starter is its parent and must reap it; for the others it just disappears.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not alive(pid):
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
