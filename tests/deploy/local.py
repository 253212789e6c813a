"""deploy/local/up.sh and down.sh as a context, for tests that need the whole of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.flink import consecutive_ports
from tests.servers.kafka import ServerFailed, alive

ROOT = Path(__file__).parents[2]
UP, DOWN, JOBS = ROOT / "deploy/local/up.sh", ROOT / "deploy/local/down.sh", ROOT / "deploy/flink_jobs.py"


@dataclass
class Local:
    """What up.sh started in ``folder``; ``base`` is the first of its ports."""

    folder: Path
    base: int

    def up(self, *options: str) -> None:
        """Start what doesn't run. Raises ServerFailed with the script's words."""
        done = subprocess.run(
            [UP, self.folder, *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            # Without canaries: the tests count the raw records.
            env={
                **os.environ,
                "PORT_BASE": str(self.base),
                "PYTHON": sys.executable,
                "WIREWATCH_CANARY_INTERVAL_S": "0",
            },
        )
        if done.returncode:
            raise ServerFailed(done.stderr[-3000:])

    def down(self) -> None:
        """End everything. Raises ServerFailed if the script fails."""
        done = subprocess.run([DOWN, self.folder], capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise ServerFailed(done.stderr[-3000:])

    def pid(self, name: str) -> int:
        """The process of one part."""
        return int((self.folder / "run" / name).read_text().split()[0])

    def kill(self, name: str) -> None:
        """End one part and its children at once (SIGKILL)."""
        os.killpg(self.pid(name), signal.SIGKILL)

    def parts(self) -> dict[str, int]:
        """The processes that run, by name."""
        names = [file.name for file in (self.folder / "run").iterdir()]
        return {name: self.pid(name) for name in sorted(names) if alive(self.pid(name))}

    def environment(self) -> dict[str, str]:
        """The settings that up.sh wrote for other commands."""
        lines = (self.folder / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def rest(self) -> str:
        """Flink's REST address."""
        return f"http://127.0.0.1:{self.base + 2}"

    def jobs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """deploy/flink_jobs.py on this cluster."""
        return subprocess.run(
            [sys.executable, JOBS, self.rest, *arguments], capture_output=True, text=True, check=False
        )


@contextlib.contextmanager
def local() -> Iterator[Local]:
    """A folder for up.sh that the user postgres can enter too (pytest's own can't be), with free ports; ended at the end."""
    folder = Path(tempfile.mkdtemp(prefix="wirewatch-up-"))
    folder.chmod(0o755)
    one = Local(folder / "here", consecutive_ports(10))
    try:
        yield one
    finally:
        if (one.folder / "run").is_dir():
            one.down()
        shutil.rmtree(folder, ignore_errors=True)
