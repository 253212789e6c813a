"""Two processes that make one stream file at the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.streams.embedded import file as sqlite_file


def test_a_file_that_another_process_makes_in_between_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = sqlite_file.Location.parse(f"sqlite:///{tmp_path}/streams.db")
    real, calls = sqlite_file.marks, []

    def marks(connection: object) -> object:
        found = real(connection)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 1:
            # The other process is first, just behind our look.
            sqlite_file.connect(location, make=True).close()
        return found

    monkeypatch.setattr(sqlite_file, "marks", marks)
    sqlite_file.connect(location, make=True).close()
    assert calls
