"""A poller in a process and on a core of its own, so that memory and speed are its own."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.connect.measure import Round
from benchmarks.connect.server import Feeds, serving

TURNS = 3


def _poll(which: str, feeds: Feeds, count: int, pipe: Connection, core: int) -> None:
    os.sched_setaffinity(0, {core})
    # Each imports its own: ours changes classes of feedparser, and the plain loop is to have them as they are.
    if which == "plain":
        from benchmarks.connect import plain

        pipe.send(plain.rounds(feeds, count, TURNS))
        return
    from benchmarks.connect import ours

    with tempfile.TemporaryDirectory(prefix="connect-") as folder:
        pipe.send(ours.rounds(feeds, count, TURNS, Path(folder)))


def rounds(which: str, count: int, cores: list[int]) -> list[Round]:
    """Poll with ``ours`` or ``plain``: a first round, then two in which a fifth of the feeds has news."""
    context = multiprocessing.get_context("spawn")
    with serving(cores[-1]) as feeds:
        here, there = context.Pipe()
        process = context.Process(target=_poll, args=(which, feeds, count, there, cores[0]))
        process.start()
        there.close()
        try:
            found: list[Round] = here.recv()
        finally:
            process.join()
        return found
