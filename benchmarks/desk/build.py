"""The store of the generated world, made once and kept in ``.cache``, and an index folder that belongs to it.

The articles are those of ``benchmarks.search.world``, so that its index holds what this store holds. They go straight into
the tables, thirty to a sink transaction: the pipeline itself would take hours, and what it decides is not measured here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from benchmarks.search.build import MADE
from benchmarks.search.world import World
from core.records import Alert, Article, Match, OrderKey, Position, SubscriptionMatch, TopicMatch, encode, from_ms
from core.search.indexer import STATE, State
from core.search.schema import VERSION, FoundArticle
from core.store import open_store

RUN = "live"
CREATED_MS = 1_767_225_600_000
EACH = 30
"""Articles in one sink transaction."""
ALERT_EVERY = 50
SUBSCRIPTIONS = 40
_LAYOUT = 2
"""Raise with every change of what is written here."""
_FINGERPRINT_BYTES = 500
_PAGE = 5_000
_WRITTEN = ("articles", "versions", "stories", "alerts", "outcomes", "commits")


class Built(NamedTuple):
    """A store: its file, the last transaction in it, and how many rows it has."""

    path: Path
    seq: int
    articles: int
    stories: int
    alerts: int


def build_store(cache: Path, count: int) -> Built:
    """The store of ``count`` articles below ``cache``, built if it is missing; without what a bench appended."""
    folder = cache / f"desk-{count}" / _digest()
    path, made = folder / "store.db", folder / MADE
    if not made.is_file():
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        start = perf_counter()
        facts = _build(path, count)
        made.write_text(json.dumps(facts | {"seconds": perf_counter() - start}))
    told = json.loads(made.read_text())
    print(
        f"store of {count:,} articles, {told['stories']:,} stories, {told['alerts']:,} alerts: "
        f"{path.stat().st_size >> 20:,} MB, built in {told['seconds']:.0f} s"
    )
    open_store(f"sqlite:///{path}").close()
    _restore(path, told["seq"])
    return Built(path, told["seq"], count, told["stories"], told["alerts"])


def link_index(index: Path | None, built: Built) -> Path:
    """A search folder for the desk with the index of the same articles; with None an empty one that counts as up to date.

    Its segments are hard links: they are never changed, only added and removed. So the desk may write, and the one in
    the cache stays as it is.
    """
    folder = built.path.parent / "search" / f"v{VERSION}" / RUN
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in index.iterdir() if index is not None else ():
        if file.suffix in (".json", ".lock"):
            shutil.copyfile(file, folder / file.name)
        else:
            os.link(file, folder / file.name)
    (folder / STATE).write_bytes(msgspec.json.encode(State(created_ms=CREATED_MS, seq=built.seq)))
    return built.path.parent / "search"


def _digest() -> str:
    """Of what the generator makes: another generator, another store."""
    world = World(200)
    made = [article for _, article in world.articles(world.texts())]
    return hashlib.blake2b(msgspec.json.encode([_LAYOUT, made]), digest_size=6).hexdigest()


def _restore(path: Path, seq: int) -> None:
    """Take away what an earlier bench appended, also one that was killed."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN")
        for table in _WRITTEN:
            connection.execute(f"DELETE FROM {table} WHERE run = ? AND seq > ?", (RUN, seq))  # noqa: S608 - ours
        connection.execute("UPDATE runs SET seq = ?, epoch = 1, owner = '' WHERE name = ?", (seq, RUN))
        connection.execute("DELETE FROM story_marks")
        connection.execute("COMMIT")
    connection.close()


def _build(path: Path, count: int) -> dict[str, int]:
    open_store(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
        connection.execute(f"PRAGMA {pragma}")
    # Sorted once at the end instead of a million times in the middle.
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
        "AND tbl_name IN ('articles', 'versions', 'stories', 'alerts', 'outcomes')"
    ).fetchall()
    connection.execute("BEGIN")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    stories: dict[str, list[Any]] = {}
    alerts = 0
    rows = _rows(count, stories)
    start, number = perf_counter(), 0
    while part := list(islice(rows, _PAGE)):
        for table in ("articles", "versions", "outcomes", "alerts"):
            _insert(connection, table, [row[table] for row in part if table in row])
        alerts += sum("alerts" in row for row in part)
        number += len(part)
        if number % 50_000 == 0:
            print(f"  {number:,} articles stored, {perf_counter() - start:.0f} s", flush=True)
    _insert(connection, "stories", [_story_row(name, told) for name, told in stories.items()])
    seq = (count + EACH - 1) // EACH
    _insert(
        connection,
        "commits",
        [{"run": RUN, "seq": one, "stored_ms": CREATED_MS, "epoch": 1, "handled": -1} for one in range(1, seq + 1)],
    )
    _insert(connection, "runs", [_run_row(seq)])
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return {"seq": seq, "stories": len(stories), "alerts": alerts}


def _rows(count: int, stories: dict[str, list[Any]]) -> Iterator[dict[str, dict[str, Any]]]:
    """For each article its rows by table; ``stories`` grows with them."""
    world = World(count)
    for number, (_, found) in enumerate(world.articles(world.texts())):
        seq = number // EACH + 1
        watched = number % ALERT_EVERY == 0
        article = _article(number, found, watched=watched)
        record, place = encode(article).decode(), article.key.sortable()
        told = stories.get(found.story)
        if told is None:
            told = stories[found.story] = [found.title, found.time_ms, found.time_ms, 0, 0, set(), seq]
        told[2], told[6] = found.time_ms, seq
        told[3] += 1
        told[4] += found.duplicate_of is not None
        if found.duplicate_of is None:
            told[5].add(found.source)
        common = {"run": RUN, "place": place, "story": found.story, "seq": seq}
        made: dict[str, dict[str, Any]] = {
            "articles": common | {"id": found.id, "version": 1, "source": found.source, "record": record},
            "versions": common
            | {
                "article": found.id,
                "version": 1,
                "version_hash": article.version_hash,
                "text_hash": article.version_hash,
                "event_ms": found.time_ms,
                "duplicate_of": found.duplicate_of,
                "source": found.source,
                "language": found.language,
                "fingerprint": article.fingerprint,
                "difference": None,
                "backfill": False,
                "title": found.title,
                "text": found.text,
                "topics": encode(list(found.topics)).decode(),
                "fetched_ms": found.time_ms,
            },
            "outcomes": {
                "run": RUN,
                "stream": article.position.stream,
                "partition": 0,
                "first_offset": number,
                "last_offset": number,
                "kind": "duplicate" if found.duplicate_of else "published",
                "item": found.url,
                "article": found.id,
                "version": 1,
                "stage": None,
                "reason": None,
                "place": place,
                "late": False,
                "seq": seq,
            },
        }
        if watched:
            alert = _alert(article)
            made["alerts"] = common | {
                "id": alert.id,
                "subscription": alert.subscription,
                "article": alert.article,
                "record": encode(alert).decode(),
            }
        yield made


def _article(number: int, found: FoundArticle, *, watched: bool) -> Article:
    digest = hashlib.blake2b(found.id.encode(), digest_size=16).hexdigest()
    end = len(found.title.split(" ", 1)[0])
    evidence = (Match("title", 0, end, found.title[:end]),)
    moment = from_ms(found.time_ms)
    return Article(
        id=found.id,
        url=found.url,
        canonical_url=found.url,
        source=found.source,
        title=found.title,
        text=found.text,
        fetched_at=moment,
        published_at=moment,
        key=OrderKey(found.time_ms, found.id, digest),
        position=Position(run=RUN, stream="generated", partition=0, offset=number),
        version_hash=digest,
        language=found.language,
        authors=found.authors,
        topics=tuple(TopicMatch(topic, 1.5, evidence) for topic in found.topics),
        subscriptions=(SubscriptionMatch(f"watch-{number // ALERT_EVERY % SUBSCRIPTIONS}", 1, evidence),)
        if watched
        else (),
        # As many bytes as a real one has; the desk only carries it along.
        fingerprint=hashlib.shake_128(found.id.encode()).digest(_FINGERPRINT_BYTES),
        duplicate_of=found.duplicate_of,
        story_id=found.story,
    )


def _alert(article: Article) -> Alert:
    met = article.subscriptions[0]
    return Alert(
        id=hashlib.blake2b(f"{met.subscription} {article.id}".encode(), digest_size=16).hexdigest(),
        run=RUN,
        subscription=met.subscription,
        subscription_version=met.version,
        story=article.story_id or article.id,
        article=article.id,
        reason="story",
        parameter="",
        raised_at=from_ms(article.key.time_ms),
        url=article.url,
        title=article.title,
        source=article.source,
        language=article.language,
        matches=met.matches,
    )


def _story_row(name: str, told: list[Any]) -> dict[str, Any]:
    headline, first, last, articles, copies, sources, seq = told
    row = {"run": RUN, "id": name, "headline": headline, "first_ms": first, "last_ms": last, "articles": articles}
    return row | {"copies": copies, "sources": json.dumps(sorted(sources)), "seq": seq}


def _run_row(seq: int) -> dict[str, Any]:
    row = {"name": RUN, "kind": "live", "owner": "", "epoch": 1, "seq": seq}
    return row | {"spec": "{}", "created_ms": CREATED_MS}


def _insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        names = list(rows[0])
        values = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"  # noqa: S608 - names of ours
        connection.executemany(statement, [tuple(row[name] for name in names) for row in rows])
