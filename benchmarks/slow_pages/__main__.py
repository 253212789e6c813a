"""``python -m benchmarks.slow_pages``: the others' delay with 0, 1 and 5 % slow pages, into ``results/slow_pages.csv``.

The gate: the others' 99th percentile moves by less than 3 s against the run without slow pages, every record has its one
outcome, and a replay gives the same. Exit 1 if it is missed. Run on a machine that others share, only the
differences mean something: the load stands beside each row.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.results import keep, load, machine

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results" / "slow_pages.csv"
SHARES = (0.0, 0.01, 0.05)
MOVES_S = 3.0


def measured(share: float, seconds: float, rate: float) -> dict[str, float]:
    """One run, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as folder:
        words = [str(share), str(seconds), str(rate), folder]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.slow_pages.measure", *words],
            stdout=subprocess.PIPE,
            check=True,
            cwd=ROOT,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(seconds: float, rate: float, path: Path) -> int:
    """Measure, print and write down; 1 if the gate is missed."""
    without, missed = 0.0, False
    for share in SHARES:
        known = machine()
        row = measured(share, seconds, rate)
        without = without or row["p99_s"]
        row |= {"p99_moved_s": row["p99_s"] - without, "seconds": seconds, "rate": rate}
        met = row["p99_moved_s"] < MOVES_S and row["records"] == row["outcomes"] and bool(row["replay_equal"])
        missed |= not met
        keep(path, known | {"load_after": round(load(), 2)}, {**row, "met": met})
        print(
            f"{share:5.0%} slow: others p50 {row['p50_s']:.2f}, p90 {row['p90_s']:.2f}, p99 {row['p99_s']:.2f} s "
            f"({row['p99_moved_s']:+.2f}), most {row['most_s']:.1f}; {row['outcomes']} outcomes of {row['records']}; "
            f"slow ones p50 {row['slow_p50_s']:.1f} s; replay equal: {bool(row['replay_equal'])}; load {load():.1f}",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.slow_pages", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument(
        "--seconds", type=float, default=60.0, help="how long articles are appended, after the warm-up"
    )
    options.add_argument("--rate", type=float, default=20.0, help="articles a second")
    options.add_argument("--out", type=Path, default=RESULTS, help="the CSV file")
    chosen = options.parse_args()
    sys.exit(main(chosen.seconds, chosen.rate, chosen.out))
