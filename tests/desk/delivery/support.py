"""Alerts to deliver, a driven clock, and receivers on real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller

from core.records import Alert, Subscription, alert_id, encode, from_ms
from core.records.alert import News, Snippet
from core.store import Store, SubscriptionStore
from core.store import tables as t
from core.store.outbox import PEOPLE
from desk.delivery.channels import Options
from desk.delivery.render import Renderer
from desk.delivery.service import DeliveryService
from desk.delivery.store import tables as d
from desk.delivery.store.channels import Channel, Delivery, DeliveryRepository, delivery_of
from tests.serving import Answering, Handler

NOON_MS = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1_000)
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MINUTE, HOUR = 60_000, 3_600_000


def deliveries_in(store: Store) -> list[Delivery]:
    """All deliveries, the latest first."""
    query = sa.select(d.deliveries).order_by(d.deliveries.c.planned_ms.desc(), d.deliveries.c.id)
    with store.reading() as connection:
        return [delivery_of(row) for row in connection.execute(query)]


@dataclass
class Clock:
    """A wall clock that stands until it is moved."""

    now_ms: int = NOON_MS

    def __call__(self) -> int:
        return self.now_ms

    def pass_(self, **amount: float) -> None:
        scale = {"seconds": 1_000, "minutes": MINUTE, "hours": HOUR, "days": 24 * HOUR}
        self.now_ms += int(sum(scale[unit] * value for unit, value in amount.items()))


def alert(number: int = 0, subscription: str = "s", **fields: Any) -> Alert:
    story = fields.pop("story", f"story{number}")
    reason = fields.get("reason", "story")
    made: dict[str, Any] = {
        "id": alert_id(subscription, story, reason, f"{number}" if reason != "story" else ""),
        "run": "live",
        "subscription": subscription,
        "subscription_version": 1,
        "story": story,
        "article": f"article{number}",
        "reason": reason,
        "parameter": "",
        "raised_at": from_ms(NOON_MS),
        "url": f"https://outlet.example/{number}",
        "title": f"Headline {number}",
        "source": "post",
        "news": (News(reason, f"Headline {number}"),),
        "snippets": (Snippet("text", "the mine fell in at dawn", ((4, 8),)),),
        "clause": "mine",
        "channels": ("hook",),
    }
    return Alert(**{**made, **fields})


def put(store: Store, *alerts: Alert) -> None:
    """As the pipeline does: into the outbox, in the transaction of its results."""
    rows = [
        {"run": one.run, "destination": PEOPLE, "key": one.id, "payload": encode(one).decode(), "status": "waiting"}
        for one in alerts
    ]
    with store.writing() as connection:
        connection.execute(t.outbox.insert(), rows)


def subscribe(store: Store, *several: Subscription) -> None:
    SubscriptionStore(store).save_subscriptions(several, now_ms=NOON_MS - HOUR)


def subscription(identity: str = "s", **fields: Any) -> Subscription:
    return Subscription(
        **{"id": identity, "query": "mine", "name": "Mines", "owner": "ann", "delivery": ("hook",), **fields}
    )


def hook(store: Store, url: str, name: str = "hook", **fields: Any) -> Channel:
    made = Channel(
        **{
            "name": name,
            "kind": "webhook",
            "config": {"url": url, "secret": SECRET},
            "per_minute": 0,
            "owner": "ann",
            **fields,
        }
    )
    DeliveryRepository(store).save_channel(made)
    return made


def options(clock: Callable[[], int], **fields: Any) -> Options:
    ticks = iter(range(1_000_000))
    made: dict[str, Any] = {
        "clock_ms": clock,
        "monotonic": lambda: float(next(ticks)) / 1_000,
        "allowed": frozenset({"127.0.0.1", "localhost"}),
        "timeout_s": 1.0,
        "total_s": 3.0,
    }
    return Options(**{**made, **fields})


def service(store: Store, clock: Callable[[], int], worker: str = "me", **fields: Any) -> DeliveryService:
    given = {
        name: fields.pop(name)
        for name in ("carrier", "chance", "wait", "canaries", "keep_ms", "briefings", "spoken")
        if name in fields
    }
    return DeliveryService(
        store,
        worker,
        options(clock, **fields),
        Renderer(),
        **{"chance": lambda: 0.5, "wait": lambda _s: False, **given},
    )


def settle(work: DeliveryService, rounds: int = 50) -> None:
    """Work until nothing more goes out at this time of the clock."""
    for _ in range(rounds):
        done = work.step()
        work.wait_idle()
        if done.idle:
            return
    raise AssertionError("delivery did not finish")


def statuses(store: Store) -> dict[str, int]:
    with store.reading() as connection:
        rows = connection.execute(sa.select(d.deliveries.c.status, sa.func.count()).group_by(d.deliveries.c.status))
        return {str(status): int(count) for status, count in rows}


@dataclass
class Got:
    """One request that the receiver read."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """An HTTP receiver. ``answers`` are the next statuses (with headers), then 200; ``stall`` blocks until it is set."""

    url: str
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    stall: threading.Event | None = None

    def titles(self) -> list[str]:
        return [one["title"] for got in self.got for one in got.json["alerts"]]


@contextmanager
def receiving() -> Iterator[Receiver]:
    lock = threading.Lock()

    class Hook(Handler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            body = self.rfile.read(size)
            if len(body) < size:
                # The sender died between headers and body: nothing that a receiver would take for a message.
                self.close_connection = True
                return
            if receiver.stall is not None:
                receiver.stall.wait(60)
            with lock:
                receiver.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
            self.send(status, **headers)

    with Answering(Hook) as server:
        receiver = Receiver(f"{server.url}/in")
        try:
            yield receiver
        finally:
            if receiver.stall is not None:
                receiver.stall.set()


@dataclass
class Mailbox:
    """What an SMTP server took, and how it answers: ``replies`` are the next ones to DATA."""

    port: int = 0
    mails: list[tuple[str, Sequence[str], bytes]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.replies:
            return self.replies.pop(0)
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return "250 OK"


class _Anywhere(Controller):
    """A server on whatever port is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(**settings: Any) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = _Anywhere(box, hostname="127.0.0.1", port=0, **settings)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()
