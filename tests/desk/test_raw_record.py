"""The raw record behind an article, as the page of the article's record shows it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from core.settings import Settings
from core.streams import NewRecord, create_stream
from desk.use_cases.stories import read_raw


def test_a_damaged_record_is_shown_as_such(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), stream_url=f"sqlite:///{tmp_path}/streams.db")
    with create_stream(settings.stream, settings.raw_stream, 1) as stream:
        uuid = stream.uuid
        stream.append([NewRecord(b"key", b'{"url": "http://a.example/1"}' * 50)])
    assert read_raw(settings, uuid, 0, 0).problem.startswith("not a raw article")
    with closing(sqlite3.connect(tmp_path / "streams.db")) as file, file:
        file.execute("UPDATE records SET value = ?", (b"damaged",))
    shown = read_raw(settings, uuid, 0, 0)
    assert (shown.raw, shown.text) == (None, "")
    assert "is damaged" in shown.problem
