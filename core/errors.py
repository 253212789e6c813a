"""The exceptions of Wirewatch.

::

    WirewatchError                 exit 1
    ├── UsageError                 exit 2: wrong options, unreadable configuration
    │   ├── QueryError             a query that does not parse; carries position and expectation
    │   │   └── Unconfirmed        a query that is probably a mistake; saved only if that is confirmed
    │   ├── NotFound               what was asked for does not exist (any more)
    │   └── Conflict               another person changed it first
    ├── Unavailable                this installation has no part that could do it
    ├── InputError                 an item or file that cannot be read; carries its name
    ├── FeedError                  a feed or page that could not be fetched or parsed; carries its URL
    ├── ExtractionError            a page that gave no article; carries a short machine-readable reason
    ├── StreamError                a stream that failed; carries its URL
    │   ├── StreamUnavailable      the broker or file cannot be reached now; trying again may help
    │   ├── RecordTooLarge         the stream refuses a value of this size; trying again never helps
    │   ├── WriterFenced           another instance appends under this writer's name now
    │   └── OffsetOutOfRange       the offset asked for is not stored any more, or not yet
    │       └── LogCut             records that were read are gone from the end of the log
    └── StoreError                 the store failed
        ├── StoreUnavailable       the database can't be reached now; trying again may help
        └── Fenced                 this process may not write the run any more: stop, write nothing
            └── TakenOver          exit 3: another process runs it now, so starting again would only fence that one

An error says what it is about and what to do next. If a single item is bad, the error becomes a value (an outcome) and the
others go on; only the command line and the supervisor turn errors into text.
"""

from __future__ import annotations

from enum import StrEnum


class WirewatchError(Exception):
    """Base of all errors that Wirewatch raises on purpose.

    ``hint`` is the next step for a person, shown after the message. ``exit_code`` is what the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message


class UsageError(WirewatchError):
    """Wrong options or configuration."""

    exit_code = 2


class QueryError(UsageError):
    """A query that doesn't parse. ``position`` is a 0-based code point offset into ``query``; the message counts from 1."""

    def __init__(self, problem: str, *, query: str, position: int, expected: str | None = None) -> None:
        self.query, self.position, self.problem, self.expected = query, position, problem, expected
        where = f"at position {position + 1}: {problem}"
        super().__init__(f"{where}; expected {expected}" if expected else where)

    def pointer(self) -> str:
        """Two lines: the query's line that holds the error, and a caret below the position."""
        start = self.query.rfind("\n", 0, self.position) + 1
        end = self.query.find("\n", self.position)
        line = self.query[start : end if end >= 0 else None]
        return f"{line}\n{' ' * (self.position - start)}^"


class Unconfirmed(QueryError):
    """A query that is probably not what was meant. ``instead`` is the query that probably was, or None.

    It is stored if whoever saves it says so: ``--anyway``, ``anyway=true`` or the desk's box.
    """

    def __init__(self, problem: str, *, query: str, position: int, instead: str | None) -> None:
        super().__init__(problem, query=query, position=position)
        self.instead = instead
        self.hint = f"probably meant: {instead}" if instead else None


class NotFound(UsageError):
    """What was asked for does not exist (any more)."""


class Conflict(UsageError):
    """Another person changed it first: look again."""


class Unavailable(WirewatchError):
    """The installation has no part that could do it."""


class InputError(WirewatchError):
    """A file, line or item that cannot be read. ``item`` names it."""

    def __init__(self, item: str, problem: str, *, hint: str | None = None) -> None:
        self.item, self.problem = item, problem
        super().__init__(f"{item}: {problem}", hint=hint)


class FailureKind(StrEnum):
    """What went wrong with a source or a page, for decisions, the store and metrics; messages have the words.

    The values are stored and are labels of metrics: they don't change.
    """

    URL = "url"
    """The address, or a header, can't be sent."""
    REFUSED = "refused"
    """The host is at an address that may not be connected to."""
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
    """What came is not a feed, or is broken and gives nothing."""
    HTML = "html"
    """An HTML page came in place of a feed."""
    NO_PAGE = "no_page"
    """What came is not an HTML page."""
    ROBOTS = "robots"
    """The site's robots.txt asks not to fetch the page."""
    ROBOTS_UNREAD = "robots_unread"
    """The site's robots.txt can't be had, so its pages are not fetched for now."""
    ELSEWHERE = "elsewhere"
    """Nothing is wrong, but the page is at another host, whose turn has not come."""
    INTERNAL = "internal"
    """The connector itself failed."""
    OTHER = "other"

    @classmethod
    def of_status(cls, status: int) -> FailureKind:
        """The kind of an HTTP status that is not a success."""
        return {3: cls.HTTP_3XX, 4: cls.HTTP_4XX, 5: cls.HTTP_5XX}.get(status // 100, cls.OTHER)


class FeedError(WirewatchError):
    """A feed or page that could not be had. ``url`` names it, ``kind`` says what it was in a word that never changes.

    ``retry_after_s`` is what the server asked for, if it did.
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
    """A page that gave no article. ``reason`` is short and stable: it is stored in the outcome."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class StreamError(WirewatchError):
    """A stream failed. ``url`` names it, without credentials."""

    def __init__(self, url: str, problem: str, *, hint: str | None = None) -> None:
        self.url, self.problem = url, problem
        super().__init__(f"{url}: {problem}", hint=hint)


class StreamUnavailable(StreamError):
    """The stream cannot be reached now; the same call may work later."""


class RecordTooLarge(StreamError):
    """The value is over the stream's limit of ``limit_bytes``; the same call never works."""

    def __init__(self, url: str, size_bytes: int, limit_bytes: int) -> None:
        self.size_bytes, self.limit_bytes = size_bytes, limit_bytes
        super().__init__(url, f"a record of {size_bytes} bytes is over the limit of {limit_bytes}")


class WriterFenced(StreamError):
    """An instance of a stream may not append under its writer's name: ``Stream.fence`` first, if the name is still its own.

    Another instance has taken the name, or an append of this one failed, after which its writer's state is unknown.
    """

    def __init__(self, url: str, writer: str) -> None:
        super().__init__(
            url,
            f"another process may append as {writer!r} now",
            hint="only one process may; nothing of this call counts, and what waits is sent by the one that has the name",
        )


class OffsetOutOfRange(StreamError):
    """``offset`` is below the log's start (``start``) or past its end (``end``)."""

    def __init__(self, url: str, partition: int, offset: int, start: int, end: int) -> None:
        self.partition, self.offset, self.start, self.end = partition, offset, start, end
        super().__init__(url, f"partition {partition} holds offsets {start} to {end}, not {offset}")


class LogCut(OffsetOutOfRange):
    """Records that were read are gone from the end of the log, and others may stand in their place.

    A broker lost what it had acknowledged: of one copy after a power cut, or by an unclean election of a leader.
    ``offset``: the first that differs, as far as the broker knows. What was worked out from there on must be struck
    before reading goes on.
    """

    def __init__(self, url: str, partition: int, offset: int, start: int, end: int) -> None:
        self.partition, self.offset, self.start, self.end = partition, offset, start, end
        StreamError.__init__(
            self,
            url,
            f"the broker lost the end of partition {partition}: what was read from offset {offset} on is gone",
            hint="the run starts again from its ledger and handles what came in place of the lost records",
        )


class StoreError(WirewatchError):
    """The store failed or refused."""


class StoreUnavailable(StoreError):
    """The database cannot be reached now; the same call may work later."""


class Fenced(StoreError):
    """The run may not be written by this process any more: it must stop. A new start goes on from the ledger."""


class TakenOver(Fenced):
    """Another process has taken this run over. To start again would only take it from that one."""

    exit_code = 3
