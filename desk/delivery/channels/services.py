"""The services that chat channels may use through Apprise, and the parameters that their addresses may have.

Apprise has more services and parameters: some read local files, fetch templates or keys from an address, name a second server,
or follow redirects. So both are allow lists. Apprise's own parser splits an address, so that it can't have different meanings
here and in Apprise.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.errors import UsageError
from core.net.guard import guarded_lookups

COMMON = frozenset({"format", "overflow", "emojis", "tz"})
"""Parameters of every service, for the format of the text."""
OF_OWN_SERVERS = frozenset({"verify"})
"""Parameters of services whose server is in the address: internal servers often have self-signed certificates."""
HINT = "docs/alerts.md lists the services and their parameters"


class Service(NamedTuple):
    """A service. ``example``: an example of its address, with ``{token}`` and ``{secret}``.

    ``own_server``: whether the address names the server. ``headers``: whether it may set HTTP headers (``?+Name=value``).
    """

    title: str
    schemes: tuple[str, ...]
    example: str
    parameters: frozenset[str] = frozenset()
    own_server: bool = False
    headers: bool = False
    hosted: str = ""
    """The mode in which the vendor runs the server, so that the address names none."""

    @property
    def allowed(self) -> frozenset[str]:
        """Names of all parameters that an address may have, without headers."""
        return self.parameters | COMMON | (OF_OWN_SERVERS if self.own_server else frozenset())


def _service(
    title: str,
    schemes: str,
    example: str,
    parameters: str = "",
    *,
    own_server: bool = False,
    headers: bool = False,
    hosted: str = "",
) -> Service:
    return Service(title, tuple(schemes.split()), example, frozenset(parameters.split()), own_server, headers, hosted)


SERVICES: tuple[Service, ...] = (
    _service("DingTalk", "dingtalk", "dingtalk://{secret}@{token}/15551234567", "to"),
    _service(
        "Discord", "discord", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV", "tts footer thread fields ping avatar"
    ),
    _service("Feishu", "feishu", "feishu://{token}"),
    _service("Google Chat", "gchat", "gchat://workspace/{token}/{secret}", "thread"),
    _service("Gotify", "gotify gotifys", "gotifys://gotify.example/{token}", "priority", own_server=True),
    _service("JSON by HTTP", "json jsons", "jsons://hooks.example/in", own_server=True, headers=True),
    _service("Lark", "lark", "lark://{token}"),
    _service(
        "Mail by a server of its own",
        "mailto mailtos",
        "mailtos://ann:{token}@mail.example/?from=desk@wire.example&to=ann@outlet.example",
        "to from name cc bcc reply mode",
        own_server=True,
    ),
    _service(
        "Mailgun", "mailgun", "mailgun://desk@wire.example/{token}/ann@outlet.example", "to from name cc bcc region"
    ),
    _service(
        "Mastodon",
        "mastodon mastodons toot toots",
        "mastodons://{token}@social.example",
        "to visibility spoiler language sensitive ping",
        own_server=True,
    ),
    _service(
        "Matrix",
        "matrix matrixs",
        "matrixs://user:{token}@matrix.example/%23general",
        "to mode version msgtype hsreq",
        own_server=True,
        hosted="t2bot",
    ),
    _service(
        "Mattermost",
        "mmost mmosts",
        "mmosts://mattermost.example/{token}",
        "to channel channels team botname mode",
        own_server=True,
    ),
    _service(
        "Nextcloud Talk", "nctalk nctalks", "nctalks://user:{token}@cloud.example/room", "silent", own_server=True
    ),
    _service(
        "ntfy",
        "ntfy ntfys",
        "ntfys://user:{token}@ntfy.example/topic",
        "to priority xtags delay mode auth",
        own_server=True,
        hosted="cloud",
    ),
    _service("PagerDuty", "pagerduty", "pagerduty://{token}@{secret}", "severity region class group"),
    _service("Pushbullet", "pbul", "pbul://{token}", "to"),
    _service("Pushover", "pover", "pover://{token}@{secret}", "to priority sound expire interval"),
    _service(
        "Rocket.Chat", "rocket rockets", "rockets://user:{token}@rocket.example/%23general", "to mode", own_server=True
    ),
    _service("SendGrid", "sendgrid", "sendgrid://{token}:desk@wire.example/ann@outlet.example", "to cc bcc"),
    _service(
        "Signal by its REST server",
        "signal signals",
        "signals://signal.example/15551234567/15557654321",
        "to status",
        own_server=True,
    ),
    _service(
        "Slack",
        "slack",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
        "to footer blocks timestamp",
    ),
    _service("Synology Chat", "synology synologys", "synologys://nas.example/{token}", own_server=True),
    _service(
        "Teams by a workflow",
        "workflow workflows",
        "workflows://prod-34.westus.logic.example:443/43b8f8e7a5d94f4fa2a1/TokenSignatureABCDEFGH/",
        "id sig ver api-version pa powerautomate route routeid wrap",
        own_server=True,
    ),
    _service(
        "Telegram",
        "tgram",
        "tgram://123456789:alphanumericTokenAAAA/12315544/",
        "to silent preview topic thread mdv content",
    ),
    _service("Threema", "threema", "threema://*WIREDSK@{token}/15551234567", "to"),
    _service("Twilio", "twilio", "twilio://AC{token}:{token}@15551234567/15557654321", "to"),
    _service("Webex", "wxteams webex", "webex://{token}{token}{secret}", "to"),
    _service("Zulip", "zulip", "zulip://bot@organisation/{token}", "to"),
)
_BY_SCHEME: Mapping[str, Service] = {scheme: service for service in SERVICES for scheme in service.schemes}


def scheme_of(url: str) -> str:
    """The scheme of an address, in lower case."""
    return url.partition(":")[0].strip().lower()


def server_of(plugin: Any, scheme: str) -> tuple[str, int] | None:
    """Host and port of the server in an address; None if the vendor runs it."""
    service = _BY_SCHEME[scheme]
    if not service.own_server or str(getattr(plugin, "mode", "")) == (service.hosted or None):
        return None
    port = plugin.port or (443 if getattr(plugin, "secure", False) else 80)
    return str(getattr(plugin, "smtp_host", "") or plugin.host), int(port)


def plugin_of(url: str) -> Any:
    """The Apprise plug-in for an allowed address. Makes no connection.

    Raises UsageError, whose message names scheme and parameters, and never shows the address.
    """
    import apprise  # loads a hundred plug-ins, which commands that send nothing don't need

    scheme = scheme_of(url)
    shown = scheme if scheme.isalnum() and len(scheme) < 20 else "a service"
    if scheme not in _BY_SCHEME:
        raise UsageError(f"{shown}: not a service that channels may use", hint=HINT)
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    # Whatever a plug-in's constructor does, it can't resolve a name.
    with guarded_lookups(timeout_s=1, resolve=_no_names):
        made = _made(apprise, shown, url)
    if made is None:
        raise UsageError(
            f"Apprise does not understand that address of {shown}",
            hint="Apprise's manual has the form for each service; in a shell, quote it",
        )
    return made


def _made(apprise: Any, shown: str, url: str) -> Any:
    """The plug-in, or None if Apprise can't parse the address. Raises UsageError."""
    try:
        parsed = apprise.plugins.url_to_dict(url)
    except Exception:
        return None
    if parsed is None:
        return None
    # As Apprise parses it, since one plug-in may accept the addresses of another.
    service = _BY_SCHEME.get(str(parsed.get("schema")))
    if service is None:
        raise UsageError(f"{shown}: not a service that channels may use", hint=HINT)
    _check_parameters(shown, service, parsed)
    # A redirect could lead anywhere; a service that moved has a new address.
    asset = apprise.AppriseAsset(http_redirects=False, pgp_autogen=False, pem_autogen=False)
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


def _no_names(host: str, port: int) -> Sequence[str]:  # noqa: ARG001 - the signature of a resolver
    return ()


def _check_parameters(scheme: str, service: Service, parsed: Mapping[str, Any]) -> None:
    """Raise UsageError for parameters that are not in the list, and for values that are addresses."""
    given: Mapping[str, str] = parsed.get("qsd") or {}
    allowed = service.allowed
    for name, value in given.items():
        if name[:1] == "+" and service.headers:
            # Another host name on the same server would be a different receiver than the checked one.
            if name[1:].strip().lower() == "host":
                raise UsageError(f"{scheme}: the header Host can't be set", hint=HINT)
            continue
        if name not in allowed:
            raise UsageError(f"{scheme}: the parameter {_named(name)} may not be used", hint=HINT)
        if "://" in value or value.startswith(("file:", "/", "\\")):
            raise UsageError(f"{scheme}: {name} may not be an address or a file", hint=HINT)


def _named(name: str) -> str:
    """A parameter's name if it looks like one, since any other text could be a secret."""
    return f"{name}=" if name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) < 20 else "…"
