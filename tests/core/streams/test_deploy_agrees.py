"""What deploy/ says of streams is what Wirewatch plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import load_settings
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
