"""What lies between the Kafka stream and kafka-python: URLs and options, clients that clean up, errors as ours."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar
from urllib.parse import unquote

from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.net.selector import NetworkSelector

from core.errors import StreamError, StreamUnavailable, UsageError
from core.streams.kafka.security import RefusalsEnd, TlsRefused, checked, client_config
from core.streams.rules import parse_options, positive

T = TypeVar("T")

# Without a handler somewhere, kafka-python's warnings about each try to connect would land on stderr beside our error.
logging.getLogger("kafka").addHandler(logging.NullHandler())

_SECRET: Final = ("sasl_plain_username", "sasl_plain_password", "ssl_password")
_PLAIN: Final = ("client_id", "sasl_mechanism", "security_protocol", "ssl_cafile", "ssl_certfile", "ssl_keyfile")
_OWN: Final = ("max_value_bytes", "replication_factor", "timeout_s")
_REFUSED: Final = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SecurityDisabledError,
)
# A new producer, which is what the next append makes, begins with a state of its own.
_LOST_STATE: Final = (
    kafka_errors.InvalidProducerEpochError,
    kafka_errors.InvalidProducerIdMappingError,
    kafka_errors.OutOfOrderSequenceNumberError,
    kafka_errors.UnknownProducerIdError,
)
_GONE: Final = (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.UnknownTopicIdError)


class Unreachable(kafka_errors.KafkaTimeoutError):  # type: ignore[misc]
    """No connection until the time was over; the message says why the last try failed."""


@dataclass(frozen=True)
class KafkaLocation:
    """A cluster, and how to talk to it. ``url`` holds no credentials; ``security`` (kafka-python's names) may.

    ``timeout_s`` bounds every call. ``max_value_bytes`` None: what the stream's own ``max.message.bytes`` leaves.
    ``replication_factor`` is for streams that are made; 0: as many copies as ``plans.copies_for`` says.
    """

    servers: tuple[str, ...]
    url: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_value_bytes: int | None = None
    replication_factor: int = 0
    timeout_s: float = 10.0

    @classmethod
    def parse(cls, url: str) -> Self:
        """From ``kafka://[user:password@]host:port[,host:port][?option=value]``. Raises UsageError, showing no secrets.

        A user without ``security_protocol`` means SASL_SSL with PLAIN: a password is never sent in the clear unasked.
        """
        place, _, query = url.removeprefix("kafka://").partition("?")
        login, _, hosts = place.rstrip("/").rpartition("@")
        servers = tuple(_server(host) for host in hosts.split(","))
        options = parse_options(query, (*_SECRET, *_PLAIN, *_OWN), "kafka")
        security = {name: value for name, value in options.items() if name not in _OWN}
        if login:
            user, _, password = login.partition(":")
            security |= {"sasl_plain_username": unquote(user), "sasl_plain_password": unquote(password)}
            security.setdefault("security_protocol", "SASL_SSL")
        limit = int(positive(options, "max_value_bytes", 0))
        return cls(
            servers,
            f"kafka://{','.join(servers)}",
            checked(security),
            limit or None,
            int(positive(options, "replication_factor", 0)),
            positive(options, "timeout_s", cls.timeout_s),
        )

    def connect(self, make: Callable[..., T], timeout_s: float, **config: Any) -> T:
        """``make(**config)`` for this cluster, bounded by ``timeout_s``; where it fails, nothing is left running.

        Raises UsageError for a TLS file that can't be used, else what kafka-python raises.
        """
        clients: list[Any] = []
        managers: list[RefusalsEnd] = []
        security = client_config(self.security)

        def client(**settings: Any) -> Any:
            net = NetworkSelector(**settings)
            managers.append(RefusalsEnd(net, **settings))
            clients.append(KafkaNetClient(net, managers[-1]))
            return clients[-1]

        try:
            return make(
                bootstrap_servers=list(self.servers),
                bootstrap_timeout_ms=max(1, int(timeout_s * 1000)),
                request_timeout_ms=max(1, int(self.timeout_s * 1000)),
                reconnect_backoff_max_ms=1000,
                kafka_client=client,
                **{"client_id": "wirewatch", **security, **config},
            )
        except BaseException as error:
            # The constructors begin a thread before they try to connect and leave it behind when they can't.
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
        raise UsageError("the kafka URL has a wrong host or port", hint="use kafka://host:9092[,host:9092]")
    return f"{name}:{port}"


def transient(error: Exception) -> bool:
    """Whether the same request may work a little later."""
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
    """A kafka-python error as ours; ``label`` names the stream."""
    kind = type(error).__name__.removesuffix("Error")
    if isinstance(error, _GONE):
        return StreamError(label, "there is no such stream", hint="wirewatch streams create makes it")
    if isinstance(error, TlsRefused):
        return StreamError(
            label,
            f"no connection to the broker: {error.args[0]}",
            hint="check security_protocol, ssl_cafile (who signed its certificate), ssl_certfile, ssl_keyfile, host and port",
        )
    if isinstance(error, _REFUSED):
        return StreamError(
            label, f"the broker refuses ({kind})", hint="check user, password and the rights on this stream"
        )
    if transient(error):
        return StreamUnavailable(
            label,
            f"the broker can't be reached ({error.args[0] if isinstance(error, Unreachable) else kind})",
            hint="check that one runs there (as many as min.insync.replicas asks for, where there are several) and that the "
            "URL's security options fit, then try again",
        )
    return StreamError(label, f"Kafka failed ({kind}: {error})", hint="see the broker's log")


@contextlib.contextmanager
def translated(label: str) -> Iterator[None]:
    """kafka-python's errors as ours."""
    try:
        yield
    except (kafka_errors.KafkaError, OSError) as error:
        raise ours(label, error) from error


def end_producer(producer: Any) -> None:
    """Close a producer within about two seconds; what it hasn't sent by then is never sent."""
    try:
        producer.close(timeout=1)
    except kafka_errors.KafkaError:
        # kafka-python 3.0.12 gives up before it ends the thread, where a record is still on its way. Left alone, that would
        # go on sending what the caller was told had failed, perhaps after the caller has appended it again.
        producer._sender.force_close()  # noqa: SLF001
        producer._sender.join(1)  # noqa: SLF001
