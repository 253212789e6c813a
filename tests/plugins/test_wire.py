"""Another package's connector: it holds to the contract, and works once it is installed, without an edit here."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from connectors.base import ConnectorKind
from connectors.testing import ConnectorContract
from core.errors import StreamError
from core.records import RawArticle, decode
from core.streams import open_stream
from tests.plugins.support import installed, module
from tests.waiting import until
from tests.wirewatch.command import service, wirewatch

wire: Any = module("wire", "wirewatch_wire")


class TestWire(ConnectorContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "wire"
        self.folder.mkdir()

    def kind(self) -> ConnectorKind[Any]:
        return wire.WireKind()  # type: ignore[no-any-return]

    def given(self) -> str:
        return f"wire:{self.folder}/"

    def publish(self, name: str) -> None:
        there = self.folder if self.folder.is_dir() else self.folder.with_name("away")
        write(there, name)

    def break_it(self) -> None:
        self.folder.rename(self.folder.with_name("away"))

    def mend(self) -> None:
        if not self.folder.is_dir():
            self.folder.with_name("away").rename(self.folder)


def write(folder: Path, name: str) -> None:
    text = f"The bridge at {name} was opened on Monday after two years of work, the council of {name} said."
    line = {"url": f"https://wire.example/{name}", "title": f"Bridge at {name} opened", "text": text}
    with (folder / "today.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def test_it_is_unknown_until_it_is_installed(tmp_path: Path) -> None:
    done = wirewatch("feed", "add", f"wire:{tmp_path}", cwd=tmp_path)
    assert done.returncode == 2
    assert "not an address" in done.stderr
    assert "KIND:ADDRESS" not in done.stderr


@pytest.mark.slow
def test_an_installed_connector_is_polled_and_its_articles_reach_stream_and_store(tmp_path: Path) -> None:
    environment = installed("wire", tmp_path / "package")
    folder = tmp_path / "drops"
    folder.mkdir()
    write(folder, "oldtown")
    refused = wirewatch("feed", "add", "wire:drops", cwd=tmp_path, **environment)
    assert (refused.returncode, "not a folder" in refused.stderr) == (2, True)
    added = wirewatch("feed", "add", f"wire:{folder}", "--source", "agency", cwd=tmp_path, **environment)
    assert added.returncode == 0, added.stderr
    checked = wirewatch("feed", "check", "--json", cwd=tmp_path, **environment)
    assert [json.loads(line) for line in checked.stdout.splitlines()] == [
        {"url": f"wire:{folder}", "problem": None, "items": 1}
    ]

    with service("connectors", "run", cwd=tmp_path, **environment) as process:
        until(lambda: urls(tmp_path) == ["oldtown"], "article")
        write(folder, "newtown")
        until(lambda: urls(tmp_path) == ["oldtown", "newtown"], "news")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    # Another process goes on from the saved cursor: nothing comes twice.
    with service("connectors", "run", cwd=tmp_path, **environment) as process:
        write(folder, "thirdtown")
        until(lambda: urls(tmp_path) == ["oldtown", "newtown", "thirdtown"], "news after a restart")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert [article.backfill for article in articles(tmp_path)] == [True, False, False]
    assert {article.source for article in articles(tmp_path)} == {"agency"}

    done = wirewatch("pipeline", "run", "--until-empty", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    traced = wirewatch("trace", "https://wire.example/newtown", "--json", cwd=tmp_path, **environment)
    [found] = [json.loads(line) for line in traced.stdout.splitlines()]
    assert found["article"]["title"] == "Bridge at newtown opened"

    [listed] = [
        json.loads(line)
        for line in wirewatch("feed", "list", "--json", cwd=tmp_path, **environment).stdout.splitlines()
    ]
    assert (listed["kind"], listed["state"], listed["problem"]) == ("wire", "ok", None)
    covered = wirewatch("feed", "coverage", "--json", cwd=tmp_path, **environment)
    whole, feed = [json.loads(line) for line in covered.stdout.splitlines()]
    assert (whole["states"], feed["seen_last_day"]) == ({"ok": 1}, 3)

    # Without the package the feed stays, waits, and says so.
    [left] = [json.loads(line) for line in wirewatch("feed", "list", "--json", cwd=tmp_path).stdout.splitlines()]
    assert (left["url"], left["state"], left["problem"]) == (
        f"wire:{folder}",
        "failing",
        "there is no connector 'wire'",
    )
    bare = wirewatch("feed", "coverage", "--json", cwd=tmp_path)
    assert "no connector 'wire'" in bare.stdout
    assert wirewatch("feed", "remove", f"wire:{folder}", cwd=tmp_path).returncode == 0


def test_a_package_that_can_not_be_loaded_is_a_problem_of_its_own(tmp_path: Path) -> None:
    environment = installed("wire", tmp_path / "package")
    broken = Path(environment["PYTHONPATH"]) / "wirewatch_wire.py"
    broken.write_text("import a_module_that_is_not_there\n")
    done = wirewatch("feed", "add", "wire:/var/wire", cwd=tmp_path, **environment)
    assert done.returncode == 2
    assert "'wire' of package wirewatch-wire can't be loaded" in done.stderr
    added = wirewatch("feed", "add", "https://outlet.example/rss", "--unchecked", cwd=tmp_path, **environment)
    assert added.returncode == 0, added.stderr


def articles(folder: Path) -> list[RawArticle]:
    stream = open_stream(f"sqlite:///{folder}/var/streams.db", "raw-articles")
    with stream:
        found: list[RawArticle] = []
        offsets = dict.fromkeys(stream.partitions(), 0)
        while records := stream.read(offsets):
            found += [decode(record.value, RawArticle) for record in records]
            for record in records:
                offsets[record.partition] = max(offsets[record.partition], record.offset + 1)
    return sorted(
        (one for one in found if one.source != "canary" and "wire.example" in one.url), key=lambda one: one.fetched_at
    )


def urls(folder: Path) -> list[str]:
    try:
        return [article.url.rpartition("/")[2] for article in articles(folder)]
    except StreamError:
        # The service is only just making it.
        return []
