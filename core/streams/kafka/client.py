"""The layer between the Kafka stream and kafka-python: URLs and options, TLS and passwords, cleanup of clients, errors.

If a broker refuses a password or has an untrusted certificate, kafka-python retries until the time is over, and then
reports only a time-out. This hides the cause and may lock an account, so here the first refusal ends the attempts.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar
from urllib.parse import unquote

from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from core.errors import StreamError, StreamUnavailable, UsageError
from core.streams.base import parse_options, positive
from core.streams.kafka import oauth

T = TypeVar("T")

# Without a handler, kafka-python's warnings about each connection attempt would appear on stderr beside our error.
logging.getLogger("kafka").addHandler(logging.NullHandler())

_SECRET: Final = ("sasl_plain_username", "sasl_plain_password", "ssl_password")
_PLAIN: Final = ("sasl_mechanism", "security_protocol", "ssl_cafile", "ssl_certfile", "ssl_keyfile", *oauth.OPTIONS)
_OWN: Final = (
    *("client_id", "client_rack", "max_value_bytes", "replication_factor"),
    *("timeout_s", "answer_s", "connect_s"),
)
_REFUSED: Final = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SecurityDisabledError,
)
# The next append creates a new producer with a new state.
_LOST_STATE: Final = (
    kafka_errors.InvalidProducerEpochError,
    kafka_errors.InvalidProducerIdMappingError,
    kafka_errors.OutOfOrderSequenceNumberError,
    kafka_errors.UnknownProducerIdError,
)
_GONE: Final = (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.UnknownTopicIdError)
PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")

# Failed handshakes that are refusals; after others, such as a lost connection, a retry may work.
_TLS_REFUSALS: Final = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted",
    "WRONG_VERSION_NUMBER": "it doesn't use TLS on this port",
    "CERTIFICATE_REQUIRED": "it requires a client certificate",
    "ALERT_UNKNOWN_CA": "it doesn't trust our certificate",
    "ALERT_BAD_CERTIFICATE": "it requires a client certificate, or another one",
    "ALERT_CERTIFICATE": "it refuses our certificate",
    "ALERT_HANDSHAKE_FAILURE": "it refuses the handshake, possibly because it requires a client certificate",
}
_LOGIN_REFUSALS: Final = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
)


class Unreachable(kafka_errors.KafkaTimeoutError):  # type: ignore[misc]
    """No connection within the time; the message is the reason of the last failure."""


@dataclass(frozen=True)
class KafkaLocation:
    """A cluster with its connection options. ``url`` has no credentials; ``security`` (kafka-python's names) may.

    ``timeout_s`` limits every call. Within it, a broker has ``connect_s`` to accept a connection (and a password) and
    ``answer_s`` to answer a request; then it counts as gone and another one is used. ``max_value_bytes`` None: by the
    stream's ``max.message.bytes``. ``replication_factor`` is for new streams; 0: as many copies as ``plans.copies_for``
    returns. ``client_id`` identifies us to brokers, in quotas and logs; ``rack``: where this process runs, so that it
    reads from a nearby copy.
    """

    servers: tuple[str, ...]
    url: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_value_bytes: int | None = None
    replication_factor: int = 0
    timeout_s: float = 15.0
    answer_s: float = 4.0
    connect_s: float = 2.0
    client_id: str = "wirewatch"
    rack: str = ""

    @classmethod
    def parse(cls, url: str, role: str = "") -> Self:
        """From ``kafka://[user:password@]host:port[,host:port][?option=value]``. Raises UsageError, showing no secrets.

        ``role``: the purpose of this process, appended to the option ``client_id``. A user without
        ``security_protocol`` means SASL_SSL with PLAIN, so a password is never sent in clear text by default.
        """
        place, _, query = url.removeprefix("kafka://").partition("?")
        login, _, hosts = place.rstrip("/").rpartition("@")
        servers = tuple(_server(host) for host in hosts.split(","))
        options = parse_options(query, (*_SECRET, *_PLAIN, *_OWN), "kafka")
        security = {name: value for name, value in options.items() if name not in _OWN}
        if login:
            user, _, password = login.partition(":")
            security |= {"sasl_plain_username": unquote(user), "sasl_plain_password": unquote(password)}
        if login or "sasl_mechanism" in security:
            security.setdefault("security_protocol", "SASL_SSL")
        limit = int(positive(options, "max_value_bytes", 0))
        timeout_s = positive(options, "timeout_s", cls.timeout_s)
        return cls(
            servers,
            f"kafka://{','.join(servers)}",
            checked(security),
            limit or None,
            int(positive(options, "replication_factor", 0)),
            timeout_s,
            min(timeout_s, positive(options, "answer_s", cls.answer_s)),
            min(timeout_s, positive(options, "connect_s", cls.connect_s)),
            "-".join(filter(None, (options.get("client_id", cls.client_id), role))),
            options.get("client_rack", ""),
        )

    def connect(self, make: Callable[..., T], timeout_s: float, **config: Any) -> T:
        """``make(**config)`` for this cluster, within ``timeout_s``; if it fails, nothing is left running.

        Raises UsageError for an unusable TLS file, otherwise what kafka-python raises.
        """
        clients: list[Any] = []
        managers: list[RefusalsEnd] = []
        security = client_config(self.security)

        # kafka-python 3.0.12 gives each connection ten seconds, then twenty, then thirty, and its clients accept no
        # other limit. Each client created after a failure tries all brokers again, so a missing broker cost up to 40 s.
        connect_ms = max(1, int(self.connect_s * 1000))
        limits = dict.fromkeys(
            ("socket_connection_setup_timeout_ms", "socket_connection_setup_timeout_max_ms"), connect_ms
        )

        def client(**settings: Any) -> Any:
            settings |= limits
            net = NetworkSelector(**settings)
            managers.append(RefusalsEnd(net, **settings))
            clients.append(KafkaNetClient(net, managers[-1]))
            return clients[-1]

        try:
            return make(
                bootstrap_servers=list(self.servers),
                bootstrap_timeout_ms=max(1, int(timeout_s * 1000)),
                request_timeout_ms=max(1, int(self.answer_s * 1000)),
                reconnect_backoff_max_ms=1000,
                kafka_client=client,
                client_id=self.client_id,
                **security,
                **config,
            )
        except BaseException as error:
            # The constructors start a thread before they connect, and leave it running if they fail.
            for left in clients:
                left.close()
            problems = [manager.last_problem for manager in managers if manager.last_problem]
            if isinstance(error, kafka_errors.KafkaTimeoutError) and problems:
                raise Unreachable(problems[-1]) from error
            raise


def _server(host: str) -> str:
    name, separator, port = host.rpartition(":")
    if not separator:
        name, port = host, "9092"
    if not name or not port.isdigit() or not 0 < int(port) < 65536 or any(c.isspace() for c in name):
        raise UsageError("the kafka URL has an invalid host or port", hint="use kafka://host:9092[,host:9092]")
    return f"{name}:{port}"


def transient(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    return (
        not isinstance(error, _GONE)
        and (
            getattr(error, "retriable", False)
            or isinstance(
                error, (kafka_errors.BrokerNotAvailableError, kafka_errors.UnknownBrokerIdError, *_LOST_STATE)
            )
        )
    ) or isinstance(error, OSError)


def ours(label: str, error: Exception) -> StreamError:
    """A kafka-python error as a StreamError; ``label`` names the stream."""
    kind = type(error).__name__.removesuffix("Error")
    if isinstance(error, _GONE):
        return StreamError(label, "there is no such stream", hint="wirewatch streams create creates it")
    if isinstance(error, TlsRefused):
        return StreamError(
            label,
            f"no connection to the broker: {error.args[0]}",
            hint="check security_protocol, ssl_cafile (who signed its certificate), ssl_certfile, ssl_keyfile, host and port",
        )
    if isinstance(error, oauth.TokenRefused):
        return StreamError(
            label,
            f"no token for the broker: {error.args[0]}",
            hint=f"check {oauth.FILE}, or the client's id and secret and {oauth.ENDPOINT}",
        )
    if isinstance(error, _REFUSED):
        return StreamError(
            label,
            f"the broker refused the request ({kind})",
            hint="check user, password and permissions for this stream",
        )
    if transient(error):
        return StreamUnavailable(
            label,
            f"the broker can't be reached ({error.args[0] if isinstance(error, Unreachable) else kind})",
            hint="check that it is running (with several, as many as min.insync.replicas requires) and that the "
            "URL's security options are right, then try again",
        )
    return StreamError(label, f"Kafka failed ({kind}: {error})", hint="see the broker's log")


@contextlib.contextmanager
def translated(label: str) -> Iterator[None]:
    """Raise kafka-python's errors as StreamError."""
    try:
        yield
    except (kafka_errors.KafkaError, OSError) as error:
        raise ours(label, error) from error


class TlsRefused(kafka_errors.KafkaError):  # type: ignore[misc]
    """A handshake that can't succeed with this configuration; the message is the reason."""


def checked(security: Mapping[str, str]) -> dict[str, str]:
    """The security options (kafka-python's names) with their defaults. Raises UsageError, showing no secrets."""
    options = dict(security)
    protocol = options.get("security_protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise UsageError(f"security_protocol can't be {protocol!r}", hint=f"use one of {', '.join(PROTOCOLS)}")
    if protocol.startswith("SASL"):
        mechanism = options.setdefault("sasl_mechanism", "PLAIN")
        if mechanism not in MECHANISMS:
            raise UsageError(f"sasl_mechanism can't be {mechanism!r}", hint=f"use one of {', '.join(MECHANISMS)}")
        if mechanism == "OAUTHBEARER":
            oauth.check(options)
        elif not options.get("sasl_plain_username") or not options.get("sasl_plain_password"):
            raise UsageError(
                f"security_protocol {protocol} needs a user and a password",
                hint="write kafka://user:password@host:port",
            )
    return options


def client_config(security: Mapping[str, str]) -> dict[str, Any]:
    """The options in kafka-python's form, with a TLS context made from the files.

    Raises UsageError naming an unusable file. It never prompts for the key's password on the terminal.
    """
    given: dict[str, Any] = {
        name: value for name, value in security.items() if not name.startswith("ssl_") and name not in oauth.OPTIONS
    }
    if security.get("sasl_mechanism") == "OAUTHBEARER":
        given = {name: value for name, value in given.items() if name not in _SECRET}
        given["sasl_oauth_token_provider"] = oauth.provider_of(security)
    if "SSL" not in security.get("security_protocol", ""):
        return given
    context = ssl.create_default_context()
    if ca := security.get("ssl_cafile"):
        # Only this authority, not those trusted by the system.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _using("ssl_cafile", ca, lambda: context.load_verify_locations(ca))
    if certificate := security.get("ssl_certfile"):
        key = security.get("ssl_keyfile")
        password = security.get("ssl_password", "")
        _using("ssl_certfile", certificate, lambda: context.load_cert_chain(certificate, key, lambda: password))
    return given | {"ssl_context": context}


def _using(option: str, path: str, load: Any) -> None:
    try:
        load()
    except OSError as error:
        # An SSLError is an OSError; its text contains no secret.
        why = error.strerror if not isinstance(error, ssl.SSLError) else error.reason or "not PEM, or a wrong password"
        hint = "use PEM files; an encrypted key needs ssl_password"
        raise UsageError(f"{option} {path}: {why}", hint=hint) from error


class RefusalsEnd(KafkaConnectionManager):  # type: ignore[misc]
    """The connections of one client, given up once a broker has refused one. ``last_problem``: why the last one failed."""

    refused: Exception | None = None
    last_problem = ""

    def get_connection(self, node_id: Any, *args: Any, **options: Any) -> Any:
        """Like kafka-python's, but raises the refusal of an earlier connection."""
        if self.refused is not None:
            raise self.refused
        if options.get("timeout_ms") is not None:
            # While looking for its first broker, kafka-python gives the one it tries all remaining time.
            options["timeout_ms"] = min(options["timeout_ms"], self.config["socket_connection_setup_timeout_ms"])
        connection = super().get_connection(node_id, *args, **options)
        connection.init_future.add_errback(self._look_at)
        return connection

    def least_loaded_node(self) -> Any:
        """A responding broker, if there is one.

        kafka-python 3.0.12 prefers a broker without a connection to a busy one: while a broker was down, every other
        request about the cluster waited for a connection to it.
        """
        brokers = (self._conns.get(broker.node_id) for broker in self.cluster.brokers())
        known = [connection for connection in brokers if connection and connection.connected and not connection.paused]
        if known:
            return min(known, key=lambda connection: len(connection.in_flight_requests)).node_id
        return super().least_loaded_node()

    async def _build_transport(self, *args: Any, **options: Any) -> Any:
        transport = await super()._build_transport(*args, **options)
        receive = transport._sock_recv  # noqa: SLF001

        def all_of_it() -> tuple[bytes, Exception | None]:
            # kafka-python 3.0.12 discards data that arrives with the end of the connection, which is how a broker
            # reports a refused password. The end is read again in the next call.
            data, end = receive()
            return data, None if data else end

        transport._sock_recv = all_of_it  # noqa: SLF001
        return transport

    def _look_at(self, error: Exception) -> None:
        text = str(error)
        # Without the name of the class, and of OpenSSL's source file.
        self.last_problem = " ".join(text.removeprefix(f"{type(error).__name__}: ").partition(" (_ssl")[0].split())
        if isinstance(error, (*_LOGIN_REFUSALS, oauth.TokenRefused)):
            self.refused = error
        elif isinstance(error, kafka_errors.InvalidReceiveError):
            self.refused = TlsRefused("its answer is not Kafka's protocol; perhaps this port requires TLS")
        for sign, meaning in _TLS_REFUSALS.items():
            if sign in text:
                self.refused = TlsRefused(meaning)
                return
