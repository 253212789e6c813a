"""``match``, ``feed``, ``topics``, ``subscriptions``, ``doctor``: what they print and how they exit."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from core import version
from tests.servers.flink_rest import playing
from tests.wirewatch.command import ROOT, wirewatch

RSS = """<rss version="2.0"><channel><title>Outlet</title><language>en</language>
<item><title>First</title><link>https://outlet.example/1</link></item>
<item><title>Second</title><link>https://outlet.example/2</link></item></channel></rss>"""


def test_match_prints_spans_of_the_original_text(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"id": 1, "query": "al-tanf OR sanction*"}\n{"id": "n", "query": "nobody"}\n')
    doc = {"id": "d", "title": "Al-Tanf", "text": "New sanctions, old Sanctioning."}
    (tmp_path / "d.jsonl").write_text(json.dumps(doc) + "\n")
    done = wirewatch("match", "--queries", "q.jsonl", "--docs", "d.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [line] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (line["query"], line["doc"]) == (1, "d")
    assert sorted(span["text"] for span in line["spans"]) == ["Al-Tanf", "Sanctioning", "sanctions"]
    for span in line["spans"]:
        assert doc[span["field"]][span["start"] : span["end"]] == span["text"]


def test_a_query_that_does_not_parse_is_named_with_its_position(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"id": "good", "query": "a"}\n{"id": "bad", "query": "(syria AND"}\n')
    (tmp_path / "d.jsonl").write_text('{"id": "d", "text": "syria"}\n')
    done = wirewatch("match", "--queries", "q.jsonl", "--docs", "d.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "'bad'" in done.stderr
    assert "position" in done.stderr
    assert "expected" in done.stderr


def test_a_bad_document_is_named_and_the_others_are_handled(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"id": "q", "query": "syria"}\n')
    (tmp_path / "d.jsonl").write_text('{"id": "d"\n{"id": "e", "text": "Syria"}\n')
    done = wirewatch("match", "--queries", "q.jsonl", "--docs", "d.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert [json.loads(line)["doc"] for line in done.stdout.splitlines()] == ["e"]
    assert "d.jsonl:1" in done.stderr


def test_feed_parse_shows_a_feed_and_reports_what_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(RSS)
    done = wirewatch("feed", "parse", "feed.xml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    items = [json.loads(line) for line in done.stdout.splitlines()]
    assert [item["title"] for item in items] == ["First", "Second"]
    (tmp_path / "page.xml").write_text("<html><body>hello</body></html>")
    done = wirewatch("feed", "parse", "page.xml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "not a feed: an HTML page" in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://host.invalid/feed", "could not resolve host"), ("http://127.0.0.1:9/feed", "loopback")],
)
def test_a_dead_or_private_host_is_one_clear_line(tmp_path: Path, url: str, said: str) -> None:
    done = wirewatch("feed", "parse", url, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_feeds_and_subscriptions_are_kept(tmp_path: Path) -> None:
    assert wirewatch("feed", "add", "https://outlet.example/feed", "--source", "outlet", cwd=tmp_path).returncode == 0
    assert "already" in wirewatch("feed", "add", "https://outlet.example/feed", cwd=tmp_path).stderr
    [feed] = [json.loads(line) for line in wirewatch("feed", "list", "--json", cwd=tmp_path).stdout.splitlines()]
    assert (feed["url"], feed["source"]) == ("https://outlet.example/feed", "outlet")
    assert wirewatch("feed", "add", "outlet.example", cwd=tmp_path).returncode == 2
    assert wirewatch("subscriptions", "add", "syria AND talks", "--id", "s", cwd=tmp_path).returncode == 0
    refused = wirewatch("subscriptions", "add", "syria OR talks", "--id", "s", cwd=tmp_path)
    assert refused.returncode == 2
    assert "wirewatch subscriptions edit s" in refused.stderr
    replaced = wirewatch("subscriptions", "add", "syria OR talks", "--id", "s", "--replace", cwd=tmp_path)
    assert replaced.returncode == 0, replaced.stderr
    assert wirewatch("subscriptions", "add", "syria OR", "--id", "t", cwd=tmp_path).returncode == 2
    [one] = [
        json.loads(line) for line in wirewatch("subscriptions", "list", "--json", cwd=tmp_path).stdout.splitlines()
    ]
    assert (one["id"], one["version"], one["query"]) == ("s", 2, "syria OR talks")


def test_topics_are_listed_and_their_examples_hold(tmp_path: Path) -> None:
    listed = [json.loads(line) for line in wirewatch("topics", "list", "--json", cwd=tmp_path).stdout.splitlines()]
    assert {topic["name"] for topic in listed} == {"syria", "ukraine-talks", "iran-saudi"}
    for topic in listed:
        assert len(topic["languages"]) == 49
        assert topic["must_match"] >= 15
        assert topic["must_not_match"] >= 15
    assert wirewatch("topics", "test", cwd=tmp_path).returncode == 0


def test_topics_of_the_folder_in_the_settings_are_listed_beside_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/strikes.toml").write_text(
        'name = "strikes"\ntitle = "Strikes"\nthreshold = 3.0\n[[query]]\nquery = "strike"\nweight = 1.5\n'
    )
    done = wirewatch("topics", "list", cwd=tmp_path, WIREWATCH_TOPICS_DIR="own")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        "iran-saudi",
        "syria",
        "ukraine-talks",
        "strikes",
    ]
    linted = wirewatch("topics", "lint", "own/strikes.toml", cwd=tmp_path)
    assert (linted.returncode, linted.stderr) == (0, "1 topic checked\n")


@pytest.mark.parametrize(
    "command", [("search", "grain"), ("status",), ("doctor",), ("feed", "list"), ("topics", "list")]
)
def test_a_path_that_cannot_be_looked_at_is_one_clear_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    # As for a folder of another user: looking for the file fails, not only opening it.
    path = "x" * 300
    done = wirewatch(*command, cwd=tmp_path, WIREWATCH_DATA_DIR=path, WIREWATCH_TOPICS_DIR=path)
    assert done.returncode in (1, 2)
    assert path in done.stdout + done.stderr


def test_doctor_names_a_folder_that_takes_no_files(tmp_path: Path) -> None:
    done = wirewatch("doctor", "--json", cwd=tmp_path, WIREWATCH_DATA_DIR="/proc/nothing/var")
    disk = next(one for one in map(json.loads, done.stdout.splitlines()) if one.get("name", one.get("what")) == "disk")
    assert "/proc is not writable" in str(disk)
    assert "data_dir" in str(disk)


def test_doctor_says_what_is_there_and_what_to_do(tmp_path: Path) -> None:
    done = wirewatch("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert {
        "python",
        "runner",
        "stream",
        "store",
        "feeds",
        "canary",
        "java",
        "maven",
        "disk",
        "private",
        "channels",
    } == found.keys()
    assert found["stream"]["state"] == "ok"
    assert found["feeds"]["advice"] == "wirewatch feed add URL"


def test_doctor_shows_the_job_on_flink(tmp_path: Path) -> None:
    with playing() as cluster:

        def found() -> dict[str, dict[str, str]]:
            done = wirewatch("doctor", "--json", cwd=tmp_path, WIREWATCH_FLINK_REST_URL=cluster.url)
            return {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}

        first = found()
        assert first["runner"]["state"] == "missing"
        assert first["runner"]["facts"].endswith(": no job")
        # Java and Maven are for those who run Flink here.
        assert not {"java", "maven"} & first.keys()
        cluster.jobs = {"old": ["CANCELED", "wirewatch-live"], "new": ["RUNNING", "wirewatch-live"]}
        assert found()["runner"]["facts"].endswith(": wirewatch-live running")


def test_a_broker_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    # Services wait for one that is away: tests/wirewatch/test_starting.py.
    done = wirewatch("streams", "list", cwd=tmp_path, WIREWATCH_STREAM_URL="kafka://127.0.0.1:9?timeout_s=2")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "can't be reached" in line
    done = wirewatch("doctor", "--json", cwd=tmp_path, WIREWATCH_STREAM_URL="kafka://127.0.0.1:9?timeout_s=2")
    assert done.returncode == 1
    found = {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert found["stream"]["state"] == "failed"
    assert found["store"]["state"] == "ok"


def test_direct_runner_is_refused_with_the_reason(tmp_path: Path) -> None:
    done = wirewatch("pipeline", "run", "--runner", "DirectRunner", cwd=tmp_path)
    assert done.returncode == 2
    assert "keeps no order" in done.stderr


def test_a_second_continuous_run_must_say_whether_it_notifies_people(tmp_path: Path) -> None:
    """Its first start meets all that the stream holds: weeks of alerts that were sent already."""
    assert wirewatch("pipeline", "run", "--until-empty", cwd=tmp_path).returncode == 0
    again = ("pipeline", "run", "--until-empty")
    done = wirewatch(*again, cwd=tmp_path, WIREWATCH_RUN="fixed")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "'fixed' would start beside 'live'" in line
    assert "--no-deliver" in line
    assert wirewatch(*again, "--no-deliver", cwd=tmp_path, WIREWATCH_RUN="fixed").returncode == 0
    # A start without the option makes no choice, and the run is not a desk's until a choice is made.
    done = wirewatch(*again, cwd=tmp_path, WIREWATCH_RUN="fixed")
    assert (done.returncode, "started with --no-deliver" in done.stderr) == (2, True)
    assert wirewatch("runs", "drop", "live", cwd=tmp_path, WIREWATCH_RUN="fixed").returncode == 2
    assert wirewatch(*again, "--deliver", cwd=tmp_path, WIREWATCH_RUN="fixed").returncode == 0
    assert wirewatch(*again, cwd=tmp_path, WIREWATCH_RUN="fixed").returncode == 0
    assert wirewatch(*again, "--no-deliver", cwd=tmp_path, WIREWATCH_RUN="tried").returncode == 0
    assert wirewatch("runs", "drop", "tried", cwd=tmp_path).returncode == 0


def test_there_is_one_version_number(tmp_path: Path) -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert version() == wanted
    assert wirewatch("--version", cwd=tmp_path).stdout == f"wirewatch {wanted}\n"
    files = [path for top in ("deploy", "docs") for path in (ROOT / top).rglob("*") if path.is_file()]
    named = {
        (path.name, found)
        for path in files
        for found in re.findall(r"(?:wirewatch:|newTag: )(\d+\.\d+[\w.]*)", path.read_text("utf-8", "replace"))
    }
    assert {name for name, _ in named} >= {"compose.yaml", "kustomization.yaml"}
    assert {found for _, found in named} == {wanted}
