"""Slack, Teams, Telegram, Mattermost, Matrix, ntfy and many more, through Apprise.

Apprise returns only that a send failed, and logs the reason. So this module captures its log during a send, and shows it
without secrets.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpcore

from core.net.guard import AddressRefused, Lookups, NameNotResolved, guarded_lookups
from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options, Trouble, unreachable
from desk.delivery.channels.bounded import bounded
from desk.delivery.channels.services import plugin_of, scheme_of, server_of
from desk.delivery.render import Notice
from desk.delivery.secrets import redacted
from desk.delivery.store.channels import Channel
from desk.language import N_

SERVER = "the service's server"


class ChatKind(ChannelKind):
    """All other addresses, of the services that are listed in ``services``."""

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
        """Send a notice, with its id in a header if the service has headers, else at the end of the text."""
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
            bounded(options.total_s) as bounds,
            guarded_lookups(options.allowed, timeout_s=options.timeout_s, resolve=options.look_up) as lookups,
        ):
            self._check_server(lookups)
            try:
                done = plugin.notify(body=body, title=title, notify_type=kind, body_format=NotifyFormat.TEXT)
            except Exception as error:
                done = False
                said.append(f"the service failed: {type(error).__name__}")
        if not done:
            for host, refusal in lookups.failed.items():
                raise unreachable(host, refusal, SERVER) from refusal
            if bounds.over:
                raise Trouble(N_("the service did not answer in time"))
            raise Trouble(redacted(said[-1] if said else N_("the service did not accept it"), self._channel))

    def _check_server(self, lookups: Lookups) -> None:
        """Check the server in the address, since a proxy might resolve its name for us. Raises Trouble."""
        server = server_of(self._plugin, scheme_of(str(self._channel.config["url"])))
        if server is None:
            return
        try:
            lookups.pin(*server)
        except (AddressRefused, NameNotResolved) as error:
            raise unreachable(server[0], error, SERVER) from error
        except httpcore.TimeoutException as error:
            raise Trouble(N_("the service's host was not found in time")) from error

    def close(self) -> None:
        """Does nothing: no connection is kept open."""


def _without_calls(text: str) -> str:
    """The text without mass mentions (``@everyone``, ``@here``, Slack's ``<!channel>``), which a headline must not trigger."""
    return _CALLS.sub(lambda found: f"{found[0]} ", text)


_CALLS = re.compile(r"(?:@|<!)(?=everyone|here|channel|all|room)", re.IGNORECASE)
_lock = threading.Lock()
_listeners: dict[int, list[str]] = {}


class _AppriseLog(logging.Handler):
    """Keeps Apprise's log lines of the sending thread."""

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
            # Its lines contain addresses, so only this handler receives them.
            logger.propagate = False
        logger.setLevel(logging.WARNING)
    said: list[str] = []
    _listeners[threading.get_ident()] = said
    try:
        yield said
    finally:
        _listeners.pop(threading.get_ident(), None)
