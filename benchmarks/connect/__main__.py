"""``python -m benchmarks.connect [FEEDS]``: one core for the poller, another one for the server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.connect import simulate
from benchmarks.connect.rounds import rounds
from benchmarks.results import keep, machine

RESULTS = Path(__file__).parent / "results"
NAMES = ("first round, all is new", "next round, a fifth has news", "third round, the same")


def main(count: int) -> None:
    """Both pollers, then the simulated weeks."""
    known = machine()
    cores = sorted(os.sched_getaffinity(0))
    mine, theirs = rounds("ours", count, cores), rounds("plain", count, cores)
    print(f"{count:,} feeds of 20 items, polled by one core, 16 at once; ours with its store and stream on disk")
    for name, own, peer in zip(NAMES, mine, theirs, strict=True):
        print(f"{name}:")
        row = {
            "round": name,
            "feeds": count,
            "feeds_a_second": own.rate,
            "feeds_a_cpu_second": own.feeds / own.cpu_s,
            "memory_mb": own.resident_mb,
            "plain_feeds_a_second": peer.rate,
            "plain_feeds_a_cpu_second": peer.feeds / peer.cpu_s,
            "plain_memory_mb": peer.resident_mb,
            "ratio_of_cpu": peer.cpu_s / own.cpu_s,
        }
        keep(RESULTS / "rounds.csv", known, row)
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
    options = argparse.ArgumentParser(prog="python -m benchmarks.connect", description=__doc__)
    options.add_argument("feeds", nargs="?", type=int, default=5_000)
    main(options.parse_args().feeds)
