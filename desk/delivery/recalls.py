"""Kill notices: what was sent of an article that must go, its receivers are told not to use any more."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from core.records import Alert, alert_id, from_ms
from core.records.alert import News
from core.store import Store
from core.store.takedowns import Takedown, Takedowns
from desk.delivery.decide import Verdict, delivery
from desk.delivery.store.channels import Delivery
from desk.delivery.store.recalls import KillBook

REASON = "takedown"
_WITHDRAWN = "the article was taken down before it was sent"


def kill_taken_down(store: Store, *, now_ms: int) -> int:
    """Kill notices for takedowns that have none yet; how many messages that makes.

    What is held is withdrawn. Doing it again, or in two processes at once, changes nothing.
    """
    book = KillBook(store)
    # The newest first: one that comes in between is then done twice, never left out.
    newest, seen = book.newest(), book.stamp()
    if newest <= seen:
        return 0
    made = 0
    for takedown in Takedowns(store).listing(after_stamp=seen):
        made += book.kill(takedown.article, _notices(takedown, now_ms), _WITHDRAWN)
    book.note(newest)
    return made


def _notices(takedown: Takedown, now_ms: int) -> Callable[[Delivery], Delivery]:
    """What follows a delivery of the article."""

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
            # The receiver must know which one; its text goes no further.
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
