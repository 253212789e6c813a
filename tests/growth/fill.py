"""A PostgreSQL store that looks as if it had run for years: filled by COPY, in the proportions of a desk.

Of 10 outcomes one is a stored version; of 20 one began a transaction; of 50 one raised an alert, which was sent. The last
three days hold the same number of versions however large the store is: that number depends on the rate and not on the age.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import msgspec
import psycopg
import sqlalchemy as sa

from core.records import encode
from core.store import Store
from core.store import tables as t
from core.store.metadata import metadata
from core.streams import Stream
from desk.delivery.store import tables as d
from pipeline.ledger import tables as own
from pipeline.ledger.ledger import RunLedger
from pipeline.stories.features import features
from tests.pipeline.ledger.support import alert, told
from tests.pipeline.transforms.support import NOON_MS

PARTITIONS = 4
STEP_MS = 60_000
"""Between two outcomes, so that twenty million of them are 38 years."""

FEEDS, WINDOW = 1_000, 2_000
LINES = 5_000
"""Lines in one piece of a COPY."""

GROWING = (
    "outcomes",
    "commits",
    "articles",
    "versions",
    "stories",
    "story_facts",
    "alerts",
    "deliveries",
    "messages",
    "outbox",
    "polls",
    "feed_items",
)


class Size(msgspec.Struct, frozen=True):
    """How much of each there is, made of the number of outcomes."""

    outcomes: int

    @property
    def versions(self) -> int:
        """One article each."""
        return self.outcomes // 10

    @property
    def commits(self) -> int:
        return self.outcomes // 20

    @property
    def alerts(self) -> int:
        return self.outcomes // 50

    @property
    def waiting(self) -> int:
        """Rows in the outbox."""
        return max(12_000, self.outcomes // 100)

    @property
    def polls(self) -> int:
        return self.outcomes // 100


def fill(store: Store, stream: Stream, size: Size) -> None:
    """Fill an empty store; the run is ``live``, its stream has an outcome for every record."""
    RunLedger(store, "live", "me").take(kind="live", now_ms=NOON_MS)
    uuid = stream.uuid
    raw = store.engine.raw_connection()
    try:
        connection = raw.driver_connection
        assert isinstance(connection, psycopg.Connection)
        for table, columns, lines in _tables(size, uuid):
            # Indexes are built over all rows at once, or millions of rows would take hours.
            indexes = _take_indexes(connection, table)
            _copy(connection, table, columns, lines)
            for definition in indexes:
                connection.execute(definition)
            connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")
        connection.autocommit = False
    finally:
        raw.close()
    with store.writing() as writing:
        writing.execute(t.runs.update().values(seq=size.commits, last_place=_place(size, size.outcomes - 1)))
        rows = [
            {"run": "live", "stream": uuid, "partition": partition} | {"next_offset": size.outcomes // PARTITIONS}
            for partition in range(PARTITIONS)
        ]
        writing.execute(own.contiguous_offsets.insert(), rows)
        firsts = [{key: row[key] for key in ("run", "stream", "partition")} | {"first_offset": 0} for row in rows]
        writing.execute(own.run_offsets.insert(), firsts)
        writing.execute(
            d.channels.insert().values(name="hook", kind="webhook", config="{}", per_minute=60, added_ms=NOON_MS)
        )


def _take_indexes(connection: psycopg.Connection[Any], table: str) -> list[LiteralString]:
    """Drop the indexes of a table, except those of constraints, and return the statements that make them again."""
    connection.execute("SET maintenance_work_mem = '512MB'")
    query: LiteralString = """SELECT indexname, indexdef FROM pg_indexes
        WHERE tablename = %s AND indexname NOT IN (SELECT conname FROM pg_constraint)"""
    found = connection.execute(query, [table]).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def _copy(connection: psycopg.Connection[Any], table: str, columns: str, lines: Iterator[str]) -> None:
    more = _others(table, columns)
    names, end = ", ".join([columns, *more]), "".join(f"\t{value}" for value in more.values()) + "\n"
    with connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        piece: list[str] = []
        for line in lines:
            piece.append(line.replace("\n", end))
            if len(piece) >= LINES:
                copy.write("".join(piece))
                piece.clear()
        copy.write("".join(piece))


def _others(table: str, columns: str) -> dict[str, object]:
    """The columns that are not named and can't be null, with nothing in them."""
    named = {name.strip(' "') for name in columns.split(",")}
    return {
        f'"{column.name}"': "f"
        if isinstance(column.type, sa.Boolean)
        else 0
        if isinstance(column.type, sa.Integer)
        else ""
        for column in metadata.tables[table].columns
        if not column.nullable
        and column.name not in named
        and column.server_default is None
        and column.autoincrement is not True
    }


def _identity(number: int) -> str:
    """As spread as a hash, and cheaper."""
    return f"{number * 0x9E3779B97F4A7C15 % (1 << 64):016x}{number:016x}"


def _time_ms(size: Size, number: int) -> int:
    return NOON_MS - (size.outcomes - number) * STEP_MS


def _place(size: Size, number: int) -> str:
    return f"{_time_ms(size, number):015d}:{_identity(number)}:{_identity(number + 1)}:0:0"


def _line(*values: object) -> str:
    return "\t".join("\\N" if value is None else str(value) for value in values) + "\n"


def _tables(size: Size, uuid: str) -> Iterator[tuple[str, str, Iterator[str]]]:
    """(table, columns, lines) of each."""
    versions = [10 * number + 5 for number in range(size.versions)]
    one = told(0, "https://outlet.example/ARTICLE")
    assert one.article is not None
    kept = one.article.id
    record = encode(one.article).decode().replace(kept, "@")
    told_of = encode(alert(one)).decode().replace(kept, "@")
    mark = "\\\\x" + features("A title", "A text with words " * 30).hex()
    story: Callable[[int], str] = lambda number: _identity(number - (number // 10 % 2) * 10)  # noqa: E731 - short
    sent = [50 * number + 25 for number in range(size.alerts)]

    yield (
        "outcomes",
        "run, stream, partition, first_offset, last_offset, kind, item, article, version, stage, reason, place, late, seq",
        (
            _line(
                *("live", uuid, number % PARTITIONS, number // PARTITIONS, number // PARTITIONS),
                *(("rejected" if number % 10 == 0 else "published"), f"https://outlet.example/2026/{number}/a-story"),
                *((None, None, "clean", "no_text") if number % 10 == 0 else (_identity(number), 1, None, None)),
                *(_place(size, number), "f", number // 20 + 1),
            )
            for number in range(size.outcomes)
        ),
    )
    yield (
        "commits",
        "run, seq, stored_ms, epoch, handled",
        (_line("live", number + 1, _time_ms(size, 20 * number), 1, 20 * number + 19) for number in range(size.commits)),
    )
    yield (
        "articles",
        "run, id, version, place, story, source, record, seq",
        (
            _line(
                *("live", _identity(number), 1, _place(size, number), story(number), f"outlet{number % 997}.example"),
                *(record.replace("@", _identity(number)), number // 20 + 1),
            )
            for number in versions
        ),
    )
    yield (
        "versions",
        (
            "run, article, version, version_hash, text_hash, place, event_ms, story, source, language, fingerprint, "
            "backfill, title, text, topics, fetched_ms, seq"
        ),
        (
            _line(
                *("live", _identity(number), 1, _identity(number + 2), _identity(number + 3), _place(size, number)),
                *(_time_ms(size, number), story(number), f"outlet{number % 997}.example", "en"),
                *(mark if place >= size.versions - WINDOW else "\\\\x00", "f", "A title", "A text", "[]"),
                *(_time_ms(size, number), number // 20 + 1),
            )
            for place, number in enumerate(versions)
        ),
    )
    yield (
        "stories",
        "run, id, headline, first_ms, last_ms, articles, copies, sources, seq",
        (
            _line(
                *("live", _identity(number), "A headline", _time_ms(size, number), _time_ms(size, number + 10)),
                *(2, 0, '["a.example"]', (number + 10) // 20 + 1),
            )
            for number in versions[::2]
        ),
    )
    yield (
        "alerts",
        "run, id, subscription, story, article, place, record, seq",
        (
            _line(
                *("live", f"alert-{number}", f"s{number % 100}", story(number), _identity(number)),
                *(_place(size, number), told_of.replace("@", _identity(number)), number // 20 + 1),
            )
            for number in sent
        ),
    )
    yield (
        "deliveries",
        (
            "id, run, alert, subscription, story, article, channel, kind, level, status, why, due_ms, planned_ms, "
            "message, sent_ms, record"
        ),
        (
            _line(
                *(f"delivery-{number}", "live", f"alert-{number}", f"s{number % 100}", story(number)),
                *(_identity(number), "hook", "alert", "normal", "sent", "", NOON_MS - place, NOON_MS - place),
                *(f"message-{number}", NOON_MS - place, told_of.replace("@", _identity(number))),
            )
            for place, number in enumerate(sent)
        ),
    )
    yield (
        "messages",
        "id, channel, subscription, kind, level, status, due_ms, queued_ms, attempts, sent_ms",
        (
            _line(
                *(f"message-{number}", "hook", f"s{number % 100}", "alert", "normal", "sent", NOON_MS - place),
                *(NOON_MS - place, 1, NOON_MS - place),
            )
            for place, number in enumerate(sent)
        ),
    )
    yield (
        "outbox",
        "run, destination, key, payload, status",
        (
            _line("live", "enriched-articles", f"live/{_identity(number)}", "{}", "waiting")
            for number in range(size.waiting)
        ),
    )
    yield (
        "feeds",
        "id, kind, url, source, active, added_at, revision, next_poll_at, health, failures, host, lease_until, requested_at",
        (
            _line(
                *(
                    _feed(number),
                    "feed",
                    f"https://outlet{number}.example/feed",
                    f"outlet{number}.example",
                    "t",
                    NOON_MS,
                ),
                *(1, NOON_MS + number, "ok", 0, f"outlet{number}.example", 0, 0),
            )
            for number in range(FEEDS)
        ),
    )
    yield (
        "feed_items",
        "feed, key, digest, first_seen_at, status, backfill, place, attempts, retry_at, done_at",
        (
            _line(
                *(_feed(number % FEEDS), _identity(number), _identity(number), NOON_MS, "done", "f", number, 1, 0),
                NOON_MS,
            )
            for number in range(size.polls)
        ),
    )
    yield (
        "polls",
        'feed, first_ms, last_ms, times, "new", changed, unchanged, appended',
        (
            _line(_feed(number % FEEDS), NOON_MS - number * 1_000, NOON_MS - number * 1_000, 1, 1, 0, 9, 1)
            for number in range(size.polls)
        ),
    )
    yield (
        "canaries",
        "run, id, token, made_ms, appended_ms, handled_ms, outcome, alert, relayed_ms, delivered_ms",
        (
            _line(
                *("live", _identity(number), "token", NOON_MS - number * 300_000),
                *(NOON_MS - number * 300_000, NOON_MS - number * 300_000, "published", f"canary-{number}"),
                *(NOON_MS - number * 300_000, NOON_MS - number * 300_000),
            )
            for number in range(2_016)
        ),
    )


def _feed(number: int) -> str:
    return hashlib.blake2b(f"feed {number}".encode(), digest_size=16).hexdigest()
