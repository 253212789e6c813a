"""What is asked of Prism and what is refused, without one: the binary must be given, and nothing is split."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import wall_ms
from core.errors import UsageError
from core.settings import Settings
from pipeline.drivers.prism import runner_name, with_precautions
from pipeline.drivers.stream import submit
from tests.wirewatch.command import wirewatch


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    (tmp_path / "prism").touch()
    return tmp_path / "prism"


def absent(_name: str) -> None:
    return None


@pytest.mark.parametrize("name", ["prism", "PrismRunner", "apache_beam.runners.portability.prism_runner.PrismRunner"])
def test_prism_has_several_names(name: str) -> None:
    assert runner_name([f"--runner={name}"]) in {"prism", "prismrunner"}


def test_a_bundle_is_never_split(binary: Path) -> None:
    for options, which in (
        ([f"--prism_location={binary}"], absent),
        ([], lambda _name: str(binary)),
        (["--experiments=use_deprecated_read", f"--prism_location={binary}"], absent),
    ):
        found = with_precautions(options, which=which)
        assert found[: len(options)] == options
        assert "--experiments=prism_disable_sdf_split" in found
        assert f"--prism_location={binary}" in found


@pytest.mark.parametrize("location", ["https://outlet.example/prism.zip", "no/such/file", "v2.77.0"])
def test_nothing_is_downloaded(location: str) -> None:
    with pytest.raises(UsageError, match="none is downloaded") as caught:
        with_precautions([f"--prism_location={location}"], which=absent)
    assert "prism.sh" in str(caught.value.hint)


def test_no_binary_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no Prism on the path"):
        with_precautions([], which=absent)


@pytest.mark.parametrize(
    ("runner", "why"),
    [
        ("DirectRunner", "keeps no order"),
        ("BundleBasedDirectRunner", "keeps no order"),
        ("SwitchingDirectRunner", "by its own choice"),
        ("FnApiRunner", "only runs bounded work"),
        ("apache_beam.runners.direct.direct_runner.DirectRunner", "keeps no order"),
    ],
)
def test_runners_that_cannot_do_it_are_refused_with_the_reason(tmp_path: Path, runner: str, why: str) -> None:
    settings = Settings(data_dir=str(tmp_path))
    with pytest.raises(UsageError, match=why) as caught:
        submit(settings, [f"--runner={runner}"], clock_ms=wall_ms)
    assert "Flink" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == [], "the run was not taken"


def test_the_command_line_refuses_the_direct_runner_with_one_sentence(tmp_path: Path) -> None:
    done = wirewatch("pipeline", "run", "--runner", "DirectRunner", cwd=tmp_path)
    assert done.returncode == 2
    [said] = [line for line in done.stderr.splitlines() if line.startswith("wirewatch: ")]
    assert "can't run continuously: it keeps no order and leaks memory while idle" in said
