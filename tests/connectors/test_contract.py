"""The contract of a kind of connectors, held against the built-in one; and what the store and the loop do with any kind."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Source, StoredCursor, Tools
from connectors.feeds.kind import FeedKind
from connectors.http.client import Failure, Fetched, Http
from connectors.http.pacing import HostPacing
from connectors.http.robots import Robots
from connectors.kinds import Kinds, installed_kinds
from connectors.runner import Broke, Event, Polled, run
from connectors.store.feeds import FeedRepository
from connectors.store.rows import feed_id
from connectors.testing import ConnectorContract, MemoryStream
from core.errors import FailureKind, StoreError, UsageError
from core.settings import ConnectorSettings
from core.store import open_store
from tests.connectors.support import NOON, Answer, Clock, site


class TestFeeds(ConnectorContract):
    """The built-in kind, on a real server."""

    @pytest.fixture(autouse=True)
    def _site(self) -> Iterator[None]:
        with site() as web, Http(allow_private=[web.host], total_s=10) as http:
            self.web, self.http, self.names = web, http, list[str]()
            pacing = HostPacing(0.0)
            self._tools = Tools(
                settings=ConnectorSettings(), http=http, pacing=pacing, robots=Robots(http, pacing), clock=lambda: NOON
            )
            self.mend()
            yield

    def kind(self) -> FeedKind:
        return FeedKind()

    def given(self) -> str:
        return self.web.url("/rss")

    def tools(self) -> Tools:
        return self._tools

    def publish(self, name: str) -> None:
        self.names.insert(0, name)
        self.web.pages[f"/{name}"] = Answer(f"<p>All about {name}.</p>".encode(), headers={"Content-Type": "text/html"})
        self.mend()

    def break_it(self) -> None:
        self.web.pages["/rss"] = Answer(status=500)

    def mend(self) -> None:
        items = "".join(f"<item><title>{n}</title><link>{self.web.url('/' + n)}</link></item>" for n in self.names)
        self.web.pages["/rss"] = Answer(
            f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode(),
            headers={"Content-Type": "application/rss+xml"},
        )


def test_the_built_in_kind_is_installed_as_any_other() -> None:
    kinds = installed_kinds()
    assert "feed" in kinds.names
    assert kinds.problems == {}
    assert isinstance(kinds.of("feed"), FeedKind)


class Other(FeedKind):
    """Another package's kind, for some hosts of the web."""


class Local(FeedKind):
    schemes = ("wire",)  # type: ignore[assignment]

    def address(self, given: str) -> str:
        if not given.strip("/: "):
            raise UsageError("no folder")
        return f"wire:{given.removeprefix('wire:')}"


KINDS = Kinds({"feed": FeedKind(), "other": Other(), "wire": Local()}, {"broken": "'broken' can't be loaded"})


@pytest.mark.parametrize(
    ("given", "kind", "address"),
    [
        ("https://a.example/rss", "feed", "https://a.example/rss"),
        (" http://a.example/rss ", "feed", "http://a.example/rss"),
        ("feed:https://a.example/rss", "feed", "https://a.example/rss"),
        ("other:https://a.example/rss", "other", "https://a.example/rss"),
        ("wire:/var/wire", "wire", "wire:/var/wire"),
        ("WIRE:/var/wire", "wire", "wire:/var/wire"),
    ],
)
def test_an_address_chooses_its_kind(given: str, kind: str, address: str) -> None:
    assert KINDS.choose(given) == (kind, address)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "nothing: not an address"),
        ("a.example/rss", "not an address"),
        ("gopher://a.example", "not an address"),
        ("feed:", "not an address"),
        ("wire:", "no folder"),
        ("broken:x", "can't be loaded"),
    ],
)
def test_an_address_that_no_kind_takes_is_refused(given: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        KINDS.choose(given)


def test_an_address_that_several_take_must_say_which() -> None:
    with pytest.raises(UsageError, match="name the connector"):
        Kinds({"one": FeedKind(), "two": FeedKind()}).choose("https://a.example/rss")


def test_a_kind_that_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match="no connector 'mail'") as caught:
        KINDS.of("mail")
    assert "feed, other, wire" in str(caught.value)


def test_two_kinds_may_poll_one_address(tmp_path: Path) -> None:
    state = FeedRepository(open_store(f"sqlite:///{tmp_path}/store.db"), kinds=KINDS)
    url = "https://a.example/rss"
    assert state.add(url, "a", NOON)
    assert state.add(url, "a", NOON, kind="other")
    assert not state.add(url, "a", NOON, kind="other")
    assert {row.kind for row in state.listing()} == {"feed", "other"}
    assert state.due(NOON, limit=5) == sorted([feed_id(url), feed_id(url, "other")])
    assert state.remove(url)
    assert not [row for row in state.listing() if row.active]


def test_sources_whose_connector_is_not_installed_wait_and_delay_no_others(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with_it = FeedRepository(store, kinds=KINDS)
    with_it.add("wire:/var/wire", "w", NOON, kind="wire")
    without = FeedRepository(store, kinds=Kinds({"feed": FeedKind()}))
    without.add("https://a.example/rss", "a", NOON)
    assert without.due(NOON, limit=5) == [feed_id("https://a.example/rss")]
    assert with_it.due(NOON, limit=5) == sorted([feed_id("https://a.example/rss"), feed_id("wire:/var/wire", "wire")])
    assert without.load_all([feed_id("wire:/var/wire", "wire")])[feed_id("wire:/var/wire", "wire")].cursor is None  # fmt: skip
    assert {facts.health for facts in without.facts().values()} == {"new"}


def test_a_cursor_that_can_not_be_read_postpones_its_source_alone(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    state = FeedRepository(store)
    with site() as web, Http(allow_private=[web.host], total_s=10) as http:
        web.pages["/good"] = Answer(b"<rss version='2.0'><channel><title>t</title></channel></rss>")
        for path in ("/bad", "/good"):
            state.add(web.url(path), "s", NOON)
        with store.writing() as connection:
            connection.exec_driver_sql("UPDATE feeds SET state = '{\"listed\": 7}' WHERE url LIKE '%/bad'")
        clock, events = Clock(), list[Event]()
        tools = Tools(
            settings=ConnectorSettings(poll_interval_s=10.0),
            http=http,
            pacing=HostPacing(0.0),
            robots=None,
            clock=clock,
        )
        rounds = iter(range(5))
        run(
            state,
            state.kinds.opener(state.source, tools),
            MemoryStream(),
            clock=clock,
            wait=clock.wait,
            stop=lambda: next(rounds, None) is None,
            on_event=events.append,
        )
    assert any(isinstance(event, Polled) and event.name == feed_id(web.url("/good")) for event in events)
    assert any(isinstance(event, Broke) and event.name == feed_id(web.url("/bad")) for event in events)
    (bad,) = [row for row in state.listing() if row.url.endswith("/bad")]
    assert (bad.health, bad.problem_kind) == ("failing", FailureKind.INTERNAL)
    assert "can't be read" in (bad.problem or "")
    with pytest.raises(StoreError, match="can't be read"):
        state.load(bad.id)
    # What people are shown says so too, and says it of this one alone.
    assert sorted(facts.health for facts in state.facts().values()) == ["failing", "ok"]


def test_the_store_keeps_nothing_of_a_cursor_but_what_its_kind_writes(tmp_path: Path) -> None:
    class Odd(Local):
        def encode(self, cursor: Any) -> StoredCursor:
            return StoredCursor(f'{{"odd": {cursor}}}')

        def decode(self, stored: StoredCursor) -> Any:
            return int(stored.state.partition(": ")[2].rstrip("}"))

        def facts(self, cursor: Any) -> Any:
            from connectors.base import SourceFacts

            return SourceFacts(health="ok", ok_at_ms=cursor, title="Odd")

    from connectors.base import PollResult

    store = open_store(f"sqlite:///{tmp_path}/store.db")
    state = FeedRepository(store, kinds=Kinds({"odd": Odd()}))
    state.add("wire:x", "w", NOON, kind="odd")
    name = feed_id("wire:x", "odd")
    assert state.source(name) == Source(name, "odd", "wire:x", "w")
    before = state.load(name)
    assert before.cursor is None
    assert state.save(name, before, PollResult((), 7, NOON))
    assert state.load(name).cursor == 7
    assert not state.save(name, before, PollResult((), 8, NOON)), "another process polled it"
    (row,) = state.listing()
    assert (row.kind, row.health, row.title) == ("odd", "ok", "Odd")
    assert state.cursors("odd") == [7]


class Served(ConnectorContract):
    """A source that is asked over HTTP, on this machine."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts

    def private_hosts(self) -> tuple[str, ...]:
        return self.hosts


def test_a_contract_lets_a_connector_ask_the_servers_that_it_names_and_no_others() -> None:
    with site() as web, site() as other:
        web.pages["/list"] = other.pages["/list"] = Answer(b"[]")
        http = Served(web.host).tools().http
        answer = http.fetch(web.url("/list"), now=NOON)
        assert isinstance(answer, Fetched)
        assert answer.body == b"[]"
        for refused in (
            http.fetch(other.url("/list"), now=NOON),
            Served().tools().http.fetch(web.url("/list"), now=NOON),
        ):
            assert isinstance(refused, Failure)
        assert other.asked == []


def test_the_contracts_findings_are_sentences() -> None:
    # pytest explains an assert of a test's own module; in an installed package one without words says nothing.
    tree = ast.parse(Path(inspect.getfile(ConnectorContract)).read_text("utf-8"))
    bare = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert) and node.msg is None]
    assert bare == []
