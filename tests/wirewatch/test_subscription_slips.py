"""Slips of the pen in a subscription's filters, and what its history says, as a person meets them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.wirewatch.command import on_terminal, wirewatch


def test_an_unknown_topic_is_refused_and_an_unknown_outlet_is_a_warning(tmp_path: Path) -> None:
    added = ("subscriptions", "add", "port*", "--id", "ports")
    refused = wirewatch(*added, "--topic", "ukraine-talk", cwd=tmp_path)
    assert refused.returncode == 2
    assert "there is no topic 'ukraine-talk'" in refused.stderr
    assert "did you mean ukraine-talks?" in refused.stderr
    assert (
        wirewatch("feed", "add", "https://post.example/feed", "--source", "Morning Post", cwd=tmp_path).returncode == 0
    )
    saved = wirewatch(*added, "--topic", "syria", "--outlet", "morning post", "--outlet", "Mourning Post", cwd=tmp_path)
    assert saved.returncode == 0, saved.stderr
    assert "no feed or article has an outlet 'Mourning Post'" in saved.stderr
    assert "'morning post'" not in saved.stderr
    assert "version 1 saved" in saved.stderr
    (tmp_path / "more.toml").write_text('[[subscription]]\nid = "ports"\nquery = "harbour"\noutlets = ["The Post"]\n')
    taken = wirewatch("subscriptions", "import", "more.toml", cwd=tmp_path)
    assert taken.returncode == 0, taken.stderr
    assert "no feed or article has an outlet 'The Post'" in taken.stderr
    assert "1 saved" in taken.stderr


def test_languages_and_topics_are_stored_in_lower_case_and_said_to_be(tmp_path: Path) -> None:
    saved = wirewatch(
        *("subscriptions", "add", "port*", "--id", "p", "--language", "EN", "--language", "ar", "--topic", "Syria"),
        cwd=tmp_path,
    )
    assert saved.returncode == 0, saved.stderr
    assert "languages are stored in lower case: en, ar" in saved.stderr
    assert "topics are stored in lower case: syria" in saved.stderr
    shown = json.loads(wirewatch("subscriptions", "show", "p", "--json", cwd=tmp_path).stdout)
    assert (shown["languages"], shown["topics"]) == (["en", "ar"], ["syria"])
    again = wirewatch("subscriptions", "edit", "p", "--language", "en", "--language", "AR", cwd=tmp_path)
    assert "p: unchanged" in again.stderr


def test_history_says_what_was_and_what_is_now_and_notes_stay_with_their_version(tmp_path: Path) -> None:
    assert wirewatch("subscriptions", "add", "port*", "--id", "p", "--note", "first", cwd=tmp_path).returncode == 0
    assert wirewatch("subscriptions", "edit", "p", "--query", "harbour", cwd=tmp_path).returncode == 0
    told = on_terminal("subscriptions", "history", "p", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "query: was port* now harbour" in told.stdout
    newest, oldest = told.stdout.split("version 1")
    assert "first" not in newest
    assert "first" in oldest


def test_outlets_are_checked_when_given_and_not_at_every_change(tmp_path: Path) -> None:
    warning = "no feed or article has an outlet 'Mourning Post'"
    added = wirewatch("subscriptions", "add", "port*", "--id", "p", "--outlet", "Mourning Post", cwd=tmp_path)
    assert warning in added.stderr
    for change, state in (("pause", "paused"), ("resume", "active")):
        done = wirewatch("subscriptions", change, "p", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "saved" in done.stderr
        assert warning not in done.stderr
        assert json.loads(wirewatch("subscriptions", "show", "p", "--json", cwd=tmp_path).stdout)["state"] == state
    assert warning in wirewatch("subscriptions", "edit", "p", "--name", "Ports", cwd=tmp_path).stderr


def test_an_id_that_was_removed_is_free_again(tmp_path: Path) -> None:
    add = ("subscriptions", "add", "port*", "--id", "p")
    assert wirewatch(*add, cwd=tmp_path).returncode == 0
    refused = wirewatch(*add, cwd=tmp_path)
    assert refused.returncode == 2
    assert "there is already a subscription 'p'" in refused.stderr
    assert wirewatch("subscriptions", "remove", "p", cwd=tmp_path).returncode == 0
    assert wirewatch(*add, cwd=tmp_path).returncode == 0


def test_json_has_times_in_utc_and_a_pipe_gets_what_a_terminal_shows(tmp_path: Path) -> None:
    began = datetime.now(UTC)
    long = " OR ".join(f"harbour{number}" for number in range(40))
    for query in ("port*", long):
        done = wirewatch("subscriptions", "add", query, "--id", "p", "--replace", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for command in (("list",), ("history", "p"), ("show", "p")):
        asked = wirewatch("subscriptions", *command, "--json", cwd=tmp_path)
        told = [json.loads(line) for line in asked.stdout.splitlines()]
        assert [one["query"] for one in told] == ([long, "port*"] if command[0] == "history" else [long])
        for one in told:
            assert not [name for name in one if name.endswith("_ms")]
            saved, effective = (datetime.fromisoformat(one[name]) for name in ("saved_at", "effective_from"))
            assert saved.utcoffset() == timedelta(0)
            assert began - timedelta(seconds=1) < saved < effective
    fields = dict(
        line.split(maxsplit=1) for line in wirewatch("subscriptions", "show", "p", cwd=tmp_path).stdout.splitlines()
    )
    assert (fields["active"], fields["topics"], fields["news"].partition(",")[0]) == ("yes", "-", "sources")
    assert fields["saved"].endswith(" UTC")
    shown = on_terminal("subscriptions", "list", cwd=tmp_path).stdout
    # A pipe has no width: what grep looks for is on one line.
    header, row = wirewatch("subscriptions", "list", cwd=tmp_path).stdout.splitlines()
    assert header.split() == ["id", "version", "state", "name", "owner", "delivery", "query"]
    assert row.split() == ["p", "2", "active", "-", *long.split()]
    assert "\x1b" not in row
    assert (shown.split()[:7], "".join(shown.split()[11:])) == (header.split(), "".join(long.split()))


def test_doctor_writes_json_lines_into_a_pipe_and_marks_on_a_terminal(tmp_path: Path) -> None:
    told = [json.loads(line) for line in wirewatch("doctor", "--json", cwd=tmp_path).stdout.splitlines()]
    assert {"stream", "store", "disk"} <= {one["what"] for one in told}
    shown = on_terminal("doctor", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[0].split()[:2] == ["✓", "python"]
    assert "→ wirewatch feed add URL" in shown.stdout
