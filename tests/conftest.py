"""Fixtures that all tests share."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from core.store import engine, upgrade
from tests.laws import register_profiles
from tests.servers import postgres as pg
from tests.servers.kafka import KafkaServer, ServerFailed, alive
from tests.servers.shared import shared
from tests.stores import SchemaCopier
from tests.wirewatch import forked

register_profiles()
BROKER = pytest.StashKey[tuple[int, Path]]()
"""The pid of the broker that ``kafka_server`` gives, and its log."""


def _of_the_run(factory: pytest.TempPathFactory) -> Path:
    """The folder of all workers: that of one worker of pytest-xdist lies in it."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """The ``kafka://`` URL of a real broker, one for the whole run: use names of your own, leave it running."""
    directory = _of_the_run(tmp_path_factory) / "kafka"
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(shared(directory, _start_kafka))
        except (ServerFailed, RuntimeError) as error:
            pytest.fail(f"no Kafka broker for the tests: {error}", pytrace=False)
        pytestconfig.stash[BROKER] = (server["pid"], directory / "kafka.log")
        yield server["url"]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket folder of a real PostgreSQL, one for the whole run."""
    directory = _of_the_run(tmp_path_factory) / "postgres"
    server = None
    try:
        with contextlib.ExitStack() as stack:
            try:
                server = stack.enter_context(shared(directory, pg.start))
            except (ServerFailed, RuntimeError) as error:
                pytest.fail(f"no PostgreSQL for the tests: {error}", pytrace=False)
            yield Path(server["socket"])
    finally:
        if server:
            pg.forget(server)


@pytest.fixture(scope="session")
def _databases(postgres_server: Path) -> pg.Databases:
    return pg.Databases(postgres_server)


@pytest.fixture
def postgres(postgres_server: Path, _databases: pg.Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """The store URL of a PostgreSQL database for one test alone: without rows, or without tables if migrations are tested."""
    if "real_migrations" in request.fixturenames:
        database = pg.fresh_database(postgres_server, migrated=False)
    else:
        database = _databases.lent()
    with database as url:
        yield url


def pytest_configure() -> None:
    """Log tracebacks as services do: by default, structlog draws them with the values of all variables, for seconds each."""
    renderer = structlog.get_config()["processors"][-1]
    assert isinstance(renderer, structlog.dev.ConsoleRenderer)
    renderer.exception_formatter = structlog.dev.plain_traceback


def pytest_collection_finish() -> None:
    """Take what was imported out of Python's garbage collection, which would look through it again and again.

    It is given back when Python ends, so that nothing looks like a leak, and not before: pytest collects several times.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)


@pytest.fixture(scope="session", autouse=True)
def _commands_forked_from_one_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    forked.DIRECTORY[:] = [_of_the_run(tmp_path_factory) / "commands"]


@pytest.fixture(scope="session", autouse=True)
def _schema_copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stores that this process makes get their schema from a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "bring_up_to_date", SchemaCopier(tmp_path_factory.mktemp("schema") / "template.db"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _authorities_read_once() -> Iterator[None]:
    """The public authorities that HTTP clients trust are read once: each of hundreds of clients would do it, 17 ms each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", functools.cache(httpx.create_ssl_context))
        yield


@pytest.fixture
def real_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every new store goes through all migrations."""
    monkeypatch.setattr(engine, "bring_up_to_date", upgrade.bring_up_to_date)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say that the shared broker is gone, instead of letting each of its tests wait for it in vain."""
    broker = item.config.stash.get(BROKER, None)
    if broker is not None and item.get_closest_marker("kafka") and not alive(broker[0]):
        pytest.fail(f"the Kafka broker of the tests (pid {broker[0]}) has ended: see {broker[1]}", pytrace=False)


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker for one test alone, which may stop, kill and restart it; it runs when the test begins."""
    server = KafkaServer(tmp_path / "kafka")
    try:
        server.start()
    except ServerFailed as error:
        pytest.fail(f"no Kafka broker for the tests: {error}", pytrace=False)
    yield server
    server.kill()


def _start_kafka(directory: Path) -> dict[str, Any]:
    server = KafkaServer(directory)
    server.start()
    return {"url": server.url, "pid": server.pid}
