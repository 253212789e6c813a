"""Keeping a run: the ordered stage between two looks at the store, and its results in one transaction.

See docs/architecture.md, "Exactly-once results".
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache

import msgspec
import structlog

from core.errors import Fenced, StoreError
from core.records import Alert, OutcomeKind
from core.store import SubscriptionStore, open_store
from core.store.subscriptions import LIVE
from core.store.takedowns import STAGE, Takedowns
from pipeline.elements import Draft, Rejection
from pipeline.ledger import RunLedger
from pipeline.ledger.base import base_of
from pipeline.ledger.ledger import BundleContext, Stale, WentBack
from pipeline.ledger.story_facts import SubscriptionVersions, read_story_memories
from pipeline.malloc import settle
from pipeline.stories.alerts import AlertRule
from pipeline.stories.index import StoryIndex
from pipeline.stories.stage import Handled, StoryStage
from pipeline.stories.story_facts import StoryFacts

log = structlog.get_logger()
TRIES = 5
MANY = 10_000
_WRITTEN: dict[str, int] = {}


def last_written(owner: str) -> int:
    """The seq that a writer of this owner, a name given once, stored last in this process; -1 for none."""
    return _WRITTEN.get(owner, -1)


class RunWriter:
    """Handles drafts of one run in order and stores what comes of them. Thread-safe (one at a time).

    Doing drafts again changes nothing: positions that have an outcome give nothing new. Raises Fenced once another owner
    has the run, StoreError where the store fails; then nothing of the batch is stored, and the index is loaded anew.
    """

    def __init__(self, ledger: RunLedger, *, publish: bool, scope: str = LIVE) -> None:
        self._ledger, self._publish = ledger, publish
        self._subscriptions = SubscriptionVersions(SubscriptionStore(ledger.store, scope))
        self._takedowns, self._stamp = Takedowns(ledger.store), -1
        self._lock = threading.Lock()
        self._stage: StoryStage | None = None
        self._seq = -1

    def write(self, drafts: Sequence[Draft]) -> None:
        """Decide and store a batch, in one transaction."""
        if not drafts:
            return
        with self._lock:
            for attempt in range(1, TRIES + 1):
                try:
                    self._write(drafts)
                except Stale:
                    # Another worker wrote this run in between: what it decided must be known first.
                    self._stage = None
                    if attempt == TRIES:
                        raise
                except BaseException:
                    self._stage = None
                    raise
                else:
                    return

    def _write(self, drafts: Sequence[Draft]) -> None:
        context, stage = self._begin(drafts)
        # After the run's seq was read: a takedown raises it, so one that comes later makes this batch stale.
        drafts = self._allowed(drafts)
        handled = stage.handle(
            drafts,
            done=context.done,
            histories=context.histories,
            texts=context.texts,
            last_key=context.state.last_key,
        )
        if not handled.decided:
            return
        alerts, facts = self._alerts(handled)
        self._seq = self._ledger.commit(
            context.state,
            handled.decided,
            alerts,
            last_key=handled.last_key,
            publish=self._publish,
            handled=max(draft.number for draft in drafts),
            gauges={"index_entries": len(stage.index), "index_bytes": stage.index.nbytes},
            facts=facts,
        )
        _WRITTEN[self._ledger.owner] = self._seq
        _say(handled, alerts)

    def _allowed(self, drafts: Sequence[Draft]) -> list[Draft]:
        """The drafts; those of articles that were taken down are rejected, whatever is in them."""
        stamp, reasons = self._takedowns.check(draft.article.id for draft in drafts if draft.article is not None)
        before, self._stamp = self._stamp, stamp
        if before not in (-1, stamp):
            raise Stale("an article was taken down: the index may hold it")
        return [
            msgspec.structs.replace(draft, article=None, problem=Rejection(STAGE, reasons[draft.article.id]))
            if draft.article is not None and draft.article.id in reasons
            else draft
            for draft in drafts
        ]

    def _begin(self, drafts: Sequence[Draft]) -> tuple[BundleContext, StoryStage]:
        stage, since_ms = self._stage, 0
        if stage is None:
            stage, self._seq = StoryStage(StoryIndex()), -1
            since_ms = min(draft.key.time_ms for draft in drafts) - stage.index.window_ms
        articles = {draft.article.id for draft in drafts if draft.article is not None}
        positions = [draft.position for draft in drafts]
        before = drafts[0].after
        if before is not None:
            positions.append(before)
        try:
            context = self._ledger.begin(positions, articles, since_seq=self._seq, since_ms=since_ms)
        except WentBack:
            # What it lost lies behind us: only a new start from the ledger reads it again.
            self._ledger.ask_for_restart()
            raise
        if before is not None and before not in context.done:
            # The runner's state is ahead of the store, which must have come back from a backup: what lies between would
            # be missing for ever. From the ledger it is all done again.
            self._ledger.ask_for_restart()
            raise Fenced(
                f"the store lacks {before}, which was handled before", hint="the run starts anew from its ledger"
            )
        for entry in context.entries:
            stage.index.add(entry)
        if len(context.entries) >= MANY:
            # The collector would go through a large index again and again, for nothing: 6 % of the stage's time.
            settle()
        # Only now: until all entries are in, the index is not worth keeping.
        self._stage, self._seq = stage, context.state.seq
        return context, stage

    def _alerts(self, handled: Handled) -> tuple[list[Alert], dict[str, StoryFacts]]:
        """The alerts of a batch, and the facts of the stories that they told of, where those have changed."""
        articles = [told.article for told in handled.decided if told.article is not None]
        matched = {one.story_id or "" for one in articles if one.subscriptions}
        memories = read_story_memories(
            self._ledger.store, self._ledger.run, {one.story_id or "" for one in articles}, matched
        )
        self._subscriptions.begin({(m.subscription, m.version) for one in articles for m in one.subscriptions})
        rule = AlertRule(memories, self._subscriptions)
        alerts: list[Alert] = []
        for told in handled.decided:
            if told.article is not None:
                alerts += rule.alerts_of(told.article, told.key, told.difference)
        return alerts, {story: memory.facts for story, memory in rule.memories.items() if memory.learnt}


def _say(handled: Handled, alerts: Sequence[Alert]) -> None:
    """Log what people ask for: refusals and alerts; with ``--verbose`` each record."""
    for told in handled.decided:
        end = told.outcome
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
def shared_writer(store_url: str, run: str, owner: str, *, publish: bool, scope: str = LIVE) -> RunWriter:
    """The one writer of a run in this process: its index is too dear to be loaded for every bundle."""
    if not owner:
        raise StoreError(f"run {run!r} has no owner", hint="take the run before starting its pipeline")
    store = open_store(store_url)
    return RunWriter(RunLedger(store, run, owner, base=base_of(store, run)), publish=publish, scope=scope)
