"""A WebSub subscriber: asks hubs for pushes, verifies intent, checks signatures, renews leases.

What a hub pushes is taken as word that there is news: the feed is polled at once. So there is one way from a feed to
the stream, with one cursor, and a forged or repeated push can at worst make us ask the feed, at its host's pace.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from connectors.http.answers import Failure
from connectors.http.client import Http
from connectors.push.request import NOT_FOUND, Request, Response, is_signed
from connectors.push.subscriptions import HubBook, HubSubscription
from connectors.store.state import FeedState
from core.records import to_ms

PREFIX = "/websub/"
LEASE_S = 7 * 86_400
_LEAST_LEASE_S = 300
_MOST_LEASE_S = 30 * 86_400
_RENEW_MS = 86_400_000
_RETRY_MS = 3_600_000
_AT_ONCE = 20


class WebSub:
    """``public_url`` is where hubs reach this server, without a slash at the end. Safe for threads."""

    def __init__(
        self, book: HubBook, feeds: FeedState, http: Http, public_url: str, *, clock: Callable[[], datetime]
    ) -> None:
        self._book, self._feeds, self._http, self._public, self._clock = book, feeds, http, public_url, clock

    def subscribe(self) -> list[tuple[HubSubscription, str | None]]:
        """Ask hubs where it is time: what was asked, with what went wrong. Call it now and then."""
        now = self._clock()
        asked = []
        for one in self._book.wanting(to_ms(now), renew_ms=_RENEW_MS, retry_ms=_RETRY_MS, limit=_AT_ONCE):
            form = {
                "hub.mode": "subscribe",
                "hub.topic": one.topic,
                "hub.callback": f"{self._public}{PREFIX}{one.token}",
                "hub.secret": one.secret,
                "hub.lease_seconds": str(LEASE_S),
            }
            answer = self._http.post(one.hub, urlencode(form).encode(), now=now)
            problem = answer.problem if isinstance(answer, Failure) else None
            self._book.note(one.token, problem=problem)
            asked.append((one, problem))
        return asked

    def handle(self, request: Request) -> Response:
        """Answer a hub. Raises StoreError."""
        one = self._book.of_token(request.path.removeprefix(PREFIX))
        if one is None:
            return NOT_FOUND
        if request.method == "GET":
            return self._verify(one, request)
        if request.method != "POST":
            return Response(405, "method not allowed\n")
        if one.status != "active":
            return Response(410, "not subscribed\n")
        # By the standard, a push with a wrong signature is answered like a right one, and ignored.
        if is_signed(request.body, request.headers.get("x-hub-signature"), one.secret):
            now = self._clock()
            self._feeds.poke(one.feed, now)
            self._book.note(one.token, pushed_at=to_ms(now))
        else:
            self._book.note(one.token, problem="a push without the right signature was ignored")
        return Response(202)

    def _verify(self, one: HubSubscription, request: Request) -> Response:
        query, now_ms = request.query, to_ms(self._clock())
        if not hmac.compare_digest(query.get("hub.topic", "").encode(), one.topic.encode()):
            return NOT_FOUND
        mode = query.get("hub.mode")
        if mode == "denied":
            self._book.note(one.token, status="denied", problem=f"the hub refused: {query.get('hub.reason', '')[:200]}")
            return Response(200)
        challenge = query.get("hub.challenge", "")
        recent = now_ms - one.asked_at < _RETRY_MS
        if mode != "subscribe" or not challenge or len(challenge) > 2_000 or not recent:
            return NOT_FOUND
        given = query.get("hub.lease_seconds", "")
        lease_s = int(given[:9]) if given.isascii() and given.isdigit() else LEASE_S
        lease_s = min(max(lease_s, _LEAST_LEASE_S), _MOST_LEASE_S)
        self._book.note(one.token, status="active", lease_until=now_ms + lease_s * 1000, problem=None)
        return Response(200, challenge)
