"""``make coverage``: the share of each package's lines and branches that the quick tests reach, beside its floor.

Child processes count too. Floors are in ``coverage_floors.toml`` and only rise: ``--raise`` writes those that can.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import coverage

FILE = Path(__file__).with_suffix(".toml")
PACKAGES = ("core", "connectors", "pipeline", "desk", "wirewatch")
SLACK = 0.3
"""Percent below what was found at which a floor is set: which lines a process reaches before it is killed varies."""


def shares(report: Mapping[str, Any]) -> dict[str, float]:
    """Percent of lines and branches by package, of coverage's JSON report."""
    reached: dict[str, int] = defaultdict(int)
    there: dict[str, int] = defaultdict(int)
    for name, file in report["files"].items():
        package, summary = name.partition("/")[0], file["summary"]
        reached[package] += summary["covered_lines"] + summary["covered_branches"]
        there[package] += summary["num_statements"] + summary["num_branches"]
    return {package: 100 * reached[package] / there[package] for package in PACKAGES if there[package]}


def raised(floors: Mapping[str, float], found: Mapping[str, float]) -> dict[str, float]:
    """The floors that ``found`` allows, none of them lower than before."""
    return {
        package: max(floors.get(package, 0.0), math.floor((found[package] - SLACK) * 10) / 10)
        for package in PACKAGES
        if package in found
    }


def written(floors: Mapping[str, float]) -> str:
    """The file with these floors."""
    head = "# Percent of lines and branches that the quick tests reach at least. make coverage RAISE=1 raises them.\n"
    return head + "".join(f"{package} = {floor}\n" for package, floor in floors.items())


def main() -> int:
    """1 if a package is below its floor, or no data were found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raise", dest="raise_them", action="store_true", help="write the floors that can rise")
    raise_them = parser.parse_args().raise_them
    measured = coverage.Coverage()
    measured.combine()
    with tempfile.NamedTemporaryFile() as file:
        measured.json_report(outfile=file.name)
        found = shares(json.load(file))
    measured.html_report()
    floors: dict[str, float] = tomllib.loads(FILE.read_text("utf-8"))
    for package in PACKAGES:
        print(f"{package:12} {found.get(package, 0.0):5.1f} %   floor {floors.get(package, 0.0):5.1f} %")
    if raise_them:
        FILE.write_text(written(raised(floors, found)), "utf-8")
    below = [package for package in PACKAGES if found.get(package, 0.0) < floors.get(package, 0.0)]
    if below:
        print(f"below its floor: {', '.join(below)}", file=sys.stderr)
    return bool(below)


if __name__ == "__main__":
    sys.exit(main())
