"""What holds secrets is readable by its owner alone, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.private import make_private_folder, open_to_others
from core.search import SearchIndex
from core.store import StoreReader, open_store
from core.streams import NewRecord, create_stream
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.ledger.support import commit, told
from tests.pipeline.transforms.support import NOON_MS
from tests.wirewatch.command import wirewatch


@pytest.fixture(params=[0o000, 0o002, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in [folder, *folder.iterdir()]}


def test_a_store_is_private(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "var"
    store = open_store(f"sqlite:///{folder}/store.db")
    with store.reading():
        found = modes(folder)
    store.close()
    assert found.pop("var") == "0o700"
    assert "store.db-wal" in found
    assert set(found.values()) == {"0o600"}


def test_a_stream_is_private(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "var"
    with create_stream(f"sqlite:///{folder}/streams.db", "raw") as stream:
        stream.append([NewRecord(b"key", b"value")])
        found = modes(folder)
    assert found.pop("var") == "0o700"
    assert set(found.values()) == {"0o600"}


def test_the_search_index_is_private(tmp_path: Path, umask: int) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    index = SearchIndex(tmp_path / "search")
    for number in (1, 2):
        commit(ledger, [told(number, f"https://a.example/{number}", text="Grain ships")])
        index.refresh(StoreReader(store, "live"))
    index.close()
    store.close()
    found = modes(tmp_path / "search")
    assert found.pop("search") == "0o700"
    assert "meta.json" in found
    assert set(found.values()) == {"0o600"}


def test_the_parents_that_a_folder_lacks_are_private_too(tmp_path: Path, umask: int) -> None:
    """With another store than SQLite, the search index or the drafts are the first in the data folder."""
    before = tmp_path.stat().st_mode
    make_private_folder(tmp_path / "data/search/live")
    made = [tmp_path / "data", tmp_path / "data/search", tmp_path / "data/search/live"]
    assert [oct(folder.stat().st_mode & 0o777) for folder in made] == ["0o700"] * 3
    assert tmp_path.stat().st_mode == before
    make_private_folder(tmp_path / "data/search/live")


def test_a_folder_that_exists_is_left_as_it_is_and_doctor_warns(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    folder.chmod(0o755)
    open_store(f"sqlite:///{folder}/store.db").close()
    assert open_to_others(folder)
    done = wirewatch("doctor", "--json", cwd=tmp_path)
    line = next(line for line in done.stdout.splitlines() if '"private"' in line)
    assert "other users can read var" in line
    assert "chmod 700 var" in line
    folder.chmod(0o700)
    done = wirewatch("doctor", "--json", cwd=tmp_path)
    assert "only you can read var" in done.stdout
