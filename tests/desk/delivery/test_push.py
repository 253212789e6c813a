"""Web Push: from an alert in the outbox to a notification on each of a person's devices."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import http_ece
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.graphemes import shortened
from core.store import Store
from desk.delivery import vapid
from desk.delivery.channels import Trouble, carrier_of
from desk.delivery.channels.testing import sample_notice, sample_options
from desk.delivery.channels.webpush import encrypted
from desk.delivery.push_payload import MOST_ENCRYPTED, OVERHEAD, TITLE_BYTES, payload_of
from desk.delivery.store import tables as d
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.delivery.store.devices import KIND, DeviceRepository, PushKeys, remove_devices
from tests.desk.delivery.push_service import Browser, PushService, push_service
from tests.desk.delivery.support import NOON_MS, Clock, alert, put, service, settle, statuses, subscribe, subscription
from tests.waiting import until


@pytest.fixture
def push() -> Iterator[PushService]:
    with push_service() as made:
        made.now_s = NOON_MS / 1_000
        yield made


@pytest.fixture
def key(store: Store) -> str:
    return PushKeys(store).made(now_ms=NOON_MS)


def device(store: Store, browser: Browser, label: str, person: str = "ann", most: int = 8) -> str | None:
    given = browser.keys
    config = {"url": given["endpoint"], "p256dh": given["p256dh"], "auth": given["auth"], "label": label}
    return DeviceRepository(store).add(f"id-{person}", person, label, config, most=most, now_ms=NOON_MS)


def delivering(store: Store, clock: Clock, **fields: Any) -> Any:
    return service(store, clock, push_key=PushKeys(store).private, **fields)


def names(store: Store, person: str = "ann") -> list[str]:
    return [one.name for one in DeviceRepository(store).devices(f"id-{person}")]


def test_an_alert_is_shown_once_on_each_device(store: Store, clock: Clock, push: PushService, key: str) -> None:
    phone, laptop, strangers = push.browser(), push.browser(), push.browser()
    assert [device(store, phone, "Phone"), device(store, laptop, "Laptop")] == ["push-ann/Phone", "push-ann/Laptop"]
    device(store, strangers, "Phone", person="bob")
    subscribe(store, subscription(delivery=("push-ann",)))
    put(store, alert(1, title="Mine floods", source="post", level="urgent"))
    settle(delivering(store, clock))
    assert push.faults == []
    assert strangers.shown == []
    (shown,), (other,) = phone.shown, laptop.shown
    assert {name for name in shown if shown[name] != other[name]} == {"id", "at"}
    expected = {
        "title": "Mine floods",
        "outlet": "post",
        "subscription": "Mines",
        "alert": alert(1).id,
        "kind": "alert",
    }
    assert {name: shown[name] for name in expected} == expected
    assert statuses(store) == {"sent": 2}
    (first, second) = push.pushes
    assert {first.claims["key"], second.claims["key"]} == {vapid.public_key(key)}
    assert (first.headers["urgency"], first.headers["ttl"]) == ("high", "86400")
    assert key not in json.dumps([one.headers for one in push.pushes])
    # Each for its device alone: the same message, encrypted again.
    with pytest.raises(http_ece.ECEException, match="Decryption error"):
        laptop.decrypted(encrypted(b"{}", phone.keys["p256dh"], phone.keys["auth"]))
    settle(delivering(store, clock))
    assert len(push.pushes) == 2


def test_a_device_whose_subscription_has_ended_is_removed_and_the_others_are_not(
    store: Store, clock: Clock, push: PushService, key: str
) -> None:
    phone, laptop = push.browser(), push.browser()
    device(store, phone, "Phone")
    device(store, laptop, "Laptop")
    subscribe(store, subscription(delivery=("push-ann",)))
    push.unsubscribe(phone)
    put(store, alert(1), alert(2))
    settle(delivering(store, clock))
    assert names(store) == ["push-ann/Laptop"]
    assert [one["title"] for one in laptop.shown] == ["Headline 1", "Headline 2"]
    # One request was enough to know.
    assert [one.status for one in push.pushes if one.browser is phone] == [410]
    assert statuses(store) == {"sent": 2, "failed": 2}
    row = DeliveryRepository(store).channel("push-ann")
    assert row is not None
    with store.reading() as connection:
        kept = connection.execute(sa.select(d.channels.c.config).where(d.channels.c.name == "push-ann/Phone")).scalar()
    assert kept == "{}"
    clock.pass_(seconds=2)
    put(store, alert(3))
    settle(delivering(store, clock))
    assert len(laptop.shown) == 3
    assert statuses(store) == {"sent": 3, "failed": 2}


def test_a_device_that_was_registered_again_in_between_stays(store: Store, push: PushService, key: str) -> None:
    old = push.browser()
    device(store, old, "Phone")
    (before,) = DeviceRepository(store).devices("id-ann")
    renewed = replace(old, secret=bytes(16))
    device(store, renewed, "Phone")
    assert not DeliveryRepository(store).remove_gone(before)
    (after,) = DeviceRepository(store).devices("id-ann")
    assert after.config["auth"] == renewed.keys["auth"] != before.config["auth"]


@pytest.mark.parametrize(("status", "headers", "wait_s"), [(503, {}, 10), (429, {"retry-after": "600"}, 700)])
def test_a_push_service_that_is_busy_is_asked_later(
    store: Store, clock: Clock, push: PushService, key: str, status: int, headers: dict[str, str], wait_s: float
) -> None:
    phone = push.browser()
    device(store, phone, "Phone")
    subscribe(store, subscription(delivery=("push-ann",)))
    push.answers = [(status, headers)]
    put(store, alert(1))
    work = delivering(store, clock)
    settle(work)
    assert phone.shown == []
    settle(work)
    assert len(push.pushes) == 1
    clock.pass_(seconds=wait_s)
    push.now_s = clock.now_ms / 1_000
    settle(work)
    assert [one["title"] for one in phone.shown] == ["Headline 1"]
    assert push.pushes[0].headers["topic"] == push.pushes[1].headers["topic"]
    assert statuses(store) == {"sent": 1}


def test_a_retraction_replaces_what_it_takes_back(store: Store, clock: Clock, push: PushService, key: str) -> None:
    phone = push.browser()
    device(store, phone, "Phone")
    subscribe(store, subscription(delivery=("push-ann",)))
    put(store, alert(1))
    work = delivering(store, clock)
    settle(work)
    clock.pass_(minutes=20)
    push.now_s = clock.now_ms / 1_000
    put(store, alert(1, reason="retraction", level="urgent", withdrawn=("article1",)))
    settle(work)
    sent, killed = phone.shown
    assert (sent["tag"], killed["kind"]) == (killed["tag"], "kill")
    assert killed["title"] == "RETRACTED: Headline 1"
    assert push.pushes[0].headers["topic"] == push.pushes[1].headers["topic"]


def test_a_person_without_a_device_gets_nothing_and_the_alert_says_why(store: Store, clock: Clock, key: str) -> None:
    with push_service() as away:
        device(store, away.browser(), "Phone")
    DeviceRepository(store).remove("id-ann", "push-ann/Phone")
    subscribe(store, subscription(delivery=("push-ann",)))
    put(store, alert(1))
    settle(delivering(store, clock))
    with store.reading() as connection:
        (row,) = connection.execute(sa.select(d.deliveries.c.status, d.deliveries.c.why)).all()
    assert tuple(row) == ("failed", "notifications are not turned on for any device")


def test_a_browser_notifies_one_person_and_a_person_has_so_many_devices(store: Store, push: PushService) -> None:
    shared = push.browser()
    device(store, shared, "Kiosk")
    device(store, shared, "Kiosk", person="bob")
    assert (names(store), names(store, "bob")) == ([], ["push-bob/Kiosk"])
    browsers = [push.browser() for _ in range(3)]
    for number, browser in enumerate(browsers):
        assert device(store, browser, f"d{number}", most=3) is not None
    for label in ("one more", "d1"):
        assert device(store, push.browser(), label, most=3) is None
    assert device(store, browsers[1], "d1", most=3) == "push-ann/d1"
    assert len(names(store)) == 3


def test_a_person_without_devices_is_no_longer_notified(store: Store, push: PushService) -> None:
    device(store, push.browser(), "Phone")
    device(store, push.browser(), "Phone", person="bob")
    with store.writing() as connection:
        remove_devices(connection, "id-ann")
    assert (names(store), names(store, "bob")) == ([], ["push-bob/Phone"])
    assert DeviceRepository(store).channel("id-ann") == "push-ann"


def test_the_name_of_a_persons_channel_is_one_that_no_other_ever_had(store: Store, push: PushService) -> None:
    repository = DeliveryRepository(store)
    repository.save_channel(Channel(name="push-ann-lee", kind="mail", config={"url": "mailto:a@b.example"}))
    repository.remove_channel("push-ann-lee")
    assert device(store, push.browser(), "Phone", person="ann  lee") == "push-ann-lee-2/Phone"
    repository.save_channel(Channel(name="push-ann-lee", kind="mail", config={"url": "mailto:a@b.example"}))
    # Removing a channel removes the devices below it and none of a name that only begins alike.
    repository.remove_channel("push-ann-lee")
    assert names(store, "ann  lee") == ["push-ann-lee-2/Phone"]
    repository.remove_channel("push-ann-lee-2")
    assert names(store, "ann  lee") == []


def test_the_key_is_made_once(any_store: Store) -> None:
    keys = PushKeys(any_store)
    assert keys.private() == ""
    made = keys.made(now_ms=NOON_MS)
    assert (PushKeys(any_store).made(now_ms=NOON_MS + 1), keys.private()) == (made, made)


REFUSED = {
    "http://push.example/1": "over HTTPS, on the usual port",
    "https://push.example:8443/1": "over HTTPS, on the usual port",
    "https://127.0.0.1:22/1": "over HTTPS, on the usual port",
    "https://[::1]/1": "not one of a push service",
}
UNREACHABLE = {
    "https://127.0.0.1/1": "loopback",
    "https://169.254.169.254/latest": "link-local",
    "https://10.1.2.3/1": "private",
    "https://inside.corp/1": "can't be found, or is in a private network",
    "https://bent.example/1": "can't be found, or is in a private network",
}


def opened(url: str) -> Any:
    """Its carrier, in an installation that allows no private host; every name leads inside."""

    def look_up(host: str, _port: int) -> list[str]:
        return [host if host[0].isdigit() else "192.168.1.5"]

    config = Browser(url).keys
    channel = Channel(name="c", kind=KIND, config={**config, "url": url})
    return carrier_of(channel, sample_options(allowed=frozenset(), look_up=look_up))


@pytest.mark.parametrize("url", REFUSED)
def test_an_endpoint_that_is_not_a_push_service_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=REFUSED[url]):
        opened(url)


@pytest.mark.parametrize("url", UNREACHABLE)
def test_an_endpoint_in_a_private_network_is_never_connected_to(url: str) -> None:
    with closing(opened(url)) as carrier, pytest.raises((Trouble, UsageError), match=UNREACHABLE[url]):
        carrier.send(sample_notice())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(push: PushService, status: int) -> None:
    browser, other = push.browser(), push.browser()
    push.now_s = None
    push.answers = [(status, {"location": other.endpoint})]
    channel = Channel(name="c", kind=KIND, config={**browser.keys, "url": browser.endpoint})
    with closing(carrier_of(channel, sample_options())) as carrier, pytest.raises(Trouble, match="not followed"):
        carrier.send(sample_notice())
    assert [one.browser for one in push.pushes] == [browser]


def answering(serve: Callable[[socket.socket], None]) -> tuple[Browser, socket.socket]:
    """A push service that reads a request's head and then does as it likes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65_536)
            # That we hang up on it is what it is for.
            with suppress(OSError):
                serve(connection)

    threading.Thread(target=run, daemon=True).start()
    return Browser(f"http://127.0.0.1:{listener.getsockname()[1]}/x"), listener


def test_an_endless_answer_is_cut_off(store: Store) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 201 Created\r\ncontent-length: 10000000000\r\n\r\n")
        while True:
            sent += connection.send(b"x" * 65_536)

    browser, listener = answering(flood)
    channel = Channel(name="c", kind=KIND, config={**browser.keys, "url": browser.endpoint})
    with closing(listener), closing(carrier_of(channel, sample_options())) as carrier:
        carrier.send(sample_notice())
    assert sent < 100_000_000


def test_a_push_service_that_answers_a_byte_a_second_holds_up_no_other_device(
    store: Store, clock: Clock, push: PushService, key: str
) -> None:
    served = threading.Event()
    order: list[str] = []

    def trickle(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 201 Created\r\n" + b"x-slow: 1\r\n" * 20:
            connection.sendall(bytes([byte]))
            if served.wait(1):
                break
        order.append("slow ended")

    slow, listener = answering(trickle)
    device(store, slow, "A")
    phone = push.browser()
    device(store, phone, "Phone")
    subscribe(store, subscription(delivery=("push-ann",)))
    put(store, alert(1))
    with closing(listener):
        work = delivering(store, clock)
        work.step()
        until(lambda: bool(phone.shown), "notification")
        order.append("phone shown")
        served.set()
        work.wait_idle()
    assert order[0] == "phone shown"
    assert statuses(store)["sent"] == 1


names_of_strangers = st.text(st.characters(codec="utf-8"), max_size=6_000) | st.builds(
    lambda part, times: part * times,
    st.sampled_from(["\\", '"', "é", "e\u0301", "\u0645\u064f", "水", "👩‍👩‍👧‍👦", "\u0301", "\u202e", "\n", "ก็"]),
    st.integers(0, 3_000),
)


@given(title=names_of_strangers, source=names_of_strangers)
def test_a_push_fits_and_is_complete_whatever_its_title(title: str, source: str) -> None:
    browser = Browser("https://push.example/1")
    notice = sample_notice(title=title, source=source)
    notice.subscription_name = source
    body = encrypted(payload_of(notice), browser.keys["p256dh"], browser.keys["auth"])
    assert len(body) <= MOST_ENCRYPTED
    assert len(body) == len(payload_of(notice)) + OVERHEAD
    shown = browser.decrypted(body)
    assert len(shown["title"].encode()) <= TITLE_BYTES


@given(text=names_of_strangers, most=st.integers(3, 200))
def test_a_shortened_text_is_whole_clusters(text: str, most: int) -> None:
    import regex  # type: ignore[import-untyped]

    made = shortened(text, most)
    assert len(made.encode()) <= most
    if len(text.encode()) <= most:
        assert made == text
        return
    assert made.endswith("…")
    kept = made.removesuffix("…")
    assert text.startswith(kept)
    clusters = regex.findall(r"\X", text)
    if len(clusters[0].encode()) <= most - 3:
        borders = {0}
        for one in clusters:
            borders.add(max(borders) + len(one))
        # What is left out at the end is white space at most.
        rest = text[len(kept) :]
        blank = len(rest) - len(rest.lstrip())
        assert borders & set(range(len(kept), len(kept) + blank + 1))


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("short", 100, "short"),
        ("موانئ البحر الأسود", 12, "موان…"),
        ("مُحَمَّد", 9, "مُ…"),
        ("黑海停火谈判", 12, "黑海停…"),
        ("👩‍👩‍👧‍👦 family", 28, "👩‍👩‍👧‍👦…"),
        ("e\u0301" * 50, 10, "e\u0301e\u0301…"),
        ("a" + "\u0301" * 5_000, 10, "a\u0301\u0301\u0301…"),
    ],
)
def test_texts_are_cut_between_visible_characters(text: str, most: int, expected: str) -> None:
    assert shortened(text, most) == expected
