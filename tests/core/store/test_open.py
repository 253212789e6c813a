"""Opening a store: schema, several openers at once, and the error if it can't be opened."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url

import wirewatch.schema
from core.errors import StoreError, StoreUnavailable, UsageError
from core.store import Store, SubscriptionStore, open_store
from core.store import tables as t
from core.store.metadata import metadata
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.transforms.support import NOON_MS
from tests.wirewatch.command import wirewatch

pytestmark = pytest.mark.usefixtures("real_migrations")


def test_opening_again_changes_nothing(store_url: str) -> None:
    with_run = open_store(store_url)
    RunLedger(with_run, "live", "me").take(kind="live", now_ms=NOON_MS)
    with_run.close()
    again = open_store(store_url)
    with again.reading() as connection:
        assert connection.execute(sa.select(t.runs.c.name, t.runs.c.epoch)).all() == [("live", 1)]
    again.close()


def test_the_migrations_make_what_the_tables_say(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.slow
def test_several_processes_may_open_a_new_store_at_once(store_url: str) -> None:
    context = multiprocessing.get_context("fork")
    together, stamps = context.Barrier(3), context.SimpleQueue()

    def opens() -> None:
        together.wait(60)
        stamps.put(SubscriptionStore(open_store(store_url)).stamp())

    openers = [context.Process(target=opens) for _ in range(3)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join(60)
    assert [opener.exitcode for opener in openers] == [0, 0, 0]
    assert [stamps.get() for _ in openers] == [(0, 0, 0)] * 3


def test_a_store_of_a_later_version_is_left_alone(store_url: str) -> None:
    made = open_store(store_url)
    with made.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    made.close()
    with pytest.raises(StoreError, match="its schema is 9999") as caught:
        open_store(store_url)
    assert "upgrade Wirewatch" in str(caught.value)


def test_a_file_that_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("No database, but long enough to be taken for one. " * 20)
    with pytest.raises(StoreError, match="not a database") as caught:
        open_store(f"sqlite:///{tmp_path}/notes.txt")
    assert caught.value.hint
    assert (tmp_path / "notes.txt").read_text().startswith("No database")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        open_store(f"sqlite:///{tmp_path}/file/store.db")
    assert caught.value.hint == "choose a writable folder"


def test_a_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open") as caught:
        open_store(f"sqlite:///{tmp_path}")
    assert caught.value.hint == "check that the folder exists and is writable"


def test_a_path_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The folder was made below the home, the file looked for below "./~".
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store("sqlite:///~/data/store.db").close()
    assert (tmp_path / "data/store.db").exists()


def test_a_store_that_another_process_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.engine.BUSY_MS", 50)
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as caught:
        RunLedger(store, "live", "me").take(kind="live", now_ms=NOON_MS)
    assert caught.value.hint == "another process has locked the store; try again"
    other.execute("ROLLBACK")
    other.close()
    assert RunLedger(store, "live", "me").take(kind="live", now_ms=NOON_MS).epoch == 1
    store.close()


def test_a_full_disk(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")

    @sa.event.listens_for(store.engine, "begin")
    def no_page_more(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    with pytest.raises(StoreError, match="full") as caught:
        RunLedger(store, "x" * 100_000, "me").take(kind="live", now_ms=NOON_MS)
    assert caught.value.hint == "free some disk space; nothing was written"
    store.close()


def test_maintenance_of_a_locked_store_may_be_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    open_store(f"sqlite:///{file}").close()
    store = Store(sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": 0}))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked") as caught:
            store.vacuum()
    assert caught.value.hint == "another process has locked the store; try again"
    store.close()


def test_a_damaged_file_is_a_clear_error_to_maintenance_too(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    store = open_store(f"sqlite:///{file}")
    RunLedger(store, "live", "me").take(kind="live", now_ms=NOON_MS)
    assert store.empty_log()
    store.close()
    size = file.stat().st_size
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xff" * (size - 4096))
    broken = Store(sa.create_engine(f"sqlite:///{file}"))
    with pytest.raises(StoreError, match="malformed") as caught:
        broken.vacuum()
    assert not isinstance(caught.value, StoreUnavailable)
    assert caught.value.hint is not None
    assert "restore it from a backup" in caught.value.hint
    broken.close()


SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}@127.0.0.1:1/wirewatch?connect_timeout=2",
        f"postgres://ann:{SECRET}@127.0.0.1:1/wirewatch",
        f"postgresql+psycopg://ann@127.0.0.1:1/wirewatch?password={SECRET}",
    ],
)
def test_a_server_that_is_away(url: str) -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught:
        open_store(url)
    assert caught.value.hint == "check that the database server is running and can be reached"
    assert SECRET not in str(caught.value)


@pytest.mark.postgres
def test_a_database_that_is_not_there(postgres: str) -> None:
    with pytest.raises(StoreError, match="does not exist") as caught:
        open_store(postgres.replace("/test_", "/absent_"))
    assert caught.value.hint == "create it on the server first"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.db",
        "no://such",
        f"mysql://ann:{SECRET}@h/db",
        f"postgresql://ann:{SECRET}@h:port/db",
        f"ann:{SECRET}@h/db",
        f"postgresql+pg9://ann:{SECRET}@h/db",
    ],
)
def test_a_url_that_is_not_a_store(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert caught.value.hint
    assert SECRET not in str(caught.value)


@pytest.mark.postgres
def test_a_store_shows_no_password(postgres: str) -> None:
    # The tests' server trusts everybody, so any password is let in.
    with_password = postgres.replace("wirewatch@", f"wirewatch:{SECRET}@") + f"&password={SECRET}"
    store = open_store(with_password)
    assert SECRET not in store.url
    assert "***" in store.url
    with pytest.raises(StoreError) as caught, store.writing() as connection:
        connection.execute(sa.text("SELECT no_such_column FROM runs"))
    assert SECRET not in str(caught.value)
    store.close()


def test_reading_sees_one_state(store_url: str) -> None:
    first, second = open_store(store_url), open_store(store_url)
    counted = sa.select(sa.func.count()).select_from(t.runs)
    with first.reading() as connection:
        before = connection.execute(counted).scalar()
        RunLedger(second, "live", "me").take(kind="live", now_ms=NOON_MS)
        assert connection.execute(counted).scalar() == before == 0
    with first.reading() as connection:
        assert connection.execute(counted).scalar() == 1
    first.close()
    second.close()


@pytest.mark.parametrize("schema", ["0001", "0008"])
def test_a_store_of_before_the_first_release_is_refused_in_one_line(store_url: str, schema: str) -> None:
    made = open_store(store_url)
    with made.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :one"), {"one": schema})
    made.close()
    with pytest.raises(StoreError, match=f"before the first release \\(schema {schema}\\)") as caught:
        open_store(store_url)
    assert caught.value.exit_code == 1
    assert str(caught.value).endswith(
        "move it away and start again: this creates a new store and processes the raw stream again"
    )
    assert "\n" not in str(caught.value)
    # Nothing was changed: the version before can open it unchanged.
    kept = sa.create_engine(made.engine.url)
    with kept.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == schema
    kept.dispose()


def test_a_command_over_such_a_store_is_one_line_and_exit_1(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/var/store.db").close()
    with sqlite3.connect(tmp_path / "var/store.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0008'")
    connection.close()
    done = wirewatch("runs", "list", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "before the first release" in line
    assert "move it away and start again" in line


def test_several_processes_that_create_one_store_at_once_all_open_it(tmp_path: Path) -> None:
    for number in range(5):
        at_once = Barrier(6)

        def opened(_: int, number: int = number, at_once: Barrier = at_once) -> str:
            at_once.wait()
            store = open_store(f"sqlite:///{tmp_path}/{number}/store.db")
            store.close()
            return store.url

        with ThreadPoolExecutor(6) as threads:
            assert len(list(threads.map(opened, range(6)))) == 6


def test_an_unreachable_server_is_distinguished_from_one_that_refuses(store_url: str) -> None:
    with pytest.raises(StoreUnavailable):
        open_store("postgresql://me@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable):
        open_store("postgresql://me@no-such-host.invalid/none")
    if store_url.startswith("postgresql"):
        with pytest.raises(StoreError, match="does not exist") as caught:
            open_store(make_url(store_url).set(database="no-such-database").render_as_string(hide_password=False))
        assert not isinstance(caught.value, StoreUnavailable), "waiting does not make it"
