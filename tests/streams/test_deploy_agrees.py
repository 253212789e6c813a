"""What deploy/ says of streams is what Wirewatch plans."""

from __future__ import annotations

from pipeline.settings import Settings
from pipeline.streams.installation import planned_streams
from pipeline.streams.plans import StreamFacts, differences
from tests.deploy import files


def test_the_topic_operators_streams_are_the_planned_ones() -> None:
    lines = files.environment_lines(files.KUBERNETES / "settings.env")
    plans = planned_streams(Settings(partitions=int(lines["WIREWATCH_PARTITIONS"])))
    topics = {one["metadata"]["name"]: one["spec"] for one in files.manifests() if one["kind"] == "KafkaTopic"}
    assert topics.keys() == plans.keys()
    for name, spec in topics.items():
        configs = {key: str(value) for key, value in spec["config"].items()}
        facts = StreamFacts(name, spec["partitions"], spec["replicas"], configs)
        assert differences(plans[name], facts) == [], name
        assert configs.keys() == plans[name].configs(spec["replicas"]).keys(), name
        assert spec["partitions"] == plans[name].partitions


def test_what_starts_all_parts_makes_the_streams_by_the_command() -> None:
    assert "wirewatch streams create" in (files.DEPLOY / "local/up.sh").read_text("utf-8")
