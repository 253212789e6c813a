"""What the kill harness has found, each as a small case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from benchmarks.torture import torture
from benchmarks.torture.articles import told
from core.records import RawArticle, Subscription, from_ms
from core.records.wire import project
from pipeline.drivers.bounded import BoundedRun
from pipeline.drivers.slices import SliceLimits

NOON_MS = 1_790_000_000_000


class Told(NamedTuple):
    """An article of a story that ``benchmarks.torture.articles`` tells, ``at_ms`` after noon."""

    number: int
    version: int
    source: str
    at_ms: int


def _alerts(folder: Path, query: str, records_a_slice: int, lines: Sequence[Told]) -> list[dict[str, Any]]:
    """The alerts of one subscription over these lines, which are cut into slices."""
    folder.mkdir()
    wanted, limits = [Subscription(id="one", query=query)], SliceLimits(records=records_a_slice)
    with BoundedRun(folder, subscriptions=wanted, now_ms=NOON_MS, limits=limits) as run:
        for line in lines:
            title, text = told(line.number, line.version)
            url, fetched = f"https://wire.example/{line.number}", from_ms(NOON_MS + line.at_ms)
            run.add(RawArticle(url=url, source=line.source, fetched_at=fetched, title=title, text=text), url)
        run.run()
        return [project(one) for one in run.reader.alerts()]


def test_an_alert_names_the_same_outlets_however_the_work_is_cut(tmp_path: Path) -> None:
    """An address that a second outlet carried later: the first one was forgotten with the bundle that had seen it."""
    lines = (Told(0, 1, "first", 0), Told(0, 2, "second", 1), Told(1, 1, "third", 2))
    whole, cut = (_alerts(tmp_path / str(size), "odd", size, lines) for size in (250, 1))
    assert [alert["outlets"] for alert in whole] == [["first", "second", "third"]]
    assert cut == whole


@pytest.mark.parametrize("first", [0, 30, 60, 90])
def test_an_alert_knows_the_one_before_it_even_if_both_are_of_one_millisecond(tmp_path: Path, first: int) -> None:
    """Alerts of two versions of one millisecond had the same place: read again, either was the one before."""
    edits = [Told(first, version, "first", 0) for version in (1, 2, 3)]
    lines = (*edits, Told(first + 1, 1, "second", 5), Told(first + 2, 1, "third", 6))
    whole, cut = (_alerts(tmp_path / str(size), "even OR odd", size, lines) for size in (250, 1))
    assert len(whole) > 2
    assert [alert["previous"] for alert in whole] == [None, *(alert["id"] for alert in whole[:-1])]
    assert cut == whole


def test_the_judge_waits_for_a_job_that_is_still_being_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """All data were there, and the pipeline that was killed last was submitting: "0 jobs" was no finding."""
    found = iter([[], [], ["job"], ["job", "another"], ["left"]])
    monkeypatch.setattr(torture, "FlinkJobs", lambda _rest: SimpleNamespace(running=lambda _name: next(found)))
    loop = object.__new__(torture._Loop)
    loop._here = SimpleNamespace(flink=SimpleNamespace(rest=""), settings=SimpleNamespace(run="live"))  # type: ignore[assignment]
    waited: list[float] = []
    monkeypatch.setattr(loop, "_tend", waited.append)
    assert loop._jobs("while the pipeline runs", 1) == []
    assert len(waited) == 2
    assert loop._jobs("while the pipeline runs", 1) == ["2 jobs on the cluster while the pipeline runs"]
    assert loop._jobs("after the pipeline was stopped", 0) == ["1 jobs on the cluster after the pipeline was stopped"]
