"""E-mail by SMTP: text and HTML, with headers by which mail programs thread a story's messages and recognise repeats."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import httpcore

from core.errors import UsageError
from core.net.guard import AddressRefused, NameNotResolved, guarded_lookups
from core.records import from_ms
from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options, Trouble, host_of, unreachable
from desk.delivery.channels.bounded import bounded
from desk.delivery.render import Notice
from desk.delivery.store.channels import Channel
from desk.language import N_

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_SAFE = re.compile(r"[^A-Za-z0-9._-]")
PORTS = {"smtp": 587, "smtps": 465}


class Server(NamedTuple):
    """A mail server. ``security``: tls (from the first byte), starttls (required before sending), or none."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = ""


def server_of(url: str) -> Server:
    """The server of ``smtp://user:password@host:587`` (STARTTLS), ``smtps://…`` (TLS), or with ``?security=none``.

    Raises UsageError, whose message never shows the URL.
    """
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError:
        host, port, split = None, None, urlsplit("")
    if split.scheme not in PORTS or not host:
        raise UsageError("that is not a mail server", hint="use smtp://user:password@host:587 or smtps://…")
    security = parse_qs(split.query).get("security", ["tls" if split.scheme == "smtps" else "starttls"])[0]
    if security not in ("tls", "starttls", "none"):
        raise UsageError(f"security={security} is not known", hint="use tls, starttls or none")
    user, password = unquote(split.username or ""), unquote(split.password or "")
    return Server(host, port or PORTS[split.scheme], security, user, password)


def recipients_of(url: str) -> list[str]:
    """The addresses of ``mailto:a@x,b@y`` or of ``?to=`` in an SMTP URL. Raises UsageError."""
    split = urlsplit(url)
    given = split.path if split.scheme == "mailto" else ",".join(parse_qs(split.query).get("to", []))
    found = [unquote(one).strip() for one in given.split(",") if one.strip()]
    if not found or not all(_ADDRESS.fullmatch(one) for one in found):
        raise UsageError("no mail address", hint="use mailto:ann@outlet.example,bob@outlet.example")
    return found


class MailKind(ChannelKind):
    """``mailto:`` through the installation's mail server, ``smtp(s)://`` through the server in the address."""

    schemes = ("mailto", *PORTS)
    example = "mailto:desk@outlet.example, smtp://user:password@server?to=…"
    rank = 10
    per_minute = 120

    def takes(self, address: str) -> bool:
        """See ChannelKind. ``mailto`` addresses that name a server belong to Apprise."""
        return super().takes(address) and not address.startswith("mailto://")

    def configure(self, address: str, options: Mapping[str, str]) -> Configured:
        """See ChannelKind."""
        recipients_of(address)
        if not address.startswith("mailto:"):
            server_of(address)
        return super().configure(address, options)

    def open(self, channel: Channel, options: Options) -> Carrier:
        """See ChannelKind."""
        return MailCarrier(channel, options)

    def shown(self, config: Mapping[str, Any]) -> str:
        """The recipients, with the server's host if it is not the installation's own."""
        url = str(config.get("url", ""))
        if url.startswith("mailto:"):
            return url.partition("?")[0]
        to = dict(parse_qsl(urlsplit(url).query)).get("to", "")
        return f"{url.partition(':')[0]}://{host_of(url)} to {to}"

    def public(self, config: Mapping[str, Any]) -> Iterable[str]:
        """See ChannelKind."""
        yield from super().public(config)
        url = str(config.get("url", ""))
        yield host_of(url)
        if url.startswith("mailto:"):
            yield from re.split(r"[:,?]", url)


class MailCarrier:
    """Mail to some recipients, with one connection per message."""

    def __init__(self, channel: Channel, options: Options) -> None:
        url = str(channel.config["url"])
        own = not url.startswith("mailto:")
        if not own and not options.smtp:
            raise UsageError("there is no mail server", hint="set smtp_url in wirewatch.toml")
        self._server = server_of(url if own else options.smtp)
        # The installation's own server is often in a private network; a server that a user names must not be.
        self._guarded = own
        self._to, self._options = recipients_of(url), options
        self._sender = str(parse_qs(urlsplit(url).query).get("from", [options.sender])[0]) if own else options.sender
        self._domain = _SAFE.sub("-", self._sender.rpartition("@")[2]) or "localhost"

    def send(self, notice: Notice) -> None:
        """Send one mail to all recipients. It counts as accepted if the server accepted it for at least one of them."""
        message = self.message(notice)
        try:
            with bounded(self._options.total_s), self._connected() as server:
                turned_away = server.send_message(message, self._sender, self._to)
        except (AddressRefused, NameNotResolved) as error:
            raise unreachable(self._server.host, error) from error
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise Trouble(
                f"the mail server refused the addresses ({codes[0]})", again=all(code < 500 for code in codes)
            ) from error
        except smtplib.SMTPAuthenticationError as error:
            raise Trouble(N_("the mail server rejected the user name or the password")) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Trouble(N_("the mail server does not offer STARTTLS, and mail is not sent unencrypted")) from error
        except smtplib.SMTPResponseException as error:
            gone = error.smtp_code >= 500
            raise Trouble(f"the mail server answered {error.smtp_code}", again=not gone, channel=not gone) from error
        except ssl.SSLError as error:
            raise Trouble(N_("the mail server's certificate or TLS can't be accepted")) from error
        except (smtplib.SMTPException, TimeoutError, httpcore.ConnectTimeout) as error:
            raise Trouble(N_("the mail server closed the connection or did not answer in time")) from error
        except OSError as error:
            raise Trouble(f"the mail server can't be reached: {error.strerror or 'no connection'}") from error
        if turned_away:
            # Already sent to the others: repeating it for them would be worse than a remark.
            notice.remarks.append(f"{len(turned_away)} of {len(self._to)} addresses were refused")

    def close(self) -> None:
        """Nothing is kept open."""

    def message(self, notice: Notice) -> EmailMessage:
        """The mail, identical for every try."""
        mail = EmailMessage()
        mail["Subject"] = notice.subject
        mail["From"] = Address("Wirewatch", addr_spec=self._sender)
        mail["To"] = ", ".join(self._to)
        mail["Date"] = format_datetime(from_ms(notice.at_ms))
        mail["Message-ID"] = f"<{notice.id}@{self._domain}>"
        mail["X-Wirewatch-Id"] = notice.id
        if notice.thread:
            mail["References"] = f"<{notice.thread}@{self._domain}>"
        mail["List-Id"] = f"<{_SAFE.sub('-', notice.subscription_id) or 'wirewatch'}.wirewatch.{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(notice.text)
        mail.add_alternative(notice.html, subtype="html")
        if notice.pdf is not None:
            mail.add_attachment(notice.pdf(), maintype="application", subtype="pdf", filename=f"{notice.kind}.pdf")
        return mail

    def _connected(self) -> smtplib.SMTP:
        host, port, options = self._server.host, self._server.port, self._options
        # It reads the authorities that are trusted, which takes 20 ms.
        context = ssl.create_default_context() if self._server.security in ("tls", "starttls") else None
        with ExitStack() as guard:
            if self._guarded:
                lookups = guarded_lookups(options.allowed, timeout_s=options.timeout_s, resolve=options.look_up)
                guard.enter_context(lookups).pin(host, port)
            if self._server.security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=options.timeout_s, context=context)
            else:
                own_name = socket.gethostname() or "localhost"
                server = smtplib.SMTP(host, port, timeout=options.timeout_s, local_hostname=own_name)
        try:
            if self._server.security == "starttls":
                server.starttls(context=context)
            if self._server.user:
                server.login(self._server.user, self._server.password)
        except BaseException:
            server.close()
            raise
        return server
