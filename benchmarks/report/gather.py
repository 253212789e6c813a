"""The newest figures of the long benches as ratios to their peers of the same run, out of the CSV files they have written."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

BENCHMARKS = Path(__file__).parents[1]
Row = dict[str, str]


class Ratio(NamedTuple):
    """``ratio``: how many times the peer's speed, or share, ours is; more is better. ``target``: 0 for none."""

    bench: str
    what: str
    ours: float
    beside: str
    peer: float
    unit: str
    ratio: float
    target: float
    when: str
    commit: str
    load_before: float


class Unreadable(Exception):
    """A bench's CSV file lacks what the report reads from it."""


def ratios(folder: Path = BENCHMARKS) -> list[Ratio]:
    """Those of each bench that has a result. Raises Unreadable."""
    found: list[Ratio] = []
    for name, read in _READERS.items():
        path = _newest(folder / name)
        if path is None:
            continue
        try:
            found += read(*_table(path))
        except (KeyError, ValueError, IndexError, StopIteration, ZeroDivisionError) as error:
            raise Unreadable(f"{path.relative_to(folder)}: {type(error).__name__}: {error}") from error
    return found


def _newest(pattern: Path) -> Path | None:
    """Results bear their time in their names, or grow."""
    return max(pattern.parent.glob(pattern.name), default=None)


def _table(path: Path) -> tuple[Row, list[Row]]:
    """What the lines with ``#`` say, and the rows."""
    lines = path.read_text("utf-8").splitlines()
    facts = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    return facts, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _replay(facts: Row, rows: list[Row]) -> Iterator[Ratio]:
    bare = next(row for row in rows if row["processes"] == "0")
    for row in rows:
        if row["cores"] != "1" or row is bare:
            continue
        target = 10.0 if row["what"] == "kept drafts, one core" else 0.95 if row["what"] == "replay, one core" else 0.0
        ours, peer = float(row["per_cpu_s"]), float(bare["per_cpu_s"])
        yield Ratio(
            "replay", row["what"], ours, "bare `trafilatura.extract`", peer, "pages a CPU second", ours / peer, target,
            facts["when"], facts["commit"], float(row["load_before"]),
        )  # fmt: skip


def _luwak(_facts: Row, rows: list[Row]) -> Iterator[Ratio]:
    row = rows[-1]
    for what, column in (("2,000 queries: ids", "ids_ms"), ("2,000 queries: every matched word", "spans_ms")):
        ours, peer = float(row[column]), float(row["lucene_ms"])
        yield _of(row, "match", what, ours, "Lucene Monitor", peer, "ms a document", peer / ours)


def _connect(_facts: Row, rows: list[Row]) -> Iterator[Ratio]:
    for row in rows[-3:]:
        yield _of(
            row, "connect", row["round"], float(row["feeds_a_cpu_second"]), "a loop of httpx and feedparser",
            float(row["plain_feeds_a_cpu_second"]), "feeds a CPU second", float(row["ratio_of_cpu"]),
        )  # fmt: skip


def _kafka(_facts: Row, rows: list[Row]) -> Iterator[Ratio]:
    row = rows[-1]
    for what, column, peer in (
        ("reading pages", "reader", "consumer_perf_test"),
        ("appending, 200 at a time", "append_200", "producer_perf_test"),
        ("appending with a transaction", "append_200_writer", "producer_perf_test"),
    ):
        yield _of(
            row, "kafka", what, float(row[f"{column}_per_s"]), "Kafka's own tool", float(row[f"{peer}_per_s"]),
            "records a second", float(row[f"{column}_of_theirs"]), 1.0 if column == "append_200" else 0.0,
        )  # fmt: skip


def _slow_pages(_facts: Row, rows: list[Row]) -> Iterator[Ratio]:
    still = [row for row in rows if float(row["share"]) == 0][-1]
    for share in sorted({float(row["share"]) for row in rows} - {0.0}):
        row = [one for one in rows if float(one["share"]) == share][-1]
        ours, peer = float(row["p99_s"]), float(still["p99_s"])
        what = f"p99 of the others, {share:.0%} slow pages"
        yield _of(row, "slow pages", what, ours, "no slow pages", peer, "s", peer / ours)


def _search(_facts: Row, rows: list[Row]) -> Iterator[Ratio]:
    """Backtests whose plain loop was measured in the same run."""
    values = {(row["group"], row["name"]): row["value"] for row in rows}
    load = values.get(("run", "load_before")) or "0"
    for (group, name), value in values.items():
        if group == "backtest" and name.endswith(": plain loop"):
            kind = name.removesuffix(": plain loop")
            ours = float(values["backtest", f"{kind}: whole period"])
            yield Ratio(
                "search", f"backtest: {kind}", ours, "a loop of the matcher", float(value), "s", float(value) / ours, 0.0,
                values.get(("run", "when"), ""), values.get(("run", "commit"), ""), float(load),
            )  # fmt: skip


def _of(
    row: Row, bench: str, what: str, ours: float, beside: str, peer: float, unit: str, ratio: float, target: float = 0.0
) -> Ratio:
    return Ratio(
        bench, what, ours, beside, peer, unit, ratio, target, row["when"], row["commit"], float(row["load_before"])
    )


_READERS: dict[str, Callable[[Row, list[Row]], Iterator[Ratio]]] = {
    "replay/results/replay-*.csv": _replay,
    "match/results/luwak.csv": _luwak,
    "connect/results/rounds.csv": _connect,
    "kafka_clients/results/kafka_clients.csv": _kafka,
    "slow_pages/results/slow_pages.csv": _slow_pages,
    "search/results/search-1000000.csv": _search,
}
