"""For tests of any connector: a contract suite, a scripted connector, and a stream and a repository in memory.

**A kind of connectors** is checked by a subclass of ``ConnectorContract``, which pytest collects::

    class TestWire(ConnectorContract):
        @pytest.fixture(autouse=True)
        def _wire(self, tmp_path): ...          # some source that the test can write to

        def kind(self): return WireKind()
        def given(self): return f"wire:{self.folder}"
        def publish(self, name): ...            # one more article, with ``name`` in its URL
        def break_it(self): ...                 # it can't be read any more
        def mend(self): ...                     # it can be read again

**A crash story** is a script, run in a loop that dies where the script says::

    script = Scripted([one, two, ABORT, three, EOF])

The script outlives the "process": run it again after a crash and it goes on where the saved cursor says; each crash
happens once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Generic

from connectors.base import ConnectorKind, Cursor, PollResult, SavedCursor, Source, StoredCursor, Tools
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.runner import run
from core.errors import RecordTooLarge, StoreError, UsageError
from core.records import RawArticle, decode
from core.settings import ConnectorSettings
from core.streams.base import Appended, NewRecord


class Abort(BaseException):
    """The process dies here. No Exception, so nothing on the way can take it for an error to handle."""


class Cue(Enum):
    """Places in a script. Each ends the batch of the items before it."""

    ABORT = "the process dies while polling, when this is reached"
    ABORT_BEFORE_SAVE = "the process dies after the items before this were appended, before their cursor is saved"
    PAUSE = "nothing for now"
    CUT = "nothing special: the batch ends here"
    EOF = "the source has ended"


ABORT, ABORT_BEFORE_SAVE, PAUSE, CUT, EOF = (
    Cue.ABORT,
    Cue.ABORT_BEFORE_SAVE,
    Cue.PAUSE,
    Cue.CUT,
    Cue.EOF,
)


@dataclass(frozen=True, slots=True)
class ScriptCursor:
    """Cursor of a script: the next step. ``doomed``: saving it is what the process does not live to do."""

    step: int
    doomed: bool = False


class Scripted:
    """A connector that follows a script of articles and cues. The end of the script is like EOF.

    ``pause_s``: how long a PAUSE lasts. ``seen`` collects the cursors that it was polled with.
    """

    def __init__(self, script: Sequence[RawArticle | Cue], *, pause_s: float = 60.0) -> None:
        self._script = tuple(script)
        self._pause = timedelta(seconds=pause_s)
        self._fired: set[int] = set()
        self.seen: list[ScriptCursor | None] = []

    def poll(self, cursor: ScriptCursor | None, now: datetime) -> PollResult[ScriptCursor]:
        """See Connector.poll."""
        self.seen.append(cursor)
        step = cursor.step if cursor else 0
        items: list[RawArticle] = []
        while step < len(self._script):
            entry = self._script[step]
            if isinstance(entry, RawArticle):
                items.append(entry)
                step += 1
                continue
            fresh = step not in self._fired
            if entry is Cue.ABORT and fresh:
                if items:
                    # What came before it is a batch of its own.
                    return PollResult(tuple(items), ScriptCursor(step), now)
                self._fired.add(step)
                raise Abort
            if entry is Cue.EOF:
                return PollResult(tuple(items), ScriptCursor(step), None)
            if entry is Cue.PAUSE:
                return PollResult(tuple(items), ScriptCursor(step + 1), now + self._pause)
            if entry is Cue.ABORT_BEFORE_SAVE and fresh:
                self._fired.add(step)
                return PollResult(tuple(items), ScriptCursor(step, doomed=True), now)
            step += 1
            if entry is Cue.CUT:
                return PollResult(tuple(items), ScriptCursor(step), now)
        return PollResult(tuple(items), ScriptCursor(step), None)


class MemoryRepository(Generic[Cursor]):
    """The cursors of some sources, in memory. It outlives the "process" too.

    ``before_save`` is called with each name before anything is saved, and may raise.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._due: dict[str, datetime | None] = dict.fromkeys(names, datetime.min.replace(tzinfo=UTC))
        self.cursors: dict[str, Cursor] = {}
        self.problems: dict[str, str] = {}
        self.before_save: Callable[[str], object] = str

    @property
    def ended(self) -> bool:
        """Whether every source has reached its end."""
        return all(due is None for due in self._due.values())

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """See SourceRepository.due."""
        ready = sorted((due, name) for name, due in self._due.items() if due and due <= now and name not in skip)
        return [name for _, name in ready[:limit]]

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """See SourceRepository.next_due."""
        return min((due for name, due in self._due.items() if due and name not in skip), default=None)

    def load_all(self, names: Sequence[str]) -> Mapping[str, SavedCursor[Cursor] | StoreError]:
        """See SourceRepository.load_all."""
        return {name: SavedCursor(self.cursors.get(name)) for name in names}

    def save_all(self, polls: Sequence[tuple[str, SavedCursor[Cursor], PollResult[Cursor]]]) -> Sequence[bool]:
        """See SourceRepository.save_all. Raises Abort for a doomed cursor, and what ``before_save`` raises."""
        for name, _, result in polls:
            self.before_save(name)
            if isinstance(result.cursor, ScriptCursor) and result.cursor.doomed:
                raise Abort
        return [self._save(*poll) for poll in polls]

    def _save(self, name: str, before: SavedCursor[Cursor], result: PollResult[Cursor]) -> bool:
        if self.cursors.get(name) is not before.cursor:
            return False
        self.cursors[name] = result.cursor
        self._due[name] = result.wake_at
        return True

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """See SourceRepository.postpone."""
        self._due[name] = until
        self.problems[name] = problem


class MemoryStream:
    """A stream in memory that outlives the "process". ``trouble`` is called before each append, and may raise."""

    def __init__(self, max_value_bytes: int = 1 << 20) -> None:
        self.max_value_bytes = max_value_bytes
        self.records: list[NewRecord] = []
        self.trouble: Callable[[int], object] = int
        self.crash_after_append = False
        self.appends = 0

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """See Stream.append. Raises Abort once if ``crash_after_append``."""
        self.appends += 1
        self.trouble(self.appends)
        for record in records:
            if len(record.value) > self.max_value_bytes:
                raise RecordTooLarge("memory:", len(record.value), self.max_value_bytes)
        start = len(self.records)
        self.records.extend(records)
        if self.crash_after_append:
            self.crash_after_append = False
            raise Abort
        return [Appended(0, start + n, 0) for n in range(len(records))]

    def articles(self) -> list[RawArticle]:
        """What was appended."""
        return [decode(record.value, RawArticle) for record in self.records]

    def urls(self) -> list[str]:
        """The addresses of what was appended."""
        return [article.url for article in self.articles()]


_BEGIN = datetime(2031, 3, 4, 12, 0, tzinfo=UTC)
_MOST_POLLS = 50


class ConnectorContract:
    """The contract of every kind of connectors, as tests for pytest. A subclass provides a source that it controls.

    The clock is artificial: ``now`` advances by itself to when the source wants to be polled again.
    """

    def kind(self) -> ConnectorKind[Any]:
        """Return a new instance of the kind, as another process would have it."""
        raise NotImplementedError

    def given(self) -> str:
        """Return what a person would type to add the source: an address that the kind takes."""
        raise NotImplementedError

    def publish(self, name: str) -> None:
        """Add an article to the source, with ``name`` in its URL."""
        raise NotImplementedError

    def break_it(self) -> None:
        """Make the source unreadable."""
        raise NotImplementedError

    def mend(self) -> None:
        """Make the source readable again, with its earlier content."""
        raise NotImplementedError

    def private_hosts(self) -> Collection[str]:
        """Return the servers on this machine that the source requests through ``tools.http``, as ``host:port``. None:
        no network.
        """
        return ()

    def tools(self) -> Tools:
        """Return what the connector is given."""
        return _tools(frozenset(self.private_hosts()))

    def source(self) -> Source:
        """Return the source as the store would have it."""
        return Source("0" * 32, "contract", self.kind().address(self.given()), "outlet")

    def test_its_address_is_stable_and_nonsense_is_refused(self) -> None:
        """A stored address is accepted unchanged; an invalid address raises UsageError."""
        kind = self.kind()
        stored = kind.address(self.given())
        assert kind.address(stored) == stored, f"{stored!r}, as it is stored, becomes {kind.address(stored)!r}"
        assert stored == stored.strip(), f"{stored!r} has space around it"
        for nonsense in ("", " ", "\0"):
            try:
                kind.address(nonsense)
            except UsageError:
                continue
            raise AssertionError(f"{nonsense!r} was taken for an address")

    def test_schemes_are_plain(self) -> None:
        """In the form before the colon, in lower case."""
        for scheme in self.kind().schemes:
            assert scheme == scheme.lower().strip(":/ "), f"{scheme!r} is not a scheme in lower case"

    def test_articles_come_once_and_each_has_what_the_pipeline_needs(self) -> None:
        """Everything in the source is returned eventually, and no poll repeats items before a saved cursor."""
        self.publish("first")
        self.publish("second")
        seen = self._read_all()
        for name in ("first", "second"):
            assert (times := self._count(seen, name)) == 1, f"{name!r} came {times} times"
        for article in seen:
            assert article.url, "an article has no URL"
            assert article.source == self.source().outlet, f"its source is {article.source!r}, not the outlet's id"
            assert article.fetched_at.utcoffset() == timedelta(0), f"{article.fetched_at} is not in UTC"
            assert article.html or article.text or article.stub, "an article has neither a page nor a text"

    def test_news_comes_and_what_was_there_does_not_come_again(self) -> None:
        """Also if another instance of the kind encoded and decoded the cursor in between."""
        self.publish("first")
        seen = self._read_all()
        cursor, now = self._cursor, self._now
        self.publish("later")
        more = self._read_all(cursor, now)
        assert (times := self._count(seen, "first")) == 1, f"'first' came {times} times"
        assert not self._count(more, "first"), "what the cursor is past came again"
        assert (times := self._count(more, "later")) == 1, f"'later' came {times} times"
        assert not [article for article in more if article.backfill], "what comes later is news"

    def test_polling_again_from_the_same_cursor_gives_the_same_again(self) -> None:
        """So a crash between append and save repeats items but loses none."""
        self.publish("first")
        self.publish("second")
        cursor, now = None, _BEGIN
        for _ in range(_MOST_POLLS):
            result = self.kind().open(self.source(), self.tools()).poll(cursor, now)
            if result.items:
                again = {article.url for article in self._read_all(cursor, now + timedelta(minutes=1))}
                missing = {article.url for article in result.items} - again
                assert not missing, f"{missing} did not come again from the same cursor"
                return
            assert result.wake_at is not None, "the articles never came"
            cursor, now = self._again(result.cursor), max(now, result.wake_at)
        raise AssertionError("the articles never came")

    def test_a_cursor_is_json_and_survives_the_store(self) -> None:
        """Encoding, decoding and encoding again gives the same text."""
        self.publish("first")
        self._read_all()
        stored = self.kind().encode(self._cursor)
        json.loads(stored.state)
        again = self.kind().encode(self.kind().decode(stored)).state
        assert again == stored.state, f"{stored.state} became {again}"

    def test_a_cursor_that_is_damaged_is_a_value_error(self) -> None:
        """The store then postpones this source, and polls the others."""
        for damaged in ("", "[", "[1, 2", '"text"'):
            try:
                self.kind().decode(StoredCursor(damaged))
            except ValueError:
                continue
            raise AssertionError(f"{damaged!r} was taken for a cursor")

    def test_a_source_that_breaks_is_an_error_value_and_comes_back(self) -> None:
        """No exception; the facts report the failure with its kind; afterwards nothing is missing."""
        self.publish("first")
        self._read_all()
        cursor, now = self._cursor, self._now
        self.publish("second")
        self.break_it()
        result = self.kind().open(self.source(), self.tools()).poll(cursor, now)
        facts = self.kind().facts(result.cursor)
        assert result.error is not None, "the poll has no error"
        assert result.error.problem, "the error has no words"
        assert facts.health in ("failing", "gone"), f"the facts say {facts.health!r}"
        assert facts.failures == 1, f"the facts count {facts.failures} failures after one"
        for name, said in (("problem", result.error.problem), ("problem_kind", result.error.kind)):
            assert (known := getattr(facts, name)) == said, f"{name} of the facts is {known!r}, the error's is {said!r}"
        assert result.wake_at is None or result.wake_at > now, "it is not polled in a tight loop"
        self.mend()
        seen = [*result.items, *self._read_all(self._again(result.cursor), now)]
        assert (times := self._count(seen, "second")) == 1, f"'second' came {times} times once it could be read"
        facts = self.kind().facts(self._cursor)
        after = (facts.health, facts.problem, facts.failures)
        assert after == ("ok", None, 0), f"the facts still say {after} once it can be read"
        assert facts.ok_at_ms, "the facts don't say when a poll last went well"

    def test_a_source_that_was_never_readable_is_an_error_value_too(self) -> None:
        """Then it waits, and starts when it can be read."""
        self.break_it()
        result = self.kind().open(self.source(), self.tools()).poll(None, _BEGIN)
        assert result.error is not None, "the poll has no error"
        assert result.items == (), "articles came of a source that can't be read"
        self.mend()
        self.publish("first")
        times = self._count(self._read_all(self._again(result.cursor), _BEGIN), "first")
        assert times == 1, f"'first' came {times} times once it could be read"

    def test_times_are_utc_and_waits_are_finite(self) -> None:
        """``wake_at`` has a zone, and a source without new items is not polled all the time."""
        self.publish("first")
        self._read_all()
        result = self.kind().open(self.source(), self.tools()).poll(self._cursor, self._now)
        if result.wake_at is not None:
            assert result.wake_at.utcoffset() == timedelta(0), f"wake_at {result.wake_at} is not in UTC"
            assert result.wake_at > self._now, "a source that has nothing is asked again at once"

    def test_crashes_at_any_place_lose_nothing(self) -> None:
        """Runs the service's loop, with a process that dies after an append and before a save."""
        for name in ("first", "second", "third"):
            self.publish(name)
        stream, repository = MemoryStream(), MemoryRepository[Any](["it"])
        crashes = iter(["save", "append", "save"])
        now = _BEGIN

        def wait(seconds: float) -> None:
            nonlocal now
            now += timedelta(seconds=max(seconds, 0.01))

        def before_save(_: str) -> None:
            if stream.records and next(crashes, "") == "save":
                raise Abort

        def settled() -> bool:
            return all(self._count(stream.articles(), name) for name in ("first", "second", "third"))

        repository.before_save = before_save
        rounds = iter(range(2_000))
        while next(rounds, None) is not None:
            stream.crash_after_append = bool(stream.records) and next(crashes, "") == "append"
            try:
                run(
                    repository,
                    lambda _: self.kind().open(self.source(), self.tools()),
                    stream,
                    clock=lambda: now,
                    wait=wait,
                    stop=lambda: next(rounds, None) is None or settled(),
                )
                break
            except Abort:
                continue
        assert settled(), "an article was lost by a crash"

    def _read_all(self, cursor: Any = None, now: datetime = _BEGIN) -> list[RawArticle]:
        """Poll at the requested times until two polls return nothing; note the last cursor."""
        seen: list[RawArticle] = []
        quiet = 0
        for _ in range(_MOST_POLLS):
            result = self.kind().open(self.source(), self.tools()).poll(cursor, now)
            seen += result.items
            cursor = self._again(result.cursor)
            quiet = 0 if result.items else quiet + 1
            ended = result.wake_at is None
            now = max(now, result.wake_at or now)
            if ended or (quiet >= 2 and not result.report.pending):
                break
        self._cursor, self._now = cursor, now
        return seen

    def _again(self, cursor: Any) -> Any:
        """The cursor as another process reads it."""
        return self.kind().decode(self.kind().encode(cursor))

    def _count(self, articles: Iterable[RawArticle], name: str) -> int:
        return sum(name in article.url for article in articles)


@cache
def _tools(hosts: frozenset[str]) -> Tools:
    http = Http(allow_private=hosts) if hosts else Http(resolve=_no_network)
    return Tools(settings=ConnectorSettings(), http=http, pacing=HostPacing(0.0), robots=None, clock=lambda: _BEGIN)


def _no_network(host: str, port: int) -> Sequence[str]:
    raise OSError(f"no network here, so not {host}:{port}")
