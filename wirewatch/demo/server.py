"""Serves the outlets on a loopback socket; the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import UsageError
from core.net.serving import ServerThread
from wirewatch.demo.outlets import DemoOutlets
from wirewatch.demo.samples import Samples, load_samples


class DemoServer:
    """Serves the outlets until closed. The socket is bound on creation, so ``base_url`` is known at once; it answers
    after ``start``.

    ``clock`` returns monotonic seconds. Time 0 is now or, with ``waits``, the first request: on a slow machine the
    readers start seconds later than the outlets.
    """

    def __init__(
        self, outlets: DemoOutlets, clock: Callable[[], float], host: str, port: int, *, waits: bool = False
    ) -> None:
        self._clock = clock
        self._origin: float | None = None if waits else clock()
        application = Starlette(routes=[Route("/{path:path}", self._answer)])
        try:
            self._thread = ServerThread(application, host, port, name="demo-outlets")
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"cannot serve the sample outlets on {host} port {port}: {error}",
                hint="choose another port, or 0 for a free one",
            ) from error
        self.base_url = f"http://{f'[{host}]' if ':' in host else host}:{self._thread.port}"
        self._outlets = outlets.at(self.base_url)

    def elapsed_s(self) -> float:
        """Seconds since time 0, by the given clock; 0 before it."""
        return 0.0 if self._origin is None else self._clock() - self._origin

    def start(self) -> None:
        """Start answering, on a thread. Starting twice is harmless."""
        self._thread.start()

    def close(self) -> None:
        """Stop and free the port. Closing twice is harmless."""
        self._thread.close()

    def _answer(self, request: Request) -> Response:
        if self._origin is None:
            self._origin = self._clock()
        got = self._outlets.get(
            request.scope["raw_path"].decode("ascii", "replace"),
            self.elapsed_s(),
            if_none_match=request.headers.get("If-None-Match"),
            if_modified_since=request.headers.get("If-Modified-Since"),
        )
        return Response(got.body, got.status, got.headers, got.content_type)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(
    outlets: DemoOutlets, clock: Callable[[], float], host: str = "127.0.0.1", port: int = 0, *, waits: bool = False
) -> DemoServer:
    """A server for ``outlets``, bound but not started. Port 0: any free one. Raises UsageError if it can't be bound."""
    return DemoServer(outlets, clock, host, port, waits=waits)


def feed_urls(base_url: str, samples: Samples | None = None) -> list[tuple[str, str]]:
    """(source id, feed URL) of each outlet, ordered by source id. Reads the sample files unless ``samples`` is given."""
    outlets = (samples if samples is not None else load_samples()).outlets
    return [(outlet.id, base_url.rstrip("/") + outlet.feed_path) for outlet in outlets.values()]
