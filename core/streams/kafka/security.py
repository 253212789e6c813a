"""Who we are to a Kafka cluster and how we know it: TLS files, passwords, and what a broker says that refuses us.

kafka-python goes on trying where a broker refuses a password or shows a certificate that nobody vouches for, until the time
is over, and then only says that time was over. That hides the cause, and may lock an account. So the first refusal ends it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

from kafka import errors as kafka_errors
from kafka.net.manager import KafkaConnectionManager

from core.errors import UsageError

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

# What of a failed handshake is a refusal; all else, such as a connection that breaks off, may work later.
_TLS_REFUSALS: Final = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate can't be trusted",
    "WRONG_VERSION_NUMBER": "it doesn't speak TLS at this port",
    "CERTIFICATE_REQUIRED": "it wants a certificate of ours",
    "ALERT_UNKNOWN_CA": "it doesn't trust our certificate",
    "ALERT_BAD_CERTIFICATE": "it wants a certificate of ours, or another one",
    "ALERT_CERTIFICATE": "it refuses our certificate",
    "ALERT_HANDSHAKE_FAILURE": "it refuses the handshake, perhaps for want of a certificate of ours",
}
_LOGIN_REFUSALS: Final = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
)


class TlsRefused(kafka_errors.KafkaError):  # type: ignore[misc]
    """The handshake can't succeed as things are; the message says why."""


def checked(security: Mapping[str, str]) -> dict[str, str]:
    """Security options (kafka-python's names) with their defaults. Raises UsageError, showing no secrets."""
    options = dict(security)
    protocol = options.get("security_protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise UsageError(f"security_protocol can't be {protocol!r}", hint=f"use one of {', '.join(PROTOCOLS)}")
    if protocol.startswith("SASL"):
        mechanism = options.setdefault("sasl_mechanism", "PLAIN")
        if mechanism not in MECHANISMS:
            raise UsageError(f"sasl_mechanism can't be {mechanism!r}", hint=f"use one of {', '.join(MECHANISMS)}")
        if not options.get("sasl_plain_username") or not options.get("sasl_plain_password"):
            raise UsageError(
                f"security_protocol {protocol} needs a user and a password",
                hint="write kafka://user:password@host:port",
            )
    return options


def client_config(security: Mapping[str, str]) -> dict[str, Any]:
    """The options as kafka-python takes them, with the TLS context made from the files.

    Raises UsageError naming a file that can't be used. The key's password is never asked for on the terminal.
    """
    if "SSL" not in security.get("security_protocol", ""):
        return {name: value for name, value in security.items() if not name.startswith("ssl_")}
    context = ssl.create_default_context()
    if ca := security.get("ssl_cafile"):
        # Nobody but this authority: not those that the system trusts besides.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _using("ssl_cafile", ca, lambda: context.load_verify_locations(ca))
    if certificate := security.get("ssl_certfile"):
        key = security.get("ssl_keyfile")
        password = security.get("ssl_password", "")
        _using("ssl_certfile", certificate, lambda: context.load_cert_chain(certificate, key, lambda: password))
    return {name: value for name, value in security.items() if not name.startswith("ssl_")} | {"ssl_context": context}


def _using(option: str, path: str, load: Any) -> None:
    try:
        load()
    except OSError as error:
        # An SSLError is one; its text holds no secret, and little else.
        why = error.strerror if not isinstance(error, ssl.SSLError) else error.reason or "not PEM, or a wrong password"
        hint = "name PEM files; a locked key needs ssl_password"
        raise UsageError(f"{option} {path}: {why}", hint=hint) from error


class RefusalsEnd(KafkaConnectionManager):  # type: ignore[misc]
    """Connections of one client, all given up once a broker has refused us. ``last_problem``: why the last one failed."""

    refused: Exception | None = None
    last_problem = ""

    def get_connection(self, node_id: Any, *args: Any, **options: Any) -> Any:
        """As kafka-python's; raises the refusal of an earlier connection."""
        if self.refused is not None:
            raise self.refused
        connection = super().get_connection(node_id, *args, **options)
        connection.init_future.add_errback(self._look_at)
        return connection

    async def _build_transport(self, *args: Any, **options: Any) -> Any:
        transport = await super()._build_transport(*args, **options)
        receive = transport._sock_recv  # noqa: SLF001

        def all_of_it() -> tuple[bytes, Exception | None]:
            # kafka-python 3.0.12 throws away what came together with the end of the connection, and that is where a broker
            # says that it refuses a password. The end is found again at the next look.
            data, end = receive()
            return data, None if data else end

        transport._sock_recv = all_of_it  # noqa: SLF001
        return transport

    def _look_at(self, error: Exception) -> None:
        text = str(error)
        # Without the name of the class, and of OpenSSL's source file.
        self.last_problem = " ".join(text.removeprefix(f"{type(error).__name__}: ").partition(" (_ssl")[0].split())
        if isinstance(error, _LOGIN_REFUSALS):
            self.refused = error
        elif isinstance(error, kafka_errors.InvalidReceiveError):
            self.refused = TlsRefused("what it answers is not Kafka's; perhaps this port wants TLS")
        for sign, meaning in _TLS_REFUSALS.items():
            if sign in text:
                self.refused = TlsRefused(meaning)
                return
