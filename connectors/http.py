"""Polite, bounded, guarded HTTP: the connectors' only way out.

Every request has a cap on decoded bytes and on total time, follows redirects by hand, and connects only to addresses
that ``connectors.address`` lets through. Environment proxies are not used: a proxy would connect to what the guard
never saw. What goes wrong is a value (``Failure``) in plain words.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpcore
import httpx

from connectors.address import AddressRefused, GuardedBackend, NameNotResolved, Resolve, deadline, resolve_host
from connectors.body import BadBody, BodyTooLarge, decoded
from connectors.links import without_credentials
from pipeline.errors import FeedError

FEED_BYTES = 10 << 20
PAGE_BYTES = 8 << 20
TOTAL_S = 20.0
MAX_HOPS = 5
MAX_RETRY_AFTER_S = 86_400.0

_PERMANENT = frozenset({301, 308})
_HOST = re.compile(rb"[A-Za-z0-9._~-]+|[0-9A-Fa-f:.]+")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FailureKind(StrEnum):
    """What went wrong, for decisions; ``Failure.problem`` has the words."""

    URL = "url"
    REFUSED = "refused"
    NAME = "name"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    REDIRECTS = "redirects"
    STATUS = "status"
    BODY = "body"
    NO_PAGE = "no_page"


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that gave nothing. ``url`` is the address asked last, without credentials."""

    url: str
    problem: str
    kind: FailureKind
    status: int | None = None
    retry_after_s: float | None = None

    def error(self) -> FeedError:
        """Make an exception of it, for callers that raise."""
        return FeedError(self.url, self.problem, retry_after_s=self.retry_after_s)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: 200 to 299, or 304 with an empty body (``not_modified``).

    ``url`` is the final address, ``moved_to`` the one to ask from now on (after 301 or 308), both without credentials.
    ``body`` is decompressed.
    """

    url: str
    status: int
    body: bytes = b""
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    moved_to: str | None = None

    @property
    def not_modified(self) -> bool:
        """The server says that nothing changed since the given ETag or date."""
        return self.status == HTTPStatus.NOT_MODIFIED


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (a number or an HTTP date), from 0 to 24 h; None if it says nothing."""
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # Longer numbers are over the cap anyway, and int() refuses to read very long ones.
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


class Http:
    """A client for many threads. Closing it breaks off what is under way.

    ``contact`` (an address or page) goes into the user agent, so that a publisher can complain before blocking.
    ``allow_private`` lists hosts (``host`` or ``host:port``) that may be in a private network. ``total_s`` bounds one
    fetch with all its redirects. Cookies live for one fetch only: some sites answer with a redirect until they see one.
    """

    def __init__(
        self,
        *,
        contact: str | None = None,
        version: str = "0.1",
        allow_private: Collection[str] = (),
        total_s: float = TOTAL_S,
        resolve: Resolve = resolve_host,
        monotonic: Callable[[], float] = time.monotonic,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.user_agent = (
            f"Wirewatch/{version} (news monitor; {contact})" if contact else f"Wirewatch/{version} (news monitor)"
        )
        self._total_s = total_s
        self._monotonic = monotonic
        backend = GuardedBackend(allow_private, resolve=resolve, monotonic=monotonic)
        transport = _Transport(backend, ssl_context or httpx.create_ssl_context(trust_env=False))
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.Client(transport=transport, trust_env=False, timeout=total_s, cookies=no_cookies)

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
    ) -> Fetched | Failure:
        """GET ``url``, conditional on ``etag`` and ``last_modified`` where given. ``now`` (UTC) is for Retry-After.

        Blocks for at most ``total_s``. Never raises for what a server or a URL can do.
        """
        headers = {"User-Agent": self.user_agent, "Accept": accept, "Accept-Encoding": "gzip, deflate"}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        token = deadline.set(self._monotonic() + self._total_s)
        try:
            return self._follow(url, headers, max_bytes, now)
        finally:
            deadline.reset(token)

    def _follow(self, url: str, headers: dict[str, str], max_bytes: int, now: datetime) -> Fetched | Failure:
        moved_to: str | None = None
        lasting = True
        cookies = httpx.Cookies()
        for hop in range(MAX_HOPS + 1):
            shown = without_credentials(url)
            try:
                request = self._client.build_request("GET", _checked(url), headers=headers)
                cookies.set_cookie_header(request)
                response = self._client.send(request, stream=True, follow_redirects=False)
            except (httpx.InvalidURL, ValueError) as error:
                return Failure(
                    shown, str(error) if isinstance(error, _BadUrlError) else "not a valid address", FailureKind.URL
                )
            except httpx.RemoteProtocolError:
                # httpx looks at the Location header although it is not to follow it.
                return Failure(shown, "redirects to an address that is not valid", FailureKind.REDIRECTS)
            except Exception as error:
                return self._failure(shown, error)
            try:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    return self._answer(shown, moved_to, response, max_bytes, now)
                if hop == MAX_HOPS:
                    break
                cookies.extract_cookies(response)
                target = _target(request.url, location)
                url = str(target)
                lasting = lasting and response.status_code in _PERMANENT
                moved_to = without_credentials(url) if lasting else moved_to
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
            wait = parse_retry_after(headers.get("retry-after"), now)
            return Failure(url, _status_words(status), FailureKind.STATUS, status=status, retry_after_s=wait)
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
        )

    def _failure(self, url: str, error: Exception) -> Failure:
        match error:
            case AddressRefused():
                words = f"refused: the host is at a {error} address"
                return Failure(url, words, FailureKind.REFUSED)
            case NameNotResolved():
                return Failure(url, "could not resolve host", FailureKind.NAME)
            case httpcore.TimeoutException():
                return Failure(url, f"timed out after {self._total_s:g} s", FailureKind.TIMEOUT)
            case httpcore.ConnectError() if isinstance(error.__cause__, ssl.SSLError):
                return Failure(url, f"no secure connection: {_ssl_words(error.__cause__)}", FailureKind.CONNECTION)
            case httpcore.ConnectError():
                return Failure(url, "could not connect", FailureKind.CONNECTION)
            case httpcore.NetworkError() | httpcore.RemoteProtocolError() | OSError():
                return Failure(url, "the connection broke off or spoke no HTTP", FailureKind.CONNECTION)
            case httpcore.LocalProtocolError() | httpcore.UnsupportedProtocol():
                return Failure(url, "the address or a header cannot be sent", FailureKind.URL)
        raise error


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
    """Return where a redirect leads. Credentials go along only to the host they are for, never from https to http."""
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


class _Transport(httpx.BaseTransport):
    """httpx on httpcore's pool with our backend. httpcore's exceptions pass through as they are."""

    def __init__(self, backend: httpcore.NetworkBackend, context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=30.0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        answer = self._pool.handle_request(
            httpcore.Request(request.method, target, headers=request.headers.raw, extensions=request.extensions)
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Stream(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
