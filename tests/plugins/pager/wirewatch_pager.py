"""A channel of another package: pagers, over a line of JSON.

``wirewatch channels add night pager://TOKEN@pager.example:7700/night-desk`` sends each notice as one line
``{"id", "token", "to", "text"}``; the server answers ``ok``, ``busy`` or ``no``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpcore
import msgspec

from core.errors import UsageError
from core.net.guard import AddressRefused, GuardedBackend, NameNotResolved
from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options, Trouble, unreachable
from desk.delivery.render import Notice
from desk.delivery.store.channels import Channel

LONGEST = 400


class PagerKind(ChannelKind):
    """``pager://TOKEN@HOST:PORT/DESK``."""

    schemes = ("pager",)
    example = "pager://token@pager.example:7700/night-desk"
    per_minute = 6
    options: ClassVar[Mapping[str, str]] = {"prefix": "Text before each page, such as WIRE."}

    def configure(self, address: str, options: Mapping[str, str]) -> Configured:
        """An address needs token, host, port and desk. See ChannelKind."""
        try:
            url = urlsplit(address)
            whole = url.username and url.hostname and url.port and url.path.strip("/")
        except ValueError:
            whole = None
        if not whole:
            raise UsageError("that is not a pager", hint=f"as in {self.example}")
        return Configured({"url": address, **options})

    def open(self, channel: Channel, options: Options) -> Carrier:
        """See ChannelKind."""
        return Pager(channel, options)

    def shown(self, config: Mapping[str, Any]) -> str:
        """Host and desk."""
        url = urlsplit(str(config["url"]))
        return f"pager://{url.hostname}{url.path}"

    def public(self, config: Mapping[str, Any]) -> Iterable[str]:
        """All but the token."""
        url = urlsplit(str(config["url"]))
        yield from (url.scheme, str(url.hostname), str(url.port), url.path, url.path.strip("/"))
        yield str(config.get("prefix", ""))


class Pager:
    """One pager, a connection a page."""

    def __init__(self, channel: Channel, options: Options) -> None:
        self._url, self._prefix = urlsplit(str(channel.config["url"])), str(channel.config.get("prefix", ""))
        self._options = options

    def send(self, notice: Notice) -> None:
        """See Carrier."""
        host, port, limit = str(self._url.hostname), int(self._url.port or 0), self._options.timeout_s
        page = {"id": notice.id, "token": self._url.username, "to": self._url.path.strip("/")}
        page["text"] = " ".join(f"{self._prefix} {notice.subject}".split())[:LONGEST]
        try:
            # People who may add a channel must not reach addresses that only this machine can reach: connect through the guard.
            guard = GuardedBackend(self._options.allowed, resolve=self._options.look_up)
            line = guard.connect_tcp(host, port, timeout=limit)
            try:
                line.write(msgspec.json.encode(page) + b"\n", timeout=limit)
                answer = line.read(64, timeout=limit).strip()
            finally:
                line.close()
        except (AddressRefused, NameNotResolved) as error:
            raise unreachable(host, error) from error
        except (httpcore.NetworkError, httpcore.TimeoutException, OSError) as error:
            raise Trouble("the pager server can't be reached") from error
        if answer == b"busy":
            raise Trouble("the pager server is busy", retry_after_s=30)
        if answer != b"ok":
            raise Trouble("the pager server did not take the page", again=False, channel=False)

    def close(self) -> None:
        """Nothing is kept open."""
