"""What every channel is: something that carries one notice, or says why it could not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.net.guard import AddressRefused, Resolve, resolve_host
from desk.delivery.render import Notice


class Trouble(Exception):
    """A message that did not go out. ``words`` are for the channel's owner, in plain words, without secrets.

    ``again``: trying later may help. ``retry_after_s``: the receiver's wish. ``channel``: the channel is in trouble, not just
    this message, so others wait too.
    """

    def __init__(
        self, words: str, *, again: bool = True, retry_after_s: float | None = None, channel: bool = True
    ) -> None:
        super().__init__(words)
        self.words, self.again, self.retry_after_s, self.channel = words, again, retry_after_s, channel


def refused(host: str, error: AddressRefused) -> Trouble:
    """The failure of a channel whose host may not be connected to."""
    return Trouble(
        f"{host} is not for channels: a {error} address — an administrator may list it in delivery_allow_private",
        again=False,
    )


@dataclass(frozen=True)
class Options:
    """What channels are given by the installation. ``smtp``: the mail server for ``mailto:`` channels, empty for none.

    ``allowed``: private hosts that channels may reach. ``timeout_s`` bounds each step of a connection, ``total_s`` a message.
    ``clock_ms`` is the wall clock, ``monotonic`` counts seconds.
    """

    clock_ms: Callable[[], int]
    monotonic: Callable[[], float]
    smtp: str = ""
    sender: str = "wirewatch@localhost"
    allowed: frozenset[str] = frozenset()
    timeout_s: float = 10.0
    total_s: float = 20.0
    look_up: Resolve = resolve_host


class Carrier(Protocol):
    """A channel, ready to carry. Used by one thread at a time."""

    def send(self, notice: Notice) -> None:
        """Carry one notice; it was taken over by the receiver when this returns. Raises Trouble.

        The same notice may come again, with the same id: the receiver is shown the id.
        """

    def close(self) -> None:
        """Let go of connections."""
