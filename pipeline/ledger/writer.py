"""Writes a run: runs the ordered stage on a batch of drafts, and stores its results in one transaction.

See docs/architecture.md, "Exactly-once results".
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

import msgspec
import structlog

from core.errors import Fenced, StoreError, WirewatchError
from core.records import Alert, Outcome, OutcomeKind, Position
from core.store import Store, SubscriptionStore, open_store
from core.store.subscriptions import LIVE
from core.store.takedowns import STAGE as TAKEDOWN
from core.store.takedowns import Takedowns
from pipeline.elements import Draft, Rejection
from pipeline.ledger.base import base_of
from pipeline.ledger.decisions import replay_decision
from pipeline.ledger.in_force import SubscriptionVersions
from pipeline.ledger.in_hand import Suspects, Watch, process_token
from pipeline.ledger.last_words import open_last_words
from pipeline.ledger.ledger import BundleContext, RunLedger, Stale, WentBack
from pipeline.ledger.stored_facts import read_story_memories
from pipeline.malloc import settle
from pipeline.order.slow_lane import part
from pipeline.stories.alerts import AlertRule
from pipeline.stories.aliases import addresses_of
from pipeline.stories.index import StoryIndex
from pipeline.stories.stage import STAGE as DECIDE
from pipeline.stories.stage import Handled, StoryStage, leading
from pipeline.stories.story_memory import StoryFacts
from pipeline.text.characters import normal_line

log = structlog.get_logger()
TRIES = 5
ALERT = "alert"
ORDER_LIMIT_S = 60.0
MANY = 10_000
_WRITTEN: dict[str, int] = {}


def last_written(owner: str) -> int:
    """The last seq that a writer of this owner (a unique name) stored in this process; -1 if none did."""
    return _WRITTEN.get(owner, -1)


class WritePlan(NamedTuple):
    """How a run is written, for any process; see ``RunWriter``. ``owner``: the token that took the run.

    ``publish``: whether results go into the outbox for the output streams. ``scope`` names the subscriptions.
    """

    store_url: str
    run: str
    owner: str
    publish: bool
    scope: str = LIVE
    limit_s: float = ORDER_LIMIT_S
    last_words: str = ""


class BatchResult(NamedTuple):
    """The new results of a batch."""

    outcomes: Sequence[Outcome] = ()
    alerts: int = 0
    taken: int = 0
    """How many drafts of the batch it covers, since a decision may come after them."""


class _Failed(Exception):
    """A record failed in the ordered stage: refused for ``problem``, or if that is None, blamed once."""

    def __init__(self, position: Position, problem: Rejection | None) -> None:
        super().__init__(str(position))
        self.position, self.problem = position, problem


class _Found(Exception):
    """The batch must be split again: a process had some of it in hand when it died, or a decision comes before it."""


class RunWriter:
    """Decides drafts of one run in order and stores the results. Thread-safe (one batch at a time).

    Idempotent: drafts at positions that have an outcome change nothing. Raises Fenced once another owner has the run,
    StoreError if the store fails; then nothing of the batch is stored, and the index is loaded again.

    A record that raises an exception is rejected with its stage. If the process ends while deciding a record, also because it
    is not decided after ``limit_s`` (0: no limit), the record is decided alone the next time. It is set aside once it has ended
    the process twice; ends with another cause count half (``pipeline.ledger.in_hand``).
    ``last_words``: a folder on this machine that distinguishes these causes; empty for none.
    """

    def __init__(
        self,
        ledger: RunLedger,
        *,
        publish: bool,
        scope: str = LIVE,
        limit_s: float = ORDER_LIMIT_S,
        last_words: str = "",
    ) -> None:
        self._ledger, self._publish, self._scope = ledger, publish, scope
        self._subscriptions = SubscriptionVersions(SubscriptionStore(ledger.store, scope))
        self._takedowns, self._stamp = Takedowns(ledger.store), -1
        self._lock = threading.Lock()
        self._stage: StoryStage | None = None
        self._seq, self._decision = -1, -1
        self._words = open_last_words(last_words, ledger.run, process_token())
        self._in_hand, self._suspects = ledger.in_hand(last_words), Suspects()
        self._watch = Watch(limit_s, by_cpu=self._words is not None and self._words.by_cpu)
        self._refused: dict[Position, Rejection] = {}

    @property
    def store(self) -> Store:
        """The store with the results."""
        return self._ledger.store

    def write(self, drafts: Sequence[Draft]) -> BatchResult:
        """Decide and store a batch in one transaction, or in several if a process died while deciding some of it."""
        outcomes: list[Outcome] = []
        alerts, left = 0, list(drafts)
        with self._lock:
            while left:
                batch = self._suspects.next_batch(left)
                try:
                    written = self._with_retries(batch)
                except _Found:
                    continue
                outcomes += written.outcomes
                alerts += written.alerts
                self._suspects.decided(batch[: written.taken])
                left = left[written.taken :]
            self._refused.clear()
        return BatchResult(outcomes, alerts)

    def _with_retries(self, drafts: Sequence[Draft]) -> BatchResult:
        stale = 0
        while True:
            try:
                return self._write(drafts)
            except Stale:
                # Another worker has written to this run, so its results must be read first.
                self._stage = None
                stale += 1
                if stale == TRIES:
                    raise
            except _Failed as failed:
                self._stage = None
                if failed.problem is None:
                    self._suspects.add({failed.position: self._suspects.blamed.get(failed.position, 0) + 1})
                    raise _Found from failed
                self._refused[failed.position] = failed.problem
            except _Found:
                raise
            except BaseException:
                self._stage = None
                raise

    def _write(self, drafts: Sequence[Draft]) -> BatchResult:
        context, stage = self._begin(drafts)
        drafts = drafts[: self._before_decision(context, drafts)]
        # After the run's seq was read: a takedown raises it, so a later takedown makes this batch stale.
        drafts = [self._unless_refused(draft) for draft in self._allowed(drafts, context.aliases)]
        parted = part(drafts, done=context.done, waiting=context.waiting)
        careful = self._note(context, parted.now)
        try:
            handled = stage.handle(
                parted.now,
                done=context.done,
                histories=context.histories,
                texts=context.texts,
                sightings=context.sightings,
                aliases=context.aliases,
                limits=context.limits,
                last_key=context.state.last_key,
                around=self._around,
            )
            if not handled.decided and not parted.later:
                return BatchResult(taken=len(drafts))
            alerts, facts = self._alerts(handled)
        finally:
            self._watch.end()
        if careful:
            self._in_hand.lay_down()
        self._seq = self._ledger.commit(
            context.state,
            handled.decided,
            alerts,
            last_key=handled.last_key,
            publish=self._publish,
            handled=max(draft.number for draft in drafts),
            gauges={"index_entries": len(stage.index), "index_bytes": stage.index.nbytes},
            facts=facts,
            later=parted.later,
            back=parted.back,
        )
        _WRITTEN[self._ledger.owner] = self._seq
        _say(handled, alerts, parted.later)
        return BatchResult([decided.outcome for decided in handled.decided], len(alerts), len(drafts))

    def _before_decision(self, context: BundleContext, drafts: Sequence[Draft]) -> int:
        """How many of the drafts come before the replayed run's next decision. Raises _Found if none does.

        In that case it carries out the decision first, between two transactions as in the replayed run.
        """
        if context.due is None:
            return len(drafts)
        count = leading(drafts, context.done, context.state.last_key, context.due.place)
        if not count:
            replay_decision(self._ledger, context.state, context.due, scope=self._scope, publish=self._publish)
            raise _Found
        return count

    def _note(self, context: BundleContext, drafts: Sequence[Draft]) -> bool:
        """Note what is decided now. Returns whether it is a blamed record. Raises _Found."""
        positions = [draft.position for draft in drafts if draft.article is not None]
        if not positions:
            return False
        found = self._in_hand.take(positions, context.state.seq + 1, self._suspects.blamed)
        if found:
            log.warning(
                "a service ended while it was deciding these records; each is now decided separately",
                run=self._ledger.run,
                records=len(found),
                first=str(next(iter(found))),
            )
            self._suspects.add(found)
            raise _Found
        return any(position in self._suspects.blamed for position in positions)

    def _unless_refused(self, draft: Draft) -> Draft:
        """The draft, rejected if it failed before in the ordered stage, or ended too many processes there."""
        if draft.article is None:
            return draft
        problem = self._refused.get(draft.position)
        if problem is None and (problem := self._suspects.problem(draft.position, DECIDE)) is not None:
            log.error("a record is set aside", position=str(draft.position), item=draft.item, stage=DECIDE)
        return draft if problem is None else msgspec.structs.replace(draft, article=None, problem=problem)

    @contextmanager
    def _around(self, position: Position, stage: str) -> Iterator[None]:
        """The context for a record's part of the ordered stage. Raises _Failed, or WirewatchError if the store is down."""
        self._watch.begin_record()
        if self._words is not None:
            self._words.begin_record(position)
        try:
            yield
        except WirewatchError:
            raise
        except MemoryError as error:
            raise _Failed(position, None) from error
        except Exception as error:
            log.exception("an article can't be decided; it is rejected", stage=stage, position=str(position))
            why = normal_line(f"{stage}_failed: {type(error).__name__}: {str(error)[:200]}")
            raise _Failed(position, Rejection(stage, why)) from error
        finally:
            if self._words is not None:
                self._words.end_record()

    def _allowed(self, drafts: Sequence[Draft], aliases: Mapping[str, str]) -> list[Draft]:
        """The drafts, with drafts of taken-down articles rejected, whichever of their addresses was taken down."""
        ids = [_ids_of(draft, aliases) for draft in drafts]
        stamp, reasons = self._takedowns.check(one for several in ids for one in several)
        before, self._stamp = self._stamp, stamp
        if before not in (-1, stamp):
            raise Stale("an article was taken down: the index may hold it")
        taken = [next((reasons[one] for one in several if one in reasons), None) for several in ids]
        return [
            draft
            if reason is None
            else msgspec.structs.replace(draft, article=None, problem=Rejection(TAKEDOWN, reason))
            for draft, reason in zip(drafts, taken, strict=True)
        ]

    def _begin(self, drafts: Sequence[Draft]) -> tuple[BundleContext, StoryStage]:
        stage, since_ms = self._stage, 0
        if stage is None:
            stage, self._seq, self._decision = StoryStage(StoryIndex()), -1, -1
            since_ms = min(draft.key.time_ms for draft in drafts) - stage.index.window_ms
        articles = {one for draft in drafts for one in _ids_of(draft, {})}
        positions = [draft.position for draft in drafts]
        before = drafts[0].after
        if before is not None:
            positions.append(before)
        try:
            context = self._ledger.begin(
                positions,
                articles,
                since_seq=self._seq,
                since_ms=since_ms,
                keyed={draft.key.article for draft in drafts},
                doubtful={draft.doubt.digest for draft in drafts if draft.doubt is not None},
                since_decision=self._decision,
            )
        except WentBack:
            # The lost records were read already, so only a restart from the ledger reads them again.
            self._ledger.ask_for_restart()
            raise
        if before is not None and before not in context.done and before not in context.left:
            # The runner's state is ahead of the store, which must have been restored from a backup: the records in between
            # would be missing. A restart from the ledger handles them again.
            self._ledger.ask_for_restart()
            raise Fenced(f"the store lacks {before}, which was handled before", hint="the run restarts from its ledger")
        for entry in context.entries:
            stage.index.add(entry)
        for article, story in context.moved.items():
            stage.index.move(article, story)
        if len(context.entries) >= MANY:
            # The garbage collector would traverse a large index again and again: 6 % of the stage's time.
            settle()
        # Only now, since an index without all entries must not be kept.
        self._stage, self._seq, self._decision = stage, context.state.seq, context.decision
        return context, stage

    def _alerts(self, handled: Handled) -> tuple[list[Alert], dict[str, StoryFacts]]:
        """The alerts of a batch, and the changed facts of their stories."""
        articles = [one.article for one in handled.decided if one.article is not None]
        matched = {one.story_id or "" for one in articles if one.subscriptions}
        ledger, stories = self._ledger, {one.story_id or "" for one in articles}
        memories = read_story_memories(ledger.store, ledger.run, ledger.base, stories, matched)
        self._subscriptions.begin({(m.subscription, m.version) for one in articles for m in one.subscriptions})
        rule = AlertRule(memories, self._subscriptions)
        alerts: list[Alert] = []
        for each in handled.decided:
            if each.article is not None:
                with self._around(each.article.position, ALERT):
                    alerts += rule.alerts_of(each.article, each.key, each.difference)
        return alerts, {story: memory.facts for story, memory in rule.memories.items() if memory.learnt}


def _ids_of(draft: Draft, aliases: Mapping[str, str]) -> list[str]:
    """The ids of a draft's addresses and of their articles; empty if the draft has no article."""
    if draft.article is None:
        return []
    ids = dict.fromkeys(addresses_of(draft.article))
    return list(ids | dict.fromkeys(aliases[one] for one in ids if one in aliases))


def _say(handled: Handled, alerts: Sequence[Alert], later: Sequence[Draft]) -> None:
    """Log rejections, alerts and records that leave the order; with ``--verbose``, every record."""
    for draft in later:
        why = draft.postponed
        log.info(
            "postponed to the slow lane",
            run=draft.position.run,
            position=str(draft.position),
            item=draft.item,
            why=why.why if why else "",
            outlet=why.outlet if why else "",
        )
    for decided in handled.decided:
        end = decided.outcome
        facts = {
            "run": end.run,
            "position": f"{end.run}/{end.stream}/{end.partition}/{end.first_offset}",
            "item": end.item,
        }
        if end.kind is OutcomeKind.REJECTED:
            log.info("rejected", **facts, stage=end.stage, reason=end.reason)
        else:
            log.debug("stored", **facts, stage="tell", article=end.article, kind=str(end.kind), version=end.version)
    for alert in alerts:
        log.info(
            "alert",
            run=alert.run,
            stage="tell",
            article=alert.article,
            story=alert.story,
            subscription=alert.subscription,
        )


@cache
def shared_writer(plan: WritePlan) -> RunWriter:
    """The only writer of a run in this process, since loading its index for every bundle would cost too much."""
    if not plan.owner:
        raise StoreError(f"run {plan.run!r} has no owner", hint="take the run before starting its pipeline")
    store = open_store(plan.store_url)
    ledger = RunLedger(store, plan.run, plan.owner, base=base_of(store, plan.run))
    return RunWriter(ledger, publish=plan.publish, scope=plan.scope, limit_s=plan.limit_s, last_words=plan.last_words)
