"""The contract of channels: a kind makes channels from addresses and opens them; an open one carries notices.

A kind of a third party is a class in a package of its own, registered there as an entry point of the group
``wirewatch.channels``; ``docs/extending.md`` shows one, ``desk.delivery.channels.testing`` has the tests that it must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import urlsplit

from core.net.addresses import NOT_AN_ADDRESS, refusal
from core.net.guard import AddressRefused, NameNotResolved, Resolve, resolve_host
from core.tracing import Spans
from desk.delivery.render import Notice
from desk.delivery.store.channels import Channel


class Trouble(Exception):
    """A message that did not go out. ``words`` are for the channel's owner, in plain words, without secrets.

    ``again``: trying later may help. ``retry_after_s``: the receiver's wish. ``channel``: the channel is in trouble, not just
    this message, so others wait too. ``gone``: the receiver will never take anything again, and the channel is removed.
    """

    def __init__(
        self,
        words: str,
        *,
        again: bool = True,
        retry_after_s: float | None = None,
        channel: bool = True,
        gone: bool = False,
    ) -> None:
        super().__init__(words)
        self.words, self.again, self.retry_after_s = words, again, retry_after_s
        self.channel, self.gone = channel, gone


def unreachable(host: str, error: AddressRefused | NameNotResolved, shown: str = "") -> Trouble:
    """The failure of a channel whose host has no address that may be connected to; ``shown``: words for a host that is secret.

    For a name the words are the same whether it is unknown or leads inside: else a channel would tell which names there are.
    """
    listing = "an administrator may list it in delivery_allow_private"
    if isinstance(error, AddressRefused) and refusal(host.strip("[]")) != NOT_AN_ADDRESS:
        return Trouble(f"{shown or host} is not for channels: a {error} address — {listing}", again=False)
    return Trouble(f"{shown or host} is not for channels: it can't be found, or is in a private network — {listing}")


def host_of(url: str) -> str:
    """The host in an address; empty if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass(frozen=True)
class Options:
    """What channels are given by the installation. ``smtp``: the mail server for ``mailto:`` channels, empty for none.

    ``allowed``: private hosts that channels may reach. ``timeout_s`` bounds each step of a connection, ``total_s`` a message.
    ``clock_ms`` is the wall clock, ``monotonic`` counts seconds. ``spans``: where traces of deliveries go; None: nowhere.
    ``push_key`` gives the private key that pushes are signed with (``desk.delivery.vapid``); empty if none was made yet.
    """

    clock_ms: Callable[[], int]
    monotonic: Callable[[], float]
    smtp: str = ""
    sender: str = "wirewatch@localhost"
    allowed: frozenset[str] = frozenset()
    timeout_s: float = 10.0
    total_s: float = 20.0
    look_up: Resolve = resolve_host
    spans: Spans | None = None
    push_key: Callable[[], str] = str


class Carrier(Protocol):
    """A channel, ready to carry. Used by one thread at a time."""

    def send(self, notice: Notice) -> None:
        """Carry one notice; it was taken over by the receiver when this returns. Raises Trouble.

        The same notice may come again, with the same id: the receiver is shown the id.
        """

    def close(self) -> None:
        """Let go of connections."""


class Configured(NamedTuple):
    """What is stored of a new channel (JSON values), and a secret that was made for it, which is shown this once."""

    config: dict[str, Any]
    secret: str = ""


class ChannelKind:
    """One kind of channel. An instance holds no state, and is used by several threads.

    Its name is that of its entry point: it is stored with every channel of the kind. Of an address only what ``shown`` and
    ``public`` give is ever shown, logged or stored outside the channel's own row; the defaults here show the scheme alone.
    """

    schemes: ClassVar[tuple[str, ...]] = ()
    """Schemes of the addresses that are its own, without the colon, in lower case."""
    example: ClassVar[str] = ""
    """An address in its form, for people."""
    rank: ClassVar[int] = 0
    """Kinds of a lower rank are asked first whether an address is theirs. Of the built-in ones, mail and webhook have 10, chat,
    which takes every address, 100."""
    per_minute: ClassVar[int] = 60
    """Most messages a minute unless a channel says otherwise; 0: no limit."""
    options: ClassVar[Mapping[str, str]] = {}
    """What ``configure`` can be given beyond the address: a name, and what it is for."""

    def takes(self, address: str) -> bool:
        """Whether the address is of this kind, by its form alone. Raises nothing."""
        return address.partition(":")[0].lower() in self.schemes

    def configure(self, address: str, options: Mapping[str, str]) -> Configured:  # noqa: ARG002 - for kinds that have some
        """Check an address that is its own, and the options that were given. Connects to nothing.

        Raises UsageError; the message never shows the address.
        """
        return Configured({"url": address})

    def open(self, channel: Channel, options: Options) -> Carrier:
        """The channel, ready to carry; connections are made by ``send``. Raises UsageError if the installation can't."""
        raise NotImplementedError

    def shown(self, config: Mapping[str, Any]) -> str:
        """Where a channel leads, as its owner may recognise it, without secrets."""
        scheme = str(config.get("url", "")).partition(":")[0]
        return f"{scheme}://…" if scheme else ""

    def public(self, config: Mapping[str, Any]) -> Iterable[str]:
        """Parts of the configuration that are not secret. All others are blotted out of error messages and logs."""
        yield str(config.get("url", "")).partition(":")[0]
