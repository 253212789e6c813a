"""A topic's query that costs too much on an article is found before it is loaded, as a subscription's is."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UsageError
from core.topics import builtin_topics, load_topic_folder
from core.topics.definitions import cancelled, costs, folder_definitions, topics_at

CHEAP = 'name = "cheap"\ntitle = "Cheap"\nthreshold = 1.0\n[[query]]\nquery = "grain NEAR/5 port*"\n'
DEAR = CHEAP.replace("heap", "ostly").replace("grain NEAR/5 port*", " NEAR/1000 ".join(["t*", "a*", "s*", "c*"] * 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cheap.toml").write_text(CHEAP)
    return tmp_path


def test_a_costly_query_is_not_loaded_and_the_file_and_query_are_named(folder: Path) -> None:
    assert [topic.name for topic in load_topic_folder(folder)] == ["cheap"]
    (folder / "dear.toml").write_text(DEAR)
    for load in (load_topic_folder, folder_definitions):
        with pytest.raises(UsageError, match=r"dear\.toml: query 1 \(every language\): takes about [0-9,]+ steps"):
            load(folder)


def test_a_costly_topic_has_a_finding(folder: Path) -> None:
    (folder / "dear.toml").write_text(DEAR)
    found = {topic.name: [finding.severity for _, _, finding in costs(topic)] for topic in topics_at(folder)}
    assert found == {"cheap": [], "costly": ["error"]}


def test_the_built_in_topics_cost_little() -> None:
    assert [(topic.name, number) for topic in builtin_topics() for number, _, _ in costs(topic)] == []


def test_no_term_of_the_built_in_topics_is_cancelled_by_apart() -> None:
    # "Damascus, Virginia" was read as two phrases, and Damascus alone never counted.
    assert [(topic.name, *found) for topic in builtin_topics() for found in cancelled(topic)] == []


def test_a_term_that_apart_cancels_is_named(folder: Path) -> None:
    (folder / "towns.toml").write_text("""name = "towns"
title = "Towns"
threshold = 1.0
[list.towns]
terms.any = "Damascus, Aleppo*, Homs"
apart.any = "Damascus, Virginia, Aleppo soap"
[[rule]]
name = "a town"
all = ["towns"]
lead = 2.0
""")
    assert [list(cancelled(topic)) for topic in topics_at(folder)] == [[], [("towns", "damascus")]]
