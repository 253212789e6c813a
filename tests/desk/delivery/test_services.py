"""Chats by Apprise can't be led inside: every service that is offered, with a resolver that lies, redirects and parameters."""

from __future__ import annotations

import builtins
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apprise
import pytest
import requests
from requests.adapters import HTTPAdapter

from core.errors import UsageError
from core.net.addresses import refusal
from desk.delivery.channels import Trouble, carrier_of, kind_named
from desk.delivery.channels.services import COMMON, OF_OWN_SERVERS, SERVICES, Service, plugin_of
from desk.delivery.store.channels import Channel
from tests.desk.delivery.support import Clock, options
from tests.desk.delivery.test_channels import notice

TOKEN, OTHER = "abcdef0123456789abcdef0123456789", "ABCDEFabcdef0123456789ABCDEFabcd"
PUBLIC, SECOND, PRIVATE = "93.184.215.14", "93.184.215.15", "10.1.2.3"
OFFERED = [(service, scheme) for service in SERVICES for scheme in service.schemes]
every = pytest.mark.parametrize(("service", "scheme"), OFFERED, ids=[scheme for _, scheme in OFFERED])


def address(service: Service, scheme: str, more: str = "") -> str:
    whole = service.example.format(token=TOKEN, secret=OTHER)
    query = more and f"{'&' if '?' in whole else '?'}{more}"
    return f"{scheme}://{whole.partition('://')[2]}{query}"


class Network:
    """Names by a function of how often they were asked for; connections are written down and all refused."""

    def __init__(self, answer: Callable[[int], Sequence[str]]) -> None:
        self.answer, self.asked = answer, 0
        self.connected: list[str] = []

    def look_up(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            return self.answer(self.asked)

    def connect(self, where: Any) -> None:
        self.connected.append(str(where[0]))
        raise ConnectionRefusedError("nothing listens here")

    def trouble(self, url: str, monkeypatch: pytest.MonkeyPatch, allowed: frozenset[str] = frozenset()) -> str:
        monkeypatch.setattr(socket.socket, "connect", lambda _, where: self.connect(where))
        # Its pauses between requests, so as not to annoy a service.
        monkeypatch.setattr(apprise.URLBase, "throttle", lambda *_, **__: None)
        channel = Channel(name="c", kind="chat", config={"url": url})
        with pytest.raises(Trouble) as caught:
            carrier_of(channel, options(Clock(), allowed=allowed, look_up=self.look_up)).send(notice())
        return caught.value.words


@every
def test_a_name_that_leads_inside_is_never_connected_to(
    service: Service, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for inside in (PRIVATE, "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"):
        network = Network(lambda _, inside=inside: [inside])  # type: ignore[misc]
        words = network.trouble(address(service, scheme), monkeypatch)
        assert network.asked >= 1
        assert network.connected == []
        assert "not for channels" in words


@every
def test_of_several_addresses_only_public_ones_are_connected_to(
    service: Service, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(lambda _: [PRIVATE, PUBLIC, "::1"])
    network.trouble(address(service, scheme), monkeypatch)
    assert set(network.connected) == {PUBLIC}


@every
def test_a_name_that_changes_after_the_check_is_not_asked_again(
    service: Service, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Public at the first look, private at every later one; then the other way round.
    network = Network(lambda time: [PUBLIC if time == 1 else PRIVATE])
    network.trouble(address(service, scheme), monkeypatch)
    assert set(network.connected) == {PUBLIC}
    network = Network(lambda time: [PRIVATE if time == 1 else SECOND])
    words = network.trouble(address(service, scheme), monkeypatch)
    assert PRIVATE not in network.connected
    assert "not for channels" in words


@every
def test_no_redirect_is_followed(service: Service, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def moved(_self: HTTPAdapter, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        sent.append(str(request.url))
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 307, request, str(request.url)
        answer.headers["Location"] = f"http://{PRIVATE}/moved"
        answer._content = b'{"ok": true}'
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", moved)
    Network(lambda _: [PUBLIC]).trouble(address(service, scheme), monkeypatch)
    assert [url for url in sent if PRIVATE in url or url.endswith("/moved")] == []
    assert sent or scheme.startswith("mailto")


@every
def test_only_listed_parameters_are_taken(service: Service, scheme: str) -> None:
    plugin = plugin_of(address(service, scheme))
    others = {name for name in type(plugin).template_args if name not in service.allowed}
    everywhere = {"template", "keyfile", "smtp", "redirect", "pgp", "pgpprv", "pgppub", "subfile", "file", "attach"}
    more = {"host", "url", "store", "retry", "wait", "config", "include", "unheard-of"}
    for name in sorted(others | everywhere | more):
        written = (name.upper(), f"%{ord(name[0]):02x}{name[1:]}", f" {name}") if name in everywhere else ()
        for spelled in (name, *written):
            with pytest.raises(UsageError, match="may not be used"):
                plugin_of(address(service, scheme, f"{spelled}=x"))
    for prefix in (":", "-", *(() if service.headers else ("+",))):
        with pytest.raises(UsageError, match="may not be used"):
            plugin_of(address(service, scheme, f"{prefix}name=x"))


@every
def test_no_parameter_is_an_address_or_a_file(service: Service, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in sorted(service.allowed):
        for value in (f"http://{PRIVATE}/x", "file:///etc/passwd", "/etc/passwd", "http:%2f%2f10.0.0.1%2f"):
            with pytest.raises(UsageError, match="may not be an address or a file"):
                plugin_of(address(service, scheme, f"{name}={value}"))
    # What is taken neither opens a file of ours nor looks anywhere but at public addresses.
    opened: list[str] = []
    open_ = builtins.open

    def watched(file: Any, *rest: Any, **named: Any) -> Any:
        opened.append(str(file))
        return open_(file, *rest, **named)

    for name in sorted(service.allowed - COMMON - OF_OWN_SERVERS):
        try:
            plugin_of(address(service, scheme, f"{name}=etc/passwd"))
        except UsageError:
            continue
        network = Network(lambda _: [PUBLIC])
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "open", watched)
            network.trouble(address(service, scheme, f"{name}=etc/passwd"), monkeypatch)
        assert [file for file in opened if "passwd" in file] == []
        assert set(network.connected) <= {PUBLIC}


@every
def test_messages_do_not_reveal_private_addresses(
    service: Service, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = address(service, scheme)
    inside = Network(lambda _: [PRIVATE]).trouble(url, monkeypatch)
    unknown = Network(lambda _: []).trouble(url, monkeypatch)
    assert inside == unknown


OWN = [(service, scheme) for service, scheme in OFFERED if service.own_server]


@pytest.mark.parametrize(("service", "scheme"), OWN, ids=[scheme for _, scheme in OWN])
@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]"])
def test_an_internal_server_is_refused_alike_whatever_its_port(
    service: Service, scheme: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = set()
    for port in (1, 9, 22, 5432, 9092):
        url = re.sub(r"(://(?:[^@/]*@)?)[^/:?]+(?::\d+)?", rf"\g<1>{host}:{port}", address(service, scheme), count=1)
        try:
            network = Network(lambda _: [PUBLIC])
            words.add(network.trouble(url, monkeypatch))
        except UsageError as error:
            # Apprise has services that take no numbers for hosts.
            words.add(str(error))
        assert network.connected == []
    assert len(words) == 1


def test_a_listed_server_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(lambda _: [PRIVATE])
    network.trouble(f"mmosts://chat.inside/{TOKEN}", monkeypatch, allowed=frozenset({"chat.inside"}))
    assert network.connected == [PRIVATE]


def test_a_header_may_be_set_if_the_service_has_headers_but_not_the_host() -> None:
    plugin_of("jsons://hooks.example/in?+X-Token=abc")
    for name in ("+Host", "+host", "%2BHost", "+hOsT "):
        with pytest.raises(UsageError):
            plugin_of(f"jsons://hooks.example/in?{name}=db.inside")


def test_a_saved_channel_that_may_not_be_any_more_is_refused_in_words() -> None:
    for url, said in (
        ("syslog://", "syslog: not a service that channels may use"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV?template=/etc/passwd", "the parameter template= may not be"),
    ):
        channel = Channel(name="c", kind="chat", config={"url": url})
        with pytest.raises(UsageError, match=said):
            carrier_of(channel, options(Clock()))


def test_the_page_of_alerts_lists_services_and_parameters_as_they_are() -> None:
    page = Path(__file__).parents[3].joinpath("docs/alerts.md").read_text("utf-8")
    rows = set(re.findall(r"^\| ([^|]+) \| ([^|]*://`[^|]*) \| ([^|]*) \|$", page, re.MULTILINE))
    expected = {
        (
            one.title,
            ", ".join(f"`{scheme}://`" for scheme in one.schemes),
            ", ".join(f"`{name}`" for name in sorted(one.parameters | (OF_OWN_SERVERS if one.own_server else set())))
            + (", `+Header`" if one.headers else ""),
        )
        for one in SERVICES
    }
    assert rows == expected
    for name in COMMON:
        assert f"`{name}`" in page


def test_addresses_in_other_writings_are_read_as_apprise_reads_them() -> None:
    refused = [
        f" discord://4174216298/{TOKEN}?template=/etc/passwd",
        f"DISCORD://4174216298/{TOKEN}?TEMPLATE=x",
        f"discord://4174216298/{TOKEN}?a=b;template=x",
        f"discord://4174216298/{TOKEN}/?format=text&%74emplate=x",
        "file:///tmp/x",
        "dbus://",
        "https://discord.com/api/webhooks/4174216298/abc?template=x",
    ]
    for url in refused:
        with pytest.raises(UsageError):
            plugin_of(url)
        assert refusal(url) is not None
    assert kind_named("chat").takes(refused[0])
