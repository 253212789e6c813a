from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from core.errors import UsageError
from core.topics import check_topic, load_topic, load_topic_folder

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "topics_errors.toml").read_text("utf-8"))["case"]
SOUND = """
name = "ports"
title = "Ports"
threshold = 3.0

[[query]]
query = "harbour OR port*"

[[must_match]]
text = "The harbour is closed."

[[must_not_match]]
title = "Rail"
text = "The station is closed."
"""


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_wrong_definition_is_refused_with_its_place(case: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        load_topic(case["file"], "desk/ports.toml")
    message = str(caught.value)
    assert message.startswith("desk/ports.toml: ")
    assert all(word in message for word in case["says"])


def test_not_utf8_is_refused() -> None:
    with pytest.raises(UsageError, match=r"ports\.toml: not UTF-8 at byte 8"):
        load_topic(b'name = "\xff"', "ports.toml")


def test_a_sound_file() -> None:
    topic = load_topic(SOUND.encode(), "ports.toml")
    assert (topic.name, topic.threshold, topic.queries[0].weight, topic.queries[0].language) == (
        "ports",
        3.0,
        1.0,
        None,
    )
    assert check_topic(topic) == []


def test_failures_name_the_example() -> None:
    topic = load_topic(SOUND.replace("harbour is", "quay is").replace("The station", "The port station"), "ports.toml")
    missed, wrong = check_topic(
        load_topic(SOUND.replace("harbour is", "quay is").replace('"Rail"', '"Port"'), "ports.toml")
    )
    assert str(missed) == "must_match 1 (any): was not tagged: The quay is closed."
    assert str(wrong) == "must_not_match 1 (any): was tagged (score 3): Port"
    assert len(check_topic(topic)) == 1


def test_a_folder_gives_its_topics_by_name_and_no_name_twice(tmp_path: Path) -> None:
    (tmp_path / "ports.toml").write_text(SOUND, "utf-8")
    (tmp_path / "air.toml").write_text(SOUND.replace("ports", "airports"), "utf-8")
    (tmp_path / "notes.txt").write_text("not a topic", "utf-8")
    assert [topic.name for topic in load_topic_folder(tmp_path)] == ["airports", "ports"]
    (tmp_path / "copy.toml").write_text(SOUND, "utf-8")
    with pytest.raises(UsageError, match="the topic ports is already in"):
        load_topic_folder(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load_topic_folder(tmp_path / "nowhere")
