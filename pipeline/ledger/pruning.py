"""Deletes what a run no longer needs, by settings: old outcomes, stories with their articles, most of the old commits.

No later decision may depend on it, or on when it ran:

- **Outcomes** are deleted from the front of each partition, only below the contiguous offset, and ``pruned_below``
  rises in the same transaction: everything below counts as processed. Late ones stay (a replay needs their places), as
  do lost ranges and the newest of each partition, which reveals a stream that came back shorter.
- **Articles** are deleted by whole stories: a story with its articles, versions, facts and alerts, if none of its
  articles had a record since. So the rest is consistent, and a replay that begins after that time finds everything that
  the live run found. An address that comes again later is a new article. Its aliases are deleted with it.
- **Texts** are deleted by the limits of their outlets (``core.store.text_limits``), in this run and in finished
  replays. The ordered stage also uses the limits, so nothing depends on when they were deleted.
- **Commits**: their times are kept to the millisecond for a while, then the last of each minute.

Times are event times, measured back from the run's last place, so a run that stands still keeps everything.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import sqlalchemy as sa
import structlog

from core.durations import DAY_MS, MINUTE_MS
from core.errors import StoreError, StoreUnavailable, UsageError
from core.records import OutcomeKind
from core.settings import Settings
from core.store import tables as t
from core.store.engine import chunks
from core.store.pruning_marks import ARTICLES, COMMITS, OUTCOMES, TEXTS
from core.store.takedowns import newest_stamp
from core.store.text_limits import read_text_limits
from pipeline.ledger import tables as own
from pipeline.ledger.aliases import forget_aliases
from pipeline.ledger.base import place_at, run_of_rows, stored_under
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.tables import story_facts
from pipeline.ledger.texts import FIRST, LastVersion, find_texts, remove_texts
from pipeline.ledger.walls import forget_old

log = structlog.get_logger()

SHORTEST_DAYS = {"outcomes_keep_days": 1, "articles_keep_days": 7, "commits_keep_days": 1}
"""An article is compared with those of the last three days; the rest is margin."""

OUTCOMES_AT_ONCE = 500
COMMITS_AT_ONCE = 500
STORIES_AT_ONCE = 100
TEXTS_AT_ONCE = 500
EVERY_MS = 1_000
REST_MS = 600_000
"""A batch a second while there is something to do; then it looks again after ten minutes."""
VACUUM_EVERY_MS = DAY_MS


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How long each kind of data is kept, in ms; 0: without limit."""

    outcomes_ms: int = 0
    articles_ms: int = 0
    commits_ms: int = 0

    @classmethod
    def of_settings(cls, settings: Settings) -> Keep:
        """From the settings. Raises UsageError if they would delete data that later decisions depend on."""
        for name, least in SHORTEST_DAYS.items():
            if 0 < getattr(settings, name) < least:
                raise UsageError(f"{name} must be 0 (no limit) or at least {least}", hint="newer ones are still needed")
        return cls(
            outcomes_ms=int(settings.outcomes_keep_days * DAY_MS),
            articles_ms=int(settings.articles_keep_days * DAY_MS),
            commits_ms=int(settings.commits_keep_days * DAY_MS),
        )


class Pruning:
    """Prunes one run in batches, so that nothing waits for it. Used by the run's driver."""

    def __init__(self, ledger: RunLedger, keep: Keep) -> None:
        self._ledger, self._store, self._run, self._keep = ledger, ledger.store, ledger.run, keep
        self._last_ms: int | None = None
        self._rests = False
        self._seen = (-1, "")
        """(last_ms, id) of the story looked at last in this pass."""
        self._vacuumed_ms: int | None = None
        self._problem: str | None = None
        """Why the store could not be rewritten, as logged last."""
        self._texts_seen: dict[str, LastVersion | None] = {}
        """Run → the version looked at last in this pass; None: the run is through."""

    def tend(self, now_ms: int) -> int:
        """Delete a batch if one is due. Returns the number of rows. ``now_ms``: the wall clock. Raises StoreError, Fenced."""
        pause = REST_MS if self._rests else EVERY_MS
        if self._last_ms is not None and 0 <= now_ms - self._last_ms < pause:
            return 0
        self._last_ms = now_ms
        gone = self.step(now_ms)
        self._rests = gone is None
        return gone or 0

    def step(self, now_ms: int) -> int | None:
        """Delete a batch now. Returns the number of rows, or None if nothing is left to delete."""
        gone = self._step(now_ms)
        if gone is None:
            self._clear(now_ms)
        return gone

    def _clear(self, now_ms: int) -> None:
        """Leave nothing of what was deleted, by any process, in an embedded store's files. The next pass tries again."""
        self._store.empty_log()
        if self._vacuumed_ms is not None and 0 <= now_ms - self._vacuumed_ms < VACUUM_EVERY_MS:
            return
        with self._store.reading() as connection:
            removes = bool(read_text_limits(connection)) or newest_stamp(connection) > 0
        if removes:
            try:
                self._store.vacuum()
            except StoreUnavailable:
                return
            except StoreError as error:
                # No space for it, or too large: nothing else depends on it. A large store stays large.
                if error.message != self._problem:
                    log.warning(
                        "parts of removed texts may remain in the store's file until VACUUM "
                        "(docs/operations.md, Start, stop)",
                        problem=error.message,
                    )
                self._problem = error.message
            else:
                self._problem = None
        self._vacuumed_ms = now_ms

    def _step(self, now_ms: int) -> int | None:
        last = self._ledger.state().last_key
        if last is not None:
            # A clock that runs ahead must not make new data old; both clocks would have to be wrong for that.
            newest_ms = min(last.time_ms, now_ms)
            works: list[tuple[int, int, Callable[[int], int | None]]] = [
                (self._keep.outcomes_ms, newest_ms, self._outcomes),
                (self._keep.articles_ms, newest_ms, self._stories),
                (self._keep.articles_ms, newest_ms, self._walls),
                (self._keep.commits_ms, now_ms, self._commits),
            ]
            for keep_ms, upto_ms, work in works:
                if keep_ms and upto_ms > keep_ms and (gone := work(upto_ms - keep_ms)) is not None:
                    return gone
            return self._texts(newest_ms)
        return None

    def _outcomes(self, before_ms: int) -> int | None:
        c, f, before = t.outcomes.c, own.contiguous_offsets.c, place_at(before_ms)
        with self._store.reading() as connection:
            known = connection.execute(sa.select(own.contiguous_offsets).where(f.run == self._run)).all()
        for one in known:
            mine = (c.run == self._run) & (c.stream == one.stream) & (c.partition == one.partition)
            newest = self._ledger.offsets(one.stream).newest_handled(one.partition, 1 << 62)
            end = min(one.next_offset, newest[0]) if newest is not None else 0
            query = sa.select(c.first_offset, c.last_offset, c.place, c.late)
            query = query.where(mine, c.first_offset >= one.pruned_below, c.first_offset < end)
            with self._store.reading() as connection:
                rows = connection.execute(query.order_by(c.first_offset).limit(OUTCOMES_AT_ONCE)).all()
            upto, first = one.pruned_below, None
            for row in rows:
                if row.place is not None and not row.late and row.place >= before:
                    break
                upto = min(row.last_offset + 1, end)
                first = first or row.place
            if upto > one.pruned_below:
                old = mine & (c.first_offset >= one.pruned_below) & (c.first_offset < upto)
                with self._store.writing() as connection:
                    self._ledger.check_owner(connection)
                    gone = connection.execute(
                        t.outcomes.delete().where(old, ~c.late, c.kind != OutcomeKind.LOST)
                    ).rowcount
                    place = (f.run == self._run) & (f.stream == one.stream) & (f.partition == one.partition)
                    connection.execute(own.contiguous_offsets.update().where(place).values(pruned_below=upto))
                    self._note(connection, OUTCOMES, before_ms, first_ms=int(first[:15]) if first else None)
                return gone
        return None

    def _stories(self, before_ms: int) -> int | None:
        s = t.stories.c
        after_ms, after = self._seen
        query = sa.select(s.id, s.last_ms).where(s.run == self._run, s.last_ms < before_ms, s.last_ms >= after_ms)
        query = query.where(sa.or_(s.last_ms > after_ms, s.id > after)).order_by(s.last_ms, s.id)
        with self._store.reading() as connection:
            rows = connection.execute(query.limit(STORIES_AT_ONCE)).all()
        if not rows:
            self._seen = (-1, "")
            return None
        with self._store.writing() as connection:
            # Blocks the run's next transaction, which checks what is still stored; see ``RunLedger.commit``.
            self._ledger.check_owner(connection)
            gone = self._remove(connection, self._over(connection, [row.id for row in rows], before_ms))
            if gone:
                self._note(connection, ARTICLES, before_ms)
        self._seen = (rows[-1].last_ms, rows[-1].id)
        return gone

    def _texts(self, at_ms: int) -> int | None:
        with self._store.reading() as connection:
            limits = read_text_limits(connection)
            if not limits:
                return None
            runs = [one for run in (self._run, *_over_runs(connection)) for one in stored_under(run)]
        for run in runs:
            after = self._texts_seen.get(run, FIRST)
            if after is None:
                continue
            with self._store.reading() as connection:
                found = find_texts(connection, run, limits, at_ms, after, TEXTS_AT_ONCE)
            gone = 0
            if found.versions:
                with self._store.writing() as connection:
                    self._ledger.check_owner(connection)
                    gone = remove_texts(connection, run, limits, at_ms, found.versions)
                    if gone:
                        self._note(connection, TEXTS, at_ms, run=run_of_rows(run))
            self._texts_seen[run] = found.last
            if found.last is not None:
                return gone
        self._texts_seen.clear()
        return None

    def _walls(self, before_ms: int) -> int | None:
        # A replay may begin at any time for which articles are kept.
        with self._store.writing() as connection:
            self._ledger.check_owner(connection)
            return forget_old(connection, self._run, before_ms) or None

    def _over(self, connection: sa.Connection, stories: list[str], before_ms: int) -> list[str]:
        """Those of the stories without a record since, even one that changed nothing, since a replay reads it again."""
        a, o, s = t.articles.c, t.outcomes.c, t.stories.c
        old = sa.select(s.id).where(s.run == self._run, s.id.in_(stories), s.last_ms < before_ms)
        touched = (
            sa.select(a.story)
            .join(t.outcomes, (o.run == a.run) & (o.article == a.id) & (o.place >= place_at(before_ms)))
            .where(a.run == self._run, a.story.in_(stories))
            .distinct()
        )
        still = set(connection.execute(touched).scalars())
        return [story for story in connection.execute(old).scalars() if story not in still]

    def _remove(self, connection: sa.Connection, stories: list[str]) -> int:
        if not stories:
            return 0
        a, v = t.articles.c, t.versions.c
        members = sa.select(a.id).where(a.run == self._run, a.story.in_(stories))
        gone = 0
        for part in chunks(list(connection.execute(members).scalars())):
            gone += forget_aliases(connection, self._run, part)
            mine = (v.run == self._run) & v.article.in_(part) & v.story.in_(stories)
            gone += connection.execute(t.versions.delete().where(mine)).rowcount
            n = t.story_links.c
            for near in (n.article, n.other):
                connection.execute(t.story_links.delete().where(n.run == self._run, near.in_(part)))
        for table, column in (
            (t.articles, "story"),
            (t.alerts, "story"),
            (story_facts, "story"),
            (t.stories, "id"),
        ):
            theirs = (table.c.run == self._run) & table.c[column].in_(stories)
            gone += connection.execute(table.delete().where(theirs)).rowcount
        return gone

    def _commits(self, before_ms: int) -> int | None:
        c = t.commits.c
        p = t.pruned.c
        with self._store.reading() as connection:
            thinned = sa.select(p.upto).where(p.run == self._run, p.what == COMMITS)
            begin = connection.execute(thinned).scalar() or 0
            query = sa.select(c.seq, c.stored_ms).where(c.run == self._run, c.seq > begin).order_by(c.seq)
            rows = connection.execute(query.limit(COMMITS_AT_ONCE)).all()
        old = [row for row in rows if row.stored_ms < before_ms]
        # The last one is kept, since only the next one shows whether it is the last of its minute.
        pairs = list(zip(old, rows[1:], strict=False))
        if not pairs:
            return None
        gone = [one.seq for one, after in pairs if one.stored_ms // MINUTE_MS == after.stored_ms // MINUTE_MS]
        with self._store.writing() as connection:
            self._ledger.check_owner(connection)
            for part in chunks(gone):
                connection.execute(t.commits.delete().where(c.run == self._run, c.seq.in_(part)))
            self._note(connection, COMMITS, before_ms, upto=pairs[-1][0].seq)
        return len(gone)

    def _note(
        self,
        connection: sa.Connection,
        what: str,
        before_ms: int,
        *,
        first_ms: int | None = None,
        upto: int | None = None,
        run: str = "",
    ) -> None:
        p = t.pruned.c
        statement = self._store.insert(t.pruned)
        new = statement.excluded
        row = {"run": run or self._run, "what": what, "before_ms": before_ms, "first_ms": first_ms, "upto": upto or 1}
        changed = {
            "before_ms": sa.case((new.before_ms > p.before_ms, new.before_ms), else_=p.before_ms),
            "first_ms": sa.case(
                (new.first_ms < p.first_ms, new.first_ms), else_=sa.func.coalesce(p.first_ms, new.first_ms)
            ),
            "upto": p.upto + 1 if upto is None else new.upto,
        }
        connection.execute(statement.on_conflict_do_update(index_elements=["run", "what"], set_=changed), [row])


def _over_runs(connection: sa.Connection) -> list[str]:
    """Finished replays. A running replay still compares texts as of its own time."""
    query = sa.select(own.replays.c.name).where(own.replays.c.state == "finished")
    return sorted(connection.execute(query).scalars())
