"""``python -m benchmarks.kills [--seconds N] [--every N] [--feeds N] [--seed S …]``; exit 1 if anything is wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.kills.run import Result, run
from benchmarks.results import keep, load, machine

RESULTS = Path(__file__).parent / "results/kills.csv"
WITHIN_S = 10.0


def main() -> int:
    """Run once for each seed, and keep the figures."""
    parser = argparse.ArgumentParser(
        prog="kills", description="Kill services of wirewatch up; all must be back in seconds."
    )
    parser.add_argument("--seconds", type=float, default=300, help="duration in seconds (default: 300)")
    parser.add_argument("--every", type=float, default=10, help="seconds between two kills (default: 10)")
    parser.add_argument("--feeds", type=int, default=12)
    parser.add_argument("--seed", type=int, action="append", help="may be repeated (default: 1, 2 and 3)")
    options = parser.parse_args()
    wrong = False
    for seed in options.seed or (1, 2, 3):
        facts = machine()
        with tempfile.TemporaryDirectory(prefix="wirewatch-kills-") as folder:
            result = run(
                Path(folder),
                seed=seed,
                seconds=options.seconds,
                every_s=options.every,
                feeds=options.feeds,
                say=lambda line: print(line, flush=True),
            )
        keep(RESULTS, facts, _row(result, options))
        for problem in result.problems:
            print(f"WRONG: {problem}")
        late = result.after_last_kill_s > WITHIN_S
        print(f"seed {seed}: {result.after_last_kill_s:.1f} s{' LATE' if late else ''}, {_row(result, options)}")
        wrong = wrong or late or bool(result.problems)
    return int(wrong)


def _row(result: Result, options: argparse.Namespace) -> dict[str, object]:
    return {
        "load_after": round(load(), 2),
        "seed": result.seed,
        "seconds": result.seconds,
        "every_s": options.every,
        "feeds": options.feeds,
        **{f"kills_{name}": result.kills[name] for name in ("connectors", "pipeline", "delivery", "desk")},
        "after_last_kill_s": result.after_last_kill_s,
        "longest_gap_s": result.longest_gap_s,
        "polls": result.polls,
        "records": result.findings.records,
        "outcomes": result.findings.outcomes.total(),
        "alerts": result.findings.alerts,
        "messages": result.messages,
        "messages_sent_again": result.sent_again,
        "problems": len(result.problems),
    }


if __name__ == "__main__":
    sys.exit(main())
