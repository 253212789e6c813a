"""One guard for feeds and channels: a table of addresses, and each caller run through it."""

from __future__ import annotations

import ipaddress
import socket
import threading
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.http.client import Failure, Http
from core.net.addresses import refusal
from core.net.guard import (
    AddressRefused,
    GuardedBackend,
    NameNotResolved,
    checked,
    guarded_lookups,
    is_listed,
)
from desk.delivery.channels import Trouble, carrier_of, kind_of
from desk.delivery.store.channels import Channel
from tests.desk.delivery.support import Clock, options
from tests.desk.delivery.test_channels import notice

TABLE = tomllib.loads((Path(__file__).parents[2] / "cases/addresses.toml").read_text("utf-8"))["case"]
CASES = [(address, case["refused"] or None) for case in TABLE for address in case["addresses"]]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAME = "host.outlet.example"


@pytest.mark.parametrize(("address", "refused"), CASES)
def test_addresses_and_why_they_are_refused(address: str, refused: str | None) -> None:
    assert refusal(address) == refused


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that anybody connected to; no connection is made."""
    seen: list[str] = []

    def connect(_: socket.socket, address: Any) -> None:
        seen.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", connect)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return seen


Resolve = Callable[[str, int], list[str]]
Attempt = Callable[[Resolve], str]
"""Tries to reach NAME, and returns in plain words why that failed."""


def feed(resolve: Resolve) -> str:
    with Http(resolve=resolve, total_s=2) as client:
        failure = client.fetch(f"http://{NAME}/feed", now=NOON)
    assert isinstance(failure, Failure)
    return failure.problem


def channel(url: str) -> Attempt:
    def attempt(resolve: Resolve) -> str:
        made = Channel(name="c", kind=kind_of(url), config={"url": url})
        carrier = carrier_of(made, options(Clock(), allowed=frozenset(), look_up=resolve))
        with pytest.raises(Trouble) as caught:
            carrier.send(notice())
        carrier.close()
        return caught.value.words

    return attempt


CALLERS: dict[str, Attempt] = {
    "feed": feed,
    "webhook": channel(f"http://{NAME}/in"),
    "mail": channel(f"smtps://user:word@{NAME}:4650?to=ann@outlet.example"),
    "chat": channel(f"json://{NAME}/in"),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_feeds_and_channels_follow_the_table(caller: str, connected: list[str]) -> None:
    for address, refused in CASES:
        connected.clear()
        said = CALLERS[caller](lambda host, port, address=address: [address])  # type: ignore[misc]
        assert connected == ([] if refused else [address]), (caller, address, said)
        # A channel says the same of every name: else it would tell which names there are inside.
        words = f"a {refused} address" if caller == "feed" else "can't be found, or is in a private network"
        assert (words in said) == bool(refused), (caller, address, said)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_second_lookup_with_another_address_gains_nothing(caller: str, connected: list[str]) -> None:
    answers: Iterator[list[str]] = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    CALLERS[caller](lambda host, port: next(answers))
    assert connected == ["93.184.216.34"]


@pytest.mark.parametrize("caller", CALLERS)
def test_of_mixed_addresses_only_public_ones_are_connected_to(caller: str, connected: list[str]) -> None:
    mixed = ["127.0.0.1", "93.184.216.34", "::1", "2606:2800:220:1::1", "10.0.0.1"]
    CALLERS[caller](lambda host, port: mixed)
    assert connected == ["93.184.216.34", "2606:2800:220:1::1"]


@given(st.lists(st.sampled_from([address for address, _ in CASES]), max_size=6), st.booleans())
def test_of_any_addresses_of_a_name_only_public_ones_are_tried_in_their_order(found: list[str], listed: bool) -> None:
    """Whatever else the name has: the connection goes to an address that was checked, and never to the name."""
    sockets = Sockets()
    backend = GuardedBackend([NAME] if listed else (), resolve=lambda host, port: found, sockets=sockets)
    public = [address for address in found if listed or refusal(address) is None]
    with pytest.raises(httpcore.ConnectError) as caught:
        backend.connect_tcp(NAME, 80, 5)
    assert sockets.asked == public
    assert isinstance(caught.value, NameNotResolved) == (not found)
    assert isinstance(caught.value, AddressRefused) == bool(found and not public)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_resolver_that_never_answers_delays_no_other_request(caller: str) -> None:
    end = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        end.wait(60)
        return ["93.184.216.34"]

    said: list[str] = []
    mine = threading.Thread(target=lambda: said.append(CALLERS[caller](hang)), daemon=True)
    mine.start()
    mine.join(20)
    end.set()
    assert said, "the look-up has a time limit"


def test_a_name_with_no_address_and_one_that_hangs() -> None:
    def missing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    for resolve in (missing, lambda host, port: []):
        with pytest.raises(NameNotResolved, match="gone\\.example"):
            checked("gone.example", 80, timeout_s=1, resolve=resolve)


def test_a_listed_host_may_be_private() -> None:
    def inside(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    assert checked("intranet.example", 80, ["Intranet.example:80"], timeout_s=1, resolve=inside) == ["10.0.0.1"]
    with pytest.raises(AddressRefused, match="private"):
        checked("intranet.example", 81, ["intranet.example:80"], timeout_s=1, resolve=inside)
    assert is_listed("::1", 80, ["[::1]:80"])
    assert not is_listed("evil.example", 80, ["example", "evil.example:81"])


def test_redirects_within_a_library_are_checked_too() -> None:
    answers = {"out.example": ["93.184.216.34"], "in.example": ["127.0.0.1"]}
    with guarded_lookups(timeout_s=1, resolve=lambda host, port: answers[host]) as lookups:
        lookups.pin("out.example", 80)
        found = socket.getaddrinfo("out.example", 80, type=socket.SOCK_STREAM)
        assert [entry[4][0] for entry in found] == ["93.184.216.34"]
        for host in ("in.example", b"in.example"):
            with pytest.raises(socket.gaierror, match="loopback"):
                socket.getaddrinfo(host, 80)
        with pytest.raises(socket.gaierror, match="family"):
            socket.getaddrinfo("out.example", "http", socket.AF_INET6)
    assert socket.getaddrinfo("127.0.0.1", 80), "outside of the block nothing is different"


def test_other_threads_are_not_concerned() -> None:
    found: list[Any] = []
    with guarded_lookups(timeout_s=1, resolve=lambda host, port: ["127.0.0.1"]):
        mine = threading.Thread(target=lambda: found.extend(socket.getaddrinfo("127.0.0.1", 80)))
        mine.start()
        mine.join()
    assert found


def test_a_proxy_of_the_environment_may_be_private_but_is_not_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.internal.example:3128")
    with guarded_lookups(timeout_s=1, resolve=lambda host, port: ["10.0.0.9"]) as lookups:
        with pytest.raises(AddressRefused, match="private"):
            lookups.pin("proxy.internal.example", 3128)
        assert socket.getaddrinfo("proxy.internal.example", 3128)
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("other.internal.example", 3128)


class Sockets(httpcore.NetworkBackend):
    """Connects nowhere, and notes where it was asked to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connect_tcp(self, host: str, port: int, *args: object) -> httpcore.NetworkStream:
        self.asked.append(host)
        raise httpcore.ConnectError("nobody there")


def test_a_name_that_resolves_to_another_address_later_gains_nothing() -> None:
    """DNS rebinding: a public address when it is checked, this machine a moment later."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    sockets = Sockets()
    backend = GuardedBackend(resolve=lambda host, port: next(answers), sockets=sockets)
    with pytest.raises(httpcore.ConnectError, match="nobody there"):
        backend.connect_tcp("rebind.example", 80, 5)
    assert sockets.asked == ["93.184.216.34"], "the checked address itself, not the name"
    with pytest.raises(AddressRefused, match="loopback"):
        backend.connect_tcp("rebind.example", 80, 5)
    assert len(sockets.asked) == 1


def unresolved(host: str, port: int) -> list[str]:
    """A machine behind a proxy, without a resolver: it knows numbers and no names."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        raise socket.gaierror(socket.EAI_NONAME, "no such host") from None


@pytest.mark.parametrize(
    ("hosts", "passes"),
    [
        # Numbers that a proxy may read otherwise than we do: with a dot at the end, octal, hexadecimal, short.
        ("127.0.0.1. 8.8.8.8. 010.0.0.1 8.8.010.8 0177.0.0.1 0x7f.0.0.1 127.1 2130706433 999.1.1.1 1.2.3.4.5", False),
        ("router localhost LOCALHOST. db.internal home.arpa nas.home.arpa x.lan ١٢٧.0.0.1", False),
        ("127.0.0.1 10.0.0.1 ::1 ::ffff:10.0.0.1 fe80::1%eth0 64:ff9b::7f00:1", False),
        (
            "8.8.8.8 2606:2800:220:1::1 outlet.example news.outlet.example. 1.example xn--p1ai.example 3com.example",
            True,
        ),
    ],
)
def test_what_a_proxy_may_be_asked_for(hosts: str, passes: bool) -> None:
    backend = GuardedBackend(resolve=unresolved)
    for host in hosts.split():
        if passes:
            backend.check(host, 80)
        else:
            with pytest.raises(AddressRefused):
                backend.check(host, 80)
