"""``python -m benchmarks.replay [TIMES]``: the evaluation pages TIMES times as a WARC, bare trafilatura over it, replays of it.

A machine that others share makes seconds of the clock mean little: CPU seconds, of all processes, stand beside them, and
the load before and after each measurement. The result goes to ``results/`` with the machine's facts.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from benchmarks.replay.archive import PAGES, build
from benchmarks.results import load, machine

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[2]


class Setup(NamedTuple):
    """One thing to measure: ``kind`` with so many extraction processes on so many cores.

    ``drafts``: the file of kept drafts. The first measurement with one fills it, the others find all drafts there.
    """

    what: str
    kind: str
    processes: int
    cores: int
    drafts: str = ""


SETUPS = (
    Setup("bare trafilatura.extract", "bare", 0, 1),
    Setup("replay, one core", "replay", 1, 1, "one.db"),
    Setup("replay, two cores", "replay", 2, 2, "two.db"),
    Setup("kept drafts, one core", "stream", 1, 1, "one.db"),
    Setup("kept drafts, two cores", "stream", 2, 2, "one.db"),
    Setup("kept drafts, of the WARC", "replay", 1, 1, "one.db"),
)


def measured(setup: Setup, path: Path, articles: int) -> dict[str, object]:
    """A row of the result."""
    before = load()
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as folder:
        drafts = str(path.with_name(setup.drafts or "none.db"))
        words = [setup.kind, str(path), folder, str(setup.processes), str(setup.cores), drafts]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.replay.measure", *words], stdout=subprocess.PIPE, check=True, cwd=ROOT
        )
    cost: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    cpu = cost["own_cpu_s"] + cost["children_cpu_s"]
    return {
        "what": setup.what,
        "processes": setup.processes,
        "cores": setup.cores,
        "articles": articles,
        **{name: round(value, 2) for name, value in cost.items()},
        "per_cpu_s": round(articles / cpu, 2),
        "per_clock_s": round(articles / cost["clock_s"], 2),
        "load_before": round(before, 1),
        "load_after": round(load(), 1),
    }


def facts(path: Path, articles: int) -> dict[str, object]:
    """What the figures hang on."""
    known = machine()
    return {
        "when": known["when"],
        "articles": articles,
        "warc_mib": path.stat().st_size >> 20,
        "cpu": known["cpu"],
        "cpu_count": known["cores"],
        "python": known["python"],
        "trafilatura": version("trafilatura"),
        "beam": version("apache-beam"),
        "commit": known["commit"],
    }


def main(times: int, folder: Path = RESULTS) -> None:
    """Measure, print and write down."""
    if not PAGES.is_dir():
        sys.exit("the evaluation pages (../shared/corpora/pages) are not beside the project")
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as scratch:
        path = Path(scratch) / "crawl.warc.gz"
        articles = build(path, times)
        known = facts(path, articles)
        print(f"{articles} pages, {known['warc_mib']} MiB of WARC.gz; load {load():.1f}, {known['cpu_count']} cores")
        rows = []
        for setup in SETUPS:
            row = measured(setup, path, articles)
            rows.append(row)
            print(
                f"{setup.what:27} {row['per_cpu_s']:>6} a CPU second ({row['own_cpu_s']} s here, {row['children_cpu_s']} s in "
                f"children), {row['per_clock_s']:>6} by the clock; peak {row['peak_mib']} MiB here; "
                f"load {row['load_before']} to {row['load_after']}",
                flush=True,
            )
    bare, one, two, kept, kept_two, of_warc = (float(str(row["per_cpu_s"])) for row in rows)
    clocks = [float(str(row["per_clock_s"])) for row in rows]
    print(f"target 0.95 of bare for each core: {one / bare:.2f} by CPU seconds ({two / bare:.2f} with two processes)")
    print(
        f"target 1.8 times on two cores: {clocks[2] / clocks[1]:.2f} by the clock (meaningful only on an idle machine)"
    )
    print(
        f"target 10 times bare from kept drafts: {kept / bare:.2f} by CPU seconds ({kept_two / bare:.2f} with two processes, "
        f"{of_warc / bare:.2f} reading the WARC again)"
    )
    print(f"target 1.7 times that on two cores: {clocks[4] / clocks[3]:.2f} by the clock")
    folder.mkdir(exist_ok=True)
    target = folder / f"replay-{datetime.now(UTC):%Y%m%dT%H%MZ}.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {name}: {value}\n" for name, value in known.items())
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"written to {os.path.relpath(target, ROOT)}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("times", nargs="?", type=int, default=4, help="how often each page is repeated (default: 4)")
    options.add_argument("--out", type=Path, default=RESULTS, help="folder for the CSV file")
    chosen = options.parse_args()
    main(chosen.times, chosen.out)
