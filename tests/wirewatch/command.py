"""Running the real command as a person does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CORPORA = ROOT / "../shared/corpora"


def wirewatch(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished command, with its output. No settings of this machine get in."""
    clean = surroundings()
    done = subprocess.run(
        [sys.executable, "-m", "wirewatch", *map(str, arguments)],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def on_terminal(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished command whose stdout is a terminal without colours, 200 columns wide. stderr is none."""
    ours, its = pty.openpty()
    plain = {"TERM": "dumb", "COLUMNS": "200"}
    with tempfile.TemporaryFile("w+") as said, os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "wirewatch", *map(str, arguments)],
                cwd=cwd,
                env=surroundings() | plain | environment,
                stdin=subprocess.DEVNULL,
                stdout=its,
                stderr=said,
            )
        finally:
            os.close(its)
        shown = bytearray()
        # Linux ends what is read with EIO, once nobody has the other side open.
        try:
            while part := terminal.read(65_536):
                shown += part
        except OSError:
            pass
        code = process.wait(180)
        said.seek(0)
        words = said.read()
    assert "Traceback" not in words, words
    return subprocess.CompletedProcess(process.args, code, shown.decode().replace("\r\n", "\n"), words)


def surroundings() -> dict[str, str]:
    """The environment without settings of this machine."""
    # Rich takes FORCE_COLOR for a terminal.
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("WIREWATCH_") and name not in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    }


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
