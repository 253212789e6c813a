"""The report of the benches: measuring in turn, what counts as slower, tables and plots that are what the CSV files say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.report import gather, kept
from benchmarks.report.alternate import FALL, Measured, Pair, judged, measured
from benchmarks.report.page import Bar, between, made, plot

NAMES = {
    "extraction", "preparation", "kept drafts", "topics", "matching", "stories", "search", "feeds", "stream", "start",
}  # fmt: skip


def _pair(calls: list[str]) -> Pair:
    def side(name: str) -> Callable[[int], int]:
        def once(_number: int) -> int:
            calls.append(name)
            return 1

        return once

    return Pair("one", "what", "peer", side("ours"), side("peer"))


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
    assert set(found) == NAMES
    assert all(one.ratio > 0 and one.ours_ms > 0 and one.peer_ms > 0 for one in found.values())


def test_ratios_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results" / "ratios.csv"
    kept.write([(_pair([]), Measured(2.0, 5.0, 2.5))], path)
    (one,) = kept.read(path).values()
    assert (one.name, one.beside, one.ours_ms, one.peer_ms, one.ratio) == ("one", "peer", 2.0, 5.0, 2.5)
    path.write_text("name,ratio\none,2\n")
    with pytest.raises(ValueError, match=r"ratios\.csv"):
        kept.read(path)


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
