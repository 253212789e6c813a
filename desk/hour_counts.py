"""How many articles and alerts each hour had. The overview uses these counts, so that no page counts articles itself.

The desk counts in the background, following the run by ``seq`` as open pages do. It stores an hour once, when the hour is
over, as one row of JSON, so a start reads a few hundred rows. It counts hours that no desk counted from the store, newest
first, each with the index of event times. It counts only new articles: no later versions, no copies, and nothing that a feed
held when it was first read. The counts are a view, not a record: a takedown, or an article that arrives more than ``GRACE_MS``
late, does not change an hour that is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

import msgspec
import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Table, Text

from core.durations import HOUR_MS
from core.store import tables as t
from core.store.engine import Store
from core.store.metadata import SafeString, metadata
from desk.views.countries import CountryFinder
from desk.views.rates import HOURS_NEEDED, Counts, Kind

GRACE_MS = 600_000
PAGE = 500
# Limits of one look: the desk may close meanwhile, and other desks may write.
HOURS_EACH, TRANSACTIONS = 12, 200

hour_counts = Table(
    "hour_counts",
    metadata,
    Column("run", SafeString, primary_key=True),
    # The beginning of the hour.
    Column("hour_ms", BigInteger, primary_key=True, autoincrement=False),
    # JSON: kind and label → number.
    Column("counts", Text, nullable=False),
)

looks = Table(
    "looks",
    metadata,
    # No foreign key: the demo's person has no account.
    Column("person", SafeString(32), primary_key=True),
    Column("run", SafeString, primary_key=True),
    # Times of the previous look (0 if there was none) and of the latest; see ``since_look``.
    Column("before_ms", BigInteger, nullable=False),
    Column("latest_ms", BigInteger, nullable=False),
)


_json = msgspec.json.Decoder(dict[str, dict[str, int]])
_topics = msgspec.json.Decoder(list[str])


class HourCounts:
    """The counts of a run. Only one thread calls ``look``; any thread may read ``hours``. Raises StoreError."""

    def __init__(self, store: Store, run: str, clock_ms: Callable[[], int]) -> None:
        self._store, self._run, self._clock_ms = store, run, clock_ms
        self._finder = CountryFinder()
        self._seq: int | None = None
        self._missing: list[int] = []
        self._seen: dict[int, set[str]] = {}
        self._closed: set[int] = set()
        self._hours: dict[int, Counts] = {}

    @property
    def hours(self) -> Mapping[int, Counts]:
        """The counts by the beginning of each hour (ms, UTC). A missing hour has not been counted yet."""
        return dict(self._hours)

    @property
    def complete(self) -> bool:
        """Whether all hours that pages need have been counted."""
        return self._seq is not None and not self._missing

    def look(self) -> bool:
        """Count what was stored since the last look, and some earlier hours. Returns False if there is more to count now."""
        now_ms = self._clock_ms()
        if self._seq is None:
            self._begin(now_ms)
        more = self._follow(now_ms)
        for _ in range(HOURS_EACH):
            if not self._missing:
                break
            self._count(self._missing[-1])
            self._missing.pop()
        if not more:
            # The changes still to be read may belong to hours that are over: this process may have been suspended for long.
            self._close(now_ms)
        return not (more or self._missing)

    def _begin(self, now_ms: int) -> None:
        hour, first = now_ms - now_ms % HOUR_MS, _first_hour(now_ms)
        c = hour_counts.c
        with self._store.reading() as connection:
            seq = connection.execute(sa.select(t.runs.c.seq).where(t.runs.c.name == self._run)).scalar() or 0
            query = sa.select(c.hour_ms, c.counts).where(c.run == self._run, c.hour_ms >= first)
            self._hours = {row.hour_ms: _read(row.counts) for row in connection.execute(query)}
            self._closed, self._seen = set(self._hours), {}
            # Nothing is older than the oldest article: hours before it are empty, not uncounted.
            v = t.versions.c
            oldest = connection.execute(sa.select(sa.func.min(v.event_ms)).where(v.run == self._run)).scalar()
        begins = max(first, oldest - oldest % HOUR_MS) if oldest is not None else hour
        self._missing = [ms for ms in range(begins, hour + 1, HOUR_MS) if ms not in self._hours]
        self._seq = seq

    def _follow(self, now_ms: int) -> bool:
        """Count what transactions after the last look wrote. Returns True if there are more than one look reads."""
        begun = self._seq or 0
        with self._store.reading() as connection:
            now = connection.execute(sa.select(t.runs.c.seq).where(t.runs.c.name == self._run)).scalar() or 0
            if now < begun:
                # The store was restored from a backup.
                self._seq = None
                return True
            upto = min(now, begun + TRANSACTIONS)
            if upto > begun:
                v, a = t.versions.c, t.alerts.c
                articles = self._articles(connection, v.seq > begun, v.seq <= upto)
                alerts = self._alerts(connection, a.seq > begun, a.seq <= upto)
                oldest = _first_hour(now_ms)
                for hour, identity, counts in chain(articles, alerts):
                    # Hours that are still to be counted will include it; stored hours stay as they are.
                    if hour >= oldest and hour not in self._closed and hour not in self._missing:
                        self._add(hour, identity, counts)
        self._seq = upto
        return upto < now

    def _count(self, hour: int) -> None:
        """Count an hour from the store, with the indexes of event times and of places."""
        end = hour + HOUR_MS
        self._hours[hour], self._seen[hour] = Counter(), set()
        with self._store.reading() as connection:
            v, a = t.versions.c, t.alerts.c
            articles = self._articles(connection, v.event_ms >= hour, v.event_ms < end)
            alerts = self._alerts(connection, a.place >= f"{hour:015d}", a.place < f"{end:015d}")
            for _, identity, counts in chain(articles, alerts):
                self._add(hour, identity, counts)

    def _add(self, hour: int, identity: str, counts: Iterable[tuple[Kind, str]]) -> None:
        seen = self._seen.setdefault(hour, set())
        if identity not in seen:
            seen.add(identity)
            self._hours.setdefault(hour, Counter()).update(counts)

    def _close(self, now_ms: int) -> None:
        """Store the hours that are over, and delete those that no page needs."""
        over = [hour for hour in self._hours if hour + HOUR_MS + GRACE_MS <= now_ms]
        fresh = [hour for hour in over if hour in self._seen]
        oldest = _first_hour(now_ms)
        if fresh:
            rows = [{"run": self._run, "hour_ms": hour, "counts": _written(self._hours[hour])} for hour in fresh]
            c = hour_counts.c
            with self._store.writing() as connection:
                self._store.upsert(connection, hour_counts, rows)
                connection.execute(hour_counts.delete().where(c.run == self._run, c.hour_ms < oldest))
        self._closed.update(fresh)
        for hour in over:
            self._seen.pop(hour, None)
            if hour < oldest:
                del self._hours[hour]
                self._closed.discard(hour)

    def _articles(
        self, connection: sa.Connection, *where: sa.ColumnElement[bool]
    ) -> Iterator[tuple[int, str, list[tuple[Kind, str]]]]:
        c = t.versions.c
        # The beginning is enough, and a text may be megabytes long.
        lead = sa.func.substr(c.text, 1, 1_200).label("lead")
        query = sa.select(c.article, c.event_ms, c.title, lead, c.language, c.topics).where(
            c.run == self._run, c.version == 1, c.duplicate_of.is_(None), c.backfill.is_(False), *where
        )
        for row in connection.execution_options(yield_per=PAGE).execute(query):
            counts = [("article", ""), *(("topic", topic) for topic in _topics.decode(row.topics))]
            if row.language:
                counts.append(("language", row.language))
            counts += [("country", code) for code in self._finder.countries(row.title, row.lead, row.language)]
            yield row.event_ms - row.event_ms % HOUR_MS, row.article, counts

    def _alerts(
        self, connection: sa.Connection, *where: sa.ColumnElement[bool]
    ) -> Iterator[tuple[int, str, list[tuple[Kind, str]]]]:
        c = t.alerts.c
        for row in connection.execute(sa.select(c.id, c.subscription, c.place).where(c.run == self._run, *where)):
            at_ms = int(row.place[:15])
            yield at_ms - at_ms % HOUR_MS, f"alert {row.id}", [("subscription", row.subscription)]


def since_look(store: Store, run: str, person: str, now_ms: int, *, gap_ms: int) -> int | None:
    """Records that a person looks now, and returns when they looked before. Looks less than ``gap_ms`` apart count as one.

    So a reloaded page still shows what was new at its first load. Returns None for a person who never looked before.
    """
    c = looks.c
    with store.writing() as connection:
        row = connection.execute(sa.select(looks).where(c.person == person, c.run == run)).first()
        before = 0 if row is None else row.before_ms if now_ms - row.latest_ms < gap_ms else row.latest_ms
        values = {"person": person, "run": run, "before_ms": before, "latest_ms": now_ms}
        store.upsert(connection, looks, [values])
    return int(before) or None


def _first_hour(now_ms: int) -> int:
    """The oldest hour that a page needs."""
    return now_ms - now_ms % HOUR_MS - (HOURS_NEEDED - 1) * HOUR_MS


def _written(counts: Counts) -> str:
    by_kind: dict[str, dict[str, int]] = {}
    for (kind, label), number in sorted(counts.items()):
        by_kind.setdefault(kind, {})[label] = number
    return msgspec.json.encode(by_kind).decode()


def _read(text: str) -> Counts:
    return Counter({(kind, label): n for kind, labels in _json.decode(text).items() for label, n in labels.items()})
