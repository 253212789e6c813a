"""What deploy/ says of streams is what Wirewatch plans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import load_settings
from core.streams.kafka.client import KafkaLocation
from core.streams.plans import StreamFacts, differences, planned_streams
from tests.deploy import files


def test_the_topic_operators_streams_are_the_planned_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = files.environment_lines(files.KUBERNETES / "settings.env")
    # Nobody's settings file.
    monkeypatch.chdir(tmp_path)
    plans = planned_streams(load_settings(environment=lines))
    topics = {one["metadata"]["name"]: one["spec"] for one in files.manifests() if one["kind"] == "KafkaTopic"}
    assert topics.keys() == plans.keys()
    for name, spec in topics.items():
        configs = {key: str(value) for key, value in spec["config"].items()}
        facts = StreamFacts(name, spec["partitions"], spec["replicas"], configs)
        assert differences(plans[name], facts) == [], name
        assert configs.keys() == plans[name].configs(spec["replicas"]).keys(), name
        assert spec["partitions"] == plans[name].partitions


def test_the_raw_stream_leaves_room_on_each_brokers_disk() -> None:
    """As many copies as brokers: each has one of every partition. Kafka keeps up to a segment more than it is told."""
    [pool] = [one["spec"] for one in files.manifests() if one["kind"] == "KafkaNodePool"]
    [disk] = pool["storage"]["volumes"]
    size = int(disk["size"].removesuffix("Gi")) << 30
    topics = {one["metadata"]["name"]: one["spec"] for one in files.manifests() if one["kind"] == "KafkaTopic"}
    raw = topics["raw-articles"]
    assert {spec["replicas"] for spec in topics.values()} == {pool["replicas"]}
    kept = raw["config"]["retention.bytes"] + raw["config"]["segment.bytes"]
    assert 0 < raw["partitions"] * kept < 0.8 * size, "a fifth is for the output streams"


def test_what_starts_all_parts_makes_the_streams_by_the_command() -> None:
    assert "wirewatch streams create" in (files.DEPLOY / "local/up.sh").read_text("utf-8")


def test_every_client_of_kafka_on_kubernetes_uses_tls_and_trusts_its_authority() -> None:
    [kafka] = [one for one in files.manifests() if one["kind"] == "Kafka"]
    [listener] = kafka["spec"]["kafka"]["listeners"]
    assert listener["tls"] is True
    example = files.environment_lines(files.KUBERNETES / "secret.env.example")["WIREWATCH_STREAM_URL"]
    location = KafkaLocation.parse(example)
    assert location.servers == (f"{kafka['metadata']['name']}-kafka-bootstrap:{listener['port']}",)
    assert location.security["security_protocol"] == "SSL"
    [policy] = [one["spec"] for one in files.manifests() if one["metadata"]["name"] == "to-kafka"]
    assert policy["egress"][0]["ports"] == [{"protocol": "TCP", "port": listener["port"]}]
    ca, checked = Path(location.security["ssl_cafile"]), 0
    for name, labels, spec in _pods_with_labels():
        if labels.get("wirewatch.example/uses-kafka") != "true":
            continue
        checked += 1
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        ours = [one for one in files.containers(spec) if one["image"] == "wirewatch"]
        assert ours, name
        for container in ours:
            [mount] = [one for one in container["volumeMounts"] if one["mountPath"] == str(ca.parent)]
            secret = volumes[mount["name"]]["secret"]
            assert (mount["readOnly"], secret["secretName"]) == (True, "kafka-cluster-ca-cert"), name
            assert {"key": "ca.crt", "path": ca.name} in secret["items"]
    assert checked == 4


def test_brokers_and_all_that_there_are_several_of_are_spread() -> None:
    [kafka] = [one["spec"]["kafka"] for one in files.manifests() if one["kind"] == "Kafka"]
    zone = kafka["rack"]["topologyKey"]
    assert kafka["config"]["replica.selector.class"].endswith("RackAwareReplicaSelector")
    assert kafka["config"]["unclean.leader.election.enable"] is False
    [pool] = [one["spec"] for one in files.manifests() if one["kind"] == "KafkaNodePool"]
    spread = {"brokers": pool["template"]["pod"]}
    for one in files.manifests():
        if one["kind"] == "Deployment" and one["spec"]["replicas"] > 1:
            spread[one["metadata"]["name"]] = one["spec"]["template"]["spec"]
        elif one["kind"] == "FlinkDeployment":
            spread["task managers"] = one["spec"]["taskManager"]["podTemplate"]["spec"]
    assert spread.keys() == {"brokers", "connectors", "task managers"}
    for name, spec in spread.items():
        keys = [one["topologyKey"] for one in spec["topologySpreadConstraints"]]
        assert keys == [zone, "kubernetes.io/hostname"], name
        assert all(one["labelSelector"]["matchLabels"] for one in spec["topologySpreadConstraints"]), name


def _pods_with_labels() -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
    for one in files.manifests():
        name = one["metadata"]["name"]
        if one["kind"] == "Deployment":
            template = one["spec"]["template"]
            yield name, template["metadata"]["labels"], template["spec"]
        elif one["kind"] == "FlinkDeployment":
            template = one["spec"]["taskManager"]["podTemplate"]
            yield name, template["metadata"]["labels"], template["spec"]
