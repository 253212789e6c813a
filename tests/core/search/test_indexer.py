"""An index follows its store: new articles, new versions, takedowns, other runs of its name; rebuilt when lost."""

from __future__ import annotations

import random
import string
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.durations import DAY_MS
from core.records import article_id
from core.search import SearchIndex
from core.search.indexer import read_state
from core.store import Store, StoreReader
from core.store import tables as t
from core.store.tables import takedowns
from pipeline.ledger.ledger import RunLedger
from tests.bytes_left import files_with
from tests.pipeline.ledger.support import commit, told
from tests.pipeline.transforms.support import NOON_MS


def urls(index: SearchIndex, query: str = "") -> list[str]:
    return [hit.article.url for hit in index.search(query, limit=500).hits]


def test_what_is_stored_is_found(ledger: RunLedger, reader: StoreReader, index: SearchIndex) -> None:
    assert index.refresh(reader)
    assert urls(index) == []
    commit(ledger, [told(1, "https://a.example/1", text="Grain ships"), told(2, "https://a.example/2", text="Talks")])
    assert urls(index) == []
    assert index.refresh(reader)
    assert urls(index) == ["https://a.example/2", "https://a.example/1"]
    assert urls(index, "grain") == ["https://a.example/1"]
    commit(ledger, [told(3, "https://a.example/3", text="More grain")])
    assert index.refresh(reader)
    assert urls(index, "grain") == ["https://a.example/3", "https://a.example/1"]
    assert index.search("").seq == ledger.begin([], [], since_seq=-1, since_ms=0).state.seq


def test_a_new_version_replaces(ledger: RunLedger, reader: StoreReader, index: SearchIndex) -> None:
    commit(ledger, [told(1, "https://a.example/1", text="Ships sail")])
    index.refresh(reader)
    commit(ledger, [told(2, "https://a.example/1", text="Ships sink", version=2)])
    index.refresh(reader)
    assert urls(index, "sail") == []
    hits = index.search("sink").hits
    assert [(hit.article.version, hit.article.text[hit.matches[0].start :]) for hit in hits] == [(2, "sink")]


def test_an_article_taken_down_leaves_the_index(
    ledger: RunLedger, store: Store, reader: StoreReader, index: SearchIndex
) -> None:
    commit(ledger, [told(1, "https://a.example/1"), told(2, "https://a.example/2")])
    index.refresh(reader)
    with store.writing() as connection:
        row = {"article": article_id("https://a.example/1"), "stamp": 1, "url": "u", "reason": "court", "taken_ms": 1}
        connection.execute(sa.insert(takedowns).values(row))
        connection.execute(sa.delete(t.articles).where(t.articles.c.id == row["article"]))
    index.refresh(reader)
    assert urls(index) == ["https://a.example/2"]


LETTERS = random.Random(3)


def sentences(last: int) -> dict[int, str]:
    """Words that no other article has, by the article's number, 1 to ``last``."""
    return {number: "".join(LETTERS.choices(string.ascii_lowercase, k=48)) for number in range(1, last + 1)}


SENTENCES = sentences(7)
MANY = sentences(14)


def address(number: int) -> str:
    return f"https://a.example/{number}"


def removed(store: Store, number: int, *, stamp: int = 0) -> None:
    """As pruning does; with ``stamp``, as a takedown does."""
    with store.writing() as connection:
        identity = article_id(address(number))
        connection.execute(sa.delete(t.articles).where(t.articles.c.id == identity))
        if stamp:
            row = {"article": identity, "stamp": stamp, "url": "u", "reason": "court", "taken_ms": 1}
            connection.execute(sa.insert(takedowns).values(row))
        else:
            row = {"run": "live", "what": "articles", "before_ms": NOON_MS + DAY_MS, "upto": number}
            store.upsert(connection, t.pruned, [row])


def test_files_lose_what_was_removed_at_once_by_a_takedown_and_else_once_a_day(
    ledger: RunLedger, store: Store, reader: StoreReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that sweeps and rewrites take several calls.
    monkeypatch.setattr("core.search.indexer.SWEPT", 2)
    now_ms = [100 * DAY_MS]
    index = SearchIndex(tmp_path / "index", clock_ms=lambda: now_ms[0])

    def in_files() -> set[int]:
        for _ in range(20):
            index.refresh(reader)
        return {number for number, words in SENTENCES.items() if files_with(tmp_path / "index", words)}

    commit(ledger, [told(number, address(number), text=f"Ships. {words}.") for number, words in SENTENCES.items()])
    assert in_files() == {1, 2, 3, 4, 5, 6, 7}
    removed(store, 2)
    assert in_files() == {1, 3, 4, 5, 6, 7}, "the first rewrite need not wait"
    removed(store, 3)
    assert in_files() == {1, 3, 4, 5, 6, 7}
    assert urls(index, "ships") == [address(number) for number in (7, 6, 5, 4, 1)]
    now_ms[0] += DAY_MS
    assert in_files() == {1, 4, 5, 6, 7}
    removed(store, 4, stamp=1)
    assert in_files() == {1, 5, 6, 7}
    assert urls(index, "ships") == [address(number) for number in (7, 6, 5, 1)]
    index.close()
    # A later writer does not do it again.
    again = SearchIndex(tmp_path / "index", clock_ms=lambda: now_ms[0])
    before = read_state(tmp_path / "index")
    for _ in range(20):
        again.refresh(reader)
    assert read_state(tmp_path / "index") == before
    again.close()


def test_an_index_built_after_a_takedown_is_written_once(
    ledger: RunLedger, store: Store, reader: StoreReader, tmp_path: Path
) -> None:
    commit(ledger, [told(number, address(number), text=f"Ships. {words}.") for number, words in SENTENCES.items()])
    removed(store, 2, stamp=1)
    index = SearchIndex(tmp_path / "index")
    for _ in range(5):
        index.refresh(reader)
    state = read_state(tmp_path / "index")
    assert (state.takedowns, state.rewrite_ms, state.rewritten_ms) == (1, None, 0)
    # One that comes later has them written again.
    removed(store, 3, stamp=2)
    for _ in range(5):
        index.refresh(reader)
    state = read_state(tmp_path / "index")
    assert (state.takedowns, state.rewrite_ms) == (2, None)
    assert state.rewritten_ms > 0
    assert not any(files_with(tmp_path / "index", SENTENCES[number]) for number in (2, 3))
    index.close()


@pytest.mark.parametrize("stamp", [2, 0], ids=["takedown", "pruned"])
def test_what_is_removed_while_a_rewrite_runs_leaves_the_files_too(
    stamp: int,
    ledger: RunLedger,
    store: Store,
    reader: StoreReader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.search.indexer.SWEPT", 2)
    now_ms = [100 * DAY_MS]
    index = SearchIndex(tmp_path / "index", clock_ms=lambda: now_ms[0])

    def refresh(times: int) -> None:
        for _ in range(times):
            index.refresh(reader)

    def in_files() -> set[int]:
        return {number for number, words in MANY.items() if files_with(tmp_path / "index", words)}

    commit(ledger, [told(number, address(number), text=f"Ships. {words}.") for number, words in MANY.items()])
    refresh(20)
    removed(store, 14, stamp=1)
    # The rewrite has passed articles 1 to 8, and has not ended.
    refresh(8)
    assert read_state(tmp_path / "index").rewrite_ms is not None
    removed(store, 3, stamp=stamp)
    refresh(40)
    # Merges of tantivy's own may have removed what was pruned already.
    assert MANY.keys() - {3, 14} <= in_files() <= MANY.keys() - ({3, 14} if stamp else {14})
    now_ms[0] += DAY_MS
    refresh(40)
    assert in_files() == MANY.keys() - {3, 14}
    assert read_state(tmp_path / "index").rewrite_ms is None
    index.close()


def test_rows_that_left_the_store_while_no_index_followed(
    ledger: RunLedger, store: Store, reader: StoreReader, tmp_path: Path
) -> None:
    commit(ledger, [told(1, "https://a.example/1"), told(2, "https://a.example/2")])
    first = SearchIndex.open(tmp_path)
    first.refresh(reader)
    first.close()
    with store.writing() as connection:
        connection.execute(sa.delete(t.articles).where(t.articles.c.id == article_id("https://a.example/2")))
    second = SearchIndex.open(tmp_path)
    second.refresh(reader)
    assert urls(second) == ["https://a.example/1"]


def test_another_run_of_the_same_name_starts_from_the_beginning(
    ledger: RunLedger, store: Store, reader: StoreReader, index: SearchIndex
) -> None:
    commit(ledger, [told(1, "https://a.example/1")])
    index.refresh(reader)
    with store.writing() as connection:
        for table in (t.articles, t.versions, t.stories, t.outcomes, t.commits):
            connection.execute(sa.delete(table))
        connection.execute(sa.delete(t.runs))
    assert index.refresh(reader)
    assert urls(index) == []
    again = RunLedger(store, "live", "me")
    again.take(kind="live", now_ms=NOON_MS + 1)
    commit(again, [told(2, "https://a.example/2")])
    assert index.refresh(reader)
    assert urls(index) == ["https://a.example/2"]


def test_a_store_that_came_back_from_a_backup(
    ledger: RunLedger, store: Store, reader: StoreReader, index: SearchIndex
) -> None:
    commit(ledger, [told(1, "https://a.example/1")])
    commit(ledger, [told(2, "https://a.example/2")])
    index.refresh(reader)
    with store.writing() as connection:
        connection.execute(sa.delete(t.articles).where(t.articles.c.id == article_id("https://a.example/2")))
        connection.execute(sa.update(t.runs).values(seq=t.runs.c.seq - 1))
    index.refresh(reader)
    assert urls(index) == ["https://a.example/1"]


def test_in_parts_and_after_an_interruption(ledger: RunLedger, reader: StoreReader, tmp_path: Path) -> None:
    # One transaction, so one seq: parts end in the middle of it.
    commit(ledger, [told(n, f"https://a.example/{n}") for n in range(10)])
    first = SearchIndex.open(tmp_path, page=3)
    assert not first.refresh(reader, most=4)
    assert len(urls(first)) == 6
    assert read_state(first.folder).after is not None
    first.close()
    commit(ledger, [told(20, "https://a.example/2", version=2, text="Changed meanwhile")])
    second = SearchIndex.open(tmp_path, page=3)
    while not second.refresh(reader, most=1):
        pass
    assert sorted(urls(second)) == sorted(f"https://a.example/{n}" for n in range(10))
    assert urls(second, "meanwhile") == ["https://a.example/2"]


def test_a_crash_between_commit_and_state_repeats_without_harm(
    ledger: RunLedger, reader: StoreReader, tmp_path: Path
) -> None:
    commit(ledger, [told(1, "https://a.example/1"), told(2, "https://a.example/2")])
    first = SearchIndex.open(tmp_path)
    first.refresh(reader)
    first.close()
    state = first.folder / "state.json"
    state.write_text(state.read_text().replace('"seq":', '"seq":-').replace("--", "-"))
    second = SearchIndex.open(tmp_path)
    second.refresh(reader)
    assert urls(second) == ["https://a.example/2", "https://a.example/1"]


@pytest.mark.parametrize("damage", ["gone", "meta", "version"])
def test_a_lost_or_damaged_index_is_made_again(
    damage: str, ledger: RunLedger, reader: StoreReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(ledger, [told(1, "https://a.example/1")])
    first = SearchIndex.open(tmp_path)
    first.refresh(reader)
    first.close()
    if damage == "gone":
        for path in first.folder.iterdir():
            path.unlink()
    elif damage == "meta":
        (first.folder / "meta.json").write_text("{")
    else:
        monkeypatch.setattr("core.search.index.VERSION", 999)
    second = SearchIndex.open(tmp_path)
    second.refresh(reader)
    assert urls(second) == ["https://a.example/1"]
    assert ("v999" in str(second.folder)) == (damage == "version")


def test_one_writes_and_others_read(ledger: RunLedger, reader: StoreReader, tmp_path: Path) -> None:
    writer, other = SearchIndex.open(tmp_path), SearchIndex.open(tmp_path)
    assert writer.refresh(reader)
    commit(ledger, [told(1, "https://a.example/1")])
    assert other.refresh(reader)
    assert other.behind(reader), "the other holds the lock, and has not written it yet"
    assert not other.writes
    assert writer.refresh(reader)
    assert writer.writes
    assert other.refresh(reader)
    assert not other.behind(reader)
    assert urls(other) == ["https://a.example/1"]
    # The writer goes, and the next one who asks takes its place.
    writer.close()
    commit(ledger, [told(2, "https://a.example/2")])
    assert other.refresh(reader)
    assert len(urls(other)) == 2
    other.close()


READER = """
import sys
import threading
from pathlib import Path
from core.search import SearchIndex
from core.store import StoreReader, open_store
index = SearchIndex.open(Path(sys.argv[1]))
reader = StoreReader(open_store(sys.argv[2]), "live")
print("ready", flush=True)
seen = 0
for line in sys.stdin:
    index.refresh(reader)
    found = index.search("grain", limit=500)
    ids = [hit.article.id for hit in found.hits]
    assert len(ids) == len(set(ids)) == found.total.value >= seen
    seen = len(ids)
    print(seen, flush=True)
"""


@pytest.mark.slow
def test_a_reader_in_another_process_while_one_writes(
    ledger: RunLedger, store_url: str, reader: StoreReader, index: SearchIndex, tmp_path: Path
) -> None:
    index.refresh(reader)
    process = subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path / "search"), store_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for number in range(12):
            commit(ledger, [told(10 * number + i, f"https://a.example/{number}/{i}", text="grain") for i in range(3)])
            index.refresh(reader)
            process.stdin.write("look\n")
            process.stdin.flush()
            assert int(process.stdout.readline()) == 3 * (number + 1)
    finally:
        process.kill()
        process.communicate()


def test_runs_are_apart(store: Store, ledger: RunLedger, reader: StoreReader, tmp_path: Path) -> None:
    commit(ledger, [told(1, "https://a.example/1")])
    live = SearchIndex.open(tmp_path)
    replay = SearchIndex.open(tmp_path, run="../replay 1")
    live.refresh(reader)
    assert replay.refresh(StoreReader(store, "../replay 1"))
    assert urls(live)
    assert urls(replay) == []
    assert replay.folder.parent == live.folder.parent


@pytest.mark.slow
def test_search_works_while_another_thread_refreshes(
    ledger: RunLedger, reader: StoreReader, index: SearchIndex
) -> None:
    index.refresh(reader)
    failures: list[BaseException] = []
    stop = threading.Event()

    def look() -> None:
        try:
            while not stop.is_set():
                found = index.search("grain", limit=500)
                assert len(found.hits) == found.total.value
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(15):
        commit(ledger, [told(number, f"https://a.example/{number}", text="grain")])
        index.refresh(reader)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(urls(index, "grain")) == 15
