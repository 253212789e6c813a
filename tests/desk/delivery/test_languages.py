"""Messages in the language of who gets them."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from core.store import Store
from desk import language
from desk.delivery.briefing_pdf import pdf_of
from desk.delivery.briefings import Briefings, DailyBriefing
from desk.delivery.render import Renderer
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.people.accounts import COMMAND_LINE, Accounts
from desk.people.roles import Role
from desk.views.briefing import Briefing
from tests.desk.delivery.support import (
    NOON_MS,
    Clock,
    alert,
    mail_server,
    put,
    service,
    settle,
    subscribe,
    subscription,
)
from tests.desk.delivery.test_channels import notice
from tests.desk.delivery.test_daily_briefing import view


def body(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("code", "direction", "said"),
    [
        ("en", "ltr", ["Why: mine", "seen 2026-03-02 12:00 (UTC)\nhttps://outlet.example/0\n"]),
        ("de", "ltr", ["Warum: mine", "gesehen 2026-03-02 12:00 (UTC)\nhttps://outlet.example/0\n"]),
        ("ar", "rtl", ["السبب: mine", "رُصد 2026-03-02 12:00"]),
    ],
)
def test_a_message_is_in_the_chosen_language(code: str, direction: str, said: list[str]) -> None:
    with language.speaking(code):
        made = notice(title="A <b> title", sources=3, outlets=("a.example", "b.example"))
        text, page, chat = made.text, made.html, made.chat
        kill = notice("kill", title="Gone", reason="takedown").subject
    for one in said:
        assert one in text
    assert f'<html lang="{code}" dir="{direction}">' in page
    assert "A &lt;b&gt; title" in page
    assert "A <b> title" in text
    with language.speaking(code):
        assert language.gettext("TAKEN DOWN: %(title)s", title="Gone") in kill
        assert language.ngettext("%(num)s source", "%(num)s sources", 3) in chat


def test_mail_is_in_the_language_of_the_owner_of_the_channel_else_in_the_desks(store: Store, clock: Clock) -> None:
    accounts = Accounts(store, clock_ms=clock)
    for name, code in (("Ann", "de"), ("Bob", None)):
        accounts.set_language(accounts.add(name, Role.EDITOR, None, COMMAND_LINE), code)
    owners = {"german": "ann", "none-chosen": "Bob", "no-account": "someone"}
    for name, owner in owners.items():
        config = {"url": f"mailto:{name}@outlet.example"}
        DeliveryRepository(store).save_channel(
            Channel(name=name, kind="mail", config=config, owner=owner, per_minute=0)
        )
    subscribe(store, subscription(delivery=tuple(owners)))
    put(store, alert(0))
    with mail_server() as box:
        work = service(store, clock, smtp=f"smtp://127.0.0.1:{box.port}?security=none", spoken="ar")
        settle(work)
        work.close()
    mails = {
        to[0].partition("@")[0]: message_from_bytes(content, policy=policy.default) for _, to, content in box.mails
    }
    assert {name: body(mail, "plain").count("Warum: mine") for name, mail in mails.items()} == {
        "german": 1,
        "none-chosen": 0,
        "no-account": 0,
    }
    assert all("السبب: mine" in body(mails[name], "plain") for name in ("none-chosen", "no-account"))
    assert language.current() == language.SOURCE


def test_the_briefing_by_mail_has_its_pdf_in_the_same_language(store: Store, clock: Clock) -> None:
    DeliveryRepository(store).save_channel(
        Channel(name="post", kind="mail", config={"url": "mailto:ann@outlet.example"}, per_minute=0)
    )
    files: list[bytes] = []

    def printed(made: Briefing) -> bytes:
        files.append(pdf_of(made, "UTC"))
        return files[-1]

    daily = DailyBriefing(at="12:00", channels=("post",))
    clock.now_ms = NOON_MS + 1
    with mail_server() as box:
        briefings = Briefings(store, "live", daily, Renderer(), view, printed)
        work = service(
            store, clock, smtp=f"smtp://127.0.0.1:{box.port}?security=none", briefings=briefings, spoken="de"
        )
        settle(work)
        work.close()
    [(_, _, content)] = box.mails
    mail = message_from_bytes(content, policy=policy.default)
    assert mail["Subject"] == "[Wirewatch] Briefing, Mo., 2. März 12:00: 1 Story"
    with language.speaking("de"):
        last = language.gettext("last at %(time)s", time="2026-03-02 11:59")
    assert f"2 unabhängige Quellen, {last}" in body(mail, "plain")
    [attached] = list(mail.iter_attachments())
    assert (attached.get_content_type(), attached.get_filename()) == ("application/pdf", "briefing.pdf")
    assert attached.get_content() == files[0]
    assert files[0].startswith(b"%PDF-")
    with language.speaking("de"):
        # A repeat sends the same file.
        assert pdf_of(view(NOON_MS - 24 * 3_600_000, NOON_MS), "UTC") == files[0]
