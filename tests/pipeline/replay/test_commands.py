"""The commands, as a person runs them: replay, runs, archive, trace, show, takedown."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from connectors.base import PageFailure
from connectors.store.polls import PollRepository
from connectors.store.rows import feed_id
from core.errors import FailureKind
from core.store import StoreReader, SubscriptionStore, open_store
from tests.pipeline.flow.input import START, day, subscriptions
from tests.pipeline.replay.world import START_MS
from tests.waiting import until
from tests.wirewatch.command import on_terminal, service, wirewatch

LINES = 40


def lines_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Raw articles of the day as an unsorted .jsonl, and the subscriptions as a file."""
    raws = [item.value for item in day() if item.raw is not None and item.raw.schema == 1]
    (tmp_path / "day.jsonl").write_bytes(b"\n".join(reversed(raws)) + b"\nno line of an archive\n")
    queries = [{"id": one.id, "query": one.query} for one in subscriptions()]
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    return tmp_path


def test_a_replay_of_files_beside_an_empty_store_compared_and_dropped(folder: Path) -> None:
    options = ["--source", "day.jsonl", "--subscriptions", "queries.jsonl"]
    done = wirewatch("replay", "--run", "march", *options, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    result = lines_of(done)[-1]
    assert (result["state"], result["equal_to"]) == ("finished", None)
    assert result["no_claim"] == "its source is not the raw stream"
    assert result["outcomes"]["rejected"] == 3
    assert result["alerts"] > 5
    assert "1 item could not be read" in done.stderr
    store = open_store(f"sqlite:///{folder}/var/store.db")
    ends = {one.item: one for one in StoreReader(store, "march").outcomes() if one.stage == "read"}
    assert list(ends) == [f"day.jsonl:{len([i for i in day() if i.raw is not None and i.raw.schema == 1]) + 1}"]
    assert {article.key.time_ms for article in StoreReader(store, "march").articles()} <= set(
        range(START_MS - 10_000, START_MS + 60_000)
    )
    store.close()

    again = wirewatch("replay", "--run", "march", *options, "--json", cwd=folder)
    assert "already finished" in again.stderr
    other = wirewatch("replay", "--run", "march", "--source", "day.jsonl", cwd=folder)
    assert other.returncode == 2
    assert "--subscriptions" in other.stderr

    fewer = wirewatch("replay", "--run", "quiet", "--source", "day.jsonl", "--json", cwd=folder)
    assert lines_of(fewer)[-1]["alerts"] == 0
    # Other queries, the same drafts: all but the record of an unreadable line, a stub and one without a page.
    assert lines_of(fewer)[-1]["reused"] == sum(result["outcomes"].values()) - 3 > result["reused"]
    diff = wirewatch("runs", "diff", "march", "quiet", "--json", cwd=folder)
    assert diff.returncode == 1
    *changes, summary = lines_of(diff)
    assert summary["alert"] == {"lost": result["alerts"], "gained": 0, "changed": 0}
    assert summary["article"]["lost"] == summary["story"]["lost"] == 0
    assert all(change["before"]["text"] for change in changes if change["what"] == "article")

    listed = lines_of(wirewatch("runs", "list", "--json", cwd=folder))
    assert all(run["created_at"].endswith("Z") for run in listed)
    names = [run["name"] for run in listed]
    assert names == ["march", "quiet"]
    assert wirewatch("runs", "drop", "march", cwd=folder).returncode == 0
    assert [run["name"] for run in lines_of(wirewatch("runs", "list", "--json", cwd=folder))] == ["quiet"]
    assert not (folder / "var/replays/march.db").exists()
    assert wirewatch("runs", "drop", "march", cwd=folder).returncode == 2


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_replay_is_continued_by_the_same_command(folder: Path, how: signal.Signals) -> None:
    command = ["replay", "--run", "slow", "--source", "day.jsonl", "--subscriptions", "queries.jsonl", "--json"]
    whole = wirewatch(*[part if part != "slow" else "whole" for part in command], cwd=folder)
    store = open_store(f"sqlite:///{folder}/var/store.db")
    # Half as fast as it was: some seconds for a start to be killed in.
    with service(*command, "--speed", "0.5x", cwd=folder) as running:
        until(lambda: StoreReader(store, "slow").count_outcomes().total() > 3, "records handled")
        running.send_signal(how)
        assert running.wait(timeout=60) == (130 if how is signal.SIGINT else -signal.SIGKILL)
    before = StoreReader(store, "slow").count_outcomes().total()
    assert before < lines_of(whole)[-1]["done"]
    store.close()
    done = wirewatch(*command, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "continuing after" in done.stderr
    assert lines_of(done)[-1]["outcomes"] == lines_of(whole)[-1]["outcomes"]
    assert wirewatch("runs", "diff", "whole", "slow", "--json", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run", "live"], "continuous run"),
        (["--run", "a/b"], "can't be a run's name"),
        (["--run", "r", "--from", "yesterdayish"], "not a time"),
        (["--run", "r", "--from", "2026-03-05", "--to", "2026-03-04"], "not before"),
        (["--run", "r", "--speed", "fast"], "not a speed"),
        (["--run", "r", "--source", "gone.warc"], "no such file"),
        (["--run", "r", "--source", "bad.exe"], "not a kind of file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "bad.exe").write_text("MZ")
    done = wirewatch("replay", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


def test_trace_show_and_takedown(folder: Path) -> None:
    done = wirewatch(
        "replay", "--run", "r", "--source", "day.jsonl", "--subscriptions", "queries.jsonl", "--json", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    store = open_store(f"sqlite:///{folder}/var/store.db")
    copy = next(one for one in StoreReader(store, "r").articles() if one.duplicate_of)
    alerts = sum(1 for _ in StoreReader(store, "r").alerts())

    [found] = lines_of(wirewatch("trace", copy.url, "--run", "r", "--json", cwd=folder))
    assert found["article"]["duplicate_of"] == copy.duplicate_of
    assert found["article"]["text_chars"] == len(copy.text)
    assert found["article"]["language"] == copy.language
    assert {one["topic"] for one in found["topics"] if one["held"]} == {one.topic for one in copy.topics}
    held = {one["subscription"] for one in found["queries"] if one["held"]}
    assert held == {one.subscription for one in copy.subscriptions}
    failed = [one for one in found["queries"] if not one["held"]]
    assert failed
    assert all(one["failed"] for one in failed)
    assert found["ends"][0]["kind"] == "duplicate"

    known = [
        one["id"] for one in lines_of(wirewatch("show", "articles", "--run", "r", "--limit", "0", "--json", cwd=folder))
    ]
    assert sorted(known) == sorted(one.id for one in StoreReader(store, "r").articles())
    assert len(lines_of(wirewatch("show", "alerts", "--run", "r", "--json", cwd=folder))) == alerts
    before = wirewatch("show", "articles", "--run", "r", "--as-of", "2020-01-01", "--json", cwd=folder)
    assert before.stdout == ""

    gone = wirewatch("takedown", copy.url, "--reason", "court order", "--json", cwd=folder)
    assert lines_of(gone)[0]["articles"] == 1
    assert lines_of(gone)[0]["kept_drafts"] == 1
    assert copy.id not in {one.id for one in StoreReader(store, "r").articles()}
    [after] = lines_of(wirewatch("trace", copy.url, "--run", "r", "--json", cwd=folder))
    assert after["verdict"] == "taken down: court order"
    again = wirewatch("replay", "--run", "r2", "--source", "day.jsonl", "--json", cwd=folder)
    assert again.returncode == 0
    ends = [one for one in StoreReader(store, "r2").outcomes() if one.item == copy.url]
    assert {(one.stage, one.reason) for one in ends} == {("takedown", "court order")}
    assert wirewatch("takedown", copy.url, cwd=folder).returncode == 2
    store.close()


def test_never_seen_says_why_it_may_be(tmp_path: Path) -> None:
    wirewatch("subscriptions", "add", "syria", "--id", "s", cwd=tmp_path)
    nothing = wirewatch("trace", "https://outlet.test/missed", "--json", cwd=tmp_path)
    assert nothing.returncode == 1
    [found] = lines_of(nothing)
    assert found["verdict"] == "never seen"
    assert "no feed of this host" in found["maybe"][0]
    assert wirewatch("feed", "add", "https://www.outlet.test/feed.xml", cwd=tmp_path).returncode == 0
    [found] = lines_of(wirewatch("trace", "https://outlet.test/missed", "--json", cwd=tmp_path))
    assert "has not been polled yet" in found["maybe"][0]
    store = open_store(f"sqlite:///{tmp_path}/var/store.db")
    log = PollRepository(store)
    feed = str(found["feeds"][0]["url"])
    now = START_MS
    log.add(
        feed_id(feed),
        now,
        new=1,
        pages=[PageFailure("https://outlet.test/missed", "robots.txt forbids it", FailureKind.ROBOTS)],
    )
    store.close()
    [found] = lines_of(wirewatch("trace", "https://outlet.test/missed", "--json", cwd=tmp_path))
    assert "robots.txt forbids it" in found["maybe"][0]
    assert found["feeds"][0]["polls"][0]["new"] == 1


def test_a_trace_shows_the_last_polls_of_a_feed_only_if_it_never_listed_the_article(tmp_path: Path) -> None:
    for number in range(4):
        wirewatch("feed", "add", f"https://www.outlet.test/{number}.xml", cwd=tmp_path)
    url = "https://outlet.test/missed"
    [found] = lines_of(wirewatch("trace", url, "--json", cwd=tmp_path))
    store = open_store(f"sqlite:///{tmp_path}/var/store.db")
    log = PollRepository(store)
    for minute in range(5):
        log.add(feed_id(found["feeds"][0]["url"]), START_MS + minute * 60_000, new=minute + 1)
    store.close()
    shown = on_terminal("trace", url, cwd=tmp_path).stdout
    assert [
        line.split(": ")[1].split(",")[0] for line in shown.splitlines() if "polled" in line and "new," in line
    ] == [
        "5 new",
        "4 new",
        "3 new",
    ]
    assert "… and 1 more feed of this outlet (--all)" in shown
    whole = on_terminal("trace", url, "--all", cwd=tmp_path).stdout
    feeds = [line for line in whole.splitlines() if line.startswith("feed ")]
    assert (whole.count(" new, "), len(feeds)) == (5, 4)


def test_like_polls_are_one_row_and_old_ones_go(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    log = PollRepository(store)
    for minute in range(10):
        log.add("feed", minute * 60_000)
    log.add("feed", 700_000, problem="HTTP 500")
    log.add("feed", 760_000, problem="HTTP 500")
    log.add("feed", 820_000, new=3, appended=2)
    found = log.of("feed")
    assert [(one.times, one.problem, one.new) for one in found] == [(1, None, 3), (2, "HTTP 500", 0), (10, None, 0)]
    log.add("feed", 820_000 + 31 * 86_400_000)
    assert [one.times for one in log.of("feed")] == [1]
    store.close()


def test_the_queries_of_a_replay_are_those_of_the_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var/store.db"
    store = open_store(url)
    mine = subscriptions()[-1]
    SubscriptionStore(store).save_subscriptions([mine], now_ms=START_MS + 5_000)
    store.close()
    values = [item.value for item in day() if item.raw is not None and item.raw.schema == 1]
    (tmp_path / "day.jsonl").write_bytes(b"\n".join(values))
    done = wirewatch("replay", "--run", "r", "--source", "day.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    store = open_store(url)
    raised = [to_ms_of(alert.raised_at) for alert in StoreReader(store, "r").alerts()]
    store.close()
    assert raised
    assert min(raised) >= START_MS + 7_000


def to_ms_of(moment: object) -> int:
    return int((moment - START).total_seconds() * 1000) + START_MS  # type: ignore[operator]
