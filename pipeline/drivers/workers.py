"""A pool of external Python workers for Flink: ``python -m pipeline.drivers.workers PORT [--beside HOST:PORT]``.

Each of Flink's task managers requests a worker from the pool; every worker is a separate process, so a page that kills
it affects no other, and Flink restarts the job from its checkpoint.

Containers that share a task manager's network keep the old network when the task manager is restarted in another, and
would never get a request for a worker again. With ``--beside`` the pool watches a port of the task manager and exits
with code 1 once nothing has listened there for a minute, so its supervisor restarts it in the new network.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import structlog

from core.logs import configure_worker

log = structlog.get_logger()
PATIENCE_S, LOOK_EVERY_S, ANSWER_S = 60.0, 5.0, 5.0


class Vigil:
    """Decides when a neighbour is gone: all checks failed for ``patience_s`` seconds, even if it was never there."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._missed_since: float | None = None

    def gone(self, there: bool, now_s: float) -> bool:
        """Record the result of a check at the time ``now_s`` (seconds of a monotonic clock)."""
        if there:
            self._missed_since = None
            return False
        # From the first failed check, not from the last good one: a process that was suspended has missed nothing yet.
        if self._missed_since is None:
            self._missed_since = now_s
        return now_s - self._missed_since >= self._patience_s


def serve(
    port: int,
    beside: tuple[str, int] | None = None,
    *,
    patience_s: float = PATIENCE_S,
    look_every_s: float = LOOK_EVERY_S,
) -> int:
    """Serve workers on ``port``, all addresses, until ``beside`` (host, port) is gone; returns 1 then. Without it, endlessly.

    The workers end with the process, even if it is terminated (SIGTERM, SIGINT: SystemExit 0); on their own they
    would not.
    """
    # Before Beam is loaded, which logs warnings about optional libraries in its own format.
    configure_worker(service="workers")
    from pipeline.drivers.worker_pool import STATE_CACHE_BYTES, VersionedPool

    # Beam ends the workers at the interpreter's exit, which a signal's default action skips; and process 1 of a container
    # ignores signals that it has no handler for.
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, _end)
    _, server = VersionedPool.start(use_process=True, port=port, state_cache_size=STATE_CACHE_BYTES)
    vigil = Vigil(patience_s)
    try:
        while beside is None or not vigil.gone(_listens(beside), time.monotonic()):
            time.sleep(look_every_s)
        log.error("nothing listens beside these workers any more", item="{}:{}".format(*beside), seconds=patience_s)
        return 1
    finally:
        server.stop(0).wait()


def _end(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, ANSWER_S).close()
    except OSError:
        return False
    return True


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 1 to 65535")
    return int(text)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not host or not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:9249")
    return host.removeprefix("[").removesuffix("]"), _port(port)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Raises SystemExit 2 for arguments that it doesn't understand."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.drivers.workers", description="Python workers for Flink.")
    parser.add_argument("port", metavar="PORT", type=_port, help="port that the pool listens on, all addresses")
    parser.add_argument(
        "--beside",
        metavar="HOST:PORT",
        type=_address,
        help="end once nothing has listened here for a minute (the task manager's metrics)",
    )
    given = parser.parse_args(arguments)
    return serve(given.port, given.beside)


if __name__ == "__main__":
    sys.exit(main())
