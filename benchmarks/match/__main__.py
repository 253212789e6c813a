"""``python -m benchmarks.match [--only luwak|scale|tagging] [--queries N] [--rounds N]``; see ``README.md`` here."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.match.compare import compare
from benchmarks.match.lucene import Unavailable
from benchmarks.match.scale import scale
from benchmarks.match.tagging import tagging

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "luwak"
ARTICLES = CORPUS.parent / "topics"


def main() -> int:
    """Run the benches. Exit 1 if the corpus or Lucene is unavailable."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.match", description=__doc__)
    options.add_argument("--only", choices=["luwak", "scale", "tagging"], help="one of the benches")
    options.add_argument("--queries", type=int, default=350_000, help="stored queries of the scale run")
    options.add_argument("--rounds", type=int, default=5, help="measured rounds of the comparison")
    chosen = options.parse_args()
    if not CORPUS.is_dir():
        print(f"the evaluation data is not at {CORPUS}: nothing measured", file=sys.stderr)
        return 1
    try:
        if chosen.only in {None, "luwak"}:
            compare(CORPUS, chosen.rounds)
        if chosen.only in {None, "scale"}:
            scale(CORPUS, chosen.queries)
        if chosen.only in {None, "tagging"}:
            tagging(ARTICLES)
    except Unavailable as error:
        print(f"Lucene Monitor: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
