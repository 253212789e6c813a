"""Whether everything works: when each canary passed each stage, and what follows from that (docs/operations.md).

::

                                                                                  ┌─ relayed ─► output streams
    connectors ─made─► raw stream ─appended─► pipeline ─handled, alert─► outbox ──┴─ delivered ─► delivery service

Each stage writes its own time into the canary's row. From these times alone, ``canary_state`` decides whether the last
canary came out at both ends in time and, if not, which stage is silent. Delivery is part of the path if there is a
channel, or once it has delivered a canary.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
import sqlalchemy as sa

from core.durations import DAY_MS
from core.records import article_id, from_ms
from core.records.canary import canary_run, canary_url
from core.store import tables as t
from core.store.engine import Store
from core.store.tables import canaries

KEPT_MS = 7 * DAY_MS
# Three in a row that don't come out: a restart may delay a single one.
MISSED = 3
STAGES = ("made", "appended", "handled", "alert", "relayed", "delivered")
ENDS = ("relayed", "delivered")
_SILENT = {
    "made": ("connectors", "no canary made: no connectors service is running"),
    "appended": ("raw stream", "not on the raw stream"),
    "handled": ("pipeline", "on the raw stream, not in the ledger"),
    "alert": ("alerts", "in the ledger, but it raised no alert"),
    "relayed": ("relay", "its alert is in the outbox, not relayed"),
    "delivered": ("delivery", "its alert is in the outbox, but no delivery service has processed it"),
}


class CanaryHealth(StrEnum):
    """``off``: no canaries are made. ``waiting``: none has come out yet, and none is overdue."""

    OFF = "off"
    WAITING = "waiting"
    OK = "ok"
    SILENT = "silent"


class CanaryState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run by its canaries at one moment.

    ``age_s``: time since the last one came out at the end (before the first: since the run began); None if none are
    made. ``limit_s``: the age from which the run counts as silent. ``silent_stage`` (connectors, raw stream, pipeline,
    alerts, relay, delivery) is the first stage that no canary passed in time. ``summary`` is one line for a person,
    times in UTC. ``passed``: when each stage was last passed. ``took_s``: the time that the last one that came out took
    from its creation to each stage.
    """

    health: CanaryHealth
    age_s: float | None
    limit_s: float
    summary: str
    silent_stage: str | None = None
    last_out: datetime | None = None
    passed: Mapping[str, datetime] = {}
    took_s: Mapping[str, float] = {}


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """One canary, with the times (ms since the epoch, UTC) at which it passed each stage; None if it has not passed it."""

    id: str
    token: str
    made_ms: int
    appended_ms: int | None = None
    handled_ms: int | None = None
    outcome: str | None = None
    reason: str | None = None
    alert: str | None = None
    relayed_ms: int | None = None
    delivered_ms: int | None = None

    def at(self, stage: str) -> int | None:
        """When it passed a stage (one of ``STAGES``)."""
        if stage == "alert":
            return self.handled_ms if self.alert else None
        moment: int | None = getattr(self, f"{stage}_ms")
        return moment


def new_token() -> str:
    """A token for a new canary: letters and digits that can't be guessed."""
    return secrets.token_hex(8)


def limit_ms(interval_s: float) -> int:
    """The age in milliseconds from which a run counts as silent."""
    return int(MISSED * interval_s * 1000)


def judge(
    known: Sequence[Canary], *, since_ms: int, now_ms: int, interval_s: float, delivering: bool = False
) -> CanaryState:
    """The state at ``now_ms``, judged by ``canaries``, newest first. ``since_ms``: when the run began. Pure.

    ``delivering``: delivery is part of the path, even if it has never delivered one.
    """
    limit = limit_ms(interval_s)
    if interval_s <= 0:
        return CanaryState(
            health=CanaryHealth.OFF, age_s=None, limit_s=0, summary="no canaries: canary_interval_s is 0"
        )
    stages = STAGES if delivering or any(one.delivered_ms for one in known) else STAGES[:-1]
    passed = {stage: max((one.at(stage) or 0 for one in known), default=0) for stage in stages}
    # The end that is further behind counts, so neither end hides the other's silence.
    out_ms = min(passed[end] for end in ENDS if end in stages)
    age_ms = max(0, now_ms - (out_ms or since_ms))
    last = next((one for one in known if all(one.at(stage) for stage in stages)), None)
    silent = next((stage for stage in stages if now_ms - (passed[stage] or since_ms) > limit), None)
    health = CanaryHealth.OK if out_ms else CanaryHealth.WAITING
    if age_ms > limit and silent is not None:
        health = CanaryHealth.SILENT
    came = f"came through at {_clock(out_ms)}" if out_ms else "none has come through yet"
    summary = f"the last {came}" if out_ms else came
    if health is CanaryHealth.SILENT and silent is not None:
        summary = f"{_where(known, stages, silent)}; {summary}"
    return CanaryState(
        health=health,
        age_s=age_ms / 1000,
        limit_s=limit / 1000,
        summary=summary,
        silent_stage=_SILENT[silent][0] if health is CanaryHealth.SILENT and silent else None,
        last_out=from_ms(out_ms) if out_ms else None,
        passed={stage: from_ms(moment) for stage, moment in passed.items() if moment},
        took_s={stage: ((last.at(stage) or last.made_ms) - last.made_ms) / 1000 for stage in stages} if last else {},
    )


def _where(known: Sequence[Canary], stages: Sequence[str], silent: str) -> str:
    name, words = _SILENT[silent]
    before = "alert" if silent in ENDS else stages[stages.index(silent) - 1] if silent != stages[0] else None
    stuck = next((one for one in known if before and one.at(before) and not one.at(silent)), None)
    if stuck is None or before is None:
        return f"{name} silent: {words}"
    why = f" ({stuck.outcome}: {stuck.reason})" if silent == "alert" and stuck.reason else ""
    return f"{name} silent: {before} {_clock(stuck.at(before) or 0)}, {words}{why}"


def _clock(moment_ms: int) -> str:
    return f"{from_ms(moment_ms):%Y-%m-%d %H:%M} UTC"


def canary_state(store: Store, run: str, *, now_ms: int, interval_s: float, channels: bool) -> CanaryState:
    """The current state of a run, judged by its canaries. Reads at most a few hundred rows. Raises StoreError.

    ``channels``: whether any channel is active, so that canaries must reach delivery.
    """
    c = canaries.c
    with store.reading() as connection:
        # Not only among a day's rows: a delivery that is silent for longer must stay part of the path.
        once = sa.select(c.id).where(c.run == run, c.delivered_ms.is_not(None)).limit(1)
        delivering = channels or connection.execute(once).first() is not None
        recent = sa.select(canaries).where(c.run == run, c.made_ms >= now_ms - DAY_MS).order_by(c.made_ms.desc())
        rows = connection.execute(recent).all()
        if not all(any(row._mapping[f"{end}_ms"] for row in rows) for end in (ENDS if delivering else ENDS[:1])):  # noqa: SLF001 - its public name
            # None within a day: older rows show how long ago it was.
            older = sa.select(canaries).where(c.run == run).order_by(c.made_ms.desc()).limit(2_500)
            rows = connection.execute(older).all()
        began = connection.execute(sa.select(t.runs.c.created_ms).where(t.runs.c.name == run)).scalar()
    known = [_canary(row) for row in rows]
    return judge(known, since_ms=began or now_ms, now_ms=now_ms, interval_s=interval_s, delivering=delivering)


def _canary(row: sa.Row[tuple[object, ...]]) -> Canary:
    # The names are SQLAlchemy's own string type.
    fields = {str(name): value for name, value in row._mapping.items() if name != "run"}  # noqa: SLF001 - its public name
    return msgspec.convert(fields, Canary)


class CanaryRepository:
    """The stored canaries of a run. Raises StoreError. Safe for threads and processes."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run

    def claim(self, token: str, *, now_ms: int, interval_s: float) -> Canary | None:
        """The canary to append now; None if none is due because this or another connectors service made one.

        A canary that was made, but is not known to be on the stream, is returned again with its own token. Rows older
        than a week are deleted.
        """
        c = canaries.c
        with self._store.writing() as connection:
            self._store.serialise(connection, f"canary of {self._run}")
            newest = connection.execute(
                sa.select(canaries).where(c.run == self._run).order_by(c.made_ms.desc()).limit(1)
            ).first()
            # If the clock was set back, canaries must not stop.
            if newest is not None and 0 <= now_ms - newest.made_ms < interval_s * 1000:
                return None if newest.appended_ms is not None else _canary(newest)
            made = Canary(id=article_id(canary_url(token)), token=token, made_ms=now_ms)
            row = {"run": self._run, "id": made.id, "token": token, "made_ms": now_ms}
            self._store.insert_new(connection, canaries, [row])
            self._forget(connection, now_ms - KEPT_MS)
            return made

    def due(self, *, now_ms: int, interval_s: float) -> bool:
        """Whether ``claim`` would return one. Takes no write lock."""
        c = canaries.c
        with self._store.reading() as connection:
            query = sa.select(c.made_ms, c.appended_ms).where(c.run == self._run).order_by(c.made_ms.desc()).limit(1)
            newest = connection.execute(query).first()
        return newest is None or newest.appended_ms is None or not 0 <= now_ms - newest.made_ms < interval_s * 1000

    def appended(self, identity: str, now_ms: int) -> None:
        """Note that the raw stream acknowledged it."""
        self._mark([identity], "appended_ms", now_ms)

    def relayed(self, identities: Collection[str], now_ms: int) -> None:
        """Note that the output stream acknowledged the alerts of these canaries."""
        self._mark(identities, "relayed_ms", now_ms)

    def undelivered(self, limit: int = 100) -> list[Canary]:
        """Canaries that raised their alert and are not marked as delivered, oldest first: for the delivery service.

        It then processes the outbox and calls ``delivered``. No canary is sent to people.
        """
        c = canaries.c
        query = sa.select(canaries).where(c.run == self._run, c.alert.is_not(None), c.delivered_ms.is_(None))
        with self._store.reading() as connection:
            return [_canary(row) for row in connection.execute(query.order_by(c.made_ms).limit(limit))]

    def delivered(self, identities: Collection[str], now_ms: int) -> None:
        """Note that the delivery service has processed the outbox since they were in it."""
        self._mark(identities, "delivered_ms", now_ms)

    def _mark(self, identities: Collection[str], column: str, now_ms: int) -> None:
        if not identities:
            return
        c = canaries.c
        with self._store.writing() as connection:
            # Only the first time counts: appending and relaying may be repeated.
            mine = (c.run == self._run) & c.id.in_(sorted(identities)) & c[column].is_(None)
            connection.execute(canaries.update().where(mine).values({column: now_ms}))

    def _forget(self, connection: sa.Connection, before_ms: int) -> None:
        c = canaries.c
        old = connection.execute(sa.select(c.id).where(c.run == self._run, c.made_ms < before_ms).limit(300))
        if ids := list(old.scalars()):
            hidden = canary_run(self._run)
            for table, column in (
                (t.articles, "id"),
                (t.versions, "article"),
                (t.alerts, "article"),
                (t.stories, "id"),
            ):
                connection.execute(table.delete().where(table.c.run == hidden, table.c[column].in_(ids)))
            connection.execute(canaries.delete().where(c.run == self._run, c.id.in_(ids)))
