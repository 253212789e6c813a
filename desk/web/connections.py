"""How long the desk's server waits for a browser, and for how many that show nothing."""

from __future__ import annotations

import asyncio

from core.net.connections import Connections, bounded_protocol

HEADERS_S, IDLE_S = 10.0, 30.0
MAX_SERVED, MAX_SILENT, MAX_SILENT_PER_PEER = 2_000, 512, 256
"""Behind a proxy all have one address, so a peer may have half of them; live pages are served, not silent."""


def patient_protocol() -> type[asyncio.Protocol]:
    """HTTP as the desk serves it: streams stay open, what never sends the whole of a request does not."""
    connections = Connections(MAX_SERVED, MAX_SILENT, MAX_SILENT_PER_PEER)
    return bounded_protocol(connections, headers_s=HEADERS_S, idle_s=IDLE_S, a_request_proves=True)
