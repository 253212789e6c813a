"""A small HTTP server inside a process that does other work: an ASGI application on a thread of its own.

uvicorn and Starlette are imported when a server starts, so that commands that serve nothing don't load them.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

from core.net.connections import Connections, bounded_protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

CLOSING_S = 3
HEADERS_S, IDLE_S = 10.0, 30.0
MAX_SERVED, MAX_SILENT, MAX_SILENT_PER_PEER = 256, 256, 128


def patient_protocol(
    served: int = MAX_SERVED, silent: int = MAX_SILENT, silent_per_peer: int = MAX_SILENT_PER_PEER
) -> type[asyncio.Protocol]:
    """An HTTP protocol for uvicorn whose responses may take as long as they like, but not requests.

    A connection that does not send a whole request is closed. ``served``: connections that have sent one, at once; the others
    are ``silent``, of which ``silent_per_peer`` may come from one address.
    """
    return bounded_protocol(
        Connections(served, silent, silent_per_peer), headers_s=HEADERS_S, idle_s=IDLE_S, a_request_proves=True
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket listening on ``host`` and ``port``; port 0: any free one. Raises OSError or OverflowError if it can't listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is explicit: if it is 0, asyncio leaves Nagle's algorithm on, which delays each response's body by 40
    # ms.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(256)
    except BaseException:
        made.close()
        raise
    return made


class ServerThread:
    """Serves ``application`` until closed, or until the process ends. The port is bound on creation.

    Plain functions as handlers run on separate threads, so a slow response does not delay the others. ``listening`` is
    used in place of a new socket on ``host`` and ``port``, and closed at the end. ``options`` are uvicorn's; without
    ``http``, it is ``patient_protocol``. Raises OSError or OverflowError if the address can't be bound.
    """

    def __init__(
        self,
        application: ASGIApp,
        host: str,
        port: int,
        *,
        name: str,
        listening: socket.socket | None = None,
        **options: Any,
    ) -> None:
        import uvicorn

        self._socket = listening or listening_socket(host, port)
        self.port = int(self._socket.getsockname()[1])
        defaults: dict[str, Any] = {
            # If a WebSocket library is installed, it would take connections over from that.
            "ws": "none",
            "lifespan": "off",
            "log_config": None,
            "log_level": "error",
            "access_log": False,
            "proxy_headers": False,
            "server_header": False,
            "timeout_graceful_shutdown": CLOSING_S,
        }
        if "http" not in options:
            options["http"] = patient_protocol()
        self._server = uvicorn.Server(uvicorn.Config(application, **(defaults | options)))
        # A daemon thread, as are its workers: a process that does not close its server still exits.
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name=name, daemon=True)

    def start(self) -> Self:
        """Start answering; requests that came since the creation are answered too. Starting twice is harmless."""
        if self._thread.ident is None:
            self._thread.start()
        return self

    def close(self) -> None:
        """Stop and free the port; responses in progress get 3 s to finish. Closing twice is harmless."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()
