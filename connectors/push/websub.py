"""A WebSub subscriber: subscribes at hubs, verifies intent, checks signatures, renews leases.

A push only triggers an immediate poll of the feed. So there is a single path from a feed to the stream, with one
cursor, and a forged or repeated push can at worst cause a poll, at the host's pace.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from connectors.feeds.cursor import FeedFacts
from connectors.http.answers import Failure
from connectors.http.client import Http
from connectors.kinds import FEED
from connectors.push.server import NOT_FOUND, Request, Response, is_signed
from connectors.store.feeds import FeedRepository
from connectors.store.tables import feeds, hub_subscriptions
from core.records import to_ms
from core.store.engine import Store

PREFIX = "/websub/"
LEASE_S = 7 * 86_400
_LEAST_LEASE_S = 300
_MOST_LEASE_S = 30 * 86_400
_RENEW_MS = 86_400_000
_RETRY_MS = 3_600_000
_AT_ONCE = 20


class WebSub:
    """``public_url`` is where hubs reach this server, without a trailing slash. Thread-safe."""

    def __init__(
        self, hubs: HubRepository, feeds: FeedRepository, http: Http, public_url: str, *, clock: Callable[[], datetime]
    ) -> None:
        self._hubs, self._feeds, self._http, self._public, self._clock = hubs, feeds, http, public_url, clock

    def subscribe(self) -> list[tuple[HubSubscription, str | None]]:
        """Subscribe at the hubs that are due; returns the requests, with problems. Call it regularly."""
        now = self._clock()
        asked = []
        for one in self._hubs.wanting(to_ms(now), renew_ms=_RENEW_MS, retry_ms=_RETRY_MS, limit=_AT_ONCE):
            form = {
                "hub.mode": "subscribe",
                "hub.topic": one.topic,
                "hub.callback": f"{self._public}{PREFIX}{one.token}",
                "hub.secret": one.secret,
                "hub.lease_seconds": str(LEASE_S),
            }
            answer = self._http.post(one.hub, urlencode(form).encode(), now=now)
            problem = answer.problem if isinstance(answer, Failure) else None
            self._hubs.note(one.token, problem=problem)
            asked.append((one, problem))
        return asked

    def proves(self, request: Request) -> bool | None:
        """False for an address that we gave to no hub; else None: the signature has to show it. Raises StoreError.

        The address alone is not enough: a feed names its hub, so that any publisher has one.
        """
        return None if self._hubs.of_token(request.path.removeprefix(PREFIX)) is not None else False

    def handle(self, request: Request) -> Response:
        """Answer a hub. Raises StoreError."""
        one = self._hubs.of_token(request.path.removeprefix(PREFIX))
        if one is None:
            return NOT_FOUND
        if request.method == "GET":
            return self._verify(one, request)
        if request.method != "POST":
            return Response(405, "method not allowed\n")
        if one.status != "active":
            return Response(410, "not subscribed\n")
        # By the standard, a push with a wrong signature gets the same answer as a valid one, and is ignored.
        if is_signed(request.body, request.headers.get("x-hub-signature"), one.secret):
            now = self._clock()
            self._feeds.request_poll(one.feed, now)
            self._hubs.note(one.token, pushed_at=to_ms(now))
        else:
            self._hubs.note(one.token, problem="a push without the right signature was ignored")
        return Response(202)

    def _verify(self, one: HubSubscription, request: Request) -> Response:
        query, now_ms = request.query, to_ms(self._clock())
        if not hmac.compare_digest(query.get("hub.topic", "").encode(), one.topic.encode()):
            return NOT_FOUND
        mode = query.get("hub.mode")
        if mode == "denied":
            self._hubs.note(one.token, status="denied", problem=f"the hub refused: {query.get('hub.reason', '')[:200]}")
            return Response(200)
        challenge = query.get("hub.challenge", "")
        recent = now_ms - one.asked_at < _RETRY_MS
        if mode != "subscribe" or not challenge or len(challenge) > 2_000 or not recent:
            return NOT_FOUND
        given = query.get("hub.lease_seconds", "")
        lease_s = int(given[:9]) if given.isascii() and given.isdigit() else LEASE_S
        lease_s = min(max(lease_s, _LEAST_LEASE_S), _MOST_LEASE_S)
        self._hubs.note(one.token, status="active", lease_until=now_ms + lease_s * 1000, problem=None)
        return Response(200, challenge)


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


class HubRepository:
    """The subscriptions of feeds at hubs. Safe for threads and processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def wanting(self, now_ms: int, *, renew_ms: int, retry_ms: int, limit: int) -> Sequence[HubSubscription]:
        """Subscriptions to request from hubs now: for feeds that name a hub and have none, or one that ends soon.

        They are marked as asked, so that no process repeats the request for ``retry_ms``. A feed that names another hub
        starts over, no sooner than that.
        """
        asked: list[HubSubscription] = []
        with self._store.writing() as connection:
            rows = connection.execute(
                select(feeds).where(feeds.c.active.is_(True), feeds.c.kind == FEED, feeds.c.state.is_not(None))
            ).all()
            known = {str(row.feed): row for row in connection.execute(select(hub_subscriptions))}
            for row in rows:
                facts = _facts(row.state)
                if not facts.hub or len(asked) >= limit:
                    continue
                topic = facts.topic or facts.moved_to or row.url
                before = known.get(row.id)
                fresh = before is None or (before.hub, before.topic) != (facts.hub, topic)
                # This also applies to a feed that names another hub each time: it could make us post to others at every
                # poll.
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
            # A renewal keeps callback and secret, so that pushes continue meanwhile.
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
        with self._store.reading() as connection:
            query = select(hub_subscriptions).where(hub_subscriptions.c.token == token)
            row = connection.execute(query).first()
        return None if row is None else _subscription(row)

    def note(self, token: str, **values: object) -> None:
        """Set columns: status, lease_until, pushed_at, problem."""
        with self._store.writing() as connection:
            connection.execute(update(hub_subscriptions).where(hub_subscriptions.c.token == token).values(**values))


def _subscription(row: Row[Any], **changes: Any) -> HubSubscription:
    values = {name: getattr(row, name) for name in HubSubscription.__struct_fields__}
    return HubSubscription(**{**values, **changes})


def _facts(state: str) -> FeedFacts:
    try:
        return msgspec.json.decode(state, type=FeedFacts)
    except msgspec.DecodeError:
        # Its poll reports that.
        return FeedFacts()
