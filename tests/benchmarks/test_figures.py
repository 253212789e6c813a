"""What benches write stays readable beside the results that are kept: one place for the machine's facts and the columns."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import pytest

from benchmarks.figures import COLUMNS, Report, at_most, quantile
from benchmarks.replay.__main__ import facts as replay_facts
from benchmarks.results import keep, machine
from benchmarks.soak.__main__ import facts as soak_facts

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
KEPT = sorted(BENCHMARKS.glob("*/results/*.csv"))


def header(path: Path) -> list[str]:
    """The names of a file's columns."""
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize(
    "path", [one for one in KEPT if one.parts[-3] in ("connect", "match", "stories")], ids=lambda path: path.name
)
def test_rows_are_added_to_the_files_that_are_kept(path: Path, tmp_path: Path) -> None:
    known = machine()
    assert header(path)[: len(known)] == list(known)
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    keep(copy, known, dict.fromkeys(header(path)[len(known) :], 1.23456))
    assert list(tmp_path.iterdir()) == [copy]
    with copy.open(encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert last["cores"] == str(known["cores"])
    assert set(list(last.values())[len(known) :]) == {"1.2346"}


def test_other_columns_begin_a_new_file_beside_it(tmp_path: Path) -> None:
    for row in ({"a": 1}, {"b": 2}):
        keep(tmp_path / "figures.csv", {}, dict(row))
    assert sorted(header(one)[0] for one in tmp_path.iterdir()) == ["a", "b"]
    assert header(tmp_path / "figures.csv") == ["a"]


def test_the_soaks_facts_are_the_first_columns_of_its_summary() -> None:
    known = soak_facts(argparse.Namespace(driver="slices", store="sqlite", minutes=1.0, rate=2.0))
    assert header(BENCHMARKS / "soak/results/summary.csv")[: len(known)] == list(known)


def test_the_replays_facts_are_those_of_the_files_that_are_kept(tmp_path: Path) -> None:
    warc = tmp_path / "crawl.warc.gz"
    warc.write_bytes(bytes(3 << 20))
    known = replay_facts(warc, 7)
    assert (known["articles"], known["warc_mib"]) == (7, 3)
    for path in (one for one in KEPT if one.name.startswith("replay-")):
        told = [line[2:].split(": ")[0] for line in path.read_text("utf-8").splitlines() if line.startswith("# ")]
        assert told == list(known)


def test_figures_have_a_target_and_a_verdict(tmp_path: Path) -> None:
    report = Report("tantivy 1.2", digits=2)
    report.add("search", "p95", 99.996, "ms", most=100)
    assert report.met
    report.add("search", "worst", 2_000.5, "ms", most=1_000)
    report.add("memory", "this process", 3, "MB")
    assert not report.met
    report.keep(tmp_path / "figures.csv", [("store", "articles", 5)])
    with (tmp_path / "figures.csv").open(encoding="utf-8", newline="") as file:
        head, told, *rows = list(csv.reader(file))
    assert tuple(head) == COLUMNS
    assert told[0] == "machine"
    assert "tantivy 1.2, load " in told[1]
    assert rows == [
        ["store", "articles", "5", "", "", ""],
        ["search", "p95", "100.0", "ms", "100", "met"],
        ["search", "worst", "2000.5", "ms", "1,000", "MISSED"],
        ["memory", "this process", "3", "MB", "", ""],
    ]


@pytest.mark.parametrize(
    "path", [one for one in KEPT if one.parts[-3] in ("desk", "search")], ids=lambda path: path.name
)
def test_the_kept_figures_have_the_same_columns(path: Path) -> None:
    assert tuple(header(path)) == COLUMNS


def test_a_percentile_is_one_of_the_values() -> None:
    values = [0.4, 0.1, 0.3, 0.2]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [0.1, 0.3, 0.4, 0.4]
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
    assert [at_most(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [0.1, 0.3, 0.4, 0.4]
    assert at_most([], 0.5) is None
