"""POST to an untrusted address, guarded against private networks and with limits on time and size.

Never follows redirects. For the channels that use HTTP directly: webhooks and Web Push.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import httpcore

from core.net.guard import AddressRefused, GuardedBackend, NameNotResolved, deadline
from core.net.retry_after import retry_after_s
from core.records import from_ms
from desk.delivery.channels.base import Options, Trouble, host_of, unreachable
from desk.language import N_

MOST_ANSWER = 65_536


class Answer(NamedTuple):
    """A receiver's answer. ``retry_after_s``: how long it asks to wait; None if it doesn't say."""

    status: int
    retry_after_s: float | None

    @property
    def taken(self) -> bool:
        """Whether the receiver accepted the message."""
        return 200 <= self.status < 300

    @property
    def passing(self) -> bool:
        """Whether the receiver may accept the same message later."""
        return self.status in (408, 425, 429) or self.status >= 500

    def check_passing(self, receiver: str) -> None:
        """Raise Trouble for an answer that a later try may change; ``receiver`` is what its words call the other side."""
        if self.passing:
            said = "asks for fewer messages (429)" if self.status == 429 else f"answered {self.status}"
            raise Trouble(f"{receiver} {said}", retry_after_s=self.retry_after_s)


class Poster:
    """Posts to one receiver over one persistent connection. Used by one thread at a time."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool = httpcore.ConnectionPool(
            network_backend=GuardedBackend(options.allowed, resolve=options.look_up, monotonic=options.monotonic),
            max_connections=1,
        )

    def post(self, url: str, headers: Mapping[str, str], body: bytes, *, receiver: str = "the receiver") -> Answer:
        """POST a body. Raises Trouble if there is no answer; ``receiver`` is the name of the other side in its message.

        The whole exchange ends after ``total_s``, however slow the answer is, and at most 64 KiB of the answer are read.
        """
        limit = self._options.timeout_s
        timeouts = {"connect": limit, "read": limit, "write": limit, "pool": limit}
        begun = self._options.monotonic()
        ends = deadline.set(begun + self._options.total_s)
        try:
            with self._pool.stream(
                "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
            ) as answer:
                size = 0
                for part in answer.iter_stream():
                    size += len(part)
                    # The body is not used, but must be read so that the connection can be kept.
                    if size > MOST_ANSWER or self._options.monotonic() - begun > self._options.total_s:
                        break
                wish = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
                now = from_ms(self._options.clock_ms())
                return Answer(answer.status, retry_after_s(wish.decode("latin-1"), now))
        except (AddressRefused, NameNotResolved) as error:
            raise unreachable(host_of(url), error) from error
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise Trouble(f"{receiver} did not answer in time") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise Trouble(f"{receiver} can't be reached: {_plain(error)}") from error
        except (httpcore.UnsupportedProtocol, ValueError) as error:
            raise Trouble(N_("the address is not a web address"), again=False) from error
        finally:
            deadline.reset(ends)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _plain(error: BaseException) -> str:
    # System error names and numbers, without any address.
    text = str(error).strip() or type(error).__name__
    return text.split("] ")[-1]
