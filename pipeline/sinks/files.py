"""Results of a run as JSON Lines files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from core.records import Article
from core.store import StoreReader

ENRICHED, ALERTS, OUTCOMES = "enriched.jsonl", "alerts.jsonl", "outcomes.jsonl"
# Of use to the pipeline alone.
_INTERNAL = ("fingerprint",)


def write_results(reader: StoreReader, folder: Path) -> None:
    """Write enriched articles in the run's order, alerts, and outcomes by position. Raises OSError.

    Each file is written beside and renamed, so that nobody reads half of one.
    """
    _write(folder / ENRICHED, (enriched_line(article) for article in reader.articles()))
    _write(folder / ALERTS, reader.alerts())
    _write(folder / OUTCOMES, reader.outcomes())


def enriched_line(article: Article) -> dict[str, Any]:
    """An enriched article as people get it."""
    fields: dict[str, Any] = msgspec.to_builtins(article)
    return {name: value for name, value in fields.items() if name not in _INTERNAL}


def _write(path: Path, records: Iterable[Any]) -> None:
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            for record in records:
                file.write(msgspec.json.encode(record) + b"\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
