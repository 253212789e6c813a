"""Devices on which people are notified by Web Push: turn on, test, remove. Nothing here reveals an address."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from core.errors import NotFound, UsageError
from core.graphemes import shortened
from core.store import Store
from desk.delivery import vapid
from desk.delivery.channels import Options, carrier_of, configured
from desk.delivery.channels.base import host_of
from desk.delivery.channels.webpush import address_of
from desk.delivery.store.channels import DEVICE, Channel
from desk.delivery.store.devices import KIND, DeviceRepository, PushKeys
from desk.language import gettext
from desk.people.roles import Caller
from desk.use_cases.channels import Channels

MOST_DEVICES = 8
"""Devices of one person: each occupies a sender's thread while its push service is slow."""
LONGEST_LABEL = 60


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device. ``label`` is its owner's name for it, ``name`` that of its channel, ``service`` its push service's host.

    ``browser`` is the SHA-256 of its endpoint, by which a page recognises the browser that it runs in. ``problem`` is the last
    failure; ``used_ms`` is when the device last accepted a message.
    """

    name: str
    label: str
    service: str
    browser: str
    added_ms: int
    used_ms: int | None
    problem: str | None


class Devices:
    """The devices of one person. ``audit`` records each action: action, subject, detail. Raises StoreError."""

    def __init__(
        self,
        store: Store,
        channels: Channels,
        options: Options,
        person: Caller,
        *,
        audit: Callable[[str, str, str], None],
    ) -> None:
        self._devices, self._keys = DeviceRepository(store), PushKeys(store)
        self._channels, self._options = channels, options
        self._person, self._owner, self._audit = person.id, person.name, audit

    def all(self) -> list[Device]:
        """All devices of the person, the oldest first."""
        return [self._device(one) for one in self._devices.devices(self._person)]

    def channel(self) -> str | None:
        """The name of the channel that represents the devices in subscriptions; None before the first device."""
        return self._devices.channel(self._person)

    def subscriptions(self, channel: str | None) -> list[str]:
        """The names of the subscriptions that notify these devices, by the name of their channel."""
        return self._channels.used_by().get(channel, []) if channel is not None else []

    def public_key(self) -> str:
        """The key to which browsers bind their push subscriptions; created at first use."""
        return vapid.public_key(self._keys.made(now_ms=self._options.clock_ms()))

    def add(self, label: str, endpoint: str, p256dh: str, auth: str) -> str:
        """Turn notifications on for the browser with these values. Returns the name of its channel. Sends nothing yet.

        Another browser with the same label stays: the new one gets a number after its label.
        Raises UsageError if the address or the keys can't be used, or for too many devices; the message shows no address.
        """
        label = " ".join(label.split()).replace(DEVICE, "-") or gettext("device")
        if not label.isprintable():
            raise UsageError(gettext("give the device a readable name"))
        label = shortened(label, LONGEST_LABEL)
        now_ms = self._options.clock_ms()
        self._keys.made(now_ms=now_ms)
        kind, made = configured(address_of(endpoint, p256dh, auth))
        config = made.config | {"label": label}
        carrier_of(Channel(name=label, kind=kind, config=config), self._options).close()
        name = self._devices.add(
            self._person, self._owner, label.replace(" ", "-"), config, most=MOST_DEVICES, now_ms=now_ms
        )
        if name is None:
            said = gettext("you are notified on %(num)s devices: remove one first", num=MOST_DEVICES)
            raise UsageError(said)
        self._audit("device added", name, self._channels.shown(Channel(name=name, kind=KIND, config=config)))
        return name

    def test(self, name: str) -> str:
        """Send a test now. Returns "" if the push service accepted it, else the reason.

        Raises NotFound, also for other people's devices.
        """
        self._known(name)
        return self._channels.test(name)

    def remove(self, name: str) -> None:
        """Turn notifications off for a device. Raises NotFound, also for other people's devices."""
        if not self._devices.remove(self._person, name):
            raise self._missing()
        self._audit("device removed", name, "")

    def _known(self, name: str) -> None:
        if name not in {one.name for one in self._devices.devices(self._person)}:
            raise self._missing()

    def _missing(self) -> NotFound:
        return NotFound(gettext("you are not notified on such a device"))

    def _device(self, channel: Channel) -> Device:
        endpoint = str(channel.config["url"])
        return Device(
            name=channel.name,
            label=str(channel.config.get("label") or channel.name.partition(DEVICE)[2]),
            service=host_of(endpoint),
            browser=hashlib.sha256(endpoint.encode()).hexdigest(),
            added_ms=channel.added_ms,
            used_ms=channel.last_ok_ms,
            problem=channel.problem,
        )
