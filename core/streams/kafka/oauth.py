"""Tokens for brokers with OAUTHBEARER: from a file that another program keeps up to date, or by OIDC client credentials."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from kafka import errors as kafka_errors
from kafka.net.sasl.oauth import AbstractTokenProvider

from core.errors import UsageError

FILE: Final = "sasl_oauthbearer_token_file"
ENDPOINT: Final = "sasl_oauthbearer_token_endpoint_url"
SCOPE: Final = "sasl_oauthbearer_scope"
OPTIONS: Final = (FILE, ENDPOINT, SCOPE)
ANSWER_S, SERVER_ERROR = 10.0, 500
SPARE = 0.2
"""A token is renewed when this part of its lifetime is left: a connection must not start with one that is about to expire."""


class TokenRefused(kafka_errors.KafkaError):  # type: ignore[misc]
    """There is no token, and a retry won't help; the message is the reason, without secrets."""


class TokenUnavailable(kafka_errors.KafkaConnectionError):  # type: ignore[misc]
    """The provider can't be reached, or fails; the message is the reason."""


def check(security: Mapping[str, str]) -> None:
    """Raise UsageError unless exactly one source of tokens is configured, with all that it needs."""
    if (FILE in security) == (ENDPOINT in security):
        raise UsageError("OAUTHBEARER needs a source of tokens", hint=f"give either {FILE} or {ENDPOINT}")
    if ENDPOINT in security:
        if not security[ENDPOINT].startswith(("https://", "http://")):
            raise UsageError(f"{ENDPOINT} must begin with https://", hint="it is the provider's token endpoint")
        if not security.get("sasl_plain_username") or not security.get("sasl_plain_password"):
            raise UsageError(
                f"{ENDPOINT} needs a client id and secret", hint="give them as user and password in the kafka URL"
            )


def provider_of(security: Mapping[str, str]) -> AbstractTokenProvider:
    """The provider for these options, shared by all clients of the process, so that they share a token."""
    if path := security.get(FILE):
        return TokenFile(Path(path))
    return _client_credentials(
        security[ENDPOINT],
        security["sasl_plain_username"],
        security["sasl_plain_password"],
        security.get(SCOPE, ""),
    )


class TokenFile(AbstractTokenProvider):  # type: ignore[misc]
    """The content of a file, read for each connection: a projected Kubernetes token, for example, is replaced every hour."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def token(self) -> str:
        """Raises TokenRefused."""
        try:
            token = self._path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not ASCII"
            raise TokenRefused(f"{FILE} {self._path}: {why}") from error
        if not token:
            raise TokenRefused(f"{FILE} {self._path} is empty")
        return token


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]
    """Requests a token from a provider's endpoint by client id and secret, and keeps it until it is about to expire.

    Thread-safe. ``clock_s`` is the wall clock in seconds.
    """

    def __init__(
        self, endpoint: str, client: str, secret: str, scope: str, clock_s: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._endpoint, self._client, self._secret, self._scope = endpoint, client, secret, scope
        self._clock_s, self._lock = clock_s, threading.Lock()
        self._token, self._renew_s = "", 0.0

    def token(self) -> str:
        """Raises TokenRefused, TokenUnavailable."""
        with self._lock:
            if self._clock_s() >= self._renew_s:
                found = self._ask()
                self._token = str(found["access_token"])
                # If the provider gives no lifetime, each connection requests a token.
                self._renew_s = self._clock_s() + (1 - SPARE) * int(found.get("expires_in") or 0)
            return self._token

    def _ask(self) -> Mapping[str, Any]:
        # Imported here: they take 0.2 s to load, and most brokers need no token.
        import requests
        from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error  # type: ignore[import-untyped]
        from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]

        asker = BackendApplicationClient(client_id=self._client, scope=self._scope.split() or None)
        with OAuth2Session(client=asker) as session:
            session.register_compliance_hook("access_token_response", _no_server_error)
            try:
                found: Mapping[str, Any] = session.fetch_token(
                    self._endpoint, client_secret=self._secret, include_client_id=False, timeout=ANSWER_S
                )
            except requests.RequestException as error:
                # Its text may contain the URL's query; the class is enough.
                raise TokenUnavailable(
                    f"{self._endpoint} returns no token at present: {type(error).__name__}"
                ) from error
            except OAuth2Error as error:
                raise TokenRefused(f"{self._endpoint} returned no token: {error.error}") from error
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise TokenRefused(f"{self._endpoint} returned no token: its answer is invalid") from error
        if not found["access_token"]:
            raise TokenRefused(f"{self._endpoint} returned no token: it is empty")
        return found


def _no_server_error(response: Any) -> Any:
    if response.status_code >= SERVER_ERROR:
        response.raise_for_status()
    return response


@cache
def _client_credentials(endpoint: str, client: str, secret: str, scope: str) -> ClientCredentials:
    return ClientCredentials(endpoint, client, secret, scope)
