"""Operations on channels: create from an address, test, retry, remove. Nothing here reveals an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from core.errors import NotFound, UsageError, WirewatchError
from core.settings import Settings
from core.store import Store, SubscriptionStore
from core.tracing import Spans
from desk.delivery.channels import Options, Trouble, carrier_of, configured, kind_named, kinds
from desk.delivery.channels.kinds import plugins
from desk.delivery.render import Renderer
from desk.delivery.secrets import redacted, shown_address
from desk.delivery.store.channels import DEVICE, Channel, DeliveryRepository, key_of
from desk.delivery.store.devices import DeviceRepository, PushKeys
from desk.delivery.store.queue import Message
from desk.language import gettext

LONGEST_NAME = 60


class AddedChannel(NamedTuple):
    """A stored channel; ``new`` is False if it existed. ``secret`` was generated for it; show it only once."""

    channel: Channel
    new: bool
    secret: str


class KindOfChannel(NamedTuple):
    """An installed kind of channel; ``options``: name → purpose."""

    kind: str
    package: str
    example: str
    per_minute: int
    options: dict[str, str]


class Channels:
    """The channels of a store. ``clock_ms``: the wall clock; ``monotonic`` returns seconds. Raises StoreError.

    ``audit`` records each action: action, subject, detail.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock_ms: Callable[[], int],
        monotonic: Callable[[], float],
        *,
        audit: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._store, self._deliveries, self._settings = store, DeliveryRepository(store), settings
        self._devices = DeviceRepository(store)
        self._options = options_of(settings, store, clock_ms, monotonic)
        self._audit = audit or (lambda _action, _subject, _detail: None)

    def all(self, owner: str | None = None) -> list[Channel]:
        """All channels, or those of one owner, by name. A channel for a person's devices has their state."""
        devices = self._devices.by_person()
        return [
            one if one.person is None else fared(one, devices.get(one.person, []))
            for one in self._deliveries.channels(owner)
        ]

    def get(self, name: str) -> Channel:
        """One channel. Raises NotFound."""
        found = self._deliveries.channel(name)
        if found is None:
            raise NotFound(gettext("there is no channel %(name)s", name=repr(name)), hint="wirewatch channels list")
        return found

    def unusable(self) -> dict[str, str]:
        """Why stored channels can't be used, by name: the address is no longer allowed, or the kind is not installed."""
        found = {}
        for one in self.all():
            try:
                carrier_of(one, self._options).close()
            except UsageError as error:
                found[one.name] = redacted(error.message, one)
        return found

    @staticmethod
    def shown(channel: Channel) -> str:
        """The address of a channel as it may be shown: without its secrets."""
        return shown_address(channel)

    @staticmethod
    def kinds() -> list[KindOfChannel]:
        """The installed kinds, in the order in which they are tried on an address."""
        return [
            KindOfChannel(name, plugins()[name].package, one.example, one.per_minute, dict(one.options))
            for name, one in kinds().items()
        ]

    def used_by(self) -> dict[str, list[str]]:
        """The names of the subscriptions that deliver to each channel, for channels with any."""
        used: dict[str, list[str]] = {}
        newest = {
            one.id: one for one in SubscriptionStore(self._store).read(now_ms=self._options.clock_ms()).subscriptions
        }
        for one in newest.values():
            for name in one.delivery if one.active else ():
                used.setdefault(name, []).append(one.name or one.id)
        return used

    def add(
        self,
        name: str,
        address: str,
        *,
        owner: str,
        per_minute: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> AddedChannel:
        """Store a channel, or change the address of one. Sends nothing yet.

        ``options``: options of its kind. ``per_minute`` None: the kind's default. Raises UsageError, whose message never
        shows the address.
        """
        name = name.strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable() or "/" in name or " " in name:
            raise UsageError(
                gettext("%(name)s is not a channel name", name=repr(name)),
                hint=gettext("use up to %(num)s characters without spaces and slashes", num=LONGEST_NAME),
            )
        known = self._deliveries.channel(name)
        if known is not None and known.person is not None:
            raise UsageError(
                gettext("%(name)s stands for the devices of %(owner)s", name=repr(name), owner=known.owner),
                hint=gettext("choose another name"),
            )
        kind, made = configured(address.strip(), options)
        channel = Channel(
            name=name,
            kind=kind,
            config=made.config,
            owner=owner,
            per_minute=kind_named(kind).per_minute if per_minute is None else per_minute,
            added_ms=self._options.clock_ms(),
        )
        carrier_of(channel, self._options).close()
        new = self._deliveries.save_channel(channel)
        self._audit("channel added" if new else "channel changed", name, shown_address(channel))
        return AddedChannel(channel, new, made.secret)

    def test(self, name: str) -> str:
        """Send a test message now. Returns "" if the receiver accepted it, else the reason, without secrets.

        Raises NotFound.
        """
        problem = "; ".join(problem for one in self._receivers(name) if (problem := self._try_out(one)))
        self._audit("channel tested", name, problem or "accepted")
        return problem

    def retry(self, name: str) -> int:
        """Make a failing channel try at once, and queue its failed messages again. Returns their number. Raises NotFound."""
        now_ms = self._options.clock_ms()
        count = sum(self._deliveries.retry_channel(one.name, now_ms=now_ms) for one in self._receivers(name))
        self._audit("channel tried again", name, str(count))
        return count

    def remove(self, name: str) -> None:
        """Remove a channel and its address. Messages that wait for it are kept as failed. Raises NotFound."""
        if not self._deliveries.remove_channel(name):
            raise NotFound(gettext("there is no channel %(name)s", name=repr(name)), hint="wirewatch channels list")
        self._audit("channel removed", name, "")

    def renew_push_key(self) -> int:
        """Create a new push key, and remove all devices, which are bound to the old key. Returns how many."""
        count = PushKeys(self._store).renew(now_ms=self._options.clock_ms())
        self._audit("push key renewed", "", str(count))
        return count

    def _receivers(self, name: str) -> list[Channel]:
        """The channel itself, or the devices that it represents. Raises NotFound."""
        channel = self.get(name)
        below = [] if channel.person is None or DEVICE in name else self._devices.devices(channel.person)
        return below or [channel]

    def _try_out(self, channel: Channel) -> str:
        now_ms = self._options.clock_ms()
        message = Message(
            id=key_of("test", channel.name, str(now_ms)),
            channel=channel.name,
            subscription=channel.name,
            kind="test",
            level="normal",
            queued_ms=now_ms,
        )
        try:
            carrier = carrier_of(channel, self._options)
            try:
                carrier.send(renderer_of(self._settings).render(message, [], None))
            finally:
                carrier.close()
        except Trouble as trouble:
            if trouble.gone:
                self._deliveries.remove_gone(channel)
            return redacted(trouble.words, channel)
        except WirewatchError as error:
            return redacted(error.message, channel)
        except Exception as error:  # noqa: BLE001,RUF100 - a channel is other people's code and servers
            return redacted(str(error), channel) or type(error).__name__
        return ""


def fared(channel: Channel, devices: Sequence[Channel]) -> Channel:
    """A channel for devices, with their state: failing if one of them is, with that device's problem."""
    failing = next((one for one in devices if one.health == "failing"), None)
    last_ok = [one.last_ok_ms for one in devices if one.last_ok_ms is not None]
    return msgspec.structs.replace(
        channel,
        health="failing" if failing else "ok" if last_ok else "new",
        problem=failing.problem if failing else None,
        failures=failing.failures if failing else 0,
        last_ok_ms=max(last_ok, default=None),
    )


def options_of(
    settings: Settings,
    store: Store,
    clock_ms: Callable[[], int],
    monotonic: Callable[[], float],
    *,
    spans: Spans | None = None,
) -> Options:
    """The installation's options for channels."""
    allowed = frozenset(one.strip().lower() for one in settings.delivery_allow_private.split(",") if one.strip())
    return Options(
        clock_ms=clock_ms,
        monotonic=monotonic,
        smtp=settings.smtp_url,
        sender=settings.smtp_from,
        allowed=allowed,
        spans=spans,
        push_key=PushKeys(store).private,
    )


def renderer_of(settings: Settings) -> Renderer:
    """The renderer, with the configured templates and the address of the desk for links. Raises UsageError."""
    return Renderer(settings.delivery_templates, settings.desk_public_url)
