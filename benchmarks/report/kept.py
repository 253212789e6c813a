"""The ratios of the short form in a CSV file that is committed: what later commits are held to."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.report.alternate import Measured, Pair

RATIOS = Path(__file__).parent / "results" / "ratios.csv"


_FIGURES = frozenset({"ours_ms", "peer_ms", "ratio", "target", "load_before"})


class Kept(NamedTuple):
    """A committed ratio, with its part and the machine on which it was measured."""

    name: str
    what: str
    beside: str
    ours_ms: float
    peer_ms: float
    ratio: float
    target: float
    when: str
    commit: str
    cpu: str
    load_before: float


def read(path: Path = RATIOS) -> dict[str, Kept]:
    """By name; empty if there is no file. Raises ValueError for a file that is not one of ours."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != list(Kept._fields):
            raise ValueError(f"{path.name}: its columns are not {', '.join(Kept._fields)}")
        return {row["name"]: Kept(**{name: _value(name, value) for name, value in row.items()}) for row in rows}


def _value(name: str, value: str) -> Any:
    return float(value) if name in _FIGURES else value


def write(found: Sequence[tuple[Pair, Measured]], known: Mapping[str, object], path: Path = RATIOS) -> None:
    """Put these ratios in place of those of the same name; others stay, new ones come last.

    ``known``: the facts of ``benchmarks.results.machine`` from before they were measured.
    """
    whole = {name: tuple(one) for name, one in read(path).items()}
    for pair, cost in found:
        figures = (round(cost.ours_ms, 4), round(cost.peer_ms, 4), round(cost.ratio, 4), pair.target)
        facts = (known[name] for name in ("when", "commit", "cpu", "load_before"))
        whole[pair.name] = (pair.name, pair.what, pair.beside, *figures, *facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Kept._fields)
        rows.writerows(whole.values())
