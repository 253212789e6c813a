"""Kill notices, which ask receivers to stop using what they were sent of an article that was taken down."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from core.records import Alert, alert_id, encode, from_ms
from core.records.alert import News
from core.store import Store
from core.store.takedowns import Takedown, Takedowns, newest_stamp
from desk.delivery.plan import Verdict, delivery
from desk.delivery.store import tables as d
from desk.delivery.store.channels import Delivery, delivery_of, key_of
from desk.delivery.store.queue import message_of, withdraw

REASON = "takedown"
_WITHDRAWN = "the article was taken down before it was sent"


def recall_taken_down(store: Store, *, now_ms: int) -> int:
    """Queue kill notices for takedowns that have none yet. Returns the number of messages.

    Withdraws held deliveries. Repeating it, or running it in two processes at once, changes nothing.
    """
    repository = RecallRepository(store)
    # Reads the newest stamp first: a takedown that is stored in between is then handled twice, and never skipped.
    newest, seen = repository.newest(), repository.stamp()
    if newest <= seen:
        return 0
    made = 0
    for takedown in Takedowns(store).listing(after_stamp=seen):
        made += repository.recall(takedown.article, _notices(takedown, now_ms), _WITHDRAWN)
    repository.note(newest)
    return made


def _notices(takedown: Takedown, now_ms: int) -> Callable[[Delivery], Delivery]:
    """A function that makes the kill notice for a delivery of the article."""

    def notice(sent: Delivery) -> Delivery:
        was = sent.content
        alert = Alert(
            id=alert_id(was.subscription, was.story, REASON, takedown.article),
            run=was.run,
            subscription=was.subscription,
            subscription_version=was.subscription_version,
            story=was.story,
            article=was.article,
            reason=REASON,
            parameter=takedown.article,
            raised_at=from_ms(now_ms),
            # The receiver must know which article it is, but its text is not sent again.
            url=takedown.url,
            title=was.title,
            source=was.source,
            level="urgent",
            news=(News(REASON, takedown.reason),),
            previous=was.id,
            withdrawn=(takedown.article,),
        )
        made = delivery(alert, sent.channel, "kill", Verdict("queued", now_ms), now_ms)
        return replace(made, article=takedown.article)

    return notice


_ROW = "takedowns"


class RecallRepository:
    """Delivery's position in the list of takedowns."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def stamp(self) -> int:
        """The stamp of the last takedown whose kill notices are queued; 0 for none."""
        with self.store.reading() as connection:
            query = sa.select(d.delivery_state.c.stamp).where(d.delivery_state.c.name == _ROW)
            return int(connection.execute(query).scalar() or 0)

    def newest(self) -> int:
        """The stamp of the newest takedown."""
        with self.store.reading() as connection:
            return newest_stamp(connection)

    def note(self, stamp: int) -> None:
        """Record that kill notices are queued up to this stamp."""
        with self.store.writing() as connection:
            self.store.upsert(connection, d.delivery_state, [{"name": _ROW, "stamp": stamp}])

    def recall(self, article: str, notice: Callable[[Delivery], Delivery], why: str) -> int:
        """Withdraw an article's held deliveries, and queue a notice per channel that was sent it. Returns how many notices."""
        c = d.deliveries.c
        with self.store.writing() as connection:
            theirs = sa.select(d.deliveries).where(c.article == article, c.kind == "alert")
            rows = [delivery_of(row) for row in connection.execute(theirs)]
            withdraw(connection, [(one.id, why) for one in rows if one.status == "held"])
            made = {one.id: one for one in (notice(row) for row in rows if row.status in ("sent", "queued"))}
            known = set(connection.execute(sa.select(c.id).where(c.id.in_(list(made)))).scalars())
            new = [one for one in made.values() if one.id not in known]
            messages = {one.id: key_of("message", one.id) for one in new}
            self.store.insert_new(
                connection, d.deliveries, [msgspec.structs.asdict(one) | {"message": messages[one.id]} for one in new]
            )
            self.store.insert_new(connection, d.messages, [msgspec.structs.asdict(message_of(one)) for one in new])
            for one in rows:
                # The text is removed from here too; the headline remains, so that people know which article it was.
                kept = msgspec.structs.replace(one.content, snippets=(), changes=(), news=(), matches=())
                connection.execute(d.deliveries.update().where(c.id == one.id).values(record=encode(kept).decode()))
            return len(new)
