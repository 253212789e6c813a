"""The briefing by mail: once a day for each channel, whatever restarts; made of what is stored when it goes out."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
import sqlalchemy as sa

from core.errors import UsageError
from core.records import to_ms
from core.store import Store
from desk.delivery.briefings import LATEST_MS, Briefings, DailyBriefing
from desk.delivery.render import Renderer
from desk.delivery.store import tables as d
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.views.briefing import Briefing, BriefingItem, BriefingSection
from tests.desk.delivery.support import HOUR, NOON_MS, Clock, hook, mail_server, service, settle

DAILY = DailyBriefing(at="13:30", zone="Europe/Berlin", channels=("post", "hook", "gone"))
DUE_MS = NOON_MS + HOUR // 2
"""13:30 in Berlin is 12:30 UTC in winter."""


def view(from_ms: int, until_ms: int) -> Briefing:
    item = BriefingItem(
        story="s1",
        headline="Flood in the valley\nBcc: all@x.example",
        language="en",
        new=True,
        last_ms=until_ms - 1,
        sources=2,
        copies=0,
        sentences=("The water rose.",),
        article="a1",
        url="https://a.example/1",
        outlet="The Post",
    )
    return Briefing(
        from_ms=from_ms, until_ms=until_ms, sections=(BriefingSection(topic="floods", title="Floods", items=(item,)),)
    )


@pytest.mark.parametrize(
    ("at", "zone", "now", "due"),
    [
        ("", "UTC", "2026-03-02T12:00", None),
        ("06:30", "UTC", "2026-03-02T12:00", "2026-03-02T06:30"),
        ("06:30", "UTC", "2026-03-02T06:30", "2026-03-02T06:30"),
        ("06:30", "UTC", "2026-03-02T06:29", "2026-03-01T06:30"),
        ("06:30", "Europe/Berlin", "2026-03-02T05:30", "2026-03-02T05:30"),
        ("00:15", "Asia/Kathmandu", "2026-03-02T18:31", "2026-03-02T18:30"),
        # The day on which summer time begins has no 02:30: it is due when the gap ends.
        ("02:30", "Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"),
        # Of two 02:30 the first.
        ("02:30", "Europe/Berlin", "2026-10-25T02:00", "2026-10-25T00:30"),
    ],
)
def test_when_it_was_due(at: str, zone: str, now: str, due: str | None) -> None:
    moment = to_ms(datetime.fromisoformat(now).replace(tzinfo=UTC))
    wanted = None if due is None else to_ms(datetime.fromisoformat(due).replace(tzinfo=UTC))
    assert DailyBriefing(at=at, zone=zone).last_due(moment) == wanted


@pytest.mark.parametrize("fields", [{"at": "25:00"}, {"at": "06:30", "zone": "Mars"}, {"hours": 0}, {"hours": 169}])
def test_what_can_not_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        DailyBriefing(**fields)  # type: ignore[arg-type]


def messages(store: Store) -> list[tuple[str, str]]:
    with store.reading() as connection:
        query = sa.select(d.messages.c.channel, d.messages.c.status).order_by(d.messages.c.queued_ms)
        return [(row.channel, row.status) for row in connection.execute(query)]


def test_it_goes_out_once_a_day_by_mail(any_store: Store, clock: Clock) -> None:
    DeliveryRepository(any_store).save_channel(
        Channel(name="post", kind="mail", config={"url": "mailto:ann@outlet.example"}, per_minute=0)
    )
    hook(any_store, "https://hook.example/")
    asked: list[tuple[int, int]] = []

    def made(from_ms: int, until_ms: int) -> Briefing:
        asked.append((from_ms, until_ms))
        return view(from_ms, until_ms)

    with mail_server() as box:
        smtp = f"smtp://127.0.0.1:{box.port}?security=none"

        def work() -> None:
            renderer = Renderer(link="https://desk.example")
            running = service(
                any_store, clock, smtp=smtp, briefings=Briefings(any_store, "live", DAILY, renderer, made)
            )
            settle(running)
            running.close()

        work()
        assert box.mails == []
        clock.now_ms = DUE_MS + 2 * HOUR
        # A process that was away at the time, and one that starts after it.
        work()
        work()
        [(_, to, content)] = box.mails
        assert to == ["ann@outlet.example"]
        assert asked == [(DUE_MS - 24 * HOUR, DUE_MS)]
        mail = message_from_bytes(content, policy=policy.default)
        assert mail["Subject"] == "[Wirewatch] Briefing, Mon 2 Mar 13:30: 1 story"
        assert mail["Bcc"] is None
        text, page = (mail.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
        assert "### Flood in the valley Bcc: all@x.example" in text
        assert "> The water rose.\n> (The Post)" in text
        assert "At the desk: https://desk.example/story/s1" in text
        assert '<a href="https://a.example/1"' in page
        assert messages(any_store) == [("post", "sent")]
        clock.now_ms = DUE_MS + 24 * HOUR + LATEST_MS + 1
        work()
        assert len(box.mails) == 1
        clock.now_ms = DUE_MS + 48 * HOUR
        work()
        assert len(box.mails) == 2
