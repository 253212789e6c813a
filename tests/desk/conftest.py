"""A store, a wire and a desk for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from core.store import Store, open_store
from desk.live.follow import Board
from desk.use_cases.desk import Desk
from pipeline.ledger.ledger import RunLedger
from tests.desk.browser import launched
from tests.desk.support import Clock, Wire, add_people, client_of, make_desk, sign_in
from tests.pipeline.transforms.support import NOON_MS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(f"sqlite:///{tmp_path}/store.db")
    yield made
    made.close()


@pytest.fixture
def wire(store: Store) -> Wire:
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    return Wire(ledger)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def desk(store: Store, clock: Clock, board: Board) -> Desk:
    """A desk with one person of each role."""
    made = make_desk(store, clock, board=board)
    add_people(made)
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module and no longer: Playwright's event loop runs in the test's thread meanwhile."""
    with launched() as made:
        yield made


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    """Nobody is signed in."""
    with client_of(desk) as made:
        yield made


@pytest.fixture
def as_reader(client: TestClient) -> TestClient:
    """The client, signed in as the reader."""
    assert sign_in(client, "reader").status_code == 303
    return client


@pytest.fixture
def as_editor(client: TestClient) -> TestClient:
    """The client, signed in as the editor."""
    assert sign_in(client, "editor").status_code == 303
    return client
