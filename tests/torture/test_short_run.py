"""A short run of the kill harness; ``make torture`` is the long one. Seeds are fixed, and each kind that is named comes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.torture.faults import DISK, SERVERS, SERVICES
from benchmarks.torture.torture import Result, torture

# pytest-xdist begins with the largest groups, and these take longest.
pytestmark = pytest.mark.xdist_group("torture")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, which only its owner may enter: PostgreSQL never runs as root."""
    made = Path(tempfile.mkdtemp(prefix="wirewatch-torture-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _run(setup: str, folder: Path, kills: int, seed: int, kinds: tuple[str, ...] = ()) -> Result:
    said: list[str] = []
    result = torture(setup, folder, kills=kills, seed=seed, limit_s=600, say=said.append, kinds=kinds)
    assert result.findings.problems == [], "\n".join(said)
    assert result.kills.total() == kills
    assert result.findings.records == result.findings.outcomes.total() > 0
    assert result.findings.duplicates == 0
    assert result.findings.checked["raw-articles"] == result.findings.records
    assert result.findings.checked["enriched-articles"] > 0
    return result


@pytest.mark.slow
def test_sqlite_in_slices(folder: Path) -> None:
    result = _run("sqlite", folder, kills=len({*SERVICES, *DISK}), seed=1)
    assert set(result.kills) == {*SERVICES, *DISK}


@pytest.mark.kafka
@pytest.mark.postgres
def test_kafka_and_postgresql_in_slices(folder: Path) -> None:
    kinds = ("broker", "postgres", "sink", "disk of kafka")
    result = _run("kafka", folder, kills=4, seed=1, kinds=kinds)
    assert set(result.kills) <= {*SERVICES, *SERVERS}
    assert result.kills["broker"] == 1


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.flink
def test_kafka_and_postgresql_on_flink(folder: Path) -> None:
    kinds = ("worker", "task manager", "pipeline")
    result = _run("flink", folder, kills=3, seed=1, kinds=kinds)
    assert set(result.kills) == set(kinds)
