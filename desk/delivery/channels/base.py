"""The contract of channels: a kind makes channels from addresses and opens them; an open channel sends notices.

A third-party kind is a class in a separate package, which registers it as an entry point in the group ``wirewatch.channels``.
``docs/extending.md`` shows one; ``desk.delivery.channels.testing`` has the tests that it must pass.
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
    """A message was not sent. ``words`` says why to the channel's owner, in plain language and without secrets.

    ``again``: a later retry may succeed. ``retry_after_s``: the delay that the receiver asked for. ``channel``: the whole
    channel fails, not just this message, so other messages wait too. ``gone``: the receiver will never accept a message again,
    and the channel is removed.
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
    """The failure of a channel whose host has no allowed address; ``shown``: what to call a host that is secret.

    For a name, the words are the same if it is unknown and if it leads to a private network; otherwise a channel would reveal
    which internal names exist.
    """
    listing = "an administrator may list it in delivery_allow_private"
    if isinstance(error, AddressRefused) and refusal(host.strip("[]")) != NOT_AN_ADDRESS:
        return Trouble(f"{shown or host} is not for channels: a {error} address — {listing}", again=False)
    return Trouble(f"{shown or host} is not for channels: it can't be found, or is in a private network — {listing}")


def host_of(url: str) -> str:
    """The host in an address; "" if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass(frozen=True)
class Options:
    """The installation's options for channels. ``smtp``: the mail server for ``mailto:`` channels, empty for none.

    ``allowed``: private hosts that channels may reach. ``timeout_s`` limits each step of a connection, ``total_s`` a whole
    message. ``clock_ms`` is the wall clock, ``monotonic`` returns seconds. ``spans`` receives traces of deliveries, or None.
    ``push_key`` returns the private key that signs pushes (``desk.delivery.vapid``); empty if there is none yet.
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
    """An open channel. Used by one thread at a time."""

    def send(self, notice: Notice) -> None:
        """Send one notice; when this returns, the receiver has accepted it. Raises Trouble.

        The same notice may be sent again with the same id, which the receiver can see.
        """

    def close(self) -> None:
        """Close all connections."""


class Configured(NamedTuple):
    """The configuration to store for a new channel (JSON values), and its generated secret, which is shown only once."""

    config: dict[str, Any]
    secret: str = ""


class ChannelKind:
    """One kind of channel. An instance has no state, and several threads use it.

    Its name is the name of its entry point, which is stored with every channel of the kind. Only the parts of an address that
    ``shown`` and ``public`` return are shown, logged or stored outside the channel's own row. The defaults here show only the
    scheme.
    """

    schemes: ClassVar[tuple[str, ...]] = ()
    """The schemes of its addresses, without the colon, in lower case."""
    example: ClassVar[str] = ""
    """An example of an address, for people."""
    rank: ClassVar[int] = 0
    """Kinds with a lower rank are tried first on an address. Of the built-in kinds, mail and webhook have 10; chat, which
    accepts every address, has 100."""
    per_minute: ClassVar[int] = 60
    """The default maximum of messages a minute per channel; 0: no limit."""
    options: ClassVar[Mapping[str, str]] = {}
    """Further options of ``configure``: name → purpose."""

    def takes(self, address: str) -> bool:
        """Whether the address belongs to this kind, judged only by its form. Never raises."""
        return address.partition(":")[0].lower() in self.schemes

    def configure(self, address: str, options: Mapping[str, str]) -> Configured:  # noqa: ARG002 - for kinds that have some
        """Check an address of this kind, and the options. Makes no connection.

        Raises UsageError; the message never shows the address.
        """
        return Configured({"url": address})

    def open(self, channel: Channel, options: Options) -> Carrier:
        """Open a channel; only ``send`` makes connections. Raises UsageError if the installation can't open it."""
        raise NotImplementedError

    def shown(self, config: Mapping[str, Any]) -> str:
        """The channel's destination, recognisable to its owner, without secrets."""
        scheme = str(config.get("url", "")).partition(":")[0]
        return f"{scheme}://…" if scheme else ""

    def public(self, config: Mapping[str, Any]) -> Iterable[str]:
        """Parts of the configuration that are not secret. All others are removed from error messages and logs."""
        yield str(config.get("url", "")).partition(":")[0]
