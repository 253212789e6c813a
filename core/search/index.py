"""The search index of one run: opened, kept up with the store, asked."""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import tantivy

from core.errors import StoreError, UsageError
from core.search.ask import DAY_MS, Asked, Snapshot, ask
from core.search.cursor import Cursor, question_of, read_cursor
from core.search.follow import Follower, read_state, stored_state
from core.search.pages import Ranking, Wish, page_by_rank, page_by_time, rank
from core.search.results import Filters, Order, Results
from core.search.schema import VERSION, build_schema
from core.settings import Settings
from core.store import StoreReader

MOST = 500
"""Largest page."""
_RANKINGS = 32
_HOURLY_MS = 4 * DAY_MS


def search_folder(settings: Settings) -> Path:
    """The folder of the search indexes in force: ``search_dir``, or ``search`` in ``data_dir``."""
    return Path(settings.search_dir) if settings.search_dir else Path(settings.data_dir) / "search"


class SearchIndex:
    """The index of one run. Thread-safe; every process opens its own."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.perf_counter) -> None:
        """``folder``: of this run and version. ``clock`` measures what a search may take, in seconds."""
        self.folder, self._clock = folder, clock
        self._writing, self._lock = threading.Lock(), threading.Lock()
        self._follower: Follower | None = None
        self._schema = build_schema()
        self._index = self._opened()
        self._rankings: OrderedDict[tuple[int, bytes], tuple[Snapshot, Ranking]] = OrderedDict()
        self._generation = 0
        self._snapshot: Snapshot | None = None
        self._snapshot = self._look()

    @classmethod
    def open(cls, folder: Path, *, run: str = "live") -> SearchIndex:
        """The index of ``run`` below ``folder``; made empty if it is not there or of another version.

        Raises StoreError where the folder can't be used.
        """
        name = quote(run, safe="").replace(".", "%2E")
        return cls(folder / f"v{VERSION}" / name)

    def refresh(self, reader: StoreReader, *, most: int | None = None) -> bool:
        """Take over what the store has and the index has not (the writer), and see what others wrote. True: nothing left to do.

        ``most``: at most about so many articles now; call again for the rest. Where another process holds the writer's
        lock, only what that one wrote is seen (``behind`` tells how that stands); when that process ends, the next call
        takes its place. Doing it again after a crash at any point changes nothing. Raises StoreError.
        """
        with self._writing:
            done = True
            if self._follower is None:
                try:
                    self._follower = Follower(self.folder, self._index)
                except ValueError as error:
                    if "Lock" not in str(error):
                        raise StoreError(f"{self.folder}: {error}", hint="delete the folder") from error
            if self._follower is not None:
                done = self._follower.follow(reader, most)
            self._index.reload()
            snapshot = self._look()
            with self._lock:
                self._snapshot = snapshot
            return done

    def behind(self, reader: StoreReader) -> bool:
        """Whether the store has something that searches don't see yet. Raises StoreError."""
        return self.snapshot().seq < stored_state(reader).seq

    @property
    def writes(self) -> bool:
        """Whether this object holds the writer's lock."""
        return self._follower is not None

    def snapshot(self) -> Snapshot:
        """The state that searches see now; it stays as it is."""
        with self._lock:
            return self._snapshot or self._look()

    def ask(
        self, query: str, since_ms: int | None = None, until_ms: int | None = None, filters: Filters | None = None
    ) -> Asked:
        """A question to the state now. Raises QueryError."""
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
        now_ms: int | None = None,
    ) -> Results:
        """One page of the articles that match, with marks, and over all of them facets and volume.

        ``since_ms`` (in) and ``until_ms`` (out) bound the event time. ``order``: ``relevance`` is BM25, title before text,
        weighed by age at ``now_ms`` (default: the newest hit is new); the best 1,000 are ranked. ``limit``: 1 to 500.
        ``budget_ms``: time for the exact matcher on candidates of queries that the index can't answer alone. An empty
        ``query`` finds everything. Pages by time neither repeat nor leave out an article, whatever is stored meanwhile;
        those by relevance as long as this object remembers the ranking, then as far as the ranking stays the same.
        Raises QueryError; UsageError for a cursor of another search.
        """
        if not 1 <= limit <= MOST:
            raise UsageError(f"a page has 1 to {MOST} hits, not {limit}")
        question = question_of(query, since_ms, until_ms, filters, order)
        start = self._clock()
        at = read_cursor(cursor, question) if cursor is not None else None
        hourly = since_ms is not None and until_ms is not None and until_ms - since_ms <= _HOURLY_MS
        wish = Wish(limit, facets, hourly, self._clock, start + budget_ms / 1000)
        if order == "relevance":
            snapshot, ranking = self._ranking(query, since_ms, until_ms, filters, question, at, now_ms)
            return page_by_rank(ask(snapshot, query, since_ms, until_ms, filters), wish, question, at, ranking)
        asked = self.ask(query, since_ms, until_ms, filters)
        return page_by_time(asked, wish, question, at, newest=order == "newest")

    def close(self) -> None:
        """Let the writer's lock go. Searching goes on to work."""
        with self._writing:
            if self._follower is not None:
                self._follower.close()
                self._follower = None

    def _ranking(
        self,
        query: str,
        since_ms: int | None,
        until_ms: int | None,
        filters: Filters,
        question: bytes,
        at: Cursor | None,
        now_ms: int | None,
    ) -> tuple[Snapshot, Ranking]:
        snapshot = self.snapshot()
        key = (at.generation if at is not None else snapshot.generation, question)
        with self._lock:
            if at is not None and (known := self._rankings.get(key)) is not None:
                return known
        ranking = rank(ask(snapshot, query, since_ms, until_ms, filters), now_ms)
        with self._lock:
            self._rankings[snapshot.generation, question] = snapshot, ranking
            while len(self._rankings) > _RANKINGS:
                self._rankings.popitem(last=False)
        return snapshot, ranking

    def _look(self) -> Snapshot:
        # The state first: what is in the index is then at least as new as it says.
        seq = read_state(self.folder).seq
        searcher = self._index.searcher()
        known = self._snapshot
        if known is not None and (known.seq, known.searcher.num_docs) == (seq, searcher.num_docs):
            return known
        self._generation += 1
        return Snapshot(searcher, self._schema, self._generation, seq)

    def _opened(self) -> tantivy.Index:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                index = tantivy.Index(self._schema, path=str(self.folder))
            except ValueError:
                # Damaged, or of another make with the same number: it is only a copy.
                shutil.rmtree(self.folder)
                self.folder.mkdir(parents=True)
                index = tantivy.Index(self._schema, path=str(self.folder))
            index.config_reader("manual")
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            raise StoreError(f"{self.folder}: {problem}", hint="choose a folder that can be written") from error
        return index
