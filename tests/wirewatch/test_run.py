"""``wirewatch run``: the main job on files."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.corpora import corpus
from tests.wirewatch.command import json_lines, wirewatch

TALKS = (
    "Negotiators from Ukraine and Russia met in Istanbul for a third round of peace talks on Monday. Mediators said that both "
    "sides had agreed to discuss a ceasefire, and that the negotiations would go on until Friday."
)


@pytest.mark.corpus
def test_the_seed_article_is_cleaned_and_filed_under_all_three_topics(tmp_path: Path) -> None:
    done = wirewatch("run", "--input", corpus("seed"), "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [article] = json_lines(tmp_path / "out/enriched.jsonl")
    assert article["language"] == "en"
    assert {topic["topic"] for topic in article["topics"]} == {"syria", "ukraine-talks", "iran-saudi"}
    assert "Get the Latest News" not in article["text"]
    assert "Also see" not in article["text"]
    assert "Their end will be based on what they have done" in article["text"]
    assert [outcome["kind"] for outcome in json_lines(tmp_path / "out/outcomes.jsonl")] == ["published"]


def test_an_enriched_line_and_an_alert_hold_what_the_contract_says(tmp_path: Path) -> None:
    line = {
        "url": "https://outlet.example/talks?utm_source=feed",
        "text": TALKS,
        "title": "Third round of talks",
        "published": "2026-03-01T10:00:00Z",
        "source": "outlet",
        "fetched": "2026-03-01T10:05:00Z",
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    (tmp_path / "subs.jsonl").write_text('{"id": "peace", "name": "Peace", "query": "\\"peace talks\\" AND mediator*"}')
    done = wirewatch(
        "run", "--input", "in.jsonl", "--out", "out", "--subscriptions", "subs.jsonl", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"items": 1, "published": 1, "alerts": 1}
    [article] = json_lines(tmp_path / "out/enriched.jsonl")
    assert article["url"] == line["url"]
    assert article["title"] == "Third round of talks"
    assert article["text"] == TALKS
    assert article["language"] == "en"
    assert article["published"] == "2026-03-01T10:00:00Z"
    assert article["duplicate_of"] is None
    assert article["story"] == article["id"]
    [topic] = article["topics"]
    assert topic["topic"] == "ukraine-talks"
    for match in topic["matches"]:
        assert article[match["field"]][match["start"] : match["end"]] == match["text"]
    [alert] = json_lines(tmp_path / "out/alerts.jsonl")
    assert (alert["subscription"], alert["article"]) == ("peace", article["id"])
    assert {match["text"] for match in alert["matches"]} == {"peace talks", "Mediators"}


def test_the_order_of_lines_changes_nothing_but_positions(tmp_path: Path) -> None:
    lines = [
        {"url": f"https://{host}.example/a", "text": TALKS, "source": host, "fetched": f"2026-03-01T1{hour}:00:00Z"}
        for host, hour in (("first", 0), ("second", 1), ("third", 2))
    ]
    seen = []
    for order in (lines, lines[::-1]):
        (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, order)))
        assert wirewatch("run", "--input", "in.jsonl", "--out", "out", cwd=tmp_path).returncode == 0
        articles = json_lines(tmp_path / "out/enriched.jsonl")
        assert [article["source"] for article in articles] == ["first", "second", "third"]
        assert [article["duplicate_of"] for article in articles] == [None, articles[0]["id"], articles[0]["id"]]
        seen.append([{name: value for name, value in article.items() if name != "position"} for article in articles])
    assert seen[0] == seen[1]


def test_bad_input_is_rejected_and_the_rest_is_handled(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = {"url": "https://outlet.example/1", "text": TALKS}
    (folder / "lines.jsonl").write_text(
        "\n".join(
            [
                "not json",
                json.dumps(good),
                '{"title": "no url"}',
                '{"url": "https://outlet.example/2", "html": ""}',
                '{"url": "https://outlet.example/3", "html": "\\u0000\\u0001\\u0002\\u0003"}',
                '{"url": "https://outlet.example/4", "text": "x", "fetched": "yesterday"}',
                "[" * 100_000,
            ]
        )
    )
    (folder / "binary.html").write_bytes(bytes(range(256)) * 20)
    (folder / "empty.html").write_bytes(b"")
    (folder / "page.xml").write_text("<html><body>not a feed</body></html>")
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(json.dumps(good).encode() * 50)[:40])
    (folder / "manifest.jsonl").write_text('{"file": "gone.html", "url": "https://outlet.example/5"}\n{broken\n')
    (folder / "notes.md").write_text("not an item")
    done = wirewatch("run", "--input", folder, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    outcomes = {outcome["item"]: outcome for outcome in json_lines(tmp_path / "out/outcomes.jsonl")}
    assert (outcomes["lines.jsonl:1"]["url"], outcomes["lines.jsonl:2"]["url"]) == (None, good["url"])
    assert Counter(outcome["kind"] for outcome in outcomes.values()) == {"published": 1, "rejected": 12}
    assert outcomes["lines.jsonl:2"]["kind"] == "published"
    reasons = {item: (outcome["stage"], outcome["reason"]) for item, outcome in outcomes.items()}
    assert reasons["lines.jsonl:1"][0] == "read"
    assert "url" in reasons["lines.jsonl:3"][1]
    assert reasons["lines.jsonl:4"] == ("clean", "empty")
    assert reasons["lines.jsonl:5"][1].startswith("not_html")
    assert "yesterday" in reasons["lines.jsonl:6"][1]
    assert reasons["binary.html"][0] == "clean"
    assert reasons["page.xml"] == ("read", "not a feed: an HTML page")
    assert "gone.html" in reasons
    for item in outcomes.keys() - {"lines.jsonl:2"}:
        assert done.stderr.count(f"{item}: rejected") == 1


def test_a_dangling_link_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/page.html").symlink_to(tmp_path / "nowhere")
    (tmp_path / "in/good.txt").write_text(TALKS)
    assert wirewatch("run", "--input", "in", "--out", "out", cwd=tmp_path).returncode == 0
    kinds = {outcome["item"]: outcome["kind"] for outcome in json_lines(tmp_path / "out/outcomes.jsonl")}
    assert kinds == {"good.txt": "published", "page.html": "rejected"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "--input", "nowhere", "--out", "out"], 2, "nowhere: no such file or folder"),
        (["run", "--input", "tool.exe", "--out", "out"], 2, "tool.exe: not a kind of file"),
        (["run", "--input", "nothing", "--out", "out"], 1, "contains nothing to read"),
        (["run", "--out", "out"], 2, "--input"),
        (["run", "--input", "one.txt", "--out", "one.txt"], 2, "one.txt"),
        (["run", "--input", "one.txt", "--out", "out", "--subscriptions", "gone"], 2, "gone: No such file"),
        (["run", "--input", "one.txt", "--out", "out", "--subscriptions", "bad.jsonl"], 2, "position 5: bad.jsonl:1: "),
        (["run", "--input", "one.txt", "--out", "out", "--topics", "one.txt"], 2, "one.txt"),
        (["--config", "gone.toml", "query", "lint", "grain"], 0, ""),
        (["--config", "gone.toml", "topics", "list"], 2, "gone.toml"),
        (["--config", "gone.toml", "doctor"], 2, "gone.toml"),
        (["--config", "odd.toml", "doctor"], 2, "colour"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "one.txt").write_text(TALKS)
    (tmp_path / "bad.jsonl").write_text('{"id": "q", "query": "a OR"}')
    (tmp_path / "odd.toml").write_text('colour = "blue"')
    done = wirewatch(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("wirewatch: ")]
    assert len(errors) == (0 if "Usage" in done.stderr or code == 0 else 1)
