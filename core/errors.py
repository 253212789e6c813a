"""The exceptions of Wirewatch.

::

    WirewatchError                 exit 1
    ├── UsageError                 exit 2: wrong options, unreadable configuration
    │   ├── QueryError             a query that does not parse; carries position and expectation
    │   │   └── Unconfirmed        a query that is probably a mistake; saved only if that is confirmed
    │   ├── NotFound               the requested thing does not exist (any more)
    │   └── Conflict               another person changed it first
    ├── Unavailable                this installation lacks the part that could do it
    ├── InputError                 an item or file that cannot be read; carries its name
    ├── FeedError                  a feed or page that could not be fetched or parsed; carries its URL
    ├── ExtractionError            a page that gave no article; carries a short machine-readable reason
    ├── StreamError                a stream that failed; carries its URL
    │   ├── StreamUnavailable      the broker or file cannot be reached now; a retry may help
    │   ├── RecordTooLarge         the stream refuses a value of this size; a retry never helps
    │   ├── WriterFenced           another instance appends under this writer's name now
    │   └── OffsetOutOfRange       the requested offset is not stored any more, or not yet
    │       └── LogCut             records that were read are gone from the end of the log
    └── StoreError                 the store failed
        ├── StoreUnavailable       the database can't be reached now; a retry may help
        └── Fenced                 this process may no longer write the run: stop, write nothing
            └── TakenOver          exit 3: another process has taken over the run; a restart would only fence that one

An error names what it is about and what to do next. If a single item is bad, the error becomes a value (an outcome) and
the other items are processed; only the command line and the supervisor turn errors into text.
"""

from __future__ import annotations

from enum import StrEnum

from core.saying import Said, saying


class WirewatchError(Exception):
    """Base class of all errors that Wirewatch raises on purpose.

    ``hint`` is the next step for a person, shown after the message. ``exit_code`` is the command line's exit code.
    ``said`` is the message with its values apart, if it was given so: for who shows it in another language.
    """

    exit_code = 1

    def __init__(self, message: str | Said, *, hint: str | None = None) -> None:
        super().__init__(str(message))
        self.message, self.said = str(message), message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message


class UsageError(WirewatchError):
    """Wrong options or configuration."""

    exit_code = 2


class QueryError(UsageError):
    """A query that doesn't parse. ``position`` is a 0-based code point offset into ``query``; in the message it is 1-based."""

    def __init__(self, problem: str | Said, *, query: str, position: int, expected: str | Said | None = None) -> None:
        self.query, self.position = query, position
        self.problem, self.expected = str(problem), str(expected) if expected else None
        self.finding = problem if isinstance(problem, Said) else Said("%(problem)s", {"problem": problem})
        """The problem and what was expected, with their values apart."""
        if expected:
            self.finding = saying("%(problem)s; expected %(expected)s", problem=problem, expected=expected)
        super().__init__(saying("at position %(num)s: %(problem)s", num=position + 1, problem=self.finding))

    def pointer(self) -> str:
        """Two lines: the query's line with the error, and a caret below the position."""
        start = self.query.rfind("\n", 0, self.position) + 1
        end = self.query.find("\n", self.position)
        line = self.query[start : end if end >= 0 else None]
        return f"{line}\n{' ' * (self.position - start)}^"


class Unconfirmed(QueryError):
    """A query that is probably a mistake. ``instead``: what was probably meant, or None.

    It is stored only on confirmation: ``--anyway``, ``anyway=true`` or the desk's checkbox.
    """

    def __init__(self, problem: str | Said, *, query: str, position: int, instead: str | None) -> None:
        super().__init__(problem, query=query, position=position)
        self.instead = instead
        self.hint = f"probably meant: {instead}" if instead else None


class NotFound(UsageError):
    """The requested thing does not exist (any more)."""


class Conflict(UsageError):
    """Another person changed it first; reload it and try again."""


class Unavailable(WirewatchError):
    """The installation lacks the part that could do it."""


class InputError(WirewatchError):
    """A file, line or item that cannot be read. ``item`` names it."""

    def __init__(self, item: str, problem: str, *, hint: str | None = None) -> None:
        self.item, self.problem = item, problem
        super().__init__(f"{item}: {problem}", hint=hint)


class FailureKind(StrEnum):
    """The kind of a failure with a feed or a page, for programs; messages are for people.

    The values are stored, in the API and labels of metrics, so they must not change.
    """

    URL = "url"
    """The address, or a header, can't be sent."""
    REFUSED = "refused"
    """The host has an address that must not be connected to."""
    NAME = "name"
    """The host's name can't be resolved."""
    CONNECTION = "connection"
    """No connection, no valid certificate, or no HTTP."""
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    REDIRECTS = "redirects"
    HTTP_3XX = "http_3xx"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    BODY = "body"
    """The body is empty or can't be unpacked."""
    NO_FEED = "feed"
    """The response is not a feed, or is so broken that nothing can be read."""
    HTML = "html"
    """The response is an HTML page in place of a feed."""
    NO_PAGE = "no_page"
    """The response is not an HTML page."""
    ROBOTS = "robots"
    """The site's robots.txt disallows the page."""
    ROBOTS_UNREAD = "robots_unread"
    """The site's robots.txt can't be fetched, so for now its pages aren't either."""
    ELSEWHERE = "elsewhere"
    """Nothing is wrong, but the page is on another host, which must wait its turn."""
    INTERNAL = "internal"
    """The connector itself failed."""
    OTHER = "other"

    @classmethod
    def of_status(cls, status: int) -> FailureKind:
        """The kind of an HTTP status that is not a success."""
        return {3: cls.HTTP_3XX, 4: cls.HTTP_4XX, 5: cls.HTTP_5XX}.get(status // 100, cls.OTHER)


class FeedError(WirewatchError):
    """A feed or page could not be fetched or parsed. ``url`` names it; ``kind``: a stable word for what went wrong.

    ``retry_after_s``: the pause that the server asked for, if any.
    """

    def __init__(
        self,
        url: str,
        problem: str,
        *,
        kind: FailureKind = FailureKind.OTHER,
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        self.url, self.problem, self.kind, self.retry_after_s = url, problem, kind, retry_after_s
        super().__init__(f"{url}: {problem}", hint=hint)


class ExtractionError(WirewatchError):
    """No article could be extracted from a page. ``reason`` is short and stable: it is stored in the outcome."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class StreamError(WirewatchError):
    """A stream failed. ``url`` names it, without credentials."""

    def __init__(self, url: str, problem: str, *, hint: str | None = None) -> None:
        self.url, self.problem = url, problem
        super().__init__(f"{url}: {problem}", hint=hint)


class StreamUnavailable(StreamError):
    """The stream cannot be reached now; the same call may succeed later."""


class RecordTooLarge(StreamError):
    """The value is over the stream's limit of ``limit_bytes``; the same call never succeeds."""

    def __init__(self, url: str, size_bytes: int, limit_bytes: int) -> None:
        self.size_bytes, self.limit_bytes = size_bytes, limit_bytes
        super().__init__(url, f"a record of {size_bytes} bytes is over the limit of {limit_bytes}")


class WriterFenced(StreamError):
    """An instance of a stream may not append under its writer's name; if it still owns the name, call ``Stream.fence`` first.

    Another instance has taken the name, or an append of this one failed, after which its writer's state is unknown.
    """

    def __init__(self, url: str, writer: str) -> None:
        super().__init__(
            url,
            f"another process may append as {writer!r} now",
            hint="only one process may append; no record of this call was committed; the other process sends what is queued",
        )


class OffsetOutOfRange(StreamError):
    """``offset`` is below the log's start (``start``) or past its end (``end``)."""

    def __init__(self, url: str, partition: int, offset: int, start: int, end: int) -> None:
        self.partition, self.offset, self.start, self.end = partition, offset, start, end
        super().__init__(url, f"partition {partition} holds offsets {start} to {end}, not {offset}")


class LogCut(OffsetOutOfRange):
    """Records that were read are gone from the end of the log, and others may have taken their offsets.

    A broker lost records that it had acknowledged: a single copy in a power cut, or in an unclean leader election.
    ``offset``: the first that differs, as far as the broker knows. Results from there on must be removed before reading
    continues.
    """

    def __init__(self, url: str, partition: int, offset: int, start: int, end: int) -> None:
        self.partition, self.offset, self.start, self.end = partition, offset, start, end
        StreamError.__init__(
            self,
            url,
            f"the broker lost the end of partition {partition}: the records from offset {offset} on no longer exist",
            hint="the run restarts from its ledger and processes the records that replaced the lost ones",
        )


class StoreError(WirewatchError):
    """The store failed or refused."""


class StoreUnavailable(StoreError):
    """The database cannot be reached now; the same call may succeed later."""


class Fenced(StoreError):
    """The process may no longer write the run and must stop. After a restart it continues from the ledger."""


class TakenOver(Fenced):
    """Another process has taken over this run. A restart would only take it from that one."""

    exit_code = 3
