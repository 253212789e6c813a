"""Mail, webhooks and chats on real sockets: what they carry, how they fail, what they never show."""

from __future__ import annotations

import base64
import email
import hashlib
import hmac
import io
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from core.errors import UsageError
from core.records.alert import News, Rewording, Snippet
from desk.delivery.channels import Trouble, carrier_of, kind_of
from desk.delivery.channels.webhook import sign
from desk.delivery.render import Notice, Renderer
from desk.delivery.secrets import redacted, secrets_of, shown_address
from desk.delivery.store.channels import Channel
from desk.delivery.store.queue import Message
from tests.desk.delivery.support import (
    NOON_MS,
    SECRET,
    Clock,
    Receiver,
    alert,
    mail_server,
    options,
    subscription,
)
from tests.desk.delivery.test_plan import known, planned

ROOT = Path(__file__).parents[3]


def notice(kind: str = "alert", *, renderer: Renderer | None = None, **fields: Any) -> Notice:
    one = alert(0, **fields)
    parts = planned(known(subscription()), one).deliveries
    message = Message(id="a1b2" * 8, channel="hook", subscription="s", kind=kind, level="normal", queued_ms=NOON_MS)  # type: ignore[arg-type]
    return (renderer or Renderer()).render(message, parts, subscription())


def carry(url: str, what: Notice | None = None, secret: str = "", **fields: Any) -> None:
    channel = Channel(name="c", kind=kind_of(url), config={"url": url, **({"secret": secret} if secret else {})})
    carrier = carrier_of(channel, options(Clock(), **fields))
    try:
        carrier.send(what or notice())
    finally:
        carrier.close()


def test_a_webhook_is_signed_over_id_time_and_body(receiver: Receiver) -> None:
    carry(receiver.url, secret=SECRET)
    (got,) = receiver.got
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert got.headers["webhook-timestamp"] == str(NOON_MS // 1_000)


def test_the_example_of_the_standard_has_its_signature() -> None:
    # The test vector of the Standard Webhooks specification.
    body = b'{"test": 2432232314}'
    assert sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_what_a_webhook_gets_follows_the_published_schema() -> None:
    schema = msgspec.json.decode((ROOT / "docs/alert.schema.json").read_bytes())
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.check_schema(schema)
    changes = (Rewording("text", "12", "17"),)
    for kind, fields in (("alert", {}), ("kill", {"reason": "retraction", "changes": changes, "previous": "x"})):
        payload = msgspec.json.decode(msgspec.json.encode(notice(kind, **fields).payload()))  # type: ignore[arg-type]
        assert list(validator.iter_errors(payload)) == []
    del payload["id"]
    assert [error.message for error in validator.iter_errors(payload)] == ["'id' is a required property"]


def test_a_message_says_what_the_outlet_is_called() -> None:
    made = notice("alert", labels=("party paper", "state"))
    for text in (made.text, made.html, made.chat):
        assert "post (party paper, state-run)" in text
    assert made.payload()["alerts"][0]["labels"] == ("party paper", "state")
    assert "post (" not in notice("alert").text


@pytest.mark.parametrize(
    ("status", "again", "channel"),
    [
        (500, True, True),
        (429, True, True),
        (408, True, True),
        (400, False, False),
        (404, False, True),
        (302, False, True),
    ],
)
def test_how_a_webhook_reads_answers(receiver: Receiver, status: int, again: bool, channel: bool) -> None:
    receiver.answers = [(status, {"location": receiver.url, "retry-after": "7"})]
    with pytest.raises(Trouble) as caught:
        carry(receiver.url)
    assert (caught.value.again, caught.value.channel) == (again, channel)
    assert len(receiver.got) == 1
    assert not again or caught.value.retry_after_s == 7.0


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/x", "http://[::1]/x", "http://0.0.0.0/", "http://169.254.169.254/latest", "http://10.0.0.1/"],
)
def test_no_webhook_into_our_own_network(url: str) -> None:
    with pytest.raises(Trouble, match="not for channels") as caught:
        carry(url, allowed=frozenset())
    assert not caught.value.again


def test_a_name_that_leads_inside_is_refused_and_the_checked_address_is_used(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    with pytest.raises(Trouble, match="not for channels"):
        carry(f"http://inside.example:{port}/in", allowed=frozenset(), look_up=lambda _host, _port: ["127.0.0.1"])
    carry(
        f"http://inside.example:{port}/in",
        allowed=frozenset({f"inside.example:{port}"}),
        look_up=lambda _host, _port: ["127.0.0.1"],
    )
    assert len(receiver.got) == 1


def read(raw: bytes) -> Any:
    return email.message_from_bytes(raw, policy=policy.default)


def test_mail_has_text_html_and_what_mail_programs_look_for() -> None:
    with mail_server() as box:
        smtp = f"smtp://127.0.0.1:{box.port}?security=none"
        for _ in range(2):
            carry("mailto:ann@outlet.example,bob@outlet.example", smtp=smtp, sender="desk@wire.example")
    first, second = (read(content) for _, _, content in box.mails)
    assert box.mails[0][0] == "desk@wire.example"
    assert box.mails[0][1] == ["ann@outlet.example", "bob@outlet.example"]
    assert first["Subject"] == "[Mines] Headline 0"
    assert first["Message-ID"] == second["Message-ID"] == f"<{'a1b2' * 8}@wire.example>"
    assert first["List-Id"] == "<s.wirewatch.wire.example>"
    assert first["X-Wirewatch-Id"] == "a1b2" * 8
    assert first["Auto-Submitted"] == "auto-generated"
    text, html = first.get_body(("plain",)).get_content(), first.get_body(("html",)).get_content()
    assert "the *mine* fell in at dawn" in text
    assert "<mark>mine</mark>" in html
    assert "Why: mine" in text


def test_mail_on_one_story_is_one_thread() -> None:
    with mail_server() as box:
        smtp = f"smtp://127.0.0.1:{box.port}?security=none"
        for number in (0, 0, 1):
            what = notice(story=f"story{number}")
            what.id = f"{number}" * 32
            carry("mailto:ann@outlet.example", what, smtp=smtp)
    references = [read(content)["References"] for _, _, content in box.mails]
    assert references[0] == references[1] != references[2]


def test_hostile_titles_break_neither_headers_nor_pages_nor_rooms() -> None:
    title = "A\r\nBcc: all@outlet.example\u202e <script>alert(1)</script> @everyone <!channel> {{ 7*7 }}"
    what = notice(title=title, snippets=(Snippet("text", "<b>x</b>\x1b[2J", ((0, 3),)),), news=(News("story", title),))
    assert "\n" not in what.subject
    assert "\u202e" not in what.text + what.html + what.chat
    assert "\x1b" not in what.text + what.html + what.chat
    assert "<script>" not in what.html
    assert "<mark>&lt;b&gt;</mark>" in what.html
    assert "49" not in what.html
    with mail_server() as box:
        carry("mailto:ann@outlet.example", what, smtp=f"smtp://127.0.0.1:{box.port}?security=none")
    assert read(box.mails[0][2])["Bcc"] is None


def test_no_link_leads_anywhere_but_to_the_web() -> None:
    what = notice(url="javascript:alert(1)")
    assert "javascript:" not in what.html + what.text + what.chat


def test_starttls_is_asked_for_and_mail_never_goes_in_the_open() -> None:
    with mail_server() as box, pytest.raises(Trouble, match="does not offer STARTTLS"):
        carry("mailto:ann@outlet.example", smtp=f"smtp://127.0.0.1:{box.port}")
    assert box.mails == []


def test_a_server_with_a_certificate_of_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    with mail_server(tls_context=context) as box, pytest.raises(Trouble, match="TLS"):
        carry("mailto:ann@outlet.example", smtp=f"smtp://127.0.0.1:{box.port}")
    assert box.mails == []


def self_signed(folder: Path) -> tuple[Path, Path]:
    import subprocess

    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    subprocess.run(
        [*command, "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_what_mail_servers_say() -> None:
    with mail_server() as box:
        smtp = f"smtp://127.0.0.1:{box.port}?security=none"
        box.replies = ["451 busy", "554 no"]
        for again in (True, False):
            with pytest.raises(Trouble) as caught:
                carry("mailto:ann@outlet.example", smtp=smtp)
            assert caught.value.again is again
        box.refused = {"bob@outlet.example": "550 unknown"}
        what = notice()
        carry("mailto:ann@outlet.example,bob@outlet.example", what, smtp=smtp)
        assert what.remarks == ["1 of 2 addresses were refused"]
        with pytest.raises(Trouble, match="refused the addresses") as caught:
            carry("mailto:bob@outlet.example", smtp=smtp)
        assert not caught.value.again
    with pytest.raises(Trouble, match="can't be reached"):
        carry("mailto:ann@outlet.example", smtp=smtp)


def test_apprise_by_its_json_channel(receiver: Receiver) -> None:
    carry(receiver.url.replace("http://", "json://"))
    (got,) = receiver.got
    assert got.json["title"] == "[Mines] Headline 0"
    assert "the mine fell in at dawn" in got.json["message"]
    assert got.headers["idempotency-key"] == "a1b2" * 8
    assert "ref a1b2a1b2a1b2" in got.json["message"]
    receiver.answers = [(500, {})]
    with pytest.raises(Trouble):
        carry(receiver.url.replace("http://", "json://"))


def test_apprise_by_its_mail_channel() -> None:
    with mail_server() as box:
        carry(f"mailto://127.0.0.1:{box.port}/?from=desk@wire.example&to=ann@outlet.example&mode=insecure")
    assert "Headline 0" in read(box.mails[0][2])["Subject"]


def test_apprise_into_our_own_network_is_refused(receiver: Receiver) -> None:
    with pytest.raises(Trouble, match="not for channels"):
        carry(receiver.url.replace("http://", "json://"), allowed=frozenset())
    assert receiver.got == []


SERVICES = {
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
    "teams": "workflow://prod-34.westus.logic.azure.com:443/43b8f8e7a5d94f4fa2a1/TokenSignatureABCDEFGH/",
    "telegram": "tgram://123456789:alphanumericTokenAAAA/12315544/",
    "mattermost": "mmost://mattermost.example/3ccdd113474722377935511fc85d3dd4",
    "matrix": "matrixs://user:passWord77@matrix.example/%23general",
    "ntfy": "ntfys://user:passWord77@ntfy.example/secret-topic",
    "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
}


@pytest.mark.parametrize("service", SERVICES)
def test_addresses_of_chats_are_understood_and_never_shown(service: str) -> None:
    url = SERVICES[service]
    channel = Channel(name="c", kind=kind_of(url), config={"url": url})
    assert channel.kind == "chat"
    shown = shown_address(channel) + redacted(f"could not POST to {url}: token {url.split('/')[-2]} rejected", channel)
    hidden = {secret for secret in secrets_of(channel) if len(secret) > 6}
    assert hidden
    assert not [secret for secret in hidden if secret in shown]
    with logged() as lines, pytest.raises(Trouble) as caught:
        carrier_of(channel, options(Clock(), look_up=fails)).send(notice())
    said = caught.value.words + lines.getvalue()
    assert not [secret for secret in hidden if secret in said]


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What reaches the root logger, as a program's log does; pytest's own listens to every logger that keeps to itself."""
    lines = io.StringIO()
    handler, root = logging.StreamHandler(lines), logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def fails(host: str, port: int) -> list[str]:
    raise OSError("no such host")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing://x", "nothing: not a service that channels may use"),
        ("slack://short", "understand that address of slack"),
        ("mailto:", "no mail address"),
        ("mailto:ann", "no mail address"),
        ("mailto:a@x,b@y\r\nBcc: c@z", "no mail address"),
        ("smtp://user:hunter22@/?to=a@b.example", "not a mail server"),
        ("http://", "no host"),
        ("dbus://", "dbus: not a service"),
        ("syslog://", "syslog: not a service"),
    ],
)
def test_an_impossible_address_is_reported_without_showing_it(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        kind_of(url)
    assert "hunter22" not in str(caught.value)


def test_custom_templates_replace_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "subject.txt").write_text("{{ alerts[0].source | upper }}: {{ alerts[0].title }}")
    assert notice(renderer=Renderer(str(tmp_path))).subject == "POST: Headline 0"
    (tmp_path / "message.txt").write_text("{{ no_such }}")
    with pytest.raises(UsageError, match=r"template message\.txt: 'no_such' is undefined"):
        _ = notice(renderer=Renderer(str(tmp_path))).text
    with pytest.raises(UsageError, match="no such folder"):
        Renderer(str(tmp_path / "absent"))
