"""``python -m benchmarks.walls [--write]``: fit ``wall_meaning.toml`` and ``wall_words.toml``, and say how they hold.

The examples are ``tests/quality/walls`` (walls and near misses), ``tests/cases/page_walls.toml`` and the articles of
``tests/quality/topics``. Printed: how many are right if each language, and each kind of wall, is left out in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.walls import words
from benchmarks.walls.examples import Example, articles, walls
from pipeline.extraction import wall_meaning
from pipeline.text.encoder import STEPS, encoder

LOOSE = 20.0
"""How loosely weights are held near 0 (1 over the regression's penalty)."""
ROUNDS = 30
SCALE = 10_000
"""Weights are hundredths of a hundredth, so that a sum over a vector is exact to a hundredth."""

Floats = NDArray[np.float64]


def main() -> int:
    """Fit, report, and write if asked to."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.walls", description=__doc__)
    options.add_argument("--write", action="store_true", help="write the weights into the package")
    chosen = options.parse_args()
    for_it, against = walls(), articles()
    vectors, others = _vectors(for_it), _vectors(against)
    for name in ("language", "kind"):
        for left_out, right, all_of in _left_out(name, for_it, vectors, others):
            print(f"without {name} {left_out}: {right} of {all_of} walls right")
    right = sum(
        int((_odds(fitted(vectors, others[taken]), others[~taken]) < 0).sum()) for taken in _fifths(len(against))
    )
    print(f"in folds: {right} of {len(against)} articles right")
    for line in words.report():
        print(line)
    if chosen.write:
        words.write()
        _write(fitted(vectors, others), for_it, vectors)
    return 0


def fitted(for_it: Floats, against: Floats) -> Floats:
    """The weights and, last, the start of a logistic regression by Newton's method; both sides weigh the same."""
    rows = np.vstack([for_it, against]) / STEPS
    rows = np.c_[rows, np.ones(len(rows))]
    wanted = np.r_[np.ones(len(for_it)), np.zeros(len(against))]
    count = np.where(wanted > 0, len(rows) / (2 * len(for_it)), len(rows) / (2 * len(against)))
    penalty = np.r_[np.full(rows.shape[1] - 1, 1 / LOOSE), 1e-6]
    found = np.zeros(rows.shape[1])
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (count * (chance - wanted)) + penalty * found
        curve = (rows.T * (count * chance * (1 - chance))) @ rows + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    return found


def _odds(found: Floats, rows: Floats) -> Floats:
    return np.asarray(rows / STEPS @ found[:-1] + found[-1])


def _vectors(examples: Sequence[Example]) -> Floats:
    return np.array([encoder().vector("", one.text) for one in examples], np.float64)


def _left_out(name: str, examples: Sequence[Example], rows: Floats, others: Floats) -> Iterator[tuple[str, int, int]]:
    of = [getattr(one, name) for one in examples]
    for value in sorted(set(of)):
        out = np.array([one == value for one in of])
        odds = _odds(fitted(rows[~out], others), rows[out])
        yield value, int((odds > 0).sum()), int(out.sum())


def _fifths(count: int) -> Iterator[NDArray[np.bool_]]:
    for part in range(5):
        yield np.arange(count) % 5 != part


def _write(found: Floats, examples: Sequence[Example], rows: Floats) -> None:
    weights = np.rint(found[:-1] / STEPS * SCALE).astype(int)
    lines = [
        "# Written by `python -m benchmarks.walls --write`; see wall_meaning.py.",
        f"start = {int(np.rint(found[-1] * SCALE))}",
        f"weights = {_row(weights)}",
        "",
        "[kinds]",
    ]
    for kind in sorted({one.kind for one in examples}):
        mean = rows[[one.kind == kind for one in examples]].mean(axis=0)
        lines.append(f"{kind} = {_row(np.rint(mean / np.linalg.norm(mean) * 1_000).astype(int))}")
    Path(wall_meaning.__file__).with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(numbers: NDArray[np.int64]) -> str:
    return f"[{', '.join(map(str, numbers.tolist()))}]"


if __name__ == "__main__":
    raise SystemExit(main())
