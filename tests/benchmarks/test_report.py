"""The report of the benches: measuring in turn, what counts as slower, tables and plots that are what the CSV files say."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.report import __main__ as report
from benchmarks.report import gather, kept
from benchmarks.report.alternate import FALL, Measured, Pair, judged, measured
from benchmarks.report.page import Bar, between, made, plot
from benchmarks.report.pairs import PARTS

KNOWN = {"when": "2026-11-30T12:00Z", "commit": "abc", "cpu": "a processor", "load_before": 0.25}


def _pair(calls: list[str], name: str = "one") -> Pair:
    def side(name: str) -> Callable[[int], int]:
        def once(_number: int) -> int:
            calls.append(name)
            return 1

        return once

    return Pair(name, "what", "peer", side("ours"), side("peer"))


def test_both_sides_are_measured_in_turn_and_the_least_of_each_counts() -> None:
    calls: list[str] = []
    costs = {"ours": iter([9.0, 3.0, 2.0, 4.0]), "peer": iter([9.0, 8.0, 5.0, 6.0])}

    def cost(work: Callable[[int], int], number: int) -> float:
        work(number)
        return next(costs[calls[-1]])

    assert measured(_pair(calls), rounds=3, cost=cost) == Measured(2.0, 5.0, 2.5)
    assert calls == ["ours", "peer", "ours", "peer", "peer", "ours", "ours", "peer"]


@pytest.mark.parametrize(
    ("ratios", "before", "fallen", "tries"),
    [
        ([1.0], None, False, 1),
        ([0.81], 1.0, False, 1),
        ([1.5], 1.0, False, 1),
        ([0.5, 0.9, 0.85], 1.0, False, 3),
        ([0.5, 0.79, 0.95], 1.0, True, 3),
        ([0.7, 0.7, 0.7], 1.0, True, 3),
    ],
)
def test_a_ratio_has_fallen_if_the_median_of_three_is_more_than_a_fifth_lower(
    ratios: list[float], before: float | None, fallen: bool, tries: int
) -> None:
    coming: Iterator[float] = iter(ratios)
    verdict = judged(lambda: Measured(1.0, 1.0, next(coming)), before)
    assert (verdict.fallen, verdict.tries) == (fallen, tries)
    assert next(coming, None) is None
    assert FALL == 0.2


def test_every_part_has_a_committed_ratio() -> None:
    found = kept.read()
    assert list(found) == list(PARTS)
    assert all(one.ratio > 0 and one.ours_ms > 0 and one.peer_ms > 0 for one in found.values())


def test_ratios_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results" / "ratios.csv"
    kept.write([(_pair([]), Measured(2.0, 5.0, 2.5))], KNOWN, path)
    (one,) = kept.read(path).values()
    assert (one.name, one.beside, one.ours_ms, one.peer_ms, one.ratio) == ("one", "peer", 2.0, 5.0, 2.5)
    assert (one.when, one.commit, one.cpu, one.load_before) == ("2026-11-30T12:00Z", "abc", "a processor", 0.25)
    path.write_text("name,ratio\none,2\n")
    with pytest.raises(ValueError, match=r"ratios\.csv"):
        kept.read(path)


def test_a_ratio_replaces_the_committed_one_whichever_is_lower_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "ratios.csv"
    kept.write([(_pair([], name), Measured(1.0, 2.0, 2.0)) for name in ("a", "b", "c")], KNOWN, path)
    kept.write([(_pair([], "c"), Measured(1.0, 3.0, 3.0)), (_pair([], "a"), Measured(1.0, 1.0, 1.0))], KNOWN, path)
    assert [(one.name, one.ratio) for one in kept.read(path).values()] == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


class _Machine:
    """``benchmarks.report.__main__`` with a load of its own, parts that cost what they are given, and a file of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, before: float) -> None:
        self.loads = iter([before, *[9.0] * 99])
        self.tries = iter([4.0, 2.0, 3.0])
        monkeypatch.setattr(report, "load", lambda: next(self.loads))
        monkeypatch.setattr(report, "machine", lambda: {**KNOWN, "cores": 2, "memory_gib": 1})
        monkeypatch.setattr(report, "pairs", lambda _scratch, _stack, parts: [_pair([], name) for name in parts])
        monkeypatch.setattr(report, "measured", lambda _pair: Measured(1.0, 1.0, next(self.tries)))
        monkeypatch.setattr(report, "made", lambda _kept, _found: {})
        monkeypatch.setattr(kept, "write", partial(kept.write, path=path))

    def run(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["report", "--quick", "--parts", "topics", *words])
        return report.main()


@pytest.mark.parametrize(("rule", "before", "exit_code"), [("quiet", 0.9, 0), ("quiet", 1.0, 1), ("median", 1.0, 0)])
def test_the_median_is_written_down_and_the_quiet_rule_refuses_a_busy_machine(
    rule: str, before: float, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ratios.csv"
    machine = _Machine(monkeypatch, path, before)
    assert machine.run(monkeypatch, "--keep", rule) == exit_code
    assert {one.name: one.ratio for one in kept.read(path).values()} == ({} if exit_code else {"topics": 3.0})
    # Nothing was measured on the machine that was refused.
    assert next(machine.tries, None) == (4.0 if exit_code else None)


def test_tables_and_plots_are_what_the_csv_files_say() -> None:
    wrong = [
        path.name
        for path, text in made(list(kept.read().values()), gather.ratios()).items()
        if path.read_text("utf-8") != text
    ]
    assert wrong == [], "run: python -m benchmarks.report --pages"


def test_a_result_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    results = tmp_path / "match" / "results"
    results.mkdir(parents=True)
    (results / "luwak.csv").write_text("when,ids_ms\n2026-11-30,1\n")
    with pytest.raises(gather.Unreadable, match=r"match/results/luwak\.csv.*lucene_ms"):
        gather.ratios(tmp_path)


def test_a_bench_without_a_result_is_left_out(tmp_path: Path) -> None:
    assert gather.ratios(tmp_path) == []


def test_a_plot_has_a_bar_for_each_row_and_a_mark_for_each_target() -> None:
    root = ET.fromstring(  # noqa: S314
        plot("A < B", [Bar("fast & right", 20.0, 10.0), Bar("slow", 0.5, 0.95), Bar("plain", 2.0, 0.0)])
    )
    space = "{http://www.w3.org/2000/svg}"
    bars = [one for one in root.iter(f"{space}rect") if one.get("fill") != "#fff"]
    assert [bar.get("fill") for bar in bars] == ["#2f6f8f", "#b3543c", "#2f6f8f"]
    assert sum(line.get("stroke-width") == "2" for line in root.iter(f"{space}line")) == 2
    width = [float(bar.get("width") or 0) for bar in bars]
    # A scale of powers: 20 times is further from 1 than 2 times, and half as far as 2 times on the other side.
    assert width[0] > width[2]
    assert width[1] == pytest.approx(width[2], abs=0.2)


def test_a_table_is_put_between_its_marks_and_nowhere_else() -> None:
    page = "before\n<!-- one: from the CSV -->\nold\n<!-- one: end -->\nbehind"
    assert between(page, "one", "new") == "before\n<!-- one: from the CSV -->\n\nnew\n\n<!-- one: end -->\nbehind"
    with pytest.raises(ValueError, match="two"):
        between(page, "two", "new")
