"""``python -m benchmarks.report``: all benches one after another, then their ratios as tables and plots in docs/performance.md.

``--quick`` measures the short form alone, and fails if a ratio is more than a fifth below the committed one. With ``--keep``,
it writes down what it measures instead: the median of three tries of each part replaces the committed ratio, whichever of the
two is lower. ``--pages`` measures nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.report import gather, kept
from benchmarks.report.alternate import TRIES, Measured, Pair, judged, measured
from benchmarks.report.page import ROOT, made
from benchmarks.report.pairs import PARTS, pairs
from benchmarks.results import load, machine

BENCHES = {
    "replay": ("benchmarks.replay",),
    "match": ("benchmarks.match",),
    "connect": ("benchmarks.connect",),
    "stories": ("benchmarks.stories",),
    "slow_pages": ("benchmarks.slow_pages",),
    "kafka_clients": ("benchmarks.kafka_clients",),
    "search": ("benchmarks.search",),
    "desk": ("benchmarks.desk", "--articles", "1000000"),
}
"""In the order of the time they take, but for the last: 2 minutes to half an hour on a quiet machine."""

QUIET_LOAD = 1.0
"""The mean of the last minute, in processes."""


def main() -> int:
    """See the module. Exit 1 if a ratio has fallen, or a bench failed."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    options.add_argument("--quick", action="store_true", help="only the short form, compared with the committed ratios")
    options.add_argument(
        "--keep",
        choices=("quiet", "median"),
        help=f"write the median ratio of {TRIES} tries of each part. quiet: refuses unless the load is under "
        f"{QUIET_LOAD:g} before it begins; median: at any load, which stands beside the ratio (default of the long form)",
    )
    options.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        help="parts of the short form; the ratios of the others stay",
    )
    options.add_argument("--pages", action="store_true", help="only write tables and plots from the CSV files")
    options.add_argument("--only", nargs="+", choices=list(BENCHES), default=list(BENCHES), help="of the long benches")
    chosen = options.parse_args()
    if chosen.quick and not chosen.keep:
        return check(chosen.parts)
    failed: list[str] = []
    if not chosen.pages:
        known, before = machine(), load()
        print(
            f"{known['cores']} cores, {known['cpu']}, {known['memory_gib']} GiB, commit {known['commit']}, load {before:.1f}"
        )
        if before >= QUIET_LOAD:
            if chosen.keep == "quiet":
                print(f"--keep quiet: the load is not under {QUIET_LOAD:g}; nothing was measured", file=sys.stderr)
                return 1
            print(f"the load is not under {QUIET_LOAD:g}: wall-clock times mean little, and some ratios fall")
        keep(chosen.parts, known)
        if not chosen.quick:
            failed = [
                name
                for name in chosen.only
                if subprocess.run([sys.executable, "-m", *BENCHES[name]], cwd=ROOT).returncode
            ]
    for path, text in made(list(kept.read().values()), gather.ratios()).items():
        path.write_text(text, "utf-8")
        print(f"written: {path.relative_to(ROOT)}")
    if failed:
        print(f"failed, or a target missed: {', '.join(failed)}")
    return bool(failed)


def check(parts: Collection[str]) -> int:
    """The short form, held to the committed ratios."""
    began, before, fallen = time.perf_counter(), kept.read(), []
    print(f"load {load():.1f}")
    for pair, once in _each(parts):
        verdict = judged(once, before[pair.name].ratio if pair.name in before else None)
        said = "not kept yet" if verdict.kept is None else f"kept {verdict.kept:.3f}"
        print(f"{pair.name:14} {verdict.ratio:8.3f} of {pair.beside} ({said}, tries: {verdict.tries})", flush=True)
        if verdict.fallen:
            fallen.append(pair.name)
    print(f"{time.perf_counter() - began:.0f} s by the clock, load {load():.1f}")
    for name in fallen:
        print(
            f"{name}: more than a fifth slower beside its peer than in {kept.RATIOS.relative_to(ROOT)}", file=sys.stderr
        )
    return bool(fallen)


def keep(parts: Collection[str], known: Mapping[str, object]) -> None:
    """The short form, each pair ``TRIES`` times; the medians are written down. ``known``: the machine's facts before that."""
    found: list[tuple[Pair, Measured]] = []
    for pair, once in _each(parts):
        tries = [once() for _ in range(TRIES)]
        cost = Measured(*(median(column) for column in zip(*tries, strict=True)))
        found.append((pair, cost))
        print(
            f"{pair.name:14} {cost.ratio:8.3f} of {pair.beside} ({', '.join(f'{one.ratio:.3f}' for one in tries)})",
            flush=True,
        )
    kept.write(found, known)


def _each(parts: Collection[str]) -> Iterator[tuple[Pair, Callable[[], Measured]]]:
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as scratch, ExitStack() as stack:
        for pair in pairs(Path(scratch), stack, parts):
            yield pair, partial(measured, pair)


if __name__ == "__main__":
    sys.exit(main())
