"""Settings: each in the section of its package, under one flat list of names, documented in the words of its definition."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from core.errors import UsageError
from core.settings import (
    NAMES,
    ConnectorSettings,
    CoreSettings,
    DeskSettings,
    PipelineSettings,
    Settings,
    load_settings,
)
from pipeline.drivers.source import StreamSource

SECTIONS = (CoreSettings, ConnectorSettings, PipelineSettings, DeskSettings)
PAGE = Path(__file__).parents[2] / "docs/settings.md"


def test_each_setting_is_in_one_section() -> None:
    names = [field.name for section in SECTIONS for field in fields(section)]
    assert len(names) == len(set(names))
    assert set(names) == set(NAMES) == {field.name for field in fields(Settings)}


def test_each_setting_has_a_line_in_the_documentation_with_the_meaning_of_its_definition() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `.+?` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE))
    described = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    assert {name: text.replace("`", "") for name, text in rows.items()} == {
        name: described[name]["description"] for name in NAMES
    }


def test_the_file_is_one_flat_list_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "wirewatch.toml"
    file.write_text('data_dir = "here"\nslice_records = 7\nallow_private = ["a.example"]\n')
    found = load_settings(file, {"WIREWATCH_SLICE_RECORDS": "9", "WIREWATCH_ALLOW_PRIVATE": "b.example,c.example:80"})
    assert (found.data_dir, found.slice_records, found.allow_private) == ("here", 9, ("b.example", "c.example:80"))
    assert found.store == "sqlite:///here/store.db"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slice_record = 7", "there is no setting 'slice_record' — did you mean slice_records?"),
        ("[pipeline]\nslice_records = 7", "there is no setting 'pipeline'"),
        ('slice_records = "seven"', "slice_records must be a whole number — it says: most records in a slice"),
        ('story_vectors = "no"', "story_vectors must be true or false — it says: stories span languages"),
    ],
)
def test_a_slip_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "wirewatch.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings(file, {})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_shown_holds_no_secret() -> None:
    shown = Settings(
        store_url="postgresql://ann:hunter2@db/w?sslpassword=hunter3", smtp_url="smtp://x:hunter4@mail"
    ).shown()
    assert shown.keys() == set(NAMES)
    assert "hunter" not in str(shown)


@pytest.mark.parametrize(
    ("url", "seconds", "in_force"),
    [
        ("kafka://a:9092", 15.0, "kafka://a:9092"),
        ("kafka://a:9092", 2.5, "kafka://a:9092?timeout_s=2.5"),
        ("kafka://a:9092?client_id=x", 30.0, "kafka://a:9092?client_id=x&timeout_s=30"),
        ("kafka://a:9092?timeout_s=4", 30.0, "kafka://a:9092?timeout_s=4"),
        ("", 1.0, "sqlite:///var/streams.db?timeout_s=1"),
    ],
)
def test_the_time_limit_of_streams_is_an_option_of_their_url(url: str, seconds: float, in_force: str) -> None:
    assert Settings(stream_url=url, stream_timeout_s=seconds).stream == in_force


def test_the_limits_of_one_broker_are_options_of_a_kafka_url_alone() -> None:
    limits = {"stream_answer_s": 3.0, "stream_connect_s": 1.0}
    assert Settings(stream_url="kafka://a:9092?connect_s=9", **limits).stream == "kafka://a:9092?connect_s=9&answer_s=3"
    assert Settings(**limits).stream == "sqlite:///var/streams.db"


def test_the_limits_of_the_reader_on_flink_are_settings() -> None:
    settings = Settings()
    source = StreamSource(url="", name="", run="", start={})
    assert (source.in_flight_bytes, source.alarm_s) == (settings.in_flight_bytes, settings.stuck_after_s)
