"""Channels, which send messages to people. One file per kind; ``base`` is their contract, ``kinds`` finds them."""

from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options, Trouble
from desk.delivery.channels.kinds import carrier_of, configured, kind_named, kind_of, kinds

__all__ = [
    "Carrier",
    "ChannelKind",
    "Configured",
    "Options",
    "Trouble",
    "carrier_of",
    "configured",
    "kind_named",
    "kind_of",
    "kinds",
]
