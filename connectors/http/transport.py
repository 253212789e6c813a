"""httpx on httpcore's pool, with our own network backend, directly or through a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpcore
import httpx

from core.errors import UsageError
from core.net.guard import GuardedBackend


class Transport(httpx.BaseTransport):
    """httpx on httpcore's pool with our backend. httpcore's exceptions pass through as they are.

    Raises UsageError where ``proxy`` is not ``http://[user:password@]host:port``.
    """

    def __init__(self, backend: GuardedBackend, context: ssl.SSLContext, proxy: str | None = None) -> None:
        self._backend = backend
        self._proxied = bool(proxy)
        through = _proxy(proxy) if proxy else None
        if through is not None:
            backend.allow(through.url.host.decode("ascii"), through.url.port or 80)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            proxy=through,
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=30.0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request. Raises what httpcore and the guard raise."""
        url = request.url
        if self._proxied:
            self._backend.check(url.host, url.port or (443 if url.scheme == "https" else 80))
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                target,
                headers=request.headers.raw,
                content=request.read(),
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Stream(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


def _proxy(address: str) -> httpcore.Proxy:
    try:
        url = httpx.URL(address)
        port = url.port or 80
    except (httpx.InvalidURL, ValueError):
        url, port = httpx.URL(), 0
    if url.scheme != "http" or not url.host or not port:
        # The address may hold a password: it is not shown.
        raise UsageError("the proxy's address can't be understood", hint="write it as http://host:port")
    auth = (url.username.encode(), url.password.encode()) if url.userinfo else None
    return httpcore.Proxy(httpcore.URL(scheme=b"http", host=url.raw_host, port=port, target=b"/"), auth=auth)
