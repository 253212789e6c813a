"""``python -m benchmarks.connect [feeds]``: one core for the poller, another one for the server."""

from __future__ import annotations

import os
import sys

from benchmarks.connect import simulate
from benchmarks.connect.rounds import rounds

NAMES = ("first round, all is new", "next round, a fifth has news", "third round, the same")


def main(count: int = 5_000) -> None:
    """Both pollers, then the simulated weeks."""
    cores = sorted(os.sched_getaffinity(0))
    mine, theirs = rounds("ours", count, cores), rounds("plain", count, cores)
    print(f"{count:,} feeds of 20 items, polled by one core, 16 at once; ours with its store and stream on disk")
    for name, own, peer in zip(NAMES, mine, theirs, strict=True):
        print(f"{name}:")
        for who, one in (("Wirewatch", own), ("plain asyncio+httpx+feedparser", peer)):
            print(
                f"  {who}: {one.rate:,.0f} feeds/s, {one.feeds / one.cpu_s:,.0f} a second of CPU, "
                f"{one.items:,} new items, {one.resident_mb:,.0f} MB"
            )
        print(
            f"  ratio: {peer.cpu_s / own.cpu_s:.2f} times the plain loop's feeds a second of CPU "
            f"({own.rate / peer.rate:.2f} by the clock, which counts what else runs here), "
            f"{own.resident_mb / peer.resident_mb:.2f} times its memory"
        )
    simulate.main()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
