"""The desk's rows and readers, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.store.feeds import Outlets
from core.store import Store, open_store
from desk.live.follow import Board, Follower
from desk.live.marks import StoryMark, StoryMarks
from desk.live.run_reader import DeskReader, alert_cursor
from desk.people.roles import Role
from desk.people.sessions import Session
from desk.people.store import AccessToken, Account, Audit, AuditLine, PeopleStore
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.takedown import take_down
from tests.desk.support import Clock, Wire
from tests.pipeline.transforms.support import NOON_MS


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/store.db"
    made = open_store(str(request.getfixturevalue("postgres")) if request.param == "postgres" else url)
    yield made
    made.close()


@pytest.fixture
def wire(store: Store) -> Wire:
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    return Wire(ledger)


def person(name: str, role: Role = Role.READER) -> Account:
    return Account(id=name, name=name, shown=name, role=role.value, password="hash", active=True, created_ms=1)


def test_pages_by_cursor_hold_everything_once(store: Store, wire: Wire) -> None:
    for number in range(11):
        wire.article(f"Story {number}", subscriptions={"ann": ["Story"], "bob": ["Story"]}, source="ab"[number % 2])
    reader = DeskReader(store, "live")
    stories, before = [], None
    while page := reader.stories(limit=3, before=before):
        stories += [row.story.id for row in page]
        before = (page[-1].story.last_ms, page[-1].story.id)
    assert len(stories) == len(set(stories)) == 11
    articles, at = [], None
    while found := reader.articles(limit=2, source="a", before=at):
        articles += [row.article.id for row in found]
        at = found[-1].place
    assert len(articles) == len(set(articles)) == 6
    alerts, cursor = [], None
    while rows := reader.alerts(limit=5, before=cursor):
        alerts += [row.alert.id for row in rows]
        cursor = alert_cursor(rows[-1])
    assert len(alerts) == len(set(alerts)) == 22


def test_changes_come_transaction_by_transaction(store: Store, wire: Wire) -> None:
    reader = DeskReader(store, "live")
    assert reader.changes(0, most=5).seq == 0
    first = wire.article("One")
    wire.article("One again", story=first, source="b")
    wire.article("Two", subscriptions={"ann": ["Two"]})
    some = reader.changes(0, most=2)
    assert (some.seq, len(some.articles), some.alerts, some.stories) == (2, 2, [], [first])
    rest = reader.changes(some.seq, most=5)
    assert (rest.seq, [row.article.title for row in rest.articles], len(rest.alerts)) == (3, ["Two"], 1)
    assert reader.changes(3, most=5).articles == []


def test_changes_end_with_the_transaction_in_which_there_are_enough_rows(store: Store, wire: Wire) -> None:
    reader = DeskReader(store, "live")
    for number in range(7):
        wire.article(f"Number {number}", subscriptions={"ann": ["Number"], "bob": ["Number"]})
    assert [reader.changes(0, most=100, rows=rows).seq for rows in (1, 3, 4, 14, 15)] == [1, 2, 2, 7, 7]
    after, found = 0, list[str]()
    while (part := reader.changes(after, most=100, rows=3)).seq > after:
        assert len(part.alerts) <= 4
        after, found = part.seq, found + [row.article.title for row in part.articles]
    assert found == [f"Number {number}" for number in range(7)]


def test_the_follower_keeps_the_board_like_a_fresh_one(store: Store, wire: Wire) -> None:
    follower = Follower(store, "live", Board(), clock_ms=Clock())
    follower.load(100)
    first = wire.article("One", topics={"syria": ["One"]}, language="en")
    assert follower.look() is not None
    wire.article("One", story=first, copy_of=first, source="b.example", language="ar")
    wire.article("Other")
    batch = follower.look()
    assert batch is not None
    assert {card.title for card in batch.cards} == {"One", "Other"}
    assert follower.look() is None
    fresh = Follower(store, "live", Board(), clock_ms=Clock())
    fresh.load(100)
    assert fresh.board.snapshot() == follower.board.snapshot()
    card = follower.board.get(first)
    assert card is not None
    assert (card.articles, card.copies, card.sources, card.languages) == (2, 1, 1, ("ar", "en"))
    assert [one.id for one in follower.board.since(2)] == [card.id for card in batch.cards if card.seq > 2]


def test_what_is_taken_down_goes_from_the_board(store: Store, wire: Wire) -> None:
    follower = Follower(store, "live", Board(), clock_ms=Clock())
    follower.load(100)
    bad = wire.article("Must not be", url="https://a.example/bad")
    kept = wire.article("Stays", url="https://a.example/kept")
    copy = wire.article("Stays too", url="https://b.example/kept", story=kept)
    follower.look()
    take_down(store, "https://a.example/bad", "court order", by="ann", now_ms=NOON_MS)
    batch = follower.look()
    assert batch is not None
    assert batch.gone == (bad,)
    assert [card.id for card in follower.board.snapshot()] == [kept]
    take_down(store, "https://b.example/kept", "court order", by="ann", now_ms=NOON_MS)
    batch = follower.look()
    assert batch is not None
    assert [(card.id, card.articles) for card in batch.cards] == [(kept, 1)]
    assert batch.cards[0].seq == batch.seq
    assert DeskReader(store, "live").article(copy) is None
    assert follower.look() is None


def test_a_board_keeps_the_newest(store: Store, wire: Wire) -> None:
    for number in range(6):
        wire.article(f"Story {number}")
    small = Follower(store, "live", Board(3), clock_ms=Clock())
    small.load(100)
    assert [card.title for card in small.board.snapshot()] == ["Story 5", "Story 4", "Story 3"]
    oldest = DeskReader(store, "live").stories(limit=6)[-1].story.id
    found = small.card(oldest)
    assert found is not None
    assert found.title == "Story 0"


def test_people_sessions_and_tokens(store: Store) -> None:
    people = PeopleStore(store)
    assert people.add(person("ann", Role.ADMIN))
    assert not people.add(person("ann"))
    assert people.add(person("bob"))
    found = people.named(" ANN ")
    assert found is not None
    assert found.id == "ann"
    assert not people.change("ann", {"role": "reader"})
    assert people.change("bob", {"role": "admin"})
    assert people.change("ann", {"active": False}, sign_out=True)
    assert not people.change("bob", {"active": False})
    people.begin_session(Session(hash="h1", person="bob", created_ms=10, seen_ms=10, ends_ms=50))
    people.begin_session(Session(hash="h2", person="bob", created_ms=60, seen_ms=60, ends_ms=100))
    assert people.session("h1") is None
    assert [one.hash for one in people.sessions_of("bob")] == ["h2"]
    assert people.end_sessions("bob", but="h2") == 0
    assert people.end_sessions("bob") == 1
    people.add_token(AccessToken(id="t", hash="x", person="bob", name="n", scope="read", created_ms=1))
    assert not people.drop_token("ann", "t")
    token = people.token("x")
    assert token is not None
    people.touch_token(token[0], now_ms=10_000_000)
    assert [one.used_ms for one in people.tokens_of("bob")] == [10_000_000]
    assert people.drop_token("bob", "t")
    assert people.token("x") is None


def test_marks_and_audit(store: Store) -> None:
    marks = StoryMarks(store, "live")
    marks.star("ann", "s", 5)
    marks.read("ann", "s", 7)
    marks.read("ann", "r", None)
    marks.read_all("ann", 9)
    assert marks.of("ann", ["s", "r", "t"]) == {"s": StoryMark(7, 5), "r": StoryMark(-1, None)}
    assert (marks.with_floor("ann", []), marks.with_floor("bob", []), marks.starred("ann")) == (({}, 9), ({}, 0), ["s"])
    trail = Audit(store)
    for number in range(3):
        trail.note(AuditLine(at_ms=number, action="act", subject="\0bad"))
    lines = trail.page(limit=2)
    assert [one.at_ms for one in lines] == [2, 1]
    assert [one.at_ms for one in trail.page(before=lines[-1].id)] == [0]
    assert Outlets(store).counts() == (0, 0, None)
