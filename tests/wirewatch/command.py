"""Running the real command as a person does."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from tests.wirewatch.forked import Forked, server

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 180.0


def wirewatch(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished command, with its output. No settings of this machine get in."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = _run(arguments, cwd, environment, out.fileno(), err.fileno())
        said, words = _read(out), _read(err)
    assert "Traceback" not in words, words
    return subprocess.CompletedProcess([*map(str, arguments)], code, said, words)


def _run(arguments: Sequence[str | Path], cwd: Path, environment: dict[str, str], stdout: int, stderr: int) -> int:
    process = _start(arguments, cwd, environment, stdout, stderr)
    try:
        return process.wait(TIMEOUT_S)
    finally:
        process.kill()


def _start(arguments: Sequence[str | Path], cwd: Path, environment: dict[str, str], stdout: int, stderr: int) -> Forked:
    given = surroundings() | environment
    return server().start([*map(str, arguments)], cwd=cwd, environment=given, stdout=stdout, stderr=stderr)


@contextlib.contextmanager
def service(*arguments: str | Path, cwd: Path, says: Path | None = None, **environment: str) -> Iterator[Forked]:
    """The running command, which is killed at the end if it has not ended. What it prints goes into the file ``says``."""
    with (says or Path(os.devnull)).open("wb") as out:
        process = _start(arguments, cwd, environment, out.fileno(), out.fileno())
    try:
        yield process
    finally:
        process.kill()
        process.wait(TIMEOUT_S)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def on_terminal(
    *arguments: str | Path, cwd: Path, together: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The finished command whose stdout is a terminal without colours, 200 columns wide. stderr is none, or, ``together``,
    the same one."""
    ours, its = pty.openpty()
    plain = {"TERM": "dumb", "COLUMNS": "200"}
    shown = bytearray()

    def read() -> None:
        # Linux ends what is read with EIO, once no process has the other side open.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65_536):
                shown.extend(part)

    with tempfile.TemporaryFile() as said:
        reader = threading.Thread(target=read)
        reader.start()
        try:
            code = _run(arguments, cwd, plain | environment, its, its if together else said.fileno())
        finally:
            os.close(its)
            reader.join()
            os.close(ours)
        words = _read(said)
    assert "Traceback" not in words, words
    return subprocess.CompletedProcess([*map(str, arguments)], code, shown.decode().replace("\r\n", "\n"), words)


_OF_TERMINALS = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"})


def surroundings() -> dict[str, str]:
    """The environment without settings of this machine."""
    # Rich takes FORCE_COLOR for a terminal; the tests' own workers set COLUMNS.
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("WIREWATCH_") and name not in _OF_TERMINALS
    }


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
