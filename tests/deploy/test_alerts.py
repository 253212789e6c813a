"""Alert rules and dashboard: PromQL that parses, metrics that exist, and a runbook entry for each alert."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from tests.deploy import files
from tests.deploy.selectors import PROMETHEUS, expressions, finds, grouped, metrics, rules, selectors

LABELS = {
    "wirewatch_outcomes_total": {"run", "kind"},
    "wirewatch_lag_records": {"run", "partition"},
    "wirewatch_lag_seconds": {"run"},
    "wirewatch_slice_seconds_bucket": {"le"},
    "wirewatch_latency_seconds_bucket": {"stage", "le"},
    "wirewatch_outbox_waiting": set(),
    "wirewatch_query_not_decided_total": {"run"},
    "wirewatch_store_seq": {"run"},
    "wirewatch_feeds": {"health"},
    "wirewatch_canary_age_seconds": set(),
    "wirewatch_canary_silent_seconds": {"stage"},
    "wirewatch_canary_journey_seconds": {"stage"},
    "wirewatch_delivery_oldest_seconds": set(),
    "wirewatch_delivery_unplanned": set(),
    "wirewatch_channel_failing": {"channel"},
    "wirewatch_schedule_lag_seconds": set(),
    "wirewatch_story_index_entries": set(),
    "wirewatch_story_index_bytes": set(),
    "wirewatch_polls_total": {"result"},
    "wirewatch_poll_errors_total": {"of", "kind"},
    "wirewatch_items_total": {"state"},
    "wirewatch_appended_records_total": set(),
    "wirewatch_appended_bytes_total": set(),
    "wirewatch_stubs_total": set(),
    "wirewatch_waits_total": set(),
    "up": {"service"},
    "process_resident_memory_bytes": {"service"},
    "flink_jobmanager_job_numRestarts": {"job_name"},
    "flink_jobmanager_job_numberOfCompletedCheckpoints": {"job_name"},
    "flink_jobmanager_job_lastCheckpointSize": {"job_name"},
    "flink_jobmanager_job_lastCheckpointDuration": {"job_name"},
    "flink_jobmanager_numRegisteredTaskManagers": set(),
    "kubelet_volume_stats_available_bytes": {"namespace", "persistentvolumeclaim"},
    "kubelet_volume_stats_capacity_bytes": {"namespace", "persistentvolumeclaim"},
}
"""The metrics that rules may use, with the labels that they may ask for beside Prometheus' own job and instance."""


@pytest.mark.parametrize(("name", "expression"), list(expressions()))
def test_each_expression_parses_and_uses_known_metrics(name: str, expression: str) -> None:
    used = metrics(expression)
    assert used, name
    assert not used.keys() - LABELS.keys(), name
    for metric, asked in used.items():
        assert asked.keys() <= LABELS[metric] | {"job", "instance"}, f"{name}: {metric}"
    assert grouped(expression) <= set().union(*(LABELS[metric] for metric in used)), name


def test_alerts_say_how_urgent_they_are_and_have_a_runbook_entry() -> None:
    page = (files.ROOT / "docs/operations.md").read_text("utf-8")
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in page, f"docs/operations.md doesn't say what to do about {rule['alert']}"
    assert set(re.findall(r"`(Wirewatch[A-Z]\w+)`", page)) == set(names)


def test_selectors_are_found_wherever_they_stand_and_ask_for_what_they_say() -> None:
    expression = (
        'max by (a) (increase(x{run="live"}[5m])) > 8 and on (a) absent(up) or histogram_quantile(0.9, y{z=~"b.*"})'
    )
    assert selectors(expression) == {'x{run="live"}', "up", 'y{z=~"b.*"}'}
    assert metrics(expression) == {"x": {"run": {"live"}}, "up": {}, "y": {"z": {"b.*"}}}
    assert grouped(f"sum by (b) ({expression})") == {"a", "b"}
    assert grouped("x * on (a, b) y") == {"a", "b"}
    assert finds('x{job_name="a-b"}', "x", {"job_name": "a-b", "other": "c"})
    assert not finds('x{job_name="a-b"}', "x", {"job_name": "a_b"})
    assert not finds('x{job_name="a-b"}', "y", {"job_name": "a-b"})
    assert [finds('x{a!~"b.*"}', "x", {"a": value}) for value in ("bc", "cb")] == [False, True]


def test_a_job_is_named_alike_everywhere() -> None:
    named = set().union(*(asked.get("job_name", ()) for rule in rules() for asked in metrics(rule["expr"]).values()))
    assert named == {"wirewatch-live"}
    for where, arguments in files.commands():
        if "--runner=PortableRunner" in arguments:
            assert "--beam-option=--job_name=wirewatch-live" in arguments, where


def test_flinks_reporter_leaves_the_jobs_name_as_it_is() -> None:
    """By default it writes wirewatch_live, and no rule on the job ever fires. A real reporter is asked in tests/containers."""
    reporter = "metrics.reporter.prom"
    for name in ("jobmanager", "taskmanager"):
        text = files.compose()["services"][name]["environment"]["FLINK_PROPERTIES"]
        told = dict(line.split(": ") for line in text.splitlines())
        assert told[f"{reporter}.filterLabelValueCharacters"] == "false", name
        assert told[f"{reporter}.port"] == "9249", name
    [flink] = [one["spec"]["flinkConfiguration"] for one in files.manifests() if one["kind"] == "FlinkDeployment"]
    assert flink[f"{reporter}.filterLabelValueCharacters"] == "false"


def test_prometheus_reads_the_rules_and_asks_services_that_are_there() -> None:
    [config] = files.documents(PROMETHEUS / "prometheus.yaml")
    assert [(PROMETHEUS / name).exists() for name in config["rule_files"]] == [True]
    targets = [
        target for job in config["scrape_configs"] for entry in job["static_configs"] for target in entry["targets"]
    ]
    targets += [
        target
        for manager in config["alerting"]["alertmanagers"]
        for entry in manager["static_configs"]
        for target in entry["targets"]
    ]
    assert {target.split(":")[0] for target in targets} <= set(files.compose()["services"])


def test_the_dashboard_is_provisioned_and_its_panels_do_not_overlap() -> None:
    board = json.loads((files.DEPLOY / "grafana/dashboards/wirewatch.json").read_text("utf-8"))
    [sources] = files.documents(files.DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")
    uids = {source["uid"] for source in sources["datasources"]}
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] in uids
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_rules_fire_as_meant() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on this machine (Debian's package prometheus has it)")
    done = subprocess.run(
        [promtool, "test", "rules", PROMETHEUS / "alerts_test.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
