"""How long the desk's server waits for browsers, and how many silent connections it accepts."""

from __future__ import annotations

import asyncio

from core.net.connections import Connections, bounded_protocol

HEADERS_S, IDLE_S = 10.0, 30.0
MAX_SERVED, MAX_SILENT, MAX_SILENT_PER_PEER = 2_000, 512, 256
"""Behind a proxy, all browsers have one address, so a peer may have half of the silent connections. Live pages are served."""


def patient_protocol() -> type[asyncio.Protocol]:
    """The desk's HTTP protocol: streams stay open, but connections that never send a whole request are closed."""
    connections = Connections(MAX_SERVED, MAX_SILENT, MAX_SILENT_PER_PEER)
    return bounded_protocol(connections, headers_s=HEADERS_S, idle_s=IDLE_S, a_request_proves=True)
