"""Slack, Teams, Telegram, Mattermost, Matrix, ntfy and a hundred more, by Apprise.

Apprise says only that something failed, and logs why: its log is listened to while it sends, and shown without secrets.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpcore

from core.errors import UsageError
from core.net.guard import AddressRefused, Lookups, NameNotResolved, guarded_lookups
from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options, Trouble, refused
from desk.delivery.render import Notice
from desk.delivery.secrets import redacted
from desk.delivery.store.channels import Channel

REFUSED_SCHEMES = ("dbus", "gnome", "kde", "macosx", "windows", "syslog", "file")
"""They act on this machine, not on a receiver."""


class ChatKind(ChannelKind):
    """Every other address: whatever Apprise understands."""

    example = "slack://…"
    rank = 100
    per_minute = 30

    def takes(self, address: str) -> bool:  # noqa: ARG002 - all
        """See ChannelKind."""
        return True

    def configure(self, address: str, options: Mapping[str, str]) -> Configured:
        """See ChannelKind."""
        plugin_of(address)
        return super().configure(address, options)

    def open(self, channel: Channel, options: Options) -> Carrier:
        """See ChannelKind."""
        return ChatCarrier(channel, options)


class ChatCarrier:
    """One Apprise address."""

    def __init__(self, channel: Channel, options: Options) -> None:
        self._channel, self._options = channel, options
        self._plugin = plugin_of(str(channel.config["url"]))

    def send(self, notice: Notice) -> None:
        """Send it; the id goes along as a header where the service has headers, else at the end of the text."""
        from apprise import NotifyFormat, NotifyType  # see plugin_of

        plugin = self._plugin
        headers = getattr(plugin, "headers", None)
        if isinstance(headers, dict):
            headers["Idempotency-Key"] = notice.id
        plugin.socket_connect_timeout = plugin.socket_read_timeout = self._options.timeout_s
        plugin.overflow_mode = "split"
        kind = {"kill": NotifyType.FAILURE, "test": NotifyType.INFO}.get(notice.kind, NotifyType.INFO)
        body, title = _without_calls(f"{notice.chat}\n\nref {notice.id[:12]}"), _without_calls(notice.subject)
        options = self._options
        with (
            _listening() as said,
            guarded_lookups(options.allowed, timeout_s=options.timeout_s, resolve=options.look_up) as lookups,
        ):
            _check_own_host(plugin, lookups)
            try:
                done = plugin.notify(body=body, title=title, notify_type=kind, body_format=NotifyFormat.TEXT)
            except Exception as error:
                # Plug-ins of many hands: whatever one raises is its trouble, not ours.
                raise Trouble(redacted(f"the service failed: {type(error).__name__}", self._channel)) from error
        if not done:
            raise Trouble(redacted(said[-1] if said else "the service did not take it", self._channel))

    def close(self) -> None:
        """Nothing is kept open."""


def _check_own_host(plugin: Any, lookups: Lookups) -> None:
    """Refuse at once a host that the channel's owner chose; hosts within a plug-in are checked as it connects.

    Raises Trouble.
    """
    host = getattr(plugin, "host", None)
    if not isinstance(host, str) or not host or not hasattr(plugin, "port"):
        return
    try:
        lookups.pin(host, int(plugin.port or (443 if getattr(plugin, "secure", False) else 80)))
    except AddressRefused as error:
        raise refused(host, error) from error
    except (NameNotResolved, httpcore.TimeoutException) as error:
        raise Trouble("the service's host can't be found") from error


def plugin_of(url: str) -> Any:
    """The Apprise plug-in of an address. Raises UsageError, which never shows the address."""
    import apprise  # a hundred plug-ins: commands that send nothing need not load them

    scheme = url.partition(":")[0].lower()
    if scheme in REFUSED_SCHEMES:
        raise UsageError(f"{scheme}: acts on this machine, and is not a channel")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    made = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if made is None:
        raise UsageError(
            f"Apprise does not understand that address of {scheme or 'a service'}",
            hint="Apprise's manual has the form for each service; in a shell, quote it",
        )
    return made


def _without_calls(text: str) -> str:
    """A headline must not call everybody in the room (``@everyone``, ``@here``, Slack's ``<!channel>``)."""
    return _CALLS.sub(lambda found: f"{found[0]} ", text)


_CALLS = re.compile(r"(?:@|<!)(?=everyone|here|channel|all|room)", re.IGNORECASE)
_lock = threading.Lock()
_listeners: dict[int, list[str]] = {}


class _AppriseLog(logging.Handler):
    """Keeps what Apprise logs for the thread that sends."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        said = _listeners.get(threading.get_ident())
        if said is not None and record.levelno >= logging.WARNING:
            said.append(record.getMessage())


@contextmanager
def _listening() -> Iterator[list[str]]:
    logger = logging.getLogger("apprise")
    with _lock:
        if not any(isinstance(one, _AppriseLog) for one in logger.handlers):
            logger.addHandler(_AppriseLog())
            # Its lines hold addresses: they go to us alone.
            logger.propagate = False
        logger.setLevel(logging.WARNING)
    said: list[str] = []
    _listeners[threading.get_ident()] = said
    try:
        yield said
    finally:
        _listeners.pop(threading.get_ident(), None)
