"""Runs ``LuceneMonitor.java``: its jars come from Maven on first use, into the project's .cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"


class Unavailable(Exception):
    """Lucene Monitor can't be run here; the message says why."""


def jars() -> Path:
    """The folder of the jars of ``lucene-pom.xml``; a changed file fetches them again. Raises Unavailable."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} not found: install a JDK (17 or newer) and Maven")
    pom = HERE / "lucene-pom.xml"
    folder = CACHE / f"lucene-{blake2b(pom.read_bytes(), digest_size=6).hexdigest()}"
    if not folder.is_dir():
        # Fetched beside and renamed, so that a broken download never looks like a whole one.
        beside = CACHE / f"{folder.name}.{os.getpid()}"
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={beside}"]
        done = subprocess.run(command, check=False)
        if done.returncode:
            shutil.rmtree(beside, ignore_errors=True)
            raise Unavailable("Maven could not fetch Lucene Monitor's jars")
        beside.rename(folder)
    return folder


class LuceneMonitor:
    """The running process, with all queries registered. One thread matches; so does one thread collect garbage."""

    def __init__(self, queries: Path, documents: Path) -> None:
        command = ["java", "-XX:+UseSerialGC", "-Xmx2g", "-cp", f"{jars()}/*", str(HERE / "LuceneMonitor.java")]
        self._process = subprocess.Popen(
            [*command, str(queries), str(documents)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> LuceneMonitor:
        self._answer("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None  # noqa: S101 - as started above
        self._process.stdin.close()
        self._process.wait(30)

    def time(self) -> float:
        """Seconds of a round over all documents."""
        self._order("time")
        return int(self._answer()) / 1e9

    def matches(self, documents: int) -> list[set[int]]:
        """Numbers of the matching queries, a set a document."""
        self._order("list")
        return [set(map(int, self._answer().split())) for _ in range(documents)]

    def _order(self, order: str) -> None:
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def _answer(self, wanted: str | None = None) -> str:
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline()
        if not line or (wanted is not None and line.strip() != wanted):
            raise Unavailable("Lucene Monitor stopped; its message is above")
        return line.strip()
