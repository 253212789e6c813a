"""How many connections the desk's server serves, and how many silent ones it accepts."""

from __future__ import annotations

import asyncio

from core.net import serving

MAX_SERVED, MAX_SILENT, MAX_SILENT_PER_PEER = 2_000, 512, 256
"""Behind a proxy, all browsers have one address, so a peer may have half of the silent connections. Live pages are served."""


def patient_protocol() -> type[asyncio.Protocol]:
    """The desk's HTTP protocol: streams stay open, but connections that never send a whole request are closed."""
    return serving.patient_protocol(MAX_SERVED, MAX_SILENT, MAX_SILENT_PER_PEER)
