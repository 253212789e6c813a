"""The installed kinds of channels, built-in and third-party, found by entry points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import structlog

from core.errors import UsageError
from core.plugins import Plugin, installed_plugins
from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options
from desk.delivery.store.channels import Channel

GROUP = "wirewatch.channels"
log = structlog.get_logger()


@cache
def plugins() -> Mapping[str, Plugin]:
    """The installed kinds by name, without importing them. Raises UsageError if two packages offer the same name."""
    return installed_plugins(GROUP)


@cache
def kind_named(name: str) -> ChannelKind:
    """The kind with this name. Raises UsageError if it is not installed or can't be loaded."""
    if name not in plugins():
        hint = "install the package that offers it, or remove the channel"
        raise UsageError(f"there is no kind of channel {name!r}", hint=hint)
    loaded = plugins()[name].load()
    made = loaded() if isinstance(loaded, type) else loaded
    if not isinstance(made, ChannelKind):
        raise UsageError(f"{name!r} of package {plugins()[name].package} is not a ChannelKind")
    return made


def kinds() -> dict[str, ChannelKind]:
    """All kinds by name, in the order in which they are tried on an address, without those that can't be loaded."""
    found: dict[str, ChannelKind] = {}
    for name in plugins():
        try:
            found[name] = kind_named(name)
        except UsageError as error:
            log.warning("a kind of channel can't be used", kind=name, problem=str(error))
    return dict(sorted(found.items(), key=lambda one: (one[1].rank, one[0])))


def configured(address: str, options: Mapping[str, str] | None = None) -> tuple[str, Configured]:
    """The name of the kind of an address, and the configuration to store.

    Raises UsageError if the address or an option can't be used; the message never shows the address.
    """
    for name, kind in kinds().items():
        if kind.takes(address):
            given = {option: value for option, value in (options or {}).items() if value}
            if unknown := sorted(given.keys() - kind.options.keys()):
                has = f"it has {', '.join(sorted(kind.options))}" if kind.options else "it has none"
                raise UsageError(f"a {name} channel has no option {unknown[0]!r}", hint=has)
            return name, kind.configure(address, given)
    raise UsageError("no kind of channel takes that address", hint="wirewatch channels kinds lists them")


def kind_of(address: str) -> str:
    """The name of the kind of an address. Raises UsageError, whose message never shows the address."""
    return configured(address)[0]


def carrier_of(channel: Channel, options: Options) -> Carrier:
    """Opens the channel. Raises UsageError."""
    return kind_named(channel.kind).open(channel, options)
