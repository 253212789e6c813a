"""Channels: what carries a message to people. One file a kind; ``base`` holds what they share."""

from desk.delivery.channels.base import Carrier, Options, Trouble
from desk.delivery.channels.kinds import carrier_of, kind_of

__all__ = ["Carrier", "Options", "Trouble", "carrier_of", "kind_of"]
