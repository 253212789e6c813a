"""The file of kept drafts: shared by processes, bounded, private, emptied; whatever happens to it, nothing stops."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.errors import StoreError
from pipeline.drafts.file import DraftFile, RawPlace

MIB = 1 << 20
EVER_MS = 1 << 62


def put(file: DraftFile, number: int, body: bytes = b"words", **fields: object) -> bytes:
    key = number.to_bytes(32, "big")
    wanted = {"article": f"article-{number}", "place": None, "until_ms": EVER_MS} | fields
    file.keep(key, body, **wanted)  # type: ignore[arg-type]
    return key


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DraftFile]:
    made = DraftFile(tmp_path / "private" / "drafts.db", 8 * MIB)
    yield made
    made.close()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_what_is_kept_is_found_and_replaced_and_only_its_owner_can_read_it(file: DraftFile) -> None:
    assert file.find(bytes(32)) is None
    key = put(file, 1)
    assert file.find(key) == b"words"
    put(file, 1, b"other words")
    assert file.find(key) == b"other words"
    assert file.count() == 1
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.path.parent.iterdir()}
    assert modes == {"drafts.db": 0o600, "drafts.db-wal": 0o600, "drafts.db-shm": 0o600}
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_the_oldest_are_dropped_if_there_is_no_room(tmp_path: Path) -> None:
    file = DraftFile(tmp_path / "drafts.db", MIB)
    keys = [put(file, number, bytes([number % 256]) * 3_000) for number in range(1_000)]
    found = [number for number, key in enumerate(keys) if file.find(key) is not None]
    assert found == list(range(found[0], 1_000))
    assert 50 < len(found) < 350
    assert file.path.stat().st_size < 2 * MIB
    assert file.find(put(file, 2_000, b"x" * (MIB // 200))) is None, "a draft that would take a large part is not kept"
    file.close()


def test_a_smaller_bound_holds_for_what_is_there_and_none_empties_it(tmp_path: Path) -> None:
    file = DraftFile(tmp_path / "drafts.db", 8 * MIB)
    for number in range(600):
        put(file, number, b"x" * 3_000)
    file.close()
    for bound in (MIB, 0):
        smaller = DraftFile(tmp_path / "drafts.db", bound)
        smaller.tend(0)
        assert smaller.count() * 3_000 <= bound
        smaller.close()
    assert smaller.find(put(smaller, 1)) is None
    smaller.close()


def test_what_is_too_old_goes(file: DraftFile) -> None:
    old, new = put(file, 1, until_ms=1_000), put(file, 2, until_ms=1_001)
    assert file.tend(1_000) == 1
    assert (file.find(old), file.find(new)) == (None, b"words")


def test_results_of_records_that_the_stream_no_longer_holds_are_removed(file: DraftFile) -> None:
    places = [("s", 0, 4), ("s", 0, 5), ("s", 1, 4), ("other", 0, 4)]
    keys = [put(file, number, place=RawPlace(*place)) for number, place in enumerate(places)]
    alone = put(file, 9)
    assert file.gone_from("s", {0: 5, 1: 4}) == 1
    assert [file.find(key) is None for key in (*keys, alone)] == [True, False, False, False, False]


def test_a_takedown_leaves_no_byte_and_holds_for_what_comes_later(file: DraftFile) -> None:
    marker = b"the words that a court forbids "
    keys = [put(file, number, marker * (20 + 20 * number), article="taken") for number in range(40)]
    other = put(file, 99, article="other")
    assert marker in everything_in(file.path.parent)
    assert file.forget(["taken", "never seen"]) == 40
    assert marker not in everything_in(file.path.parent)
    assert [file.find(key) for key in keys] == [None] * 40
    assert file.find(other) == b"words"
    later = DraftFile(file.path, 8 * MIB)
    assert later.find(put(later, 3, article="taken")) is None
    assert later.find(put(later, 4, article="never seen")) is None
    assert later.forget(["taken"]) == 0
    later.close()


def test_a_takedown_that_cannot_be_carried_out_is_reported(tmp_path: Path) -> None:
    file = DraftFile(tmp_path / "drafts.db", MIB)
    put(file, 1, article="taken")
    file.close()
    (tmp_path / "drafts.db").unlink()
    (tmp_path / "drafts.db").mkdir()
    with pytest.raises(StoreError, match=r"drafts\.db"):
        file.forget(["taken"])
    (tmp_path / "drafts.db").rmdir()
    for ending in ("-wal", "-shm"):
        (tmp_path / f"drafts.db{ending}").unlink(missing_ok=True)
    nothing_kept = DraftFile(tmp_path / "missing" / "drafts.db", 0)
    assert nothing_kept.forget(["taken"]) == 0
    assert not nothing_kept.path.parent.exists()


@pytest.mark.parametrize("damage", ["truncated", "garbage", "another database", "emptied"])
def test_a_damaged_file_is_started_again_and_logged_once(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "drafts.db"
    first = DraftFile(path, 8 * MIB)
    keys = [put(first, number, b"x" * 2_000) for number in range(200)]
    first.close()
    match damage:
        case "truncated":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])
        case "garbage":
            path.write_bytes(b"no database at all\n" * 500)
        case "emptied":
            path.write_bytes(b"")
        case _:
            path.unlink()
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE drafts (id INTEGER)")
            connection.close()
    now_s = 0.0
    file = DraftFile(path, 8 * MIB, monotonic=lambda: now_s)
    with capture_logs() as said:
        for key in keys:
            assert file.find(key) in (None, b"x" * 2_000)
        now_s = 1_000.0
        for number in range(200):
            put(file, number)
        now_s = 2_000.0
        assert file.find(put(file, 7, b"after")) == b"after"
    assert len([line for line in said if "begun again" in line["event"]]) <= 1
    assert len([line for line in said if "can't be kept" in line["event"]]) <= 1
    file.close()


def test_a_folder_that_cannot_be_written_stops_nothing_and_is_logged_once(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("a file stands here")
    now_s = 0.0
    file = DraftFile(tmp_path / "no-folder" / "drafts.db", MIB, monotonic=lambda: now_s)
    with capture_logs() as said:
        for number in range(10):
            now_s += 100
            assert file.find(put(file, number)) is None
            file.tend(0)
    assert [line["event"] for line in said] == ["drafts can't be kept; records are prepared without them"]
    assert said[0]["log_level"] == "warning"


def test_a_full_disk_stops_nothing_and_what_is_there_is_found(file: DraftFile) -> None:
    key = put(file, 1)
    connection = file._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    # As on a full disk, SQLite says that it is full.
    connection.execute(f"PRAGMA max_page_count={pages}")
    with capture_logs() as said:
        assert file.find(key) == b"words"
        large = put(file, 2, b"x" * 20_000)
    assert "full" in str(said[0]["problem"])
    assert len(said) == 1
    assert file.find(large) is None


def write_many(path: str, first: int) -> None:
    file = DraftFile(Path(path), 64 * MIB)
    for number in range(first, first + 300):
        put(file, number, b"%d" % number * 500)
        before = number - 1
        assert file.find(before.to_bytes(32, "big")) in (None, b"%d" % before * 500)
    file.close()


def test_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "drafts.db"
    both = [context.Process(target=write_many, args=(str(path), first)) for first in (1, 151)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    file = DraftFile(path, 64 * MIB)
    found = {number: file.find(number.to_bytes(32, "big")) for number in range(1, 451)}
    assert all(body in (None, b"%d" % number * 500) for number, body in found.items())
    # Who finds the file locked keeps nothing: a cache may miss some.
    assert sum(body is not None for body in found.values()) > 225
    assert file.find(put(file, 1_000)) == b"words"
    file.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_deleted_file_is_created_again(file: DraftFile) -> None:
    key = put(file, 1)
    for path in list(file.path.parent.iterdir()):
        path.unlink()
    assert file.find(key) is None
    assert file.find(put(file, 2)) == b"words"
