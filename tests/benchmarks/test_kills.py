"""A short run of ``python -m benchmarks.kills``: each service killed once, nothing lost and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills.run import SERVICES, run


@pytest.mark.slow
def test_services_that_are_killed_are_back_and_nothing_is_lost_or_twice(tmp_path: Path) -> None:
    said: list[str] = []
    result = run(tmp_path, seed=1, seconds=12, every_s=4, feeds=4, say=said.append)
    assert result.problems == [], "\n".join(said)
    assert set(result.kills) == set(SERVICES)
    assert result.findings.records == result.findings.outcomes.total() > 0
    assert result.findings.alerts == result.messages > 0
