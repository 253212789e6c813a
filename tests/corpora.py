"""Evaluation data beside the project (``../shared/corpora``). Optional: every gate also runs on the project's own sets."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "shared" / "corpora"


def corpus(name: str) -> Path:
    """A file or folder of the data. Skips the test if it is not there, and says what it wanted."""
    place = FOLDER / name
    if not place.exists():
        pytest.skip(f"optional: the evaluation data ../shared/corpora/{name} are not beside the project")
    return place
