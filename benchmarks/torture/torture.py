"""The loop: publish, append, wait for a random moment, do harm, mend; at the end let everything come to rest and judge."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TypeVar

from benchmarks.torture.articles import told
from benchmarks.torture.check import Findings, marks, verify
from benchmarks.torture.faults import CUTS, Installation
from benchmarks.torture.feed import Press
from benchmarks.torture.setups import SETUPS
from connectors.store.feeds import FeedRepository
from core.clock import wall_ms
from core.errors import StoreError, StreamError
from core.records import RawArticle, Subscription, article_id, encode, from_ms
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.store.outbox import ALERTS, ENRICHED, REJECTED, Outbox
from core.streams import NewRecord, Stream, create_stream
from pipeline.drivers.flink_rest import FlinkJobs

T = TypeVar("T")
SUBSCRIPTIONS = (
    Subscription(id="even", query="even"),
    Subscription(id="seven", query="talks NEAR/3 seven"),
    Subscription(id="odd", query='odd AND (council OR river OR "the market")'),
)
OUTLETS = 6
# Long: on a busy machine a Flink job takes minutes to start.
PROGRESS_S, REST_S = 600.0, 300.0
JOB_S = 180.0
RESTART_S = 0.3


@dataclass
class Result:
    """What came of one set-up."""

    setup: str
    seed: int
    disk_by: str
    kills: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    seconds: float = 0.0
    findings: Findings = field(default_factory=Findings)

    @property
    def verdict(self) -> str:
        """``ok``, or ``FAILED``."""
        return "FAILED" if self.findings.problems else "ok"


class _Watched:
    """What the harness itself sees of raw stream and store; nothing while they are away."""

    def __init__(self, here: Installation) -> None:
        self._settings = here.settings
        self._stream: Stream | None = None
        self._store: Store | None = None
        self._at: dict[int, int] = {}
        self._waiting: list[NewRecord] = []
        self.seen: set[tuple[int, int]] = set()
        self.cut_off: set[tuple[int, int]] = set()
        self._marks: dict[tuple[int, int], set[tuple[int, int]]] = {}

    def store(self) -> Store:
        """The store, opened when first asked for. Raises StoreError."""
        if self._store is None:
            self._store = open_store(self._settings.store)
        return self._store

    def append(self, records: Sequence[NewRecord]) -> None:
        """Append directly; what the stream doesn't take now is appended the next time."""
        self._waiting.extend(records)
        if self._waiting and self._while_there(lambda: self._raw().append(self._waiting)) is not None:
            self._waiting.clear()

    def look(self) -> bool:
        """Read on in the raw stream, and say whether all of it has an outcome and nothing waits for the output streams."""
        self.append(())
        return self._while_there(self._look) or False

    def look_on(self) -> bool:
        """Read on to the end of the raw stream, and say whether that worked."""
        return self._while_there(self._look) is not None

    def handled(self) -> int:
        """How many raw records have an outcome; -1 while the store is away."""
        found = self._while_there(lambda: StoreReader(self.store(), self._settings.run).count_outcomes().total())
        return -1 if found is None else found

    def _look(self) -> bool:
        stream = self._raw()
        self._at = {p: self._at.get(p, 0) for p in stream.partitions()}
        while records := stream.read(self._at, wait_ms=0):
            for record in records:
                self._at[record.partition] = max(self._at[record.partition], record.offset + 1)
                shown = set(marks(record.value))
                self._marks[record.partition, record.offset] = shown
                self.seen.update(shown)
        total = sum(stream.end_offsets(list(self._at)).values())
        # More outcomes than records: a cut was not noticed yet.
        if self._waiting or sum(self._at.values()) < total or self.handled() != total:
            return False
        return not Outbox(self.store(), "torture").waiting((ENRICHED, ALERTS, REJECTED))

    def cut(self, partition: int, end: int) -> None:
        """The partition ends here now; what stood behind is lost, unless it was there twice."""
        for place in [one for one in self._marks if one[0] == partition and one[1] >= end]:
            self.cut_off |= self._marks.pop(place)
        self.cut_off -= set().union(*self._marks.values())
        self._at[partition] = min(self._at.get(partition, 0), end)

    def close(self) -> None:
        """Close stream and store."""
        for one in (self._stream, self._store):
            if one is not None:
                one.close()
        self._stream = self._store = None

    def _raw(self) -> Stream:
        if self._stream is None:
            settings = self._settings
            self._stream = create_stream(settings.stream, settings.raw_stream, settings.partitions)
        return self._stream

    def _while_there(self, ask: Callable[[], T]) -> T | None:
        """The answer, or None where stream or store is away."""
        try:
            return ask()
        except (StreamError, StoreError):
            with contextlib.suppress(StreamError, StoreError):
                self.close()
            return None


def torture(
    setup: str,
    folder: Path,
    *,
    kills: int,
    seed: int,
    limit_s: float,
    say: Callable[[str], None],
    kinds: Sequence[str] = (),
    cuts: bool = False,
) -> Result:
    """Torture one set-up ``kills`` times at most, for about ``limit_s`` seconds at most, and judge what came of it.

    ``kinds``: only these faults (default: all that the set-up knows and the machine allows). ``cuts``: the raw stream's log
    is cut too.
    """
    random, began = Random(f"{seed} {setup}"), time.monotonic()
    press = Press(OUTLETS, Random(random.random()))
    with contextlib.ExitStack() as stack:
        stack.callback(press.close)
        here = stack.enter_context(SETUPS[setup](folder, [outlet.address for outlet in press.outlets]))
        if not cuts:
            here.faults = {name: fault for name, fault in here.faults.items() if name not in CUTS}
        if kinds:
            here.faults = {name: fault for name, fault in here.faults.items() if name in kinds}
        watched = _Watched(here)
        stack.callback(watched.close)
        result = Result(here.name, seed, here.disk_by)
        _prepare(watched.store(), press)
        problems = _Loop(here, press, watched, random, say).run(kills, began + limit_s, result)
        watched.close()
        result.findings = verify(
            here.settings, SUBSCRIPTIONS, press.published() - watched.cut_off, folder, cuts=result.kills["cut"] > 0
        )
        result.findings.problems[:0] = problems + here.problems
        result.restarts = sum(part.starts for part in here.tended.values())
    result.seconds = time.monotonic() - began
    return result


def _prepare(store: Store, press: Press) -> None:
    SubscriptionStore(store).save_subscriptions(SUBSCRIPTIONS, now_ms=wall_ms(), from_the_beginning=True)
    state = FeedRepository(store)
    for outlet in press.outlets:
        state.add(outlet.feed_url, outlet.name, datetime.now(UTC))


class _Loop:
    def __init__(
        self, here: Installation, press: Press, watched: _Watched, random: Random, say: Callable[[str], None]
    ) -> None:
        self._here, self._press, self._watched, self._random, self._say = here, press, watched, random, say
        self._deck: list[str] = []
        here.feed = self._feed
        here.look, here.handled, here.cut = watched.look_on, watched.handled, watched.cut
        self._appended = 0

    def run(self, kills: int, deadline_s: float, result: Result) -> list[str]:
        """Do harm, then wait until all has come to rest; what did not go on or come to rest is returned."""
        problems: list[str] = []
        self._tend(0)
        while result.kills.total() < kills and time.monotonic() < deadline_s and not problems:
            self._feed()
            # Mostly a pipeline at work is hit, sometimes one that has not begun yet.
            if self._random.random() < 0.8 and not self._progress():
                problems.append(f"no record was handled for {PROGRESS_S:.0f} s after {result.kills.total()} kills")
                break
            self._tend(self._random.uniform(0, 1.2))
            kind = self._draw()
            if self._here.faults[kind](self._here, self._random, self._tend):
                result.kills[kind] += 1
                self._say(f"{result.kills.total():4} {kind}")
            else:
                # No service noticed it, on a machine busy with other work: it is repeated before any other fault is.
                self._deck.insert(0, kind)
            self._here.repair()
        if not self._rest():
            problems.append(f"no record was handled for {REST_S:.0f} s at the end: {self._state()}")
        problems += self._jobs("while the pipeline runs", 1)
        for part in self._here.tended.values():
            if problems:
                self._say(f"{part.name}, started {part.starts} times:\n{part.log_tail()}")
            part.stop()
        return problems + self._jobs("after the pipeline was stopped", 0)

    def _jobs(self, when: str, expected: int) -> list[str]:
        """On Flink: whether the cluster has as many jobs of the run as it should."""
        if self._here.flink is None:
            return []
        on_cluster, name = FlinkJobs(self._here.flink.rest), f"wirewatch-{self._here.settings.run}"
        deadline = time.monotonic() + (JOB_S if expected else 0)
        while (count := len(on_cluster.running(name))) < expected and time.monotonic() < deadline:
            # All records may have ended while the pipeline that was killed last is still submitting its job again.
            self._tend(1.0)
        return [] if count == expected else [f"{count} jobs on the cluster {when}"]

    def _feed(self) -> None:
        """News at the outlets, and records from elsewhere."""
        self._watched.look()
        self._press.publish(self._random.randint(0, 3), self._watched.seen)
        count = self._random.randint(2, 25)
        self._watched.append([_direct(number) for number in range(self._appended, self._appended + count)])
        self._appended += count

    def _draw(self) -> str:
        """The next kind of fault: each comes once before any comes again."""
        if not self._deck:
            self._deck = self._random.sample(list(self._here.faults), len(self._here.faults))
        return self._deck.pop()

    def _progress(self) -> bool:
        """Wait until more records have an outcome than now, or all have."""
        before, until = self._watched.handled(), time.monotonic() + PROGRESS_S
        while time.monotonic() < until:
            if self._watched.handled() > max(before, 0) or (before >= 0 and self._watched.look()):
                return True
            self._tend(0.5)
        return False

    def _rest(self) -> bool:
        """Wait until every version that was published has come through, and every record has its outcome."""
        until, most = time.monotonic() + REST_S, -1
        while time.monotonic() < until:
            # A busy machine may need long for what came during the last faults: it must go on, not be quick.
            if (handled := self._watched.handled()) > most:
                until, most = time.monotonic() + REST_S, handled
            if self._watched.look() and self._press.published() <= self._watched.seen:
                # Once more: the relay and the feeds may just have been at it.
                self._tend(0.5)
                if self._watched.look():
                    return True
            self._tend(0.5)
        return False

    def _state(self) -> str:
        missing = len(self._press.published() - self._watched.seen)
        return f"{self._watched.handled()} records handled, {missing} published articles not in the raw stream"

    def _tend(self, seconds: float) -> None:
        """Be the supervisor for some seconds, at least for one look."""
        until = time.monotonic() + seconds
        while True:
            for part in self._here.supervised():
                if not part.pid and time.monotonic() - part.started_s > RESTART_S:
                    part.start()
            if time.monotonic() >= until:
                return
            time.sleep(0.05)


def _direct(number: int) -> NewRecord:
    """A record for the raw stream that no feed shows; every 15th is an edit of an earlier one."""
    title, text = told(number)
    url = f"https://wire.example/{number - 12 if number % 15 == 14 else number}"
    raw = RawArticle(
        url=url, source=f"wire{number % 7}", fetched_at=from_ms(1_790_000_000_000 + number), title=title, text=text
    )
    return NewRecord(article_id(url).encode(), encode(raw))
