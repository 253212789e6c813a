"""The search index of one run: opened, kept up to date with the store, searched."""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import tantivy

from core.clock import wall_ms
from core.durations import DAY_MS
from core.errors import StoreError, UsageError
from core.private import close_to_others, make_private_folder
from core.search.indexer import PAGE, Indexer, read_state, stored_state
from core.search.pages import (
    SAMPLED_ABOVE,
    Cursor,
    PageRequest,
    Ranking,
    digest_of,
    page_by_rank,
    page_by_time,
    rank,
    read_cursor,
)
from core.search.question import Deadline, Question, Snapshot, Stopped, ask, never
from core.search.results import Filters, Order, Results
from core.search.schema import VERSION, build_schema
from core.settings import CoreSettings
from core.store import StoreReader, SubscriptionStore

MOST = 500
"""Most hits on a page."""
_RANKINGS = 32
_HOURLY_MS = 4 * DAY_MS


def search_folder(settings: CoreSettings) -> Path:
    """The folder of all search indexes: ``search_dir``, or ``search`` in ``data_dir``."""
    return Path(settings.search_dir) if settings.search_dir else Path(settings.data_dir) / "search"


class SearchIndex:
    """The index of one run. Thread-safe; every process opens its own."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.perf_counter,
        page: int = PAGE,
        sampled_above: int = SAMPLED_ABOVE,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """``folder``: the folder of this run and version. ``clock`` measures the time of a search, in seconds.
        ``clock_ms``: the wall clock, in ms.

        ``page``: articles read from the store in one transaction. ``sampled_above``: number of hits above which facets and
        volume are estimated.
        """
        self.folder, self._clock, self._page, self._sampled_above = folder, clock, page, sampled_above
        self._clock_ms = clock_ms
        self._writing, self._lock = threading.Lock(), threading.Lock()
        self._indexer: Indexer | None = None
        self._schema = build_schema()
        self._index = self._opened()
        self._rankings: OrderedDict[tuple[int, bytes], tuple[Snapshot, Ranking]] = OrderedDict()
        self._generation = 0
        self._labels: dict[str, tuple[str, ...]] = {}
        self._snapshot: Snapshot | None = None
        self._snapshot = self._look()

    @classmethod
    def open(cls, folder: Path, *, run: str = "live", page: int = PAGE) -> SearchIndex:
        """Open the index of ``run`` below ``folder``; creates an empty one if it is missing or of another version.

        Raises StoreError if the folder can't be used.
        """
        name = quote(run, safe="").replace(".", "%2E")
        return cls(folder / f"v{VERSION}" / name, page=page)

    def refresh(self, reader: StoreReader, *, most: int | None = None) -> bool:
        """Add what the store has and the index lacks, and load what other processes wrote. Returns True if nothing is left.

        ``most``: add at most about this many articles; call it again for the rest. While another process holds the
        writer's lock, this call only makes that process's writes visible (``behind`` tells whether they are complete);
        after that process ends, the next call takes over. Can be repeated after a crash at any point. Raises
        StoreError.
        """
        with self._writing:
            done = True
            if self._indexer is None:
                try:
                    self._indexer = Indexer(self.folder, self._index, self._page, self._clock_ms)
                except ValueError as error:
                    if "Lock" not in str(error):
                        raise StoreError(f"{self.folder}: {error}", hint="delete the folder") from error
            if self._indexer is not None:
                done = self._indexer.follow(reader, most)
            self._index.reload()
            self._labels = SubscriptionStore(reader.store).labels()
            snapshot = self._look()
            with self._lock:
                self._snapshot = snapshot
            return done

    def behind(self, reader: StoreReader) -> bool:
        """Whether the store has articles or changes that searches do not see yet. Raises StoreError."""
        return self.snapshot().seq < stored_state(reader).seq

    @property
    def writes(self) -> bool:
        """Whether this object holds the writer's lock."""
        return self._indexer is not None

    def snapshot(self) -> Snapshot:
        """The state that searches see now; the snapshot never changes."""
        with self._lock:
            return self._snapshot or self._look()

    def ask(
        self, query: str, since_ms: int | None = None, until_ms: int | None = None, filters: Filters | None = None
    ) -> Question:
        """Make a question to the current state. Raises QueryError."""
        return ask(self.snapshot(), query, since_ms, until_ms, filters)

    def search(
        self,
        query: str,
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        filters: Filters = Filters(),  # noqa: B008 - frozen
        order: Order = "newest",
        limit: int = 20,
        cursor: str | None = None,
        facets: bool = True,
        budget_ms: float = 60.0,
        count_ms: float | None = None,
        now_ms: int | None = None,
        stopped: Stopped = never,
    ) -> Results:
        """One page of the matching articles, with marked matches, and facets and volume over all of them.

        ``since_ms`` (inclusive) and ``until_ms`` (exclusive) bound the event time, in ms, UTC. ``order``: ``relevance``
        is BM25 with more weight on the title, weighted by age at ``now_ms`` (default: the time of the newest hit); the
        best 1,000 are ranked. ``limit``: 1 to 500. ``budget_ms``: time for the exact matcher, if the index can't answer
        the query alone; ``count_ms``: the part of it in which articles beyond the page may be checked too, from which the
        number of all hits is estimated (None: all of it). ``stopped`` is called during the work; True ends the search
        with what was found (``partial``). An empty ``query`` finds everything. Pages by time neither repeat nor omit an
        article, whatever is stored in between.
        Neither do pages by relevance while this object remembers the ranking, and afterwards as long as the
        ranking stays the same. Raises QueryError; UsageError for a cursor of another search.
        """
        if not 1 <= limit <= MOST:
            raise UsageError(f"a page has 1 to {MOST} hits, not {limit}")
        digest = digest_of(query, since_ms, until_ms, filters, order)
        start = self._clock()
        at = read_cursor(cursor, digest) if cursor is not None else None
        hourly = since_ms is not None and until_ms is not None and until_ms - since_ms <= _HOURLY_MS
        request = PageRequest(
            limit,
            facets,
            hourly,
            Deadline(self._clock, start + budget_ms / 1000, stopped),
            Deadline(
                self._clock, start + (budget_ms if count_ms is None else min(budget_ms, count_ms)) / 1000, stopped
            ),
            sampled_above=self._sampled_above,
        )
        if order == "relevance":
            snapshot, ranking = self._ranking(query, since_ms, until_ms, filters, digest, at, now_ms)
            return page_by_rank(ask(snapshot, query, since_ms, until_ms, filters), request, digest, at, ranking)
        question = self.ask(query, since_ms, until_ms, filters)
        return page_by_time(question, request, digest, at, newest=order == "newest")

    def close(self) -> None:
        """Release the writer's lock. Searching still works."""
        with self._writing:
            if self._indexer is not None:
                self._indexer.close()
                self._indexer = None

    def _ranking(
        self,
        query: str,
        since_ms: int | None,
        until_ms: int | None,
        filters: Filters,
        digest: bytes,
        at: Cursor | None,
        now_ms: int | None,
    ) -> tuple[Snapshot, Ranking]:
        snapshot = self.snapshot()
        key = (at.generation if at is not None else snapshot.generation, digest)
        with self._lock:
            if at is not None and (known := self._rankings.get(key)) is not None:
                return known
        ranking = rank(ask(snapshot, query, since_ms, until_ms, filters), now_ms)
        with self._lock:
            self._rankings[snapshot.generation, digest] = snapshot, ranking
            while len(self._rankings) > _RANKINGS:
                self._rankings.popitem(last=False)
        return snapshot, ranking

    def _look(self) -> Snapshot:
        # The state is read first, so the index is at least as new as the state.
        seq = read_state(self.folder).seq
        searcher = self._index.searcher()
        known = self._snapshot
        state = (seq, searcher.num_docs, self._labels)
        if known is not None and (known.seq, known.searcher.num_docs, known.labels) == state:
            return known
        self._generation += 1
        return Snapshot(searcher, self._schema, self._generation, seq, self._labels)

    def _opened(self) -> tantivy.Index:
        try:
            make_private_folder(self.folder)
            try:
                index = tantivy.Index(self._schema, path=str(self.folder))
            except ValueError:
                # Damaged, or of another schema with the same number. It is only a copy.
                shutil.rmtree(self.folder)
                make_private_folder(self.folder)
                index = tantivy.Index(self._schema, path=str(self.folder))
            index.config_reader("manual")
            close_to_others(self.folder)
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise StoreError(f"{self.folder}: {problem}", hint="choose a writable folder") from error
        return index
