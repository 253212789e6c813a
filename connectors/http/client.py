"""Polite, bounded, guarded HTTP: the connectors' only access to the network.

Every request has a cap on decoded bytes and on total time, follows redirects itself, and connects only to addresses
that ``core.net.guard`` allows. Proxies from the environment are not used, only a configured one: it connects to
addresses that the guard can't see, so names are looked up and checked here first. Problems are returned as values
(``Failure``) in plain words.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpcore
import httpx

from connectors.http.answers import Failure, Fetched, without_credentials
from connectors.http.body import BadBody, BodyTooLarge, decoded
from connectors.http.lenient import LenientBackend
from core import version
from core.errors import FailureKind, UsageError
from core.net.guard import AddressRefused, GuardedBackend, NameNotResolved, Resolve, deadline, resolve_host
from core.net.retry_after import retry_after_s
from core.settings import ConnectorSettings

__all__ = ["FEED_BYTES", "PAGE_BYTES", "Failure", "Fetched", "Http"]

FEED_BYTES = 10 << 20
PAGE_BYTES = 8 << 20
TOTAL_S = 20.0
_MOST_HEADER = 4_096
"""Most characters of a header that is sent back; servers refuse requests with longer ones."""
MAX_HOPS = 5

MayFollow = Callable[[str], Failure | None]
"""Returns None if a redirect to this address may be followed, otherwise the failure."""

_PERMANENT = frozenset({301, 308})
_HOST = re.compile(rb"[A-Za-z0-9._~-]+|[0-9A-Fa-f:.]+")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Http:
    """A client for many threads. Closing it aborts running requests.

    ``contact`` (an address or page) goes into the user agent, so that a publisher can complain before blocking.
    ``allow_private`` lists hosts (``host`` or ``host:port``) that may be in a private network. ``total_s`` bounds one
    fetch with all its redirects. Cookies live for one fetch only: some sites answer with a redirect until they see one.
    ``proxy`` (http://user:password@host:port) carries all requests; it may be in a private network. Raises UsageError
    if it is not such an address.
    """

    def __init__(
        self,
        *,
        contact: str | None = None,
        allow_private: Collection[str] = (),
        total_s: float = TOTAL_S,
        resolve: Resolve = resolve_host,
        monotonic: Callable[[], float] = time.monotonic,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self.user_agent = f"Wirewatch/{version()} (news monitor{f'; {contact}' if contact else ''})"
        self._total_s = total_s
        self._monotonic = monotonic
        context = ssl_context or httpx.create_ssl_context(trust_env=False)
        transport = Transport(GuardedBackend(allow_private, resolve=resolve, monotonic=monotonic), context, proxy)
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.Client(transport=transport, trust_env=False, timeout=total_s, cookies=no_cookies)

    @classmethod
    def of_settings(cls, settings: ConnectorSettings) -> Self:
        """The client by the settings: contact, allowed hosts, proxy."""
        return cls(contact=settings.contact or None, allow_private=settings.allow_private, proxy=settings.proxy or None)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fetch(
        self,
        url: str,
        *,
        now: datetime,
        accept: str = "*/*",
        max_bytes: int = PAGE_BYTES,
        etag: str | None = None,
        last_modified: str | None = None,
        may_follow: MayFollow | None = None,
    ) -> Fetched | Failure:
        """GET ``url``, conditional on ``etag`` and ``last_modified`` if given. ``now`` (UTC) is for Retry-After.

        ``may_follow`` is called before a redirect is followed; a failure that it returns is the result. Blocks for at
        most ``total_s``. Never raises because of a server or a URL.
        """
        headers = {"User-Agent": self.user_agent, "Accept": accept, "Accept-Encoding": "gzip, deflate"}
        if etag and _can_be_sent(etag):
            headers["If-None-Match"] = etag
        if last_modified and _can_be_sent(last_modified):
            headers["If-Modified-Since"] = last_modified
        return self._timed(url, headers, max_bytes, now, None, may_follow)

    def post(self, url: str, form: bytes, *, now: datetime, max_bytes: int = 64 << 10) -> Fetched | Failure:
        """POST an encoded form. A redirect is a failure: the form is only for that address."""
        headers = {
            "User-Agent": self.user_agent,
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self._timed(url, headers, max_bytes, now, form, None)

    def _timed(
        self,
        url: str,
        headers: dict[str, str],
        max_bytes: int,
        now: datetime,
        form: bytes | None,
        may_follow: MayFollow | None,
    ) -> Fetched | Failure:
        token = deadline.set(self._monotonic() + self._total_s)
        try:
            return self._follow(url, headers, max_bytes, now, form, may_follow)
        finally:
            deadline.reset(token)

    def _follow(
        self,
        url: str,
        headers: dict[str, str],
        max_bytes: int,
        now: datetime,
        form: bytes | None,
        may_follow: MayFollow | None,
    ) -> Fetched | Failure:
        moved_to: str | None = None
        lasting = True
        cookies = httpx.Cookies()
        for hop in range(MAX_HOPS + 1):
            shown = without_credentials(url)
            try:
                request = self._client.build_request(
                    "GET" if form is None else "POST", _checked(url), headers=headers, content=form
                )
                cookies.set_cookie_header(request)
                response = self._client.send(request, stream=True, follow_redirects=False)
            except (httpx.InvalidURL, ValueError) as error:
                return Failure(
                    shown, str(error) if isinstance(error, _BadUrlError) else "not a valid address", FailureKind.URL
                )
            except httpx.RemoteProtocolError:
                # httpx parses the Location header although it does not follow it.
                return Failure(shown, "redirects to an address that is not valid", FailureKind.REDIRECTS)
            except Exception as error:
                return self._failure(shown, error)
            try:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    return self._answer(shown, moved_to, response, max_bytes, now)
                if form is not None:
                    return Failure(shown, "redirects a posted form", FailureKind.REDIRECTS)
                if hop == MAX_HOPS:
                    break
                cookies.extract_cookies(response)
                _drop_odd(cookies)
                target = _target(request.url, location)
                url = str(target)
                lasting = lasting and response.status_code in _PERMANENT
                moved_to = without_credentials(url) if lasting else moved_to
                if may_follow and (refused := may_follow(url)):
                    return refused
            except (httpx.InvalidURL, ValueError):
                return Failure(shown, "redirects to an address that is not valid", FailureKind.REDIRECTS)
            finally:
                response.close()
        return Failure(shown, f"redirects more than {MAX_HOPS} times", FailureKind.REDIRECTS)

    def _answer(
        self, url: str, moved_to: str | None, response: httpx.Response, max_bytes: int, now: datetime
    ) -> Fetched | Failure:
        status, headers = response.status_code, response.headers
        if status != HTTPStatus.NOT_MODIFIED and not 200 <= status < 300:
            wait = retry_after_s(headers.get("retry-after"), now)
            return Failure(url, _status_words(status), FailureKind.of_status(status), status=status, retry_after_s=wait)
        body = b""
        if status != HTTPStatus.NOT_MODIFIED:
            try:
                body = b"".join(decoded(response, max_bytes))
            except BodyTooLarge:
                return Failure(url, f"larger than {max_bytes / (1 << 20):g} MiB", FailureKind.TOO_LARGE, status=status)
            except BadBody as error:
                return Failure(url, str(error), FailureKind.BODY, status=status)
            except Exception as error:
                return self._failure(url, error)
        return Fetched(
            url=url,
            status=status,
            body=body,
            content_type=headers.get("content-type"),
            etag=headers.get("etag"),
            last_modified=headers.get("last-modified"),
            moved_to=moved_to,
            link=headers.get("link"),
        )

    def _failure(self, url: str, error: Exception) -> Failure:
        match error:
            case AddressRefused():
                words = f"refused: the host is at a {error} address"
                return Failure(url, words, FailureKind.REFUSED)
            case NameNotResolved():
                return Failure(url, "could not resolve host", FailureKind.NAME)
            case httpcore.ProxyError():
                return Failure(url, "the proxy refused", FailureKind.CONNECTION)
            case httpcore.TimeoutException():
                return Failure(url, f"timed out after {self._total_s:g} s", FailureKind.TIMEOUT)
            # The pool raises it "from None", which leaves the reason in the context only.
            case httpcore.ConnectError(__context__=ssl.SSLError() as reason):
                return Failure(url, f"no secure connection: {_ssl_words(reason)}", FailureKind.CONNECTION)
            case httpcore.ConnectError():
                return Failure(url, "could not connect", FailureKind.CONNECTION)
            case httpcore.NetworkError() | httpcore.RemoteProtocolError() | OSError():
                return Failure(
                    url, "the connection was lost, or the server does not speak HTTP", FailureKind.CONNECTION
                )
            case httpcore.LocalProtocolError() | httpcore.UnsupportedProtocol():
                return Failure(url, "the address or a header cannot be sent", FailureKind.URL)
        raise error


def _can_be_sent(value: str) -> bool:
    """Whether a value from a server can be sent in a header: its characters or length may not be allowed."""
    return value.isascii() and value.isprintable() and len(value) <= _MOST_HEADER


def _drop_odd(cookies: httpx.Cookies) -> None:
    """Drop cookies that can't be sent."""
    for one in list(cookies.jar):
        if not _can_be_sent(f"{one.name}={one.value}"):
            cookies.jar.clear(one.domain, one.path, one.name)


class _BadUrlError(ValueError):
    pass


def _checked(url: str) -> httpx.URL:
    parsed = httpx.URL(url.strip())
    if parsed.scheme not in ("http", "https"):
        raise _BadUrlError(f"not an http or https address ({parsed.scheme or 'no scheme'})")
    if not _HOST.fullmatch(parsed.raw_host) or not 0 < (parsed.port or 80) < 65_536:
        raise _BadUrlError("an address without a valid host and port")
    return parsed


def _target(asked: httpx.URL, location: str) -> httpx.URL:
    """Return the target of a redirect. Credentials are kept only for the same host, and never from https to http."""
    target = asked.join(location).copy_with(fragment=None, userinfo=b"")
    if asked.userinfo and target.host == asked.host and (target.scheme == "https" or asked.scheme == "http"):
        return target.copy_with(userinfo=asked.userinfo)
    return target


def _status_words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase.lower()}"
    except ValueError:
        return f"HTTP status {status}"


def _ssl_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid ({error.verify_message})"
    return (error.reason or "TLS failed").lower().replace("_", " ")


class Transport(httpx.BaseTransport):
    """httpx on httpcore's pool with our backend. httpcore's exceptions pass through as they are.

    Raises UsageError if ``proxy`` is not ``http://[user:password@]host:port``.
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
            network_backend=LenientBackend(backend),
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
        # The address may contain a password, so it is not shown.
        raise UsageError("the proxy's address is invalid", hint="write it as http://host:port")
    auth = (url.username.encode(), url.password.encode()) if url.userinfo else None
    return httpcore.Proxy(httpcore.URL(scheme=b"http", host=url.raw_host, port=port, target=b"/"), auth=auth)
