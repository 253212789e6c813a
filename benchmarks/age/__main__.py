"""``python -m benchmarks.age ENRICHED``: what a stored article and an outcome take, and what pruning costs, on both stores.

ENRICHED is the file that ``wirewatch run --input ../shared/corpora/pages --out DIR`` writes there: real pages, so that
PostgreSQL compresses what it would compress. Bytes hardly depend on the load of the machine; seconds do.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import sqlalchemy as sa

from benchmarks.results import keep, machine
from core.durations import DAY_MS
from core.records import Article, OrderKey, Outcome, OutcomeKind, Position, article_id, decode
from core.store import Store, open_store
from core.store import tables as t
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.stories.stage import Decided, entry_of
from tests.servers.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results" / "age.csv"
COPIES, BUNDLE = 10, 10
OUTCOMES = 50_000
TURNS = 7
TABLES = ("outcomes", "versions", "articles", "stories", "commits", "alerts", "outbox")
BEGIN_MS = 1_772_366_400_000
_SERIES = {
    "postgresql": "SELECT n FROM generate_series(CAST(:low AS bigint), :high - 1) n",
    "sqlite": "WITH RECURSIVE g(n) AS (SELECT :low UNION ALL SELECT n + 1 FROM g WHERE n < :high - 1) SELECT n FROM g",
}
_ARTICLE = {"postgresql": "md5(n::text)", "sqlite": "printf('%032x', n * 7919 % 1000003)"}
_PLACE = {
    "postgresql": "lpad((:begin + n * 1000)::text, 15, '0') || ':' || md5(n::text) || ':' || md5('x' || n) || ':0:0'",
    "sqlite": "printf('%015d', :begin + n * 1000) || ':' || printf('%032x', n) || ':' || printf('%032x', n) || ':0:0'",
}


def main() -> None:
    """Measure, print, and add to the CSV file."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.age", description=__doc__)
    options.add_argument("enriched", type=Path)
    chosen = options.parse_args()
    known = machine()
    articles = [decode(line, Article) for line in chosen.enriched.read_bytes().splitlines()]
    server = PostgresServer()
    server.start()
    folder = Path(tempfile.mkdtemp(prefix="wirewatch-age-"))
    try:
        for url in (f"postgresql://wirewatch@/postgres?host={server.socket}", f"sqlite:///{folder}/store.db"):
            store = open_store(url)
            for row in (*sizes(store, articles), *pruned(store)):
                shown = {"store": store.engine.dialect.name, **row}
                print(shown, flush=True)
                keep(RESULTS, known, shown)
            store.close()
    finally:
        server._process and server._process.terminate()  # noqa: SLF001 - it has no other end
        shutil.rmtree(server.socket, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def sizes(store: Store, articles: list[Article]) -> list[dict[str, object]]:
    """Bytes a row of each table with its indexes, over copies of the articles under other addresses."""
    ledger = RunLedger(store, "sizes", "me")
    ledger.take(kind="live", now_ms=BEGIN_MS)
    batch, number = list[Decided](), 0
    for copy in range(COPIES):
        for one in articles:
            batch.append(_decided(one, f"{one.url}?copy={copy}", number))
            number += 1
            if len(batch) >= BUNDLE:
                ledger.commit(ledger.state(), batch, [], last_key=batch[-1].key, publish=False)
                batch.clear()
    found = []
    for table in TABLES:
        rows, size = _rows_and_bytes(store, table)
        if rows:
            found.append(
                {"what": table, "rows": rows, "bytes_a_row": round(size / rows), "seconds": 0.0, "longest_s": 0.0}
            )
    return found


def _decided(one: Article, url: str, number: int) -> Decided:
    identity = article_id(url)
    key = OrderKey(BEGIN_MS + 1_000 * number, identity, one.key.raw_hash)
    where = Position(run="sizes", stream="A" * 36, partition=0, offset=number)
    made = msgspec.structs.replace(
        one, id=identity, url=url, canonical_url=url, key=key, position=where, story_id=identity
    )
    outcome = Outcome(
        run="sizes",
        stream=where.stream,
        partition=0,
        first_offset=number,
        last_offset=number,
        kind=OutcomeKind.PUBLISHED,
        item=url,
        article=identity,
        version=1,
        key=key,
    )
    return Decided(outcome, key, False, made, entry_of(made, key, 1, identity, None))


def pruned(store: Store) -> list[dict[str, object]]:
    """Outcomes pruned a batch at a time: how long it takes, its longest batch, and whether the space is used again."""
    ledger = RunLedger(store, "pruned", "me")
    ledger.take(kind="live", now_ms=BEGIN_MS)
    found = []
    for turn in range(TURNS):
        low, high = turn * OUTCOMES, (turn + 1) * OUTCOMES
        seconds = _timed(lambda: _fill(store, low, high))  # noqa: B023 - called at once
        found.append(_stand(store, f"{OUTCOMES} outcomes more", seconds, 0.0))
        ledger.offsets("stream").save({0: high})
        if turn == 0:
            continue
        keep_ms = OUTCOMES * 1_000
        steps, times = Pruning(ledger, Keep(outcomes_ms=keep_ms)), list[float]()
        while True:
            begun = time.perf_counter()
            if steps.step(BEGIN_MS + high * 1_000 + DAY_MS) is None:
                break
            times.append(time.perf_counter() - begun)
        _vacuum(store)
        found.append(_stand(store, f"{OUTCOMES} pruned", sum(times), max(times, default=0.0)))
    return found


def _fill(store: Store, low: int, high: int) -> None:
    dialect = store.engine.dialect.name
    values = ", ".join(
        (
            "'pruned', 'stream', 0, n, n, 'published'",
            "'https://outlet.example/2026/03/a-story-of-the-day-' || n",
            _ARTICLE[dialect],
            "1",
            _PLACE[dialect],
            "false" if dialect == "postgresql" else "0",
            "n / 20",
        )
    )
    columns = "run, stream, partition, first_offset, last_offset, kind, item, article, version, place, late, seq"
    statement = f"INSERT INTO outcomes ({columns}) SELECT {values} FROM ({_SERIES[dialect]}) s"  # noqa: S608 - ours
    with store.writing() as connection:
        connection.execute(sa.text(statement), {"low": low, "high": high, "begin": BEGIN_MS})
        last = OrderKey(BEGIN_MS + high * 1_000, "a" * 32, "b" * 32).sortable()
        connection.execute(t.runs.update().where(t.runs.c.name == "pruned").values(last_place=last))


def _stand(store: Store, what: str, seconds: float, longest_s: float) -> dict[str, object]:
    rows, size = _rows_and_bytes(store, "outcomes")
    return {
        "what": what,
        "rows": rows,
        "bytes_a_row": round(size / rows),
        "seconds": round(seconds, 2),
        "longest_s": round(longest_s, 3),
    }


def _rows_and_bytes(store: Store, table: str) -> tuple[int, int]:
    with store.reading() as connection:
        rows = connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - ours
        if store.engine.dialect.name == "postgresql":
            size = connection.execute(sa.text("SELECT pg_total_relation_size(:name)"), {"name": table}).scalar_one()
        else:
            named = (
                "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = :name)"
            )
            try:
                size = connection.execute(sa.text(named), {"name": table}).scalar_one()
            except sa.exc.OperationalError:
                # Not every SQLite can tell its tables apart: then the whole file stands for it.
                pages = connection.execute(sa.text("PRAGMA page_count")).scalar_one()
                size = pages * connection.execute(sa.text("PRAGMA page_size")).scalar_one()
    return int(rows), int(size or 0)


def _vacuum(store: Store) -> None:
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE outcomes"))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
