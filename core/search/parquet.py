"""The export of a run: articles, stories and alerts as Parquet files by day, for DuckDB, pandas or Spark.

``docs/data.md`` explains the columns. Days are by event time, UTC. A day's file is rewritten only if something of that
day was stored since the last export (known by the run's ``seq`` in each file's metadata), so an export can be repeated,
and stopped at any moment. Files are replaced atomically.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import sqlalchemy as sa

from core.durations import DAY_MS
from core.errors import StoreError
from core.records import Alert, Article, decode, from_ms, to_ms
from core.records.text_limits import NO_LIMITS, TextLimits
from core.store import StoreReader
from core.store import tables as t
from core.store.pruning_marks import pruned_of
from core.store.takedowns import Takedowns
from core.store.text_limits import text_limits_of

SCHEMA_VERSION = 1
_ROWS = 2_000
_NO_TEXT: dict[str, object] = {"text": "", "summary": None, "matches": []}
_TIME = pa.timestamp("ms", tz="UTC")
_MATCH = pa.struct([("field", pa.string()), ("start", pa.int32()), ("end", pa.int32()), ("text", pa.string())])
_TOPIC = pa.struct([("topic", pa.string()), ("score", pa.float64()), ("matches", pa.list_(_MATCH))])
_SUBSCRIPTION = pa.struct([("subscription", pa.string()), ("version", pa.int32()), ("matches", pa.list_(_MATCH))])

ARTICLES = pa.schema(
    [
        ("id", pa.string()), ("version", pa.int32()), ("time", _TIME), ("url", pa.string()),
        ("canonical_url", pa.string()), ("source", pa.string()), ("title", pa.string()), ("text", pa.string()),
        ("summary", pa.string()), ("language", pa.string()), ("language_confidence", pa.float64()),
        ("language_decided_by", pa.string()), ("authors", pa.list_(pa.string())), ("published", _TIME),
        ("published_flag", pa.string()), ("fetched", _TIME), ("feed_url", pa.string()), ("topics", pa.list_(_TOPIC)),
        ("subscriptions", pa.list_(_SUBSCRIPTION)), ("story", pa.string()), ("duplicate_of", pa.string()),
        ("origin", pa.string()), ("backfill", pa.bool_()), ("marks", pa.list_(pa.string())),
    ]
)  # fmt: skip
STORIES = pa.schema(
    [
        ("id", pa.string()), ("headline", pa.string()), ("first", _TIME), ("last", _TIME), ("articles", pa.int32()),
        ("copies", pa.int32()), ("sources", pa.list_(pa.string())),
    ]
)  # fmt: skip
ALERTS = pa.schema(
    [
        ("id", pa.string()), ("time", _TIME), ("subscription", pa.string()), ("subscription_version", pa.int32()),
        ("story", pa.string()), ("article", pa.string()), ("reason", pa.string()), ("parameter", pa.string()),
        ("url", pa.string()), ("title", pa.string()), ("source", pa.string()), ("language", pa.string()),
        ("matches", pa.list_(_MATCH)), ("topics", pa.list_(pa.string())),
    ]
)  # fmt: skip


class Kind(NamedTuple):
    """One kind of file: its folder, its schema, its table, and that table's columns for the day and the id."""

    name: str
    schema: pa.Schema
    table: sa.Table
    day_column: sa.Column[Any]
    identity: sa.Column[Any]


KINDS = (
    Kind("articles", ARTICLES, t.articles, t.articles.c.place, t.articles.c.id),
    Kind("stories", STORIES, t.stories, t.stories.c.first_ms, t.stories.c.id),
    Kind("alerts", ALERTS, t.alerts, t.alerts.c.place, t.alerts.c.id),
)


class Written(NamedTuple):
    """The result for a day's file: its number of ``rows``, and whether it was ``written`` (or is up to date) or ``removed``."""

    path: Path
    rows: int
    written: bool
    removed: bool = False


class TextsGone(NamedTuple):
    """The texts that were removed from the store as of event time ``at_ms``."""

    limits: TextLimits
    at_ms: int

    def of_day(self, day: int) -> str:
        """The mark of a day's file, which changes whenever more texts of that day may be gone; empty: none are."""
        return self.limits.stamp(day * DAY_MS, (day + 1) * DAY_MS, self.at_ms)


def export(
    reader: StoreReader, folder: Path, since_ms: int | None = None, until_ms: int | None = None
) -> Iterator[Written]:
    """Bring the files below ``folder`` up to date, one day at a time, oldest first, as
    ``articles/day=2026-03-05/live.parquet``.

    ``since_ms`` (inclusive) and ``until_ms`` (exclusive), UTC, select the days: every day that overlaps the period is
    exported in full. The file of a day without rows is deleted. A day of which stories were pruned keeps its file; only
    articles that were taken down and texts past their limit are removed from it. Raises StoreError if the store can't
    be read or the folder can't be written.
    """
    pruned = pruned_of(reader.store, reader.run)
    pruned_ms, taken = pruned.articles_ms, _taken_down(reader)
    texts = TextsGone(text_limits_of(reader.store) if pruned.texts_ms else NO_LIMITS, pruned.texts_ms)
    for kind in KINDS:
        days = _days(reader, kind)
        for day in sorted({*days, *_days_on_disk(folder, kind, reader.run)}):
            if since_ms is not None and (day + 1) * DAY_MS <= since_ms:
                continue
            if until_ms is not None and day * DAY_MS >= until_ms:
                continue
            path = day_path(folder, kind.name, day, reader.run)
            if day * DAY_MS < pruned_ms and (kept := _metadata(path)) is not None:
                yield _kept(path, kept, *taken, texts.of_day(day), texts)
            else:
                yield _export_day(reader, folder, kind, day, days.get(day), texts)


def day_path(folder: Path, kind: str, day: int, run: str) -> Path:
    """The file of a day (days since the epoch)."""
    safe = "".join(char if char.isalnum() or char in "-_" else f"%{ord(char):02X}" for char in run)
    return folder / kind / f"day={from_ms(day * DAY_MS).date().isoformat()}" / f"{safe}.parquet"


def _export_day(
    reader: StoreReader, folder: Path, kind: Kind, day: int, current: tuple[int, int] | None, texts: TextsGone
) -> Written:
    path = day_path(folder, kind.name, day, reader.run)
    with _beside(path) as part:
        if current is None:
            path.unlink(missing_ok=True)
            return Written(path, 0, False, removed=True)
        expected = {"schema": str(SCHEMA_VERSION), "run": reader.run, "rows": str(current[0]), "seq": str(current[1])}
        expected |= {"texts": marked} if (marked := texts.of_day(day)) else {}
        if _metadata(path) == expected:
            return Written(path, current[0], False)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {f"wirewatch.{name}": value for name, value in expected.items()}
        rows = 0
        with pq.ParquetWriter(part, kind.schema.with_metadata(metadata), compression="zstd") as writer:
            for batch in _batches(reader, kind, day):
                # The store may not have removed all texts that are gone yet.
                writer.write_table(_without_texts(pa.Table.from_pylist(batch, schema=kind.schema), marked, texts))
                rows += len(batch)
        part.replace(path)
    return Written(path, rows, True)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yields a temporary name for writing ``path``, then renames it; leftovers are deleted. Raises StoreError for OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror or error}", hint="free some space, or choose another folder"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _taken_down(reader: StoreReader) -> tuple[int, frozenset[str]]:
    """The stamp of the newest takedown, and the articles that were taken down."""
    repository = Takedowns(reader.store)
    stamp, _ = repository.check(())
    return stamp, frozenset(one.article for one in repository.listing()) if stamp else frozenset()


def _kept(
    path: Path, metadata: dict[str, str], stamp: int, gone: frozenset[str], marked_texts: str, texts: TextsGone
) -> Written:
    """Update the file of a day that the store no longer has in full: without articles taken down and texts past their limit."""
    if (metadata.get("takedowns", "0"), metadata.get("texts", "")) == (str(stamp), marked_texts):
        return Written(path, int(metadata["rows"]), False)
    with _beside(path) as part:
        table = pq.read_table(path, partitioning=None)
        names = [name for name in ("id", "article") if name in table.column_names]
        left = [not any(row[name] in gone for name in names) for row in table.select(names).to_pylist()]
        kept = _without_texts(table.filter(pa.array(left, pa.bool_())), marked_texts, texts)
        marked = metadata | {"rows": str(kept.num_rows), "takedowns": str(stamp)}
        marked |= {"texts": marked_texts} if marked_texts else {}
        kept = kept.replace_schema_metadata({f"wirewatch.{name}": value for name, value in marked.items()})
        pq.write_table(kept, part, compression="zstd")
        part.replace(path)
    return Written(path, kept.num_rows, True)


def _without_texts(table: pa.Table, marked: str, texts: TextsGone) -> pa.Table:
    """The rows of a day without the texts that are gone, and without what was matched in them. ``marked``: the day's mark."""
    if not marked or "source" not in table.column_names:
        return table
    gone = texts.limits.as_of(texts.at_ms)
    rows = table.to_pylist()
    for row in rows:
        if gone(row["source"], to_ms(row["time"])):
            row |= {name: value for name, value in _NO_TEXT.items() if name in row}
            for name in ("topics", "subscriptions"):
                row[name] = [one | {"matches": []} if isinstance(one, dict) else one for one in row.get(name) or ()]
    return pa.Table.from_pylist(rows, schema=table.schema)


def _metadata(path: Path) -> dict[str, str] | None:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    mark = b"wirewatch."
    return {key.removeprefix(mark).decode(): value.decode() for key, value in metadata.items() if key.startswith(mark)}


def _day_of(kind: Kind) -> sa.ColumnElement[int]:
    # A place starts with the event time in 15 digits. Integer division rounds down in both databases.
    column = kind.day_column
    ms = column if kind.name == "stories" else sa.cast(sa.func.substr(column, 1, 15), sa.BigInteger)
    return sa.cast(ms, sa.BigInteger).op("/")(DAY_MS)


def _days(reader: StoreReader, kind: Kind) -> dict[int, tuple[int, int]]:
    """Day (days since the epoch) → number of rows, and their newest ``seq``."""
    c = kind.table.c
    day = _day_of(kind).label("day")
    query = sa.select(day, sa.func.count(), sa.func.max(c.seq)).where(c.run == reader.run).group_by(day)
    with reader.store.reading() as connection:
        return {int(row[0]): (int(row[1]), int(row[2])) for row in connection.execute(query)}


def _days_on_disk(folder: Path, kind: Kind, run: str) -> set[int]:
    name = day_path(folder, kind.name, 0, run).name
    found = set()
    for path in (folder / kind.name).glob(f"day=*/{name}"):
        try:
            found.add(_number(path.parent.name.removeprefix("day=")))
        except ValueError:
            continue
    return found


def _number(day: str) -> int:
    return date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()


def _batches(reader: StoreReader, kind: Kind, day: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of a day in order, in batches."""
    c = kind.table.c
    column, identity = kind.day_column, kind.identity
    low: Any = day * DAY_MS if kind.name == "stories" else f"{day * DAY_MS:015d}"
    high: Any = (day + 1) * DAY_MS if kind.name == "stories" else f"{(day + 1) * DAY_MS:015d}"
    after: tuple[Any, str] | None = None
    while True:
        query = sa.select(kind.table).where(c.run == reader.run, column >= low, column < high)
        if after is not None:
            query = query.where(sa.tuple_(column, identity) > sa.tuple_(*after))
        with reader.store.reading() as connection:
            rows = connection.execute(query.order_by(column, identity).limit(_ROWS)).all()
        if rows:
            yield [_row(kind, row) for row in rows]
        if len(rows) < _ROWS:
            return
        after = getattr(rows[-1], column.name), rows[-1].id


def _row(kind: Kind, row: Any) -> dict[str, Any]:
    if kind.name == "stories":
        fields = {name: getattr(row, name) for name in ("id", "headline", "articles", "copies")}
        sources = msgspec.json.decode(row.sources)
        return {**fields, "first": from_ms(row.first_ms), "last": from_ms(row.last_ms), "sources": sources}
    if kind.name == "alerts":
        alert = decode(row.record.encode(), Alert)
        return {**_plain(alert), "time": alert.raised_at}
    article = decode(row.record.encode(), Article)
    renamed = {"published": article.published_at, "fetched": article.fetched_at, "story": article.story_id}
    return {**_plain(article), **renamed, "time": from_ms(article.key.time_ms)}


def _plain(record: Alert | Article) -> dict[str, Any]:
    fields = msgspec.structs.asdict(record)
    wanted = ("matches", "topics", "subscriptions")
    return {**fields, **{name: msgspec.to_builtins(fields[name]) for name in wanted if name in fields}}
