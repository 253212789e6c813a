"""Editors' decisions about stories: made at the desk, carried out in one transaction, and repeated by replays.

A decision is between two transactions of its run: its place is the last one that the run had assigned, so all records
up to there were decided without it, and all later ones with it. A replay carries it out before the first record with a
later place (``pipeline.ledger.writer``). Its effect, computed by ``pipeline.stories.decisions``, is a function of the
decision and of what the run has stored by then.

As with a takedown, the run's seq rises, so a pipeline that is processing a bundle decides it again. The rows of
articles and versions then have their new story; the previous values are in the decision's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.durations import HOUR_MS
from core.errors import NotFound, UsageError
from core.records import Alert, Article, OrderKey, decode, encode, from_ms
from core.records.decision import JOIN, SPLIT, UNDO, CarriedOut, DecisionKind, StoryDecision
from core.records.identity import split_story_id
from core.store import SubscriptionStore
from core.store import tables as t
from core.store.decisions import newest_decision
from core.store.engine import Store, chunks
from core.store.outbox import ENRICHED, OutboxRow, key_of
from core.store.subscriptions import LIVE as LIVE_SCOPE
from pipeline.ledger.base import Base, read_base
from pipeline.ledger.in_force import SubscriptionVersions
from pipeline.ledger.ledger import RunLedger, RunState, write_commit
from pipeline.ledger.moved import Moved, due_decision, members, moved_in, replayed_run, rows_of
from pipeline.ledger.rows import ENTRY, alert_row, outbox_rows
from pipeline.ledger.stored_facts import add_outlets, read_facts, read_marks, write_facts
from pipeline.ledger.stories import story_row, told_as
from pipeline.ledger.tables import story_facts
from pipeline.stories.alerts import AlertRule
from pipeline.stories.decisions import EFFECTS, Effects, Member, MemberVersion, ToldMark, moves, rebuilt, told_by
from pipeline.stories.story_memory import StoryFacts, StoryMemory, page_of
from pipeline.text.difference import VersionDifference

LIVE_RUN = "live"
"""The kind of a run whose results are sent."""

WINDOW_MS = 72 * HOUR_MS
"""Articles whose story is not news any more raise no overdue alert: those that are no longer compared with new ones."""

_DIFFERENCE = msgspec.json.Decoder(VersionDifference)
_VERSION = (*ENTRY, t.versions.c.title, t.versions.c.text, t.versions.c.event_ms, t.versions.c.difference)


class WantedDecision(NamedTuple):
    """An editor's request: join ``story`` ``into`` another, split ``article`` from its story, or undo decision ``undoes``."""

    kind: DecisionKind
    story: str = ""
    into: str = ""
    article: str = ""
    undoes: int = 0
    why: str = ""


def decide_stories(store: Store, run: str, wanted: WantedDecision, *, by: str, now_ms: int) -> CarriedOut:
    """Make a decision for the run in its current state, and carry it out. Raises NotFound, UsageError, StoreError."""
    with store.writing() as connection:
        connection.execute(t.runs.update().where(t.runs.c.name == run).values(seq=t.runs.c.seq + 1))
        row = connection.execute(sa.select(t.runs).where(t.runs.c.name == run)).one_or_none()
        if row is None or row.last_place is None:
            raise NotFound(f"run {run!r} has no stories")
        number = newest_decision(connection, run) + 1
        story, into = _checked(connection, run, wanted, number)
        made = StoryDecision(
            number=number,
            kind=wanted.kind,
            story=story,
            into=into,
            place=row.last_place,
            by=by,
            decided_at=from_ms(now_ms),
            why=wanted.why,
            article=wanted.article if wanted.kind == SPLIT else None,
            undoes=wanted.undoes if wanted.kind == UNDO else None,
        )
        write_commit(connection, run, row.seq, now_ms)
        return _Work(store, connection, run, read_base(connection, run), row.seq).carry_out(
            made, SubscriptionVersions(SubscriptionStore(store, LIVE_SCOPE)), publish=row.kind == LIVE_RUN
        )


def replay_decision(
    ledger: RunLedger, state: RunState, decision: StoryDecision, *, scope: str, publish: bool
) -> CarriedOut:
    """Carry out a decision of the replayed run, in a separate transaction. Raises Stale, Fenced, StoreError."""
    in_force = SubscriptionVersions(SubscriptionStore(ledger.store, scope))
    with ledger.deciding(state) as (connection, seq):
        base = read_base(connection, ledger.run)
        work = _Work(ledger.store, connection, ledger.run, base, seq)
        return work.carry_out(decision, in_force, publish=publish)


def replay_rest(ledger: RunLedger, before: str, *, scope: str, publish: bool) -> int:
    """Carry out the replayed run's remaining decisions up to a place. Returns how many. Raises Fenced, StoreError."""
    count = 0
    while True:
        with ledger.store.reading() as connection:
            base = read_base(connection, ledger.run)
            replayed = replayed_run(connection, ledger.run, base)
            due = (
                due_decision(connection, replayed, base, newest_decision(connection, ledger.run)) if replayed else None
            )
        if due is None or due.place >= before:
            return count
        replay_decision(ledger, ledger.state(), due, scope=scope, publish=publish)
        count += 1


def _checked(connection: sa.Connection, run: str, wanted: WantedDecision, number: int) -> tuple[str, str]:
    """The stories that a decision is about. Raises NotFound, UsageError."""
    if wanted.kind == JOIN:
        for story in (wanted.story, wanted.into):
            if not _is_stored(connection, run, story):
                raise NotFound(f"there is no story {story!r}")
        if wanted.story == wanted.into:
            raise UsageError("a story can't be joined into itself")
        return wanted.story, wanted.into
    if wanted.kind == SPLIT:
        a = t.articles.c
        query = sa.select(a.story).where(a.run == run, a.id == wanted.article)
        left = connection.execute(query).scalar()
        if left is None:
            raise NotFound(f"there is no article {wanted.article!r}")
        mine = members(connection, run, None, Moved(), [left])
        copies = _with_copies(connection, run, mine, wanted.article)
        if len(copies) >= len(mine):
            raise UsageError(
                "the story has no other article than this and its copies", hint="there is nothing to split"
            )
        return str(left), split_story_id(wanted.article, number)
    return _undoable(connection, run, wanted.undoes)


def _is_stored(connection: sa.Connection, run: str, story: str) -> bool:
    query = sa.select(t.stories.c.id).where(t.stories.c.run == run, t.stories.c.id == story)
    return connection.execute(query).first() is not None


def _with_copies(connection: sa.Connection, run: str, mine: Iterable[str], article: str) -> set[str]:
    rows = rows_of(connection, run, None, mine, (t.versions.c.article, t.versions.c.duplicate_of, t.versions.c.place))
    return {article} | {str(row.article) for row in rows if row.duplicate_of == article}


def _undoable(connection: sa.Connection, run: str, number: int) -> tuple[str, str]:
    """The stories of a decision that can be undone: no later one in force affects them. Raises NotFound, UsageError."""
    c = t.story_decisions.c
    rows = connection.execute(sa.select(c.number, c.undoes, c.record, c.effects).where(c.run == run)).all()
    found = next((row for row in rows if row.number == number), None)
    if found is None:
        raise NotFound(f"there is no decision {number}")
    was = decode(found.record.encode(), StoryDecision)
    gone = {row.undoes for row in rows if row.undoes is not None}
    if was.kind == UNDO or number in gone:
        raise UsageError(f"decision {number} is undone already, or an undo itself", hint="decide again instead")
    touched = EFFECTS.decode(found.effects).stories
    for row in sorted(rows, reverse=True):
        stands = row.number > number and row.number not in gone and row.undoes is None
        if stands and EFFECTS.decode(row.effects).stories & touched:
            raise UsageError(f"decision {row.number} came later and is about the same story", hint="undo that first")
    a = t.articles.c
    if connection.execute(sa.select(a.id).where(a.run == run, a.story == was.into).limit(1)).first() is None:
        raise UsageError("the articles of this decision are gone", hint="there is nothing to undo")
    return was.into, was.story


class _StoredAlert(NamedTuple):
    story: str
    place: str
    id: str
    sources: int
    mark: ToldMark | None


def _stored_alert(row: Any, story: str, instead: Mapping[str, ToldMark | None]) -> _StoredAlert:
    """An alert from a row. ``instead``: marks that replace those of the rows."""
    mark = None if row.mark is None else msgspec.json.decode(row.mark, type=ToldMark)
    mark = instead.get(row.id, mark)
    sources = mark.sources if mark is not None else decode(row.record.encode(), Alert).sources
    return _StoredAlert(story, row.place, row.id, sources, mark)


class _Work:
    """Carries out one decision in the caller's transaction."""

    def __init__(self, store: Store, connection: sa.Connection, run: str, base: Base | None, seq: int) -> None:
        self._store, self._connection, self._run, self._base, self._seq = store, connection, run, base, seq
        self._moved = moved_in(connection, run, base)

    def carry_out(self, decision: StoryDecision, in_force: SubscriptionVersions, *, publish: bool) -> CarriedOut:
        """Move the articles, and update what is stored about their stories."""
        stories = members(self._connection, self._run, self._base, self._moved, (decision.story, decision.into))
        rows = self._versions(stories)
        known = {
            str(row.article): Member(stories[str(row.article)], row.duplicate_of) for row in rows if row.version == 1
        }
        # If an article's first version was pruned, the oldest remaining one.
        known |= {str(row.article): Member(stories[str(row.article)]) for row in rows if row.article not in known}
        moved = moves(decision, known, self._undone(decision))
        effects, alerts, sent = Effects(), list[Alert](), list[OutboxRow]()
        if moved:
            touched = sorted({story for pair in moved.values() for story in pair})
            before = read_facts(self._connection, self._run, self._base, self._moved, touched)
            self._move(moved)
            effects = Effects(moved=moved, facts=before)
            # From here on, as if the run had never had another story.
            self._moved.carry_out(effects)
            key = OrderKey.parse(decision.place)
            memories, records, effects = self._remembered(touched, rows, known, effects, decision.number)
            in_force.begin({(m.subscription, m.version) for one in records for m in one.subscriptions})
            recent = [one for one in records if one.key.time_ms > key.time_ms - WINDOW_MS]
            alerts = AlertRule(memories, in_force).overdue(recent, key)
            placed = [alert_row(one, self._run, self._seq, decision.place) for one in alerts]
            self._store.insert_new(self._connection, t.alerts, placed)
            sent = self._changed(moved) + outbox_rows(self._run, (), alerts)
        self._note(decision, effects)
        if publish and sent:
            self._connection.execute(t.outbox.insert(), [msgspec.structs.asdict(row) for row in sent])
        return CarriedOut(decision, len(moved), len(alerts))

    def _versions(self, articles: Iterable[str]) -> list[sa.Row[Any]]:
        return rows_of(self._connection, self._run, self._base, articles, _VERSION)

    def _undone(self, decision: StoryDecision) -> tuple[StoryDecision, Effects] | None:
        """The decision that this one undoes, from the run's own rows or those of its base."""
        if decision.undoes is None:
            return None
        c = t.story_decisions.c
        for run in (self._run,) if self._base is None else (self._run, self._base.run):
            query = sa.select(c.record, c.effects).where(c.run == run, c.number == decision.undoes)
            if (row := self._connection.execute(query).one_or_none()) is not None:
                return decode(row.record.encode(), StoryDecision), EFFECTS.decode(row.effects)
        return None

    def _move(self, moved: dict[str, tuple[str, str]]) -> None:
        """Store the new story in the run's own rows."""
        a, v, c = t.articles, t.versions, t.alerts
        for part in chunks(sorted(moved)):
            mine = sa.select(a.c.id, a.c.record).where(a.c.run == self._run, a.c.id.in_(part))
            for row in self._connection.execute(mine).all():
                story = moved[row.id][1]
                article = msgspec.structs.replace(decode(row.record.encode(), Article), story_id=story)
                values = {"story": story, "record": encode(article).decode(), "seq": self._seq}
                self._connection.execute(a.update().where(a.c.run == self._run, a.c.id == row.id).values(**values))
        for before, after in sorted(set(moved.values())):
            for part in chunks(sorted(article for article, pair in moved.items() if pair == (before, after))):
                theirs = (v.c.run == self._run) & v.c.article.in_(part)
                self._connection.execute(v.update().where(theirs).values(story=after))
                theirs = (c.c.run == self._run) & (c.c.story == before) & c.c.article.in_(part)
                self._connection.execute(c.update().where(theirs).values(story=after))

    def _remembered(
        self,
        touched: Sequence[str],
        rows: Sequence[sa.Row[Any]],
        known: dict[str, Member],
        effects: Effects,
        number: int,
    ) -> tuple[dict[str, StoryMemory], list[Article], Effects]:
        """The stories' new memories, their articles in the run's order, and the effects with the alerts' marks."""
        story_of = {article: effects.moved.get(article, (one.story, one.story))[1] for article, one in known.items()}
        records = self._records(story_of)
        first_alerts = self._first_alerts(touched)
        stories = told_as(rows, touched, Moved(stories=story_of))
        memories = {story: StoryMemory(story=stories.get(story)) for story in touched}
        pages = {page: pace for one in effects.facts.values() if one is not None for page, pace in one.pages.items()}
        matching = {one.id for one in records if one.subscriptions}
        marks: dict[str, tuple[ToldMark | None, ToldMark]] = {}
        for story, memory in memories.items():
            mine = [row for row in rows if story_of[row.article] == story]
            since = first_alerts.get(story)
            versions = [
                _member_version(row, row.article in matching or (since is not None and row.place >= since))
                for row in mine
            ]
            own = {page_of(row.article) for row in mine}
            memory.facts = rebuilt(versions, {page: pace for page, pace in pages.items() if page in own}, number)
            if memory.story is not None:
                marks |= self._marks(story, memory)
        effects = msgspec.structs.replace(effects, marks=marks)
        self._moved.carry_out(effects)
        for story, one in read_marks(self._connection, self._run, self._base, self._moved, touched).items():
            memories[story].marks = one
        add_outlets(self._connection, self._run, self._base, self._moved, touched, memories)
        self._store_memories(memories)
        return memories, records, effects

    def _records(self, articles: Iterable[str]) -> list[Article]:
        """Articles in their current state. Leaves out articles of the base that changed after the replay's beginning."""
        a, found = t.articles.c, dict[str, Article]()
        names = ((self._run, None),) if self._base is None else ((self._base.run, self._base.before), (self._run, None))
        for run, before in names:
            for part in chunks(sorted(articles)):
                query = sa.select(a.id, a.record).where(a.run == run, a.id.in_(part))
                for row in self._connection.execute(query if before is None else query.where(a.place < before)):
                    story = self._moved.stories.get(row.id)
                    one = decode(row.record.encode(), Article)
                    found[row.id] = one if story is None else msgspec.structs.replace(one, story_id=story)
        return sorted(found.values(), key=lambda one: one.key)

    def _alerts(self, stories: Sequence[str]) -> list[_StoredAlert]:
        """The alerts of stories, in the run's order."""
        c, found = t.alerts.c, dict[str, _StoredAlert]()
        columns = (c.id, c.story, c.article, c.place, c.record, c.mark)
        if self._base is not None:
            theirs = (c.run == self._base.run) & (c.place < self._base.before)
            for wanted in (c.story.in_(stories), *(c.article.in_(p) for p in chunks(self._moved.now_in(stories)))):
                for row in self._connection.execute(sa.select(*columns).where(theirs, wanted)):
                    story = self._moved.stories.get(row.article, row.story)
                    found[row.id] = _stored_alert(row, story, self._moved.marks)
        for row in self._connection.execute(sa.select(*columns).where(c.run == self._run, c.story.in_(stories))):
            found[row.id] = _stored_alert(row, row.story, {})
        return sorted((one for one in found.values() if one.story in stories), key=lambda one: (one.place, one.id))

    def _first_alerts(self, stories: Sequence[str]) -> dict[str, str]:
        """The place of each story's first alert, by story."""
        places: dict[str, str] = {}
        for one in self._alerts(stories):
            places.setdefault(one.story, one.place)
        return places

    def _marks(self, story: str, memory: StoryMemory) -> dict[str, tuple[ToldMark | None, ToldMark]]:
        """The marks of a story's alerts, by alert: (before, from now on)."""
        c, found = t.alerts.c, dict[str, tuple[ToldMark | None, ToldMark]]()
        most = memory.story.independent_sources if memory.story else 0
        for one in self._alerts([story]):
            told = ToldMark(told_by(memory.facts, int(one.place[:15])), min(one.sources, most))
            found[one.id] = one.mark, told
            values = {"mark": msgspec.json.encode(told).decode()}
            self._connection.execute(t.alerts.update().where(c.run == self._run, c.id == one.id).values(**values))
        return found

    def _store_memories(self, memories: dict[str, StoryMemory]) -> None:
        """Store the stories and their facts; deletes stories without articles."""
        gone = [story for story, memory in memories.items() if memory.story is None]
        for table, column in ((t.stories, "id"), (story_facts, "story")):
            theirs = (table.c.run == self._run) & table.c[column].in_(gone)
            self._connection.execute(table.delete().where(theirs))
        kept = [one.story for one in memories.values() if one.story is not None]
        self._store.upsert(self._connection, t.stories, [story_row(one, self._run, self._seq) for one in kept])
        facts: dict[str, StoryFacts] = {one.id: memories[one.id].facts for one in kept}
        write_facts(self._store, self._connection, self._run, facts)

    def _changed(self, moved: Iterable[str]) -> list[OutboxRow]:
        """Rows with the moved articles for the stream of enriched articles, so that its readers learn their new story."""
        a, rows = t.articles.c, list[OutboxRow]()
        for part in chunks(sorted(moved)):
            query = sa.select(a.id, a.record).where(a.run == self._run, a.id.in_(part)).order_by(a.place)
            rows += [
                OutboxRow(self._run, ENRICHED, key_of(self._run, row.id), row.record)
                for row in self._connection.execute(query)
            ]
        return rows

    def _note(self, decision: StoryDecision, effects: Effects) -> None:
        row = {
            "run": self._run,
            "number": decision.number,
            "place": decision.place,
            "story": decision.story,
            "into": decision.into,
            "undoes": decision.undoes,
            "record": encode(decision).decode(),
            "effects": msgspec.json.encode(effects).decode(),
            "seq": self._seq,
        }
        self._store.insert_new(self._connection, t.story_decisions, [row])


def _member_version(row: sa.Row[Any], heard: bool) -> MemberVersion:
    changes = _DIFFERENCE.decode(row.difference).changes if row.difference is not None else None
    return MemberVersion(
        article=row.article,
        time_ms=row.event_ms,
        title=row.title,
        text=row.text,
        language=row.language,
        fingerprint=row.fingerprint,
        duplicate_of=row.duplicate_of,
        changes=changes,
        heard=heard,
    )
