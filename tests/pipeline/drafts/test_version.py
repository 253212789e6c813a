"""What a kept draft depends on: any change of code, data or libraries gives another version."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from pipeline.drafts.version import _distributions, code_digest, preparation_version


def test_it_is_the_same_however_often_it_is_computed() -> None:
    assert preparation_version.__wrapped__() == preparation_version() != ""


@pytest.mark.parametrize("change", ["a letter", "a name", "a new file", "a file gone", "a word list"])
def test_a_change_of_a_file_changes_it(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "text"
    shutil.copytree(str(files("pipeline.text")), folder)
    before = code_digest(folder)
    match change:
        case "a letter":
            (folder / "dates.py").write_text((folder / "dates.py").read_text("utf-8").replace("24", "25", 1), "utf-8")
        case "a name":
            (folder / "dates.py").rename(folder / "days.py")
        case "a new file":
            (folder / "more.toml").touch()
        case "a file gone":
            (folder / "dates.py").unlink()
        case _:
            (folder / "agencies.toml").write_bytes(b"#\n" + (folder / "agencies.toml").read_bytes())
    assert code_digest(folder) != before


def test_compiled_files_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    before = code_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"compiled")
    assert code_digest(tmp_path) == before


def test_another_version_of_a_library_changes_it(tmp_path: Path) -> None:
    (tmp_path / "trafilatura-2.3.0.dist-info").mkdir()
    assert _distributions([str(tmp_path)]) == ["trafilatura-2.3.0.dist-info"]
    (tmp_path / "trafilatura-2.3.0.dist-info").rename(tmp_path / "trafilatura-2.3.1.dist-info")
    assert _distributions([str(tmp_path), "missing"]) == ["trafilatura-2.3.1.dist-info"]
