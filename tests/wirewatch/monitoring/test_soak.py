"""The soak's own arithmetic: process trees, slopes, idle CPU, percentiles; and that its pages are extracted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.soak.pages import BEATS, SUBSCRIPTIONS, raw_article
from benchmarks.soak.sampling import COLUMNS, Process, figures, parsed, pss_mb, trees
from benchmarks.soak.verdict import idle_of, judge, slope_of
from core.query import Document, QueryIndex, parse
from pipeline.transforms.prepare import extract_raw

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _rows() -> list[dict[str, object]]:
    """An hour of load in which the pipeline grows by 36 MB, of which 30 are the index; then idle at 2 % of a core."""
    rows: list[dict[str, object]] = []
    for place in range(361):
        row: dict[str, object] = dict.fromkeys(COLUMNS, "")
        row |= {
            "t_s": place * 10,
            "phase": "load",
            "index_mb": place / 12,
            "checkpoint_bytes": 5_000,
            "pipeline_cpu_s": place,
        }
        row["pipeline_pss_mb"] = 500 if place < 60 else 300 + place / 10
        rows.append(row)
    for place in range(13):
        idle = {"t_s": 3600 + place * 10, "phase": "idle", "pipeline_cpu_s": 360 + place * 0.2, "kafka_cpu_s": place}
        rows.append(dict.fromkeys(COLUMNS, "") | idle)
    return rows


def test_slopes_are_of_the_load_after_the_warm_up() -> None:
    verdict = judge(_rows(), warm_up_s=600, delays_s=[0.5, 1.0, 0.7])
    assert verdict.slopes == {"pipeline": pytest.approx(36)}
    assert verdict.index_slope == pytest.approx(30)
    assert verdict.beside_index == pytest.approx(6)
    assert verdict.checkpoint_slope == pytest.approx(0)
    assert verdict.percentile(0.5) == 0.7
    assert verdict.percentile(0.99) == 1.0


def test_idle_is_of_our_own_processes() -> None:
    idle = judge(_rows(), warm_up_s=600, delays_s=[]).idle
    assert idle == {"pipeline": pytest.approx(2), "kafka": pytest.approx(10), "all": pytest.approx(2)}
    assert idle_of([]) == {}


def test_two_figures_give_no_slope() -> None:
    assert slope_of(_rows()[:2], "pipeline_pss_mb") is None
    assert slope_of(_rows(), "workers_pss_mb") is None


def test_a_tree_is_a_process_with_all_that_it_started() -> None:
    table = [Process(pid, parent, 1.0) for pid, parent in ((1, 0), (5, 1), (6, 5), (7, 6), (8, 1), (9, 8))]
    found = trees(table, {"a": 5, "b": 8, "gone": 77})
    assert {name: [one.pid for one in tree] for name, tree in found.items()} == {
        "a": [5, 6, 7],
        "b": [8, 9],
        "gone": [],
    }


def test_a_process_with_any_name_is_read() -> None:
    fields = ["S", "42", *["0"] * 9, "100", "50", "25", "25", *["0"] * 5, "1000", "2560", *["0"] * 20]
    process = parsed(7, f"7 (a ) b (c)) {' '.join(fields)}\n")
    assert (process.pid, process.parent) == (7, 42)
    assert process.cpu_s == pytest.approx(2.0)


def test_shared_memory_counts_in_shares(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "smaps_rollup").write_text(
        "55-7f r--p [rollup]\nRss:  2000 kB\nPss:  1000 kB\nPss_Anon:  900 kB\n"
    )
    assert pss_mb(7, tmp_path) == pytest.approx(1.024)
    assert pss_mb(8, tmp_path) == 0


def test_the_pipelines_figures_become_columns() -> None:
    text = (
        "# TYPE wirewatch_outcomes counter\n"
        'wirewatch_outcomes_total{run="live",kind="published"} 3.0\nwirewatch_outcomes_total{run="live",kind="lost"} 2.0\n'
        '# TYPE wirewatch_lag_records gauge\nwirewatch_lag_records{run="live",partition="0"} 1.0\n'
        "# TYPE wirewatch_story_index_bytes gauge\nwirewatch_story_index_bytes 2000000.0\n"
    )
    assert figures(text) == {"outcomes": 5.0, "lag_records": 1.0, "index_mb": 2.0}


def test_pages_are_large_and_the_text_is_extracted() -> None:
    index = QueryIndex[str]()
    for one in SUBSCRIPTIONS:
        index.add(one.id, parse(one.query))
    sizes = []
    for number in range(20):
        raw = raw_article(number, NOW)
        sizes.append(len(raw.html or ""))
        found = extract_raw(raw)
        assert len(found.text) > 1_500
        assert "Most read" not in found.text
        told = number - 1 if number % 10 == 9 else number
        met = index.evaluate(Document(found.title, found.text)).matches
        if told == number or number % 10 == 9:
            assert BEATS[told % len(BEATS)] in met
    assert min(sizes) > 25_000
    assert max(sizes) < 120_000
    assert raw_article(7, NOW) == raw_article(7, NOW)
