"""Topic definitions as text, for the store: it keeps every version, so that a replay tags as the day itself did."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from core.errors import UsageError
from core.topics.load import load_topic


def builtin_definitions() -> dict[str, str]:
    """Name → TOML text of the topics that come with the program."""
    files = [file for file in resources.files("core.topics").iterdir() if file.name.endswith(".toml")]
    return _named({file.name: file.read_text("utf-8") for file in files})


def folder_definitions(folder: Path) -> dict[str, str]:
    """Name → TOML text of the topics in a folder. Raises UsageError naming the file that is none."""
    try:
        files = sorted(folder.glob("*.toml")) if folder.is_dir() else [folder]
        return _named({str(file): file.read_text("utf-8") for file in files})
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{folder}: no topics can be read there ({error})") from error


def _named(texts: dict[str, str]) -> dict[str, str]:
    return {load_topic(text, file).name: text for file, text in sorted(texts.items())}
