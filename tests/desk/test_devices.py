"""Notifications on a person's devices: the account page, who loses them, and the browser's side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect
from starlette.testclient import TestClient

from core.records import Subscription
from core.store import Store, SubscriptionStore
from desk.delivery import vapid
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.delivery.store.devices import DeviceRepository, PushKeys
from desk.people.accounts import COMMAND_LINE
from desk.use_cases.desk import Desk
from desk.use_cases.devices import MOST_DEVICES
from desk.web.app import create_app
from tests.desk.browser import launched, serious_faults, sign_in
from tests.desk.delivery.push_service import Browser, PushService, push_service
from tests.desk.delivery.support import alert, put
from tests.desk.support import PASSWORD, Clock, add_people, form_token, make_desk
from tests.desk.support import sign_in as signed_in
from tests.serving import served
from tests.waiting import until
from tests.wirewatch.command import wirewatch

AGAIN = "another twelve letters"


@pytest.fixture
def desk(store: Store, clock: Clock) -> Desk:
    """A desk that may reach the push service of the test."""
    made = make_desk(store, clock, delivery_allow_private="127.0.0.1")
    add_people(made)
    return made


@pytest.fixture
def push() -> Iterator[PushService]:
    with push_service() as made:
        yield made


def send(client: TestClient, path: str, **values: str) -> Any:
    return client.post(path, data={**values, "form_token": form_token(client, "/account")})


def add(client: TestClient, browser: Browser, label: str = "Phone") -> Any:
    return send(client, "/account/devices", label=label, **browser.keys)


def names(store: Store, desk: Desk, person: str) -> list[str]:
    return [one.name for one in DeviceRepository(store).devices(desk.accounts.known(person).id)]


def test_a_device_is_turned_on_tried_out_and_turned_off(
    store: Store, desk: Desk, push: PushService, as_reader: TestClient
) -> None:
    page = as_reader.get("/account").text
    assert "push-reader" not in page
    # Nothing was done yet that the page would tell of.
    assert 'class="note' not in page
    key = send(as_reader, "/account/devices/key").text
    assert key == vapid.public_key(PushKeys(store).private())
    browser = push.browser()
    page = add(as_reader, browser, "My  Phone").text
    assert "push-reader/My-Phone is turned on" in page
    assert "My Phone" in page
    assert browser.endpoint.rpartition("/")[2] not in page
    assert browser.shown == []
    page = send(as_reader, "/account/devices/test", name="push-reader/My-Phone").text
    assert "the push service accepted the test" in page
    (shown,) = browser.shown
    assert (shown["kind"], shown["alert"], shown["title"]) == ("test", "", "Notifications arrive on this device")
    assert push.faults == []
    assert "is turned off" in send(as_reader, "/account/devices/remove", name="push-reader/My-Phone").text
    assert names(store, desk, "reader") == []
    acts = [(line.action, line.subject) for line in reversed(desk.accounts.trail.page())]
    assert [act for act in acts if "device" in act[0] or "channel" in act[0]] == [
        ("device added", "push-reader/My-Phone"),
        ("channel tested", "push-reader/My-Phone"),
        ("device removed", "push-reader/My-Phone"),
    ]
    trail = json.dumps([line.detail for line in desk.accounts.trail.page()])
    assert browser.endpoint.rpartition("/")[2] not in trail


def test_people_reach_only_their_own_devices(
    store: Store, desk: Desk, push: PushService, as_reader: TestClient
) -> None:
    add(as_reader, push.browser())
    assert send(as_reader, "/account/devices/remove", name="push-reader").status_code == 404
    as_reader.cookies.clear()
    signed_in(as_reader, "editor")
    for path in ("/account/devices/test", "/account/devices/remove"):
        assert send(as_reader, path, name="push-reader/Phone").status_code == 404
    assert "push-reader/Phone" not in as_reader.get("/account").text
    assert names(store, desk, "reader") == ["push-reader/Phone"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://push.example/1", "over HTTPS, on the usual port"),
        ("https://push.example:22/1", "over HTTPS, on the usual port"),
        ("javascript:alert(1)", "not one of a push service"),
        ("https://[::1", "not one of a push service"),
        ("https://ann@push.example/", "not one of a push service"),
    ],
)
def test_a_browser_that_gives_something_else_is_refused(
    store: Store, desk: Desk, as_reader: TestClient, url: str, words: str
) -> None:
    answer = add(as_reader, Browser(url))
    assert answer.status_code == 400
    assert words in answer.text
    assert names(store, desk, "reader") == []


def test_a_name_that_leads_inside_is_refused_when_it_is_sent_to(as_reader: TestClient) -> None:
    assert add(as_reader, Browser("https://localhost/1")).status_code == 200
    answer = send(as_reader, "/account/devices/test", name="push-reader/Phone")
    assert answer.status_code == 502
    assert "is in a private network" in answer.text


def test_keys_that_nothing_can_be_encrypted_for_are_refused(desk: Desk, as_reader: TestClient) -> None:
    good = Browser("https://push.example/1").keys
    for odd in ({"p256dh": "A" * 87}, {"p256dh": "é"}, {"auth": "AAAA"}, {"auth": "*" * 22}):
        answer = send(as_reader, "/account/devices", label="x", **{**good, **odd})
        assert (answer.status_code, "keys that can&#39;t be used" in answer.text) == (400, True), odd


def test_there_is_a_bound_on_devices_and_on_changes(
    store: Store, clock: Clock, desk: Desk, as_reader: TestClient
) -> None:
    for number in range(MOST_DEVICES):
        assert add(as_reader, Browser(f"https://push.example/{number}"), f"d{number}").status_code == 200
        clock.forward(60)
    answer = add(as_reader, Browser("https://push.example/more"), "more")
    assert (answer.status_code, f"on {MOST_DEVICES} devices" in answer.text) == (400, True)
    assert add(as_reader, Browser("https://push.example/again"), "d1").status_code == 400
    assert add(as_reader, Browser("https://push.example/1"), "d1").status_code == 200, "the same browser again"
    assert len(names(store, desk, "reader")) == MOST_DEVICES
    statuses = [add(as_reader, Browser("https://push.example/1"), "d1").status_code for _ in range(12)]
    assert 429 in statuses


def test_two_browsers_with_the_suggested_name_are_two_devices(store: Store, desk: Desk, as_reader: TestClient) -> None:
    for url in ("https://push.example/1", "https://push.example/2", "https://push.example/3", "https://push.example/2"):
        page = add(as_reader, Browser(url), "Linux x86_64").text
    assert names(store, desk, "reader") == [f"push-reader/Linux-x86_64{end}" for end in ("", "-2", "-3")]
    assert [label in page for label in ("Linux x86_64<", "Linux x86_64 2<", "Linux x86_64 3<")] == [True, True, True]
    send(as_reader, "/account/devices/remove", name="push-reader/Linux-x86_64")
    add(as_reader, Browser("https://push.example/4"), "Linux x86_64")
    assert "push-reader/Linux-x86_64" in names(store, desk, "reader"), "a free name is used again"


def test_hostile_labels_become_names(store: Store, desk: Desk, as_reader: TestClient) -> None:
    given = ("a/b", "<b>bold</b>", "x" * 100, "", "\u202etxt.exe")
    for number, label in enumerate(given):
        add(as_reader, Browser(f"https://push.example/{number}"), label)
    shortened = f"push-reader/{'x' * 57}…"
    expected = {"push-reader/a-b", "push-reader/<b>bold<-b>", shortened, "push-reader/device"}
    assert set(names(store, desk, "reader")) == expected
    page = as_reader.get("/account").text
    assert "<b>bold" not in page


def test_closing_an_account_ends_its_notifications(store: Store, desk: Desk, as_reader: TestClient) -> None:
    add(as_reader, Browser("https://push.example/1"))
    desk.accounts.set_active(desk.accounts.known("reader"), active=False, by=COMMAND_LINE)
    assert names(store, desk, "reader") == []


@pytest.mark.parametrize("keep", [True, False])
def test_a_new_password_ends_them_unless_they_are_kept(
    store: Store, desk: Desk, as_reader: TestClient, keep: bool
) -> None:
    add(as_reader, Browser("https://push.example/1"))
    values = {"old": PASSWORD, "new": AGAIN, **({"keep": "true"} if keep else {})}
    assert send(as_reader, "/account/password", **values).status_code == 200
    assert names(store, desk, "reader") == (["push-reader/Phone"] if keep else [])


def test_the_persons_channel_is_one_among_the_others(
    store: Store, desk: Desk, push: PushService, as_editor: TestClient
) -> None:
    phone, laptop = push.browser(), push.browser()
    add(as_editor, phone)
    page = add(as_editor, laptop, "Laptop").text
    assert "No subscription notifies you yet." in page
    one = Subscription(id="ports", query="grain", name="Ports", owner="editor", delivery=("push-editor",))
    SubscriptionStore(store).save_subscriptions([one], now_ms=1)
    assert "Subscriptions that notify you: Ports." in as_editor.get("/account").text
    form = as_editor.get("/subscriptions/of/ports").text
    assert 'value="push-editor" checked' in form
    assert "push-editor/Phone" not in form
    page = as_editor.get("/channels").text
    assert ("push-editor" in page, "push-editor/Phone" in page) == (True, False)
    # A test of the channel goes to all devices; one that is gone goes.
    push.unsubscribe(phone)
    page = send(as_editor, "/channels/test", name="push-editor").text
    assert "subscription has ended (410)" in page
    assert len(laptop.shown) == 1
    assert names(store, desk, "editor") == ["push-editor/Laptop"]
    answer = send(as_editor, "/channels/add", name="push-editor", address="https://hooks.outlet.example/x")
    assert "stands for the devices of editor" in answer.text
    assert DeliveryRepository(store).channel("push-editor") is not None


def test_the_running_delivery_notifies(
    store: Store, desk: Desk, push: PushService, as_editor: TestClient, tmp_path: Path
) -> None:
    phone = push.browser()
    add(as_editor, phone)
    one = Subscription(id="s", query="mine", name="Mines", owner="editor", delivery=("push-editor",))
    SubscriptionStore(store).save_subscriptions([one], now_ms=1)
    put(store, alert(1, title="Mine floods"))
    settings = {"WIREWATCH_STORE_URL": store.url, "WIREWATCH_DELIVERY_ALLOW_PRIVATE": "127.0.0.1"}
    done = wirewatch("deliver", "--once", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    assert push.faults == []
    assert [(one["title"], one["outlet"], one["subscription"]) for one in phone.shown] == [
        ("Mine floods", "post", "Mines")
    ]
    private = PushKeys(store).private()
    assert private not in done.stdout + done.stderr


def test_a_new_key_ends_all_devices(
    store: Store, desk: Desk, push: PushService, as_reader: TestClient, tmp_path: Path
) -> None:
    add(as_reader, push.browser())
    DeliveryRepository(store).save_channel(Channel(name="ops", kind="mail", config={"url": "mailto:a@b.example"}))
    before = PushKeys(store).private()
    done = wirewatch("channels", "renew-push-key", cwd=tmp_path, WIREWATCH_STORE_URL=store.url)
    assert (done.returncode, "1 device was removed" in done.stderr) == (0, True)
    after = PushKeys(store).private()
    assert after not in ("", before)
    assert after not in done.stdout + done.stderr
    assert [one.name for one in DeliveryRepository(store).channels()] == ["ops", "push-reader"]
    assert names(store, desk, "reader") == []
    # The page gives browsers the new one at once.
    assert send(as_reader, "/account/devices/key").text == vapid.public_key(after)


FAKE = """
Object.defineProperty(Notification, "permission", { get: () => "granted" });
Notification.requestPermission = async () => "granted";
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const given = GIVEN;
const kept = () => sessionStorage.getItem("subscribed");
const made = () => ({
  endpoint: given.endpoint,
  options: { applicationServerKey: bytes(kept()).buffer },
  getKey: (name) => bytes(given[name]).buffer,
  unsubscribe: async () => { sessionStorage.removeItem("subscribed"); return true; },
});
PushManager.prototype.getSubscription = async () => (kept() ? made() : null);
PushManager.prototype.subscribe = async (options) => {
  sessionStorage.setItem("subscribed", options.applicationServerKey);
  return made();
};
"""
"""A browser whose push service is the test's: Debian's Chromium has none."""


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_a_person_turns_notifications_on_and_off_in_the_browser(store: Store, desk: Desk, push: PushService) -> None:
    browser = push.browser()
    with launched() as chromium, served(create_app(desk)) as url, closing(chromium.new_context()) as context:
        context.add_init_script(FAKE.replace("GIVEN", json.dumps(browser.keys)))
        page = context.new_page()
        sign_in(page, url)
        page.goto(f"{url}/account")
        page.get_by_label("Name of this device").fill("Laptop")
        page.get_by_role("button", name="Notify me on this device").click()
        expect(page.get_by_text("push-editor/Laptop is turned on")).to_be_visible()
        expect(page.get_by_text("(this device)")).to_be_visible()
        expect(page.get_by_role("button", name="Notify me on this device")).to_be_hidden()
        assert page.evaluate("sessionStorage.getItem('subscribed')") == vapid.public_key(PushKeys(store).private())
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("the push service accepted the test")).to_be_visible()
        assert [one["kind"] for one in browser.shown] == ["test"]
        assert serious_faults(page) == []
        page.get_by_role("button", name="Turn off").click()
        expect(page.get_by_text("push-editor/Laptop is turned off")).to_be_visible()
        expect(page.get_by_role("button", name="Notify me on this device")).to_be_visible()
        assert page.evaluate("sessionStorage.getItem('subscribed')") is None
        assert names(store, desk, "editor") == []


CLICKS = """
async (paths) => {
  const opened = [];
  self.clients.openWindow = async (address) => opened.push(address);
  for (const path of paths) {
    await self.registration.showNotification("click", { tag: "click", data: { path } });
    const [notification] = await self.registration.getNotifications({ tag: "click" });
    await new Promise((done) => {
      const event = new NotificationEvent("notificationclick", { notification });
      event.waitUntil = (work) => work.then(done);
      self.dispatchEvent(event);
    });
  }
  return opened;
}
"""
"""Clicks on notifications that lead to these; gives the addresses that were opened."""


def deliver(session: CDPSession, origin: str, registration: str, data: str) -> None:
    session.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": registration, "data": data})


def shown_by(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        "navigator.serviceWorker.ready.then((one) => one.getNotifications()).then((all) =>"
        " all.map(({ title, body, tag, data }) => ({ title, body, tag, data })))"
    )
    return found


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_the_service_worker_shows_what_is_pushed_and_leads_nowhere_else(desk: Desk) -> None:
    with launched() as chromium, served(create_app(desk)) as url, closing(chromium.new_context()) as context:
        context.grant_permissions(["notifications"], origin=url)
        page = context.new_page()
        sign_in(page, url)
        page.wait_for_function("navigator.serviceWorker.controller !== null")
        session = context.new_cdp_session(page)
        registrations: list[str] = []
        session.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: registrations.extend(one["registrationId"] for one in event["registrations"]),
        )
        session.send("ServiceWorker.enable")
        # Playwright hands events over while it talks with the page.
        until(lambda: page.title() != "" and bool(registrations), "the service worker's registration")
        (registration,) = set(registrations)
        pushed = {"id": "n1", "tag": "t1", "kind": "alert", "title": "Grain <b>leaves</b>", "outlet": "post"}
        pushed |= {"subscription": "Ports", "alert": "../../evil//x"}
        deliver(session, url, registration, json.dumps(pushed))
        until(lambda: len(shown_by(page)) == 1, "notification")
        (one,) = shown_by(page)
        assert (one["title"], one["body"]) == ("Grain <b>leaves</b>", "post · Ports")
        assert one["data"]["path"] == "/alerts/..%2F..%2Fevil%2F%2Fx"
        # The same story again replaces it; what can't be read is shown too, since a browser wants every push shown.
        deliver(session, url, registration, json.dumps(pushed | {"id": "n2", "title": "More"}))
        deliver(session, url, registration, "no json")
        until(lambda: {one["title"] for one in shown_by(page)} == {"More", "Wirewatch"}, "notifications")
        assert {one["title"]: one["data"]["path"] for one in shown_by(page)} == {
            "More": "/alerts/..%2F..%2Fevil%2F%2Fx",
            "Wirewatch": "/alerts",
        }
        # A click opens the alert at this desk, whatever the notification names.
        (worker,) = context.service_workers
        opened = worker.evaluate(
            CLICKS, ["/alerts/1", "https://evil.example/", "//evil.example/x", "javascript:alert(1)"]
        )
        assert opened == [f"{url}/alerts/1", *[f"{url}/alerts"] * 3]
