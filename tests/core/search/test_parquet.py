"""The Parquet archive, read back by other tools, beside the store."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from core.errors import StoreError
from core.records import article_id
from core.search.parquet import ARTICLES, SCHEMA_VERSION, Written, day_path, export
from core.store import Store, StoreReader
from core.store import tables as t
from pipeline.ledger.ledger import RunLedger
from tests.core.search.world import DAY_MS
from tests.pipeline.ledger.support import alert, commit, match, told
from tests.pipeline.transforms.support import NOON_MS, key

DAY_S = DAY_MS // 1000
HOURS_12 = DAY_S // 2


def changed(written: list[Written]) -> list[str]:
    return sorted(f"{one.path.parent.parent.name}/{one.path.parent.name}" for one in written if one.written)


def fill(ledger: RunLedger) -> None:
    """Two articles (one with an alert) on 1 March, one on 2 March, at noon."""
    first = told(0, "https://a.example/0", title="سوريا", text="Grain\n\0ships", subscriptions=(match("ann"),))
    second = told(1, "https://a.example/1", copy_of=article_id("https://a.example/0"), authors=("Jane", "Doe"))
    third = told(DAY_S, "https://a.example/2", language="fr")
    commit(ledger, [first, second, third], [alert(first)])


def test_other_tools_read_it_as_it_was_stored(
    ledger: RunLedger, reader: StoreReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger)
    monkeypatch.chdir(tmp_path)
    list(export(reader, tmp_path))
    table = ds.dataset(tmp_path / "articles", partitioning="hive", exclude_invalid_files=False).to_table()
    assert set(ARTICLES.names) | {"day"} == set(table.column_names)
    rows = {row["id"]: row for row in table.to_pylist()}
    stored = {one.id: one for one in reader.articles()}
    assert rows.keys() == stored.keys()
    for identity, one in stored.items():
        row = rows[identity]
        assert (row["title"], row["text"], row["language"], row["story"]) == (
            one.title,
            one.text,
            one.language,
            one.story_id,
        )
        assert (row["time"].timestamp() * 1000, row["fetched"]) == (one.key.time_ms, one.fetched_at)
        assert row["authors"] == list(one.authors)
        assert [found["subscription"] for found in row["subscriptions"]] == [m.subscription for m in one.subscriptions]
        assert row["duplicate_of"] == one.duplicate_of
    query = """select day::varchar, count(*), count(duplicate_of) from read_parquet('articles/**/*.parquet',
        hive_partitioning = true) group by day order by day"""
    assert duckdb.sql(query).fetchall() == [("2026-03-01", 2, 1), ("2026-03-02", 1, 0)]
    joined = """select a.title, al.subscription from read_parquet('alerts/**/*.parquet') al
        join read_parquet('articles/**/*.parquet') a on a.id = al.article"""
    assert duckdb.sql(joined).fetchall() == [("سوريا", "ann")]
    assert duckdb.sql("select sum(articles) from read_parquet('stories/**/*.parquet')").fetchall() == [(3,)]


def test_only_what_changed_is_written_again(
    ledger: RunLedger, store: Store, reader: StoreReader, tmp_path: Path
) -> None:
    fill(ledger)
    everything = ["alerts/day=2026-03-01", "articles/day=2026-03-01", "articles/day=2026-03-02"]
    assert set(everything) <= set(changed(list(export(reader, tmp_path))))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    assert changed(list(export(reader, tmp_path))) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    commit(ledger, [told(DAY_S + 5, "https://a.example/9")])
    assert "articles/day=2026-03-02" in changed(again := list(export(reader, tmp_path)))
    assert "articles/day=2026-03-01" not in changed(again)
    # A takedown: the row goes, and with the last row of a day its file.
    with store.writing() as connection:
        connection.execute(sa.delete(t.articles).where(t.articles.c.place >= f"{NOON_MS + HOURS_12 * 1000:015d}"))
    gone = [one for one in export(reader, tmp_path) if one.removed]
    assert [one.path.parent.name for one in gone] == ["day=2026-03-02"]
    assert not gone[0].path.exists()


def test_a_file_says_what_it_is_and_none_is_half_written(
    ledger: RunLedger, reader: StoreReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger)
    list(export(reader, tmp_path))
    path = day_path(tmp_path, "articles", NOON_MS // DAY_MS, "live")
    metadata = pq.read_schema(path).metadata
    assert metadata[b"wirewatch.schema"] == str(SCHEMA_VERSION).encode()
    assert metadata[b"wirewatch.run"] == b"live"
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    before = path.read_bytes()
    commit(ledger, [told(3, "https://a.example/3")])
    monkeypatch.setattr("core.search.parquet._row", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StoreError, match="No space"):
        list(export(reader, tmp_path))
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["live.parquet"]
    monkeypatch.undo()
    path.write_bytes(b"damaged")
    assert "articles/day=2026-03-01" in changed(list(export(reader, tmp_path)))


def test_a_period_takes_whole_days(ledger: RunLedger, reader: StoreReader, tmp_path: Path) -> None:
    fill(ledger)
    assert key(0).time_ms == NOON_MS
    days = {one.path.parent.name for one in export(reader, tmp_path, NOON_MS + DAY_MS, NOON_MS + DAY_MS + 1)}
    assert days == {"day=2026-03-02"}


def test_runs_lie_beside_each_other(tmp_path: Path) -> None:
    assert day_path(tmp_path, "articles", 0, "../../x y").parent == day_path(tmp_path, "articles", 0, "live").parent
