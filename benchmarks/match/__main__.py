"""``python -m benchmarks.match [--only luwak|scale] [--queries N] [--rounds N]``; see ``README.md`` beside this file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.match.compare import compare
from benchmarks.match.lucene import Unavailable
from benchmarks.match.scale import scale

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "luwak"


def main() -> int:
    """Run both benches. Exit 1 where the corpus or Lucene can't be had."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.match", description=__doc__)
    options.add_argument("--only", choices=["luwak", "scale"], help="one of the two benches")
    options.add_argument("--queries", type=int, default=350_000, help="stored queries of the scale run")
    options.add_argument("--rounds", type=int, default=5, help="measured rounds of the comparison")
    chosen = options.parse_args()
    if not CORPUS.is_dir():
        print(f"the evaluation data is not at {CORPUS}: nothing measured", file=sys.stderr)
        return 1
    try:
        if chosen.only != "scale":
            compare(CORPUS, chosen.rounds)
        if chosen.only != "luwak":
            scale(CORPUS, chosen.queries)
    except Unavailable as error:
        print(f"Lucene Monitor: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
