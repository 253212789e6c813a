"""Subscriptions at WebSub hubs, in the store. Raises StoreError."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from connectors.store.rows import facts_of, words
from connectors.store.tables import feeds, hub_subscriptions
from core.errors import StoreError


class HubSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """``status``: asked (we wait for the hub's verification), active, denied. Times in ms since the epoch."""

    feed: str
    token: str
    secret: str
    hub: str
    topic: str
    status: str
    asked_at: int
    lease_until: int


class HubBook:
    """Who is subscribed where. Safe for threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def wanting(self, now_ms: int, *, renew_ms: int, retry_ms: int, limit: int) -> Sequence[HubSubscription]:
        """Subscriptions to ask a hub for now: feeds that name a hub and have none, or one that soon ends.

        They are noted as asked, so that nobody asks again for ``retry_ms``. A feed that names another hub begins anew, no
        sooner than that.
        """
        asked: list[HubSubscription] = []
        with self._transaction("look for hubs") as connection:
            rows = connection.execute(select(feeds).where(feeds.c.active.is_(True), feeds.c.state.is_not(None))).all()
            known = {str(row.feed): row for row in connection.execute(select(hub_subscriptions))}
            for row in rows:
                facts = facts_of(row)
                if not facts.hub or len(asked) >= limit:
                    continue
                topic = facts.topic or facts.moved_to or row.url
                before = known.get(row.id)
                fresh = before is None or (before.hub, before.topic) != (facts.hub, topic)
                # Also of one that names another hub each time: or a feed could make us post to strangers at every poll.
                if before is not None and now_ms - before.asked_at < retry_ms:
                    continue
                held = before is not None and before.status == "active" and before.lease_until - now_ms > renew_ms
                if held and not fresh:
                    continue
                asked.append(self._ask(connection, str(row.id), facts.hub, topic, None if fresh else before, now_ms))
        return asked

    def _ask(
        self, connection: Any, feed: str, hub: str, topic: str, before: Row[Any] | None, now_ms: int
    ) -> HubSubscription:
        if before is not None:
            # A renewal keeps callback and secret: pushes go on meanwhile.
            status = "active" if before.status == "active" and before.lease_until > now_ms else "asked"
            mine = update(hub_subscriptions).where(hub_subscriptions.c.feed == feed)
            connection.execute(mine.values(asked_at=now_ms, status=status))
            return _subscription(before, asked_at=now_ms, status=status)
        row = HubSubscription(
            feed=feed,
            token=secrets.token_urlsafe(24),
            secret=secrets.token_urlsafe(32),
            hub=hub,
            topic=topic,
            status="asked",
            asked_at=now_ms,
            lease_until=0,
        )
        connection.execute(delete(hub_subscriptions).where(hub_subscriptions.c.feed == feed))
        connection.execute(insert(hub_subscriptions).values(**msgspec.structs.asdict(row)))
        return row

    def of_token(self, token: str) -> HubSubscription | None:
        """The subscription with this callback."""
        with self._transaction("find a subscription", write=False) as connection:
            query = select(hub_subscriptions).where(hub_subscriptions.c.token == token)
            row = connection.execute(query).first()
        return None if row is None else _subscription(row)

    def note(self, token: str, **values: object) -> None:
        """Set columns: status, lease_until, pushed_at, problem."""
        with self._transaction("note a push") as connection:
            connection.execute(update(hub_subscriptions).where(hub_subscriptions.c.token == token).values(**values))

    def _transaction(self, what: str, *, write: bool = True) -> _Guarded:
        return _Guarded(self._engine.execution_options(wirewatch_write=write), what)


class _Guarded:
    def __init__(self, engine: Engine, what: str) -> None:
        self._begin, self._what = engine.begin(), what

    def __enter__(self) -> Any:
        try:
            return self._begin.__enter__()
        except SQLAlchemyError as error:
            raise StoreError(f"could not {self._what}: {words(error)}") from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._begin.__exit__(kind, error, trace)
        except SQLAlchemyError as failed:
            raise StoreError(f"could not {self._what}: {words(failed)}") from failed
        if isinstance(error, SQLAlchemyError):
            raise StoreError(f"could not {self._what}: {words(error)}") from error


def _subscription(row: Row[Any], **changes: Any) -> HubSubscription:
    values = {name: getattr(row, name) for name in HubSubscription.__struct_fields__}
    return HubSubscription(**{**values, **changes})
