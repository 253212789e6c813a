"""Slips of the pen in a subscription's filters, and what its history says, as a person meets them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import wirewatch


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


def test_history_says_what_was_and_what_is_now_and_notes_stay_with_their_version(tmp_path: Path) -> None:
    assert wirewatch("subscriptions", "add", "port*", "--id", "p", "--note", "first", cwd=tmp_path).returncode == 0
    assert wirewatch("subscriptions", "edit", "p", "--query", "harbour", cwd=tmp_path).returncode == 0
    told = wirewatch("subscriptions", "history", "p", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "query: was port* now harbour" in told.stdout
    newest, oldest = told.stdout.split("version 1")
    assert "first" not in newest
    assert "first" in oldest
