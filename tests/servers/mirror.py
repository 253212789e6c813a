"""Kafka's MirrorMaker 2 between two brokers of the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.servers.kafka import KafkaServer, ServerFailed

LAUNCHER = Path(__file__).parents[2] / "deploy/local/mirror.sh"


@contextlib.contextmanager
def mirror(directory: Path, source: KafkaServer, target: KafkaServer) -> Iterator[Path]:
    """Mirror until the end, which is as a power cut would (SIGKILL); gives the log. Raises ServerFailed."""
    fetched = subprocess.run([LAUNCHER, "--fetch"], capture_output=True, text=True, timeout=900, check=False)
    if fetched.returncode:
        raise ServerFailed((fetched.stderr or fetched.stdout).strip()[-2000:])
    directory.mkdir(parents=True)
    log = directory / "mirror.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [LAUNCHER, directory, source.bootstrap, target.bootstrap],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):  # it had ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
