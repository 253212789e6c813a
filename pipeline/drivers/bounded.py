"""A bounded run: items are sorted on disk and run in slices against a scratch store; results can be written as JSON Lines."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from core.records import Article, Outcome, OutcomeKind, RawArticle, Subscription
from core.store import StoreReader, SubscriptionStore, open_store
from core.topics.definitions import definitions_with
from pipeline.drivers.slices import SliceGraph, SliceLimits, run_slices
from pipeline.drivers.sorted_input import SortedInput
from pipeline.flow import Flow
from pipeline.ledger.ledger import RunLedger
from pipeline.stories.rule import story_rule
from pipeline.transforms.extraction_pool import INLINE, PoolPlan

# Small enough that a progress bar moves, large enough that a slice's fixed cost (0.05 s) does not show.
LIMITS = SliceLimits(records=250, bytes=32 << 20)
ENRICHED, ALERTS, OUTCOMES = "enriched.jsonl", "alerts.jsonl", "outcomes.jsonl"
# Only used inside the pipeline.
_INTERNAL = ("fingerprint",)


class BoundedRun:
    """Add items, run, and read the results. All files are in ``folder``, which the caller removes.

    The same items give the same results in any order of adding. ``now_ms`` is the start time (UTC); results don't
    depend on it. ``urls``: the addresses of the items in the order in which they were added, None for one that could
    not be read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        subscriptions: Sequence[Subscription] = (),
        topics_folder: Path | None = None,
        pool: PoolPlan = INLINE,
        now_ms: int,
        name: str = "run",
        limits: SliceLimits = LIMITS,
        vectors: bool = True,
    ) -> None:
        definitions = definitions_with(topics_folder)
        self._limits = limits
        url = f"sqlite:///{folder / 'store.db'}"
        self._store = open_store(url)
        owner = secrets.token_hex(8)
        RunLedger(self._store, name, owner).take(kind="bounded", now_ms=now_ms, stories=story_rule(vectors=vectors))
        queries = SubscriptionStore(self._store, name)
        queries.save_topics(definitions, now_ms=now_ms)
        queries.save_subscriptions(subscriptions, now_ms=now_ms, from_the_beginning=True)
        self._flow = Flow(url, name, owner, scope=name, pool=pool, vectors=vectors)
        self._input = SortedInput(folder / "input.db", name)
        self.urls: list[str | None] = []
        self.reader = StoreReader(self._store, name)

    @property
    def count(self) -> int:
        """The number of added items."""
        return self._input.count

    def add(self, raw: RawArticle, item: str) -> None:
        """Add a raw article; ``item`` names where it came from."""
        self._input.add(raw, item)
        self.urls.append(raw.url)

    def add_problem(self, item: str, reason: str) -> None:
        """Add an item that could not be read; its outcome is rejected."""
        self._input.add_problem(item, reason)
        self.urls.append(None)

    def run(self, progress: Callable[[int], None] = lambda _done: None) -> None:
        """Run all items through the graph; ``progress`` is called with how many are done."""
        done = 0

        def after(count: int) -> None:
            nonlocal done
            done += count
            progress(done)

        graph = SliceGraph(self._flow)
        run_slices(self._input, graph, limits=self._limits, stop=lambda: False, until_empty=True, after=after)

    def counts(self) -> Counter[str]:
        """Numbers of items by outcome. They add up to ``count``."""
        return self.reader.count_outcomes()

    def rejected(self) -> list[Outcome]:
        """The outcomes of rejected items, in the order of the input."""
        return [outcome for outcome in self.reader.outcomes() if outcome.kind is OutcomeKind.REJECTED]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()
        self._store.close()


def write_results(reader: StoreReader, folder: Path, urls: Sequence[str | None] = ()) -> None:
    """Write enriched articles in the run's order, alerts, and outcomes by position. Raises OSError.

    ``urls``: the items' addresses by position, for the lines of their outcomes; None for one that could not be read.
    Each file is written under a temporary name and renamed, so a reader never sees an incomplete one.
    """
    _write(folder / ENRICHED, (enriched_line(article) for article in reader.articles()))
    _write(folder / ALERTS, reader.alerts())
    _write(folder / OUTCOMES, (_outcome_line(outcome, urls) for outcome in reader.outcomes()))


def _outcome_line(outcome: Outcome, urls: Sequence[str | None]) -> dict[str, Any]:
    """An outcome with the address of its item, which people search for."""
    fields: dict[str, Any] = msgspec.to_builtins(outcome)
    return fields | {"url": urls[outcome.first_offset] if outcome.first_offset < len(urls) else None}


def enriched_line(article: Article) -> dict[str, Any]:
    """An enriched article for users, without internal fields."""
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
