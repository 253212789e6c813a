"""The store that the desk's bench builds without the pipeline: it must follow the tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.desk.build import RUN, build_store


@pytest.mark.slow
def test_the_store_of_the_bench_has_all_rows_and_is_built_once(tmp_path: Path) -> None:
    built = build_store(tmp_path, 60)
    with closing(sqlite3.connect(built.path)) as store:
        count = {
            table: store.execute(f"SELECT count(*) FROM {table} WHERE run = ?", (RUN,)).fetchone()[0]  # noqa: S608
            for table in ("articles", "versions", "outcomes", "alerts", "stories", "commits")
        }
        store.execute("INSERT INTO commits VALUES (?, 3, 0, 1, 0)", (RUN,))
        store.commit()
    assert count == {
        "articles": 60,
        "versions": 60,
        "outcomes": 60,
        "alerts": built.alerts,
        "stories": built.stories,
        "commits": 2,
    }
    assert build_store(tmp_path, 60) == built
    with closing(sqlite3.connect(built.path)) as store:
        # What a bench appended is removed again.
        assert store.execute("SELECT max(seq) FROM commits").fetchone() == (2,)
