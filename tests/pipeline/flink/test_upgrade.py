"""From one version to the next on a real Flink cluster: stop, bring everything to one version, start from the ledger.

The next version is this source tree with another ``MEANING``, so that nothing of the one before may be read.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import wall_ms
from core.records import Subscription
from core.records.wire import project
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import open_stream
from pipeline.drivers.live import run_in_slices
from pipeline.versions import MEANING, REFUSAL, VERSION
from tests.deploy.local import Local, local
from tests.pipeline.flink.articles import append_articles
from tests.servers.kafka import ServerFailed
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink, pytest.mark.postgres, pytest.mark.xdist_group("local")]
ROOT = Path(__file__).parents[3]
PACKAGES = ("connectors", "core", "desk", "pipeline", "wirewatch")
FIRST, SECOND, THIRD = 120, 240, 300


class Version:
    """A source tree, and processes that run it against the servers of ``here``."""

    def __init__(self, tree: Path, here: Local, logs: Path) -> None:
        self.here, self.logs, self._tree = here, logs, tree
        program = "from pipeline.versions import VERSION; print(VERSION)"
        self.name = subprocess.run(
            [sys.executable, "-c", program],
            env=self._environment(),
            cwd=tree,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def _environment(self) -> dict[str, str]:
        ours = {
            "PYTHONPATH": str(self._tree),
            "PYTHONUNBUFFERED": "1",
            "WIREWATCH_FLINK_REST_URL": self.here.rest,
            "WIREWATCH_EXTRACTION_PROCESSES": "0",
            "WIREWATCH_CANARY_INTERVAL_S": "0",
        }
        return {**os.environ, **self.here.environment(), **ours}

    @contextlib.contextmanager
    def workers(self) -> Iterator[None]:
        """A pool of this version's workers in place of those that up.sh started."""
        with self._process("workers", "pipeline.drivers.workers", str(self.here.base + 7)):
            yield

    @contextlib.contextmanager
    def pipeline(self, *beam_options: str) -> Iterator[subprocess.Popen[bytes]]:
        """The pipeline service; asked to end (SIGTERM) at the end if it still runs."""
        given = [
            f"--job_endpoint=127.0.0.1:{self.here.base + 4}",
            "--environment_type=EXTERNAL",
            f"--environment_config=127.0.0.1:{self.here.base + 7}",
            "--parallelism=2",
            *beam_options,
        ]
        options = ["--runner=PortableRunner", *(f"--beam-option={one}" for one in given)]
        with self._process("pipeline", "wirewatch", "pipeline", "run", *options) as process:
            yield process

    def refused(self, *beam_options: str) -> str:
        """The last line of a pipeline service that ends by itself, with 1."""
        with self.pipeline(*beam_options) as process:
            assert process.wait(300) == 1, self.log("pipeline")
        return [line for line in self.log("pipeline").splitlines() if line.startswith("wirewatch: ")][-1]

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()

    @contextlib.contextmanager
    def _process(self, name: str, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        self.logs.mkdir(exist_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self._environment(),
                cwd=self._tree,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(120)
            finally:
                process.kill()
                process.wait()


def next_version(folder: Path) -> Path:
    """A copy of our packages in which the elements mean something else."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    module = folder / "pipeline/versions.py"
    module.write_text(module.read_text().replace(f"MEANING = {MEANING}", f"MEANING = {MEANING + 1}"))
    return folder


def test_from_one_version_to_the_next_each_record_ends_once(tmp_path: Path) -> None:
    with local() as here:
        try:
            here.up("--servers")
        except ServerFailed as error:
            pytest.fail(f"no servers for the test: {error}", pytrace=False)
        one = Version(ROOT, here, tmp_path / "one")
        two = Version(next_version(tmp_path / "tree"), here, tmp_path / "two")
        assert (one.name, two.name != one.name) == (VERSION, True)
        environment = here.environment()
        stream, url = environment["WIREWATCH_STREAM_URL"], environment["WIREWATCH_STORE_URL"]
        store = open_store(url)
        queries = [Subscription(id="even", query="even"), Subscription(id="talks", query="talks AND seven")]
        SubscriptionStore(store).save_subscriptions(queries, now_ms=wall_ms(), from_the_beginning=True)
        reader, raw = StoreReader(store, "live"), open_stream(stream, "raw-articles")

        def handled() -> int:
            return reader.count_outcomes().total()

        # Version one, stopped with records undone.
        with one.pipeline() as service:
            append_articles(raw, 0, FIRST)
            until(lambda: handled() >= FIRST // 2 or service.poll() is not None, "results of version one", seconds=300)
            saved = here.jobs("savepoint", "wirewatch-live", f"file://{here.folder}/flink/savepoints")
            assert saved.returncode == 0, saved.stderr + one.log("pipeline")
            append_articles(raw, FIRST, SECOND)
            service.terminate()
            assert service.wait(120) == 0, one.log("pipeline")
        before = handled()
        assert FIRST // 2 <= before < SECOND

        # A submitter of version two whose workers are still those of version one.
        assert two.refused().startswith(f"wirewatch: {REFUSAL}: a job of {two.name} met {one.name} — ")
        # A state that version one saved.
        here.kill("workers")
        with two.workers():
            place = f"--savepoint_path={saved.stdout.split()[-1]}"
            assert re.match(
                rf"wirewatch: {REFUSAL}: a [\w-]+ of {re.escape(one.name)} met {re.escape(two.name)} — ",
                two.refused(place),
            )
            assert handled() == before
            # The way that the manual says.
            with two.pipeline() as service:
                append_articles(raw, SECOND, THIRD)
                until(lambda: handled() >= THIRD or service.poll() is not None, "results of version two", seconds=300)
                service.terminate()
                assert service.wait(120) == 0, two.log("pipeline")

        # Exactly one outcome a record, and all is as if there had been one version only.
        places = [(one.partition, one.first_offset) for one in reader.outcomes()]
        assert len(places) == len(set(places)) == THIRD
        assert set(places) == {(p, n) for p, end in raw.end_offsets(raw.partitions()).items() for n in range(end)}
        settings = Settings(stream_url=stream, store_url=url, run="reference", extraction_processes=0)
        run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True, publish=False)
        reference = StoreReader(store, "reference")
        assert reader.count_outcomes() == reference.count_outcomes()
        assert [project(one) for one in reader.articles()] == [project(one) for one in reference.articles()]
        alerts = [project(one) for one in reader.alerts()]
        assert alerts
        assert alerts == [project(one) for one in reference.alerts()]
        raw.close()
        store.close()
