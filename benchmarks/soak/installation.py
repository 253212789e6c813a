"""deploy/local with the pipeline service of this tree: started for a bench, ended whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.settings import Settings
from tests.servers.flink import consecutive_ports

ROOT = Path(__file__).parents[2]
UP, DOWN = ROOT / "deploy/local/up.sh", ROOT / "deploy/local/down.sh"
INJECTION = Path(__file__).parent / "injection"
SLOW_PROCESSES = 8
"""At 20 articles/s, 1 % slow pages want 6 processes for 30 s each."""
START_S = 180.0
SERVERS = ("kafka", "postgres", "jobmanager", "taskmanager", "jobserver", "workers")


class BenchFailed(Exception):
    """What went wrong, for the person who reads the end of the log."""


class Installation:
    """Kafka, PostgreSQL and, for ``flink``, a cluster with workers; ``start`` adds the pipeline service."""

    def __init__(self, folder: Path, driver: str, store: str, base: int, slow: str = "") -> None:
        self.folder, self.driver, self.base, self._slow = folder, driver, base, slow
        self.metrics_port = base + 9
        self._pipeline: subprocess.Popen[bytes] | None = None
        url = f"postgresql://wirewatch@/wirewatch?host={folder / 'postgres'}"
        if store == "sqlite":
            url = f"sqlite:///{folder / 'store.db'}"
        self.settings = Settings(
            data_dir=str(folder / "data"),
            stream_url=f"kafka://127.0.0.1:{base}",
            store_url=url,
            metrics_port=self.metrics_port,
            **({"slow_processes": SLOW_PROCESSES} if slow else {}),
        )

    def up(self) -> None:
        """Start the servers. Raises BenchFailed with the script's words."""
        options = ["--servers", *(["--slices"] if self.driver == "slices" else [])]
        environment = {**_clean(), **self._python(), "PORT_BASE": str(self.base), "PYTHON": sys.executable}
        done = subprocess.run(
            [UP, self.folder, *options], capture_output=True, text=True, check=False, timeout=900, env=environment
        )
        if done.returncode:
            raise BenchFailed(f"up.sh: {done.stderr[-3000:]}")

    def start(self) -> None:
        """Start the pipeline service and wait until it is ready. Raises BenchFailed with the end of its log."""
        arguments = ["pipeline", "run"]
        if self.driver == "flink":
            options = [
                "--job_name=wirewatch-live",
                f"--job_endpoint=127.0.0.1:{self.base + 4}",
                "--environment_type=EXTERNAL",
                f"--environment_config=127.0.0.1:{self.base + 7}",
                "--parallelism=2",
                "--externalized_checkpoints_enabled",
            ]
            arguments += ["--runner=PortableRunner", *(f"--beam-option={option}" for option in options)]
        names = ("data_dir", "stream_url", "store_url", "metrics_port", "slow_processes")
        values = {name: getattr(self.settings, name) for name in names}
        # It ends when its standard input does: with this process, however that ends.
        environment = {"SUPERVISED_BY_WIREWATCH": "1"} | {
            f"WIREWATCH_{name.upper()}": str(one) for name, one in values.items()
        }
        with self.log.open("ab") as log:
            self._pipeline = subprocess.Popen(
                [sys.executable, "-m", "wirewatch", *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**_clean(), **environment, **self._python()},
            )
        deadline = time.monotonic() + START_S
        while not self._ready():
            self.check()
            if time.monotonic() > deadline:
                raise BenchFailed(f"the pipeline isn't ready after {START_S:.0f} s:\n{self.log_tail()}")
            time.sleep(0.5)

    def _python(self) -> dict[str, str]:
        """What Python finds in all processes: this tree, and what lets slow pages hang."""
        if not self._slow:
            return {"PYTHONPATH": str(ROOT)}
        return {"PYTHONPATH": f"{INJECTION}{os.pathsep}{ROOT}", "SOAK_SLOW": self._slow}

    @property
    def log(self) -> Path:
        """The pipeline's log."""
        return self.folder / "logs/pipeline.log"

    def log_tail(self, lines: int = 25) -> str:
        """Its end."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def check(self) -> None:
        """Raises BenchFailed once the pipeline has ended."""
        if self._pipeline is not None and self._pipeline.poll() is not None:
            raise BenchFailed(f"the pipeline ended with {self._pipeline.returncode}:\n{self.log_tail()}")

    def roots(self) -> dict[str, int]:
        """The first process of each part that runs."""
        found = {"pipeline": self._pipeline.pid} if self._pipeline is not None else {}
        for name in SERVERS:
            with contextlib.suppress(OSError, ValueError, IndexError):
                found[name] = int((self.folder / "run" / name).read_text().split()[0])
        return found

    def ask(self, port: int, path: str) -> str:
        """The body of a GET on loopback. Raises OSError."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def checkpoint(self) -> dict[str, Any]:
        """Flink's last completed checkpoint; empty if there is none (yet)."""
        if self.driver != "flink":
            return {}
        try:
            jobs = json.loads(self.ask(self.base + 2, "/jobs/overview"))["jobs"]
            running = [job["jid"] for job in jobs if job["state"] == "RUNNING"]
            if not running:
                return {}
            told = json.loads(self.ask(self.base + 2, f"/jobs/{running[0]}/checkpoints"))
        except (OSError, ValueError, KeyError):
            return {}
        last: dict[str, Any] = (told.get("latest") or {}).get("completed") or {}
        return {**last, "failed": told.get("counts", {}).get("failed", 0)}

    def down(self) -> None:
        """End everything."""
        process, self._pipeline = self._pipeline, None
        if process is not None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if (self.folder / "run").is_dir():
            subprocess.run([DOWN, self.folder], capture_output=True, check=False, timeout=300)

    def _ready(self) -> bool:
        try:
            self.ask(self.metrics_port, "/readyz")
        except OSError:
            return False
        return self.driver != "flink" or bool(self.checkpoint().get("id"))


@contextlib.contextmanager
def installed(driver: str, store: str, *, slow: str = "", keep: bool = False) -> Iterator[Installation]:
    """A new installation on free ports in a scratch folder, with its servers up; ended and removed afterwards.

    ``slow``: pages with this in their addresses hang.
    """
    # The user postgres must be able to enter it, and a socket's path must be short.
    outer = Path(tempfile.mkdtemp(prefix="ww-soak-"))
    outer.chmod(0o755)
    one = Installation(outer / "i", driver, store, consecutive_ports(10), slow)
    try:
        one.up()
        yield one
    finally:
        one.down()
        if not keep:
            shutil.rmtree(outer, ignore_errors=True)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
