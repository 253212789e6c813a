"""``python -m benchmarks.torture [--kills N] [--setup NAME ...] [--seed S] [--out CSV]``; exit 1 if anything is wrong."""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.torture.report import keep, show
from benchmarks.torture.setups import SETUPS
from benchmarks.torture.torture import torture
from wirewatch.console import configure_logging

SHARES = {"sqlite": 0.4, "kafka": 0.35, "flink": 0.25}


def main() -> int:
    """Torture the chosen set-ups one after another, print a table for each, keep the figures."""
    parser = argparse.ArgumentParser(
        prog="torture", description="Kill everything at random moments; nothing may be lost."
    )
    parser.add_argument("--kills", type=int, default=200, help="kills over all set-ups (default: 200)")
    parser.add_argument(
        "--setup", action="append", choices=list(SETUPS), help="one set-up; may be repeated (default: all)"
    )
    parser.add_argument("--kind", action="append", help="one kind of fault; may be repeated (default: all)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: random, and printed")
    parser.add_argument(
        "--limit-s", type=float, default=3_600, help="stop killing in a set-up after this many seconds (default: 3600)"
    )
    parser.add_argument("--out", type=Path, help="CSV file for the figures")
    parser.add_argument(
        "--cuts", action="store_true", help="cut the raw stream's log too; then results are compared less strictly"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with data and logs")
    options = parser.parse_args()
    # Asked to end, it ends what it started: in the background SIGINT is ignored, and SIGTERM would leave all of it behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    configure_logging(verbose=False)
    console.print(f"seed {options.seed}")
    chosen = options.setup or list(SETUPS)
    whole = sum(SHARES[name] for name in chosen)
    results = []
    when = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())
    for name in chosen:
        kills = max(1, round(options.kills * SHARES[name] / whole))
        folder = Path(tempfile.mkdtemp(prefix=f"wirewatch-torture-{name}-"))
        folder.chmod(0o755)
        result = torture(
            name,
            folder,
            kills=kills,
            seed=options.seed,
            limit_s=options.limit_s,
            say=lambda text: console.print(text, style="dim", highlight=False, markup=False),
            kinds=options.kind or (),
            cuts=options.cuts,
        )
        results.append(result)
        show(result, console)
        if options.out:
            keep(results, options.out, when)
        if not options.keep and result.verdict == "ok":
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"data and logs: {folder}")
    return 1 if any(result.verdict != "ok" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
