"""The whole of compose.yaml on a real engine, one stage after another over the same data.

Each test continues where the last ended.

``make test-containers``; what it printed last, and when, is in docs/operations.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store.upgrade import SCHEMAS
from tests.containers import images
from tests.containers.engine import Engine, remove_namespace, running
from tests.containers.installation import LONG_LIVED, OURS, PASSWORD, Installation
from tests.deploy import files
from tests.deploy.selectors import expressions, selectors

pytestmark = pytest.mark.containers
CACHE = Path(os.environ.get("WIREWATCH_CONTAINERS", files.ROOT / ".cache/containers")).absolute()
TAG = f"wirewatch:{files.images()['wirewatch']}"
ABSENT = {
    "kubelet_volume_stats_available_bytes": "from Kubernetes' kubelets",
    "kubelet_volume_stats_capacity_bytes": "from Kubernetes' kubelets",
    "wirewatch_canary_silent_seconds": "only while a stage is silent",
    "wirewatch_channel_failing": "only while a channel fails",
}
"""Metrics that a healthy compose has no series of, and why."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    images.make_all(CACHE)
    engine = Engine(CACHE / "engine")
    try:
        with running(engine):
            made = Installation(engine, images.compose_program(CACHE), tmp_path_factory.mktemp("installation"))
            made.dc("down", "-v", "--remove-orphans")
            try:
                yield made
            finally:
                made.dc("down", "-v", "--remove-orphans")
    finally:
        remove_namespace()


def test_all_services_of_the_version_before_are_healthy(here: Installation) -> None:
    """It begins with the version before the newest schema, so that a later test can upgrade it."""
    here.engine.docker("tag", images.BEFORE, TAG)
    here.dc("up", "-d", "--no-build", timeout_s=1200)
    here.until(lambda: here.states()["connectors"] == "healthy", "healthy connectors")
    here.wirewatch("people", "add", "ann", "--role", "admin", given=f"{PASSWORD}\n")
    here.wirewatch("feed", "add", "http://outlet:8000/feed.xml")
    here.wirewatch("channels", "add", "hook", "http://outlet:8000/hook")
    here.wirewatch("subscriptions", "add", "ukraine", "--id", "ukraine", "--channel", "hook")
    here.until(here.healthy, "all healthy", 1200)
    assert here.comes_through(20).agree


def test_an_upgrade_over_a_migration_keeps_what_was_there(here: Installation) -> None:
    before, schema = here.at_rest(), _schema(here)
    assert schema == SCHEMAS[-2], "the version before has the schema before"
    # The image has its tag already: what the page builds is built by tests.containers.images.
    lines = [line for line in files.runbook("## Upgrade").splitlines() if line.startswith("dc ")]
    assert [line.split()[1] for line in lines] == ["exec", "stop", "up"]
    here.note_articles_of_before()
    here.engine.docker("tag", images.TESTED, TAG)
    here.shell("\n".join(lines))
    here.until(here.healthy, "all healthy after the upgrade", 1200)
    assert _schema(here) == SCHEMAS[-1]
    after = here.comes_through(10)
    assert after.agree
    assert after.outcomes >= before.outcomes + 10
    assert "wirewatch-live running" in here.wirewatch("doctor")


def test_services_have_no_privileges_and_cannot_write_to_the_image(here: Installation) -> None:
    for name in (*OURS, "workers"):
        assert here.dc("exec", "-T", name, "id", "-u").strip() == "10001"
        assert here.container(name)["HostConfig"]["ReadonlyRootfs"]
        told = here.dc("exec", "-T", name, "sh", "-c", "touch /opt/x 2>/dev/null || grep CapEff /proc/1/status")
        assert told.split() == ["CapEff:", "0000000000000000"]
    assert "alertmanager.yaml" not in here.dc("exec", "-T", "prometheus", "ls", "/etc/prometheus")


def test_each_selector_of_rules_and_dashboard_finds_a_series(here: Installation) -> None:
    asked = {one for _, expression in expressions() for one in selectors(expression)}
    wanted = {one for one in asked if one.partition("{")[0] not in ABSENT}
    assert len(wanted) > 20
    # Polls that failed are counted once one has.
    here.break_feed(True)
    here.until(lambda: here.prometheus("wirewatch_poll_errors_total"), "a poll that failed")
    here.break_feed(False)
    here.until(lambda: not [one for one in wanted if not here.prometheus(one)], f"series for each of {sorted(wanted)}")
    down = {one["metric"]["service"]: one["value"][1] for one in here.prometheus("up")}
    assert set(down.values()) == {"1"}, down
    assert here.noticed() > 0, "alerts reach the webhook"


def test_a_killed_task_manager_and_a_killed_broker_lose_nothing(here: Installation) -> None:
    for service in ("taskmanager", "kafka"):
        began = here.container(service)["RestartCount"]
        here.kill(service)
        here.until(lambda name=service, count=began: here.container(name)["RestartCount"] > count, f"{service} again")
        assert here.comes_through(10).agree, service
    here.until(here.healthy, "all healthy again", 1200)


def test_a_job_continues_from_a_savepoint_and_on_two_task_managers(here: Installation) -> None:
    saved = (
        "dc exec -T pipeline flink-jobs http://jobmanager:8081 savepoint wirewatch-live file:///flink-data/savepoints"
    )
    place = here.shell(saved).strip()
    assert place.startswith("file:")
    here.dc("stop", "pipeline")
    before = here.counts()
    here.publish(15)
    here.use_two_task_managers()
    here.dc("up", "-d", "--no-build", "jobmanager", "taskmanager", "workers", "taskmanager2", "workers2", "jobserver")
    here.dc("up", "-d", "--no-build", "pipeline", SAVEPOINT=place)
    here.until(lambda: here.used_slots() == 4, "a job in four slots", 1200)
    assert here.comes_through(5).outcomes >= before.outcomes + 20
    here.publish(40)
    here.dc("stop", "taskmanager2", "workers2")
    here.until(lambda: here.used_slots() == 2, "the job in two slots", 1200)
    here.publish(20)
    here.dc("start", "taskmanager2", "workers2")
    here.until(lambda: here.used_slots() == 4, "the job in four slots again", 1200)
    assert here.comes_through(10).agree


def test_checkpoints_of_jobs_that_are_over_can_go(here: Installation) -> None:
    listed = here.shell("dc exec -T pipeline flink-jobs http://jobmanager:8081 list").splitlines()
    [running] = [line.split()[0] for line in listed if line.split()[1] == "RUNNING"]
    folders = here.shell("dc exec -T jobmanager sh -c 'ls -lt /flink-data/*'")
    old = [name for name in folders.split() if len(name) == 32 and name != running]
    assert old, "each start of the pipeline left some"
    for one in set(old):
        here.shell(f"dc exec -T jobmanager rm -r /flink-data/checkpoints/{one}")
    assert here.comes_through(5).agree


def test_the_projection_is_that_of_one_process(here: Installation) -> None:
    # A replay in slices, in one process, over what the job on Flink has handled.
    here.at_rest()
    told = [
        json.loads(line)
        for line in here.shell("dc exec -T connectors wirewatch replay --run check --json").splitlines()
    ]
    *changes, counted = [
        json.loads(line)
        for line in here.shell("dc exec -T connectors wirewatch runs diff check live --json || true").splitlines()
    ]
    if told[-1]["equal_to"] == "live":
        assert counted["equal"], changes
    else:
        # Another rule of stories in the version before: nothing is claimed, and its articles are cleaned in another way.
        assert "forms stories by rule" in told[-1]["no_claim"], told[-1]
        assert [one for one in changes if one["how"] != "changed" or one["id"] not in here.of_before] == []
    assert here.articles("check") >= 20


def test_the_engine_may_end_and_come_back(here: Installation) -> None:
    before = here.at_rest()
    here.engine.stop()
    here.engine.start()
    # As docs/operations.md says: the engine starts containers in any order, and not again one whose network was not there yet.
    here.dc("up", "-d", "--no-build", timeout_s=1200)
    here.until(here.healthy, "all healthy after the engine's return", 1800)
    after = here.comes_through(10)
    assert after.agree
    assert after.outcomes >= before.outcomes + 10


def test_a_backup_brings_the_store_back_and_the_rest_is_done_again(here: Installation) -> None:
    here.at_rest()
    here.shell("dc exec -T postgres pg_dump -U wirewatch -Fc wirewatch > wirewatch.dump")
    lost = here.comes_through(10)
    here.shell(files.runbook("### Restore"))
    here.until(here.healthy, "all healthy after the restore", 1200)
    after = here.at_rest()
    assert after.outcomes >= lost.outcomes


def test_down_and_up_keep_what_was_there(here: Installation) -> None:
    before = here.at_rest()
    here.dc("down", timeout_s=900)
    here.dc("up", "-d", "--no-build", timeout_s=1200)
    here.until(here.healthy, "all healthy again", 1200)
    after = here.at_rest()
    assert after.agree
    assert after.outcomes >= before.outcomes


def test_services_end_by_themselves_within_their_grace_period(here: Installation) -> None:
    here.dc("stop", *OURS, timeout_s=300)
    ended = {name: here.container(name)["State"]["ExitCode"] for name in OURS}
    assert ended == dict.fromkeys(OURS, 0)
    assert not [job for job in here.jobs() if job[1] == "RUNNING"]
    here.dc("stop", timeout_s=900)
    assert set(here.states()) >= set(LONG_LIVED)
    assert here.container("jobserver")["State"]["ExitCode"] == 0


def _schema(here: Installation) -> str:
    return here.sql("select version_num from alembic_version")
