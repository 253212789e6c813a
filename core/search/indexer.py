"""The writer of an index: adds what was stored since the last time. There is only one at a time.

A document that was deleted is not found, but the library keeps its text in the file of its segment until the segment is
merged, which may be never. So once texts had to go, all documents are added again, some in each call: segments in which
nothing is left go with their files.

Its progress is kept beside the index in ``state.json``, written after each commit. After a crash between the two, it
repeats that work. This changes nothing, since an article replaces the one with its id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
import tantivy

from core.clock import wall_ms
from core.durations import DAY_MS
from core.errors import StoreError
from core.private import close_to_others, make_private_file
from core.records.text_limits import NO_LIMITS
from core.search.question import order_range
from core.search.schema import FoundArticle, found_article, index_document, order_of, read_record
from core.store import StoreReader
from core.store import tables as t
from core.store.engine import chunks
from core.store.pruning_marks import pruned_of
from core.store.takedowns import Takedowns
from core.store.text_limits import read_text_limits

log = structlog.get_logger()

PAGE = 1_000
"""Articles read in one transaction of the store."""
COMMIT = 20_000
"""Articles between two commits of the index while there is a lot to add."""
SWEPT = 1_000
"""Articles looked up in the store in one call."""
HEAP_BYTES = 96 << 20
REWRITE_EVERY_MS = DAY_MS
"""Texts pass their limit all the time, and to rewrite an index takes minutes for each million articles."""
STATE = "state.json"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of an index: it has all articles with a ``seq`` up to this one.

    ``created_ms`` distinguishes a run from a later one with the same name. With ``after``, the index has only those
    articles with exactly this ``seq`` whose ids are up to ``after``.

    ``rewrite_ms``: when all documents are to be added again, so that no file has what was deleted; None: nothing was.
    ``rewritten_ms``: when that last began. Both by the wall clock, in ms. ``takedowns``: stamp of the newest applied one.
    """

    created_ms: int = 0
    seq: int = 0
    after: str | None = None
    rewrite_ms: int | None = None
    rewritten_ms: int = 0
    takedowns: int = 0


def read_state(folder: Path) -> State:
    """The progress of the index in ``folder``; the initial state if it is unknown."""
    try:
        return msgspec.json.decode((folder / STATE).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return State()


def stored_state(reader: StoreReader) -> State:
    """The progress of the run itself; the initial state if the store has no such run."""
    query = sa.select(t.runs.c.created_ms, t.runs.c.seq).where(t.runs.c.name == reader.run)
    with reader.store.reading() as connection:
        row = connection.execute(query).one_or_none()
    return State(created_ms=row.created_ms, seq=row.seq) if row is not None else State()


class Indexer:
    """Writes to one index and holds tantivy's lock on it. Not thread-safe."""

    def __init__(
        self, folder: Path, index: tantivy.Index, page: int = PAGE, clock_ms: Callable[[], int] = wall_ms
    ) -> None:
        """``page``: articles read in one transaction. Raises ValueError if another writer holds the lock."""
        self._folder, self._page, self._clock_ms = folder, page, clock_ms
        self._writer = index.writer(HEAP_BYTES, 1)
        index.reload()
        self._index = index
        self._empty = index.searcher().num_docs == 0
        """The index has no documents that an article might replace."""
        self._takedowns = 0
        """Stamp of the newest takedown that was applied since this writer started."""
        self._sweep: tuple[int, int | None] | None = (0, None)
        """The range of ``order`` whose articles are still to be looked up in the store; None: nothing is."""
        self._deletions = (-1, -1)
        self._rewriting: int | None = None
        """The ``order`` from which on documents are still to be added again; None: no rewrite is under way."""
        self._again = False
        """The rewrite under way may have passed documents that were removed since."""

    def close(self) -> None:
        """Wait for merges, then release the lock."""
        self._writer.wait_merging_threads()
        close_to_others(self._folder)

    def follow(self, reader: StoreReader, most: int | None = None) -> bool:
        """Add new articles, at most about ``most``, and commit. Returns True if nothing is left."""
        state = read_state(self._folder)
        now = stored_state(reader)
        if now.created_ms != state.created_ms or now.seq < state.seq:
            # Another run with this name, or a store that was restored from a backup.
            self._writer.delete_all_documents()
            # Before anything is read: a takedown after it may concern a document that is already added.
            stamp, _ = Takedowns(reader.store).check(())
            self._empty, state = True, State(created_ms=now.created_ms, takedowns=stamp)
            self._rewriting = None
            self._commit(state)
        done, since_commit, bulk = 0, 0, self._empty
        while state.seq < now.seq or state.after is not None:
            rows = self._rows(reader, state, now.seq)
            _, gone = Takedowns(reader.store).check(row.id for row in rows)
            for row in rows:
                self._add(row, replacing=not bulk, gone=row.id in gone)
            done, since_commit = done + len(rows), since_commit + len(rows)
            complete = len(rows) < self._page
            state = msgspec.structs.replace(
                state,
                seq=now.seq if complete else rows[-1].seq,
                after=None if complete else rows[-1].id,
            )
            enough = most is not None and done >= most
            if complete or enough or since_commit >= COMMIT:
                self._commit(state)
                since_commit = 0
            if enough and not complete:
                # Articles stored in the meantime may replace indexed ones.
                self._empty = False
                return False
        self._empty = self._empty and not done
        self._remove_what_is_gone(reader)
        self._rewrite(reader)
        return True

    def _rows(self, reader: StoreReader, state: State, until: int) -> Sequence[Any]:
        c = t.articles.c
        query = sa.select(c.id, c.seq, c.record).where(c.run == reader.run, c.seq <= until)
        if state.after is None:
            query = query.where(c.seq > state.seq)
        else:
            query = query.where(sa.tuple_(c.seq, c.id) > sa.tuple_(state.seq, state.after))
        with reader.store.reading() as connection:
            return connection.execute(query.order_by(c.seq, c.id).limit(self._page)).all()

    def _add(self, row: sa.Row[Any], *, replacing: bool, gone: bool) -> None:
        if replacing:
            self._writer.delete_documents_by_term("id", row.id)
        if gone:
            return
        try:
            article = found_article(row.record)
        except msgspec.DecodeError as error:
            log.warning("a stored article can't be read", article=row.id, error=str(error))
            return
        self._writer.add_document(index_document(article))

    def _commit(self, state: State) -> None:
        try:
            self._writer.commit()
            # The library creates its files with the umask's mode, also in merges, which may have run since the last
            # commit.
            close_to_others(self._folder)
            part = self._folder / f"{STATE}.part"
            make_private_file(part)
            part.write_bytes(msgspec.json.encode(state))
            part.replace(self._folder / STATE)
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._folder}: {error}", hint="free some disk space, or delete the folder") from error

    def _remove_what_is_gone(self, reader: StoreReader) -> None:
        """Remove what takedowns and pruning removed from the store, and texts past their limit.

        After a start all articles are looked up in the store, and old ones whenever stories were pruned or texts
        removed: some in each call, or a start would read a whole store.
        """
        takedowns = Takedowns(reader.store)
        stamp, _ = takedowns.check(())
        gone, texts = self._not_in_store(reader)
        changed = bool(gone or texts)
        if stamp != self._takedowns:
            gone |= {one.article for one in takedowns.listing(after_stamp=self._takedowns)}
        for identity in sorted(gone):
            self._writer.delete_documents_by_term("id", identity)
        for row in texts:
            if row.id not in gone:
                self._add(row, replacing=True, gone=False)
        state = read_state(self._folder)
        due = state.rewrite_ms
        if stamp > state.takedowns:
            due = self._clock_ms()
            # A rewrite under way may have passed the article, whose new segment would keep its text.
            self._rewriting = None
        elif changed and due is None:
            due = max(self._clock_ms(), state.rewritten_ms + REWRITE_EVERY_MS)
        elif changed:
            self._again = True
        if gone or texts or due != state.rewrite_ms:
            self._commit(msgspec.structs.replace(state, rewrite_ms=due, takedowns=max(stamp, state.takedowns)))
        self._takedowns = stamp

    def _rewrite(self, reader: StoreReader) -> None:
        """Add the next documents again if a rewrite is due; one that a restart interrupts begins again."""
        state = read_state(self._folder)
        if self._sweep is not None or state.rewrite_ms is None:
            return
        if self._rewriting is None:
            now_ms = self._clock_ms()
            # A clock that was set back must not delay it without end.
            if now_ms < state.rewrite_ms <= now_ms + REWRITE_EVERY_MS:
                return
            self._rewriting, self._again = 0, False
            self._commit(msgspec.structs.replace(state, rewritten_ms=now_ms))
        found, last = self._documents(self._rewriting, None)
        c = t.articles.c
        for part in chunks(sorted(found)):
            rows = sa.select(c.id, c.seq, c.record).where(c.run == reader.run, c.id.in_(part))
            with reader.store.reading() as connection:
                stored: Sequence[Any] = connection.execute(rows).all()
            for row in stored:
                self._add(row, replacing=True, gone=False)
            for identity in set(part) - {row.id for row in stored}:
                self._writer.delete_documents_by_term("id", identity)
        # From the last one again, since others may have its order.
        self._rewriting = None if last is None else max(last, self._rewriting + 1)
        state = read_state(self._folder)
        if last is None:
            next_ms = max(self._clock_ms(), state.rewritten_ms + REWRITE_EVERY_MS) if self._again else None
            state = msgspec.structs.replace(state, rewrite_ms=next_ms)
        self._commit(state)

    def _documents(self, low: int, high: int | None) -> tuple[dict[str, FoundArticle], int | None]:
        """Up to ``SWEPT`` documents from ``low`` on, by id, and the last one's ``order``; None: there are no more."""
        self._index.reload()
        searcher = self._index.searcher()
        wanted = order_range(self._index.schema, low, high)
        hits = searcher.search(wanted, limit=SWEPT, count=False, order_by_field="order", order=tantivy.Order.Asc).hits
        found = {one.id: one for one in (read_record(searcher.doc(address)) for _, address in hits)}
        return found, int(hits[-1][0]) if len(hits) == SWEPT else None

    def _not_in_store(self, reader: StoreReader) -> tuple[set[str], Sequence[Any]]:
        """For the next articles of the sweep, oldest first: ids that are not in the store, and rows that lost their text."""
        pruned = pruned_of(reader.store, reader.run)
        if self._sweep is None:
            changes = (pruned.deletions, pruned.texts_removed)
            if changes == self._deletions:
                return set(), ()
            self._sweep, self._deletions = (0, order_of(max(pruned.articles_ms, pruned.texts_ms))), changes
        low, high = self._sweep
        found, last = self._documents(low, high)
        # More articles than one page may have the same order: the rest of them waits for the next sweep.
        self._sweep = None if last is None else (last + 1, high)
        c, stored, texts = t.articles.c, set[str](), list[Any]()
        with reader.store.reading() as connection:
            limits = read_text_limits(connection) if pruned.texts_ms else NO_LIMITS
            gone = limits.as_of(pruned.texts_ms)
            for part in chunks(sorted(found)):
                known = sa.select(c.id).where(c.run == reader.run, c.id.in_(part))
                stored.update(connection.execute(known).scalars())
            over = [one.id for one in found.values() if one.text and one.id in stored and gone(one.source, one.time_ms)]
            for part in chunks(sorted(over)):
                rows = sa.select(c.id, c.seq, c.record).where(c.run == reader.run, c.id.in_(part))
                texts += connection.execute(rows).all()
        return found.keys() - stored, texts
