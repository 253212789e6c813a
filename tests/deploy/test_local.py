"""deploy/local: the scripts' own errors, and all of it up, killed in part, brought back, and down again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from core.records import Subscription, encode
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import NewRecord, create_stream
from tests.deploy.files import ROOT
from tests.deploy.local import DOWN, JOBS, UP, Local, local
from tests.pipeline.flink.articles import raw_articles
from tests.servers.kafka import alive
from tests.servers.shared import shared
from tests.waiting import until


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"], **environment}
    )


@pytest.mark.parametrize("arguments", [(), ("--slices",), ("folder", "--flink")])
def test_up_says_how_to_use_it(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run([UP, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "usage: up.sh DIR [--slices] [--servers]\n")
    assert not list(tmp_path.iterdir())


def test_up_without_java_says_what_to_install(tmp_path: Path) -> None:
    bash, dirname = shutil.which("bash"), shutil.which("dirname")
    assert bash
    assert dirname
    (tmp_path / "dirname").symlink_to(dirname)
    done = subprocess.run(
        [bash, UP, tmp_path / "x"], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert done.stderr.startswith("up.sh: java not found: install")
    assert not (tmp_path / "x").exists()


def test_up_says_how_to_install_the_driver_of_postgresql(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$2" in *psycopg*) exit 1;; esac\n')
    python.chmod(0o755)
    for tool in ("java", "mvn", "setsid"):
        (tmp_path / tool).symlink_to(python)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {"PATH": path, "PYTHON": str(python)}
    done = subprocess.run([UP, tmp_path / "x"], capture_output=True, text=True, check=False, env=environment)
    pins = f"{ROOT}/deploy/constraints-postgres.txt"
    words = f"up.sh: no PostgreSQL driver: run {python} -m pip install --require-hashes -r {pins}\n"
    assert (done.returncode, done.stderr) == (1, words)
    assert (
        f"pip install --require-hashes -r {Path(pins).relative_to(ROOT)}"
        in (ROOT / "deploy/local/README.md").read_text()
    )


def test_down_refuses_another_folder(tmp_path: Path) -> None:
    done = run(DOWN, tmp_path)
    assert (done.returncode, done.stderr) == (1, f"down.sh: {tmp_path} is not a folder of up.sh\n")
    assert run(DOWN).returncode == 2


def test_down_leaves_alone_a_process_that_only_has_the_number(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with shared(tmp_path / "shared", _sleeper) as sleeper:
        (tmp_path / "run/kafka").write_text(f"{sleeper['pid']} 1\n")
        assert run(DOWN, tmp_path).returncode == 0
        assert alive(sleeper["pid"])
    assert not (tmp_path / "run/kafka").exists()


def _sleeper(_folder: Path) -> dict[str, Any]:
    return {"pid": subprocess.Popen(["sleep", "60"], start_new_session=True).pid}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "usage: flink_jobs.py"),
        (("http://127.0.0.1:1", "cancel", ""), 2, "usage: flink_jobs.py"),
        (("file:///etc/passwd", "list"), 2, "begins with http:// or https://"),
        (("http://127.0.0.1:1", "list"), 1, "flink_jobs.py: http://127.0.0.1:1: "),
    ],
)
def test_flink_jobs_says_what_is_wrong(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run(sys.executable, JOBS, *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.kafka
@pytest.mark.flink
@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.xdist_group("local")
def test_all_of_it_survives_the_loss_of_a_task_manager_and_of_the_pipeline() -> None:
    with local() as here:
        here.up()
        names = [
            "connectors",
            "delivery",
            "desk",
            "jobmanager",
            "jobserver",
            "kafka",
            "pipeline",
            "postgres",
            "taskmanager",
        ]
        names.append("workers")
        assert list(here.parts()) == names
        told = here.environment()
        store = open_store(told["WIREWATCH_STORE_URL"])
        reader = StoreReader(store, "live")
        SubscriptionStore(store).save_subscriptions(
            [Subscription(id="even", query="even")], now_ms=0, from_the_beginning=True
        )
        _append(here, 0, 50)
        until(lambda: reader.count_outcomes().total() >= 50, "50 outcomes")
        [job] = _jobs(here)
        until(lambda: _checkpoints(here, job) > 0, "checkpoint")

        here.kill("taskmanager")
        _append(here, 50, 100)
        before = here.parts()
        here.up()
        assert before.items() < here.parts().items(), "what ran was left alone"
        until(lambda: reader.count_outcomes().total() >= 100, "100 outcomes from a new task manager")
        assert _jobs(here) == [job], "the same job, from its checkpoint"

        saved = here.jobs("savepoint", "wirewatch-live", f"file://{here.folder}/flink/savepoints")
        assert saved.returncode == 0, saved.stderr
        assert Path(saved.stdout.strip().removeprefix("file:")).is_dir()

        here.kill("pipeline")
        here.up()
        until(lambda: len(_jobs(here)) == 1 and _jobs(here) != [job], "a new job in place of the old one")
        _append(here, 100, 150)
        until(lambda: reader.count_outcomes().total() >= 150, "150 outcomes from a new pipeline")
        assert reader.count_outcomes().total() == 150
        assert len({article.id for article in reader.articles()}) == len(list(reader.articles()))
        store.close()

        pids = here.parts().values()
        here.down()
        assert not [pid for pid in pids if alive(pid)]


def _append(here: Local, start: int, end: int) -> None:
    with create_stream(here.environment()["WIREWATCH_STREAM_URL"], "raw-articles", 4) as raw:
        raw.append([NewRecord(key.encode(), encode(article)) for key, article in raw_articles(start, end)])


def _jobs(here: Local) -> list[str]:
    told = here.jobs("list").stdout.splitlines()
    return [line.split()[0] for line in told if line.split()[1] not in ("CANCELED", "FAILED")]


def _checkpoints(here: Local, job: str) -> int:
    with urllib.request.urlopen(f"{here.rest}/jobs/{job}/checkpoints", timeout=30) as answer:
        return int(json.load(answer)["counts"]["completed"])
