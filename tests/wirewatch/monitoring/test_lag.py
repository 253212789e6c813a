"""The lag that a scrape tells: one connection for all scrapes, a new one after trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import StreamUnavailable
from core.settings import Settings
from core.streams import NewRecord, Stream, create_stream, open_stream
from wirewatch.monitoring import metrics
from wirewatch.monitoring.metrics import RunMetrics


def test_scrapes_share_a_connection_until_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=str(tmp_path))
    raw = create_stream(settings.stream, settings.raw_stream)
    raw.append([NewRecord(b"k", b"v", partition=0)])
    opened: list[Stream] = []

    def count(url: str, name: str, *, role: str) -> Stream:
        opened.append(open_stream(url, name, role=role))
        return opened[-1]

    monkeypatch.setattr(metrics, "open_stream", count)
    told = RunMetrics(settings, lambda: 0)
    assert [sum(told.lag()[0].values()) for _ in range(3)] == [1, 1, 1]
    assert len(opened) == 1

    def gone(_partitions: object) -> None:
        raise StreamUnavailable(settings.stream, "no broker")

    with monkeypatch.context() as broken:
        broken.setattr(opened[0], "end_offsets", gone)
        with pytest.raises(StreamUnavailable):
            told.lag()
    assert sum(told.lag()[0].values()) == 1
    assert len(opened) == 2
    told.close()
    raw.close()
