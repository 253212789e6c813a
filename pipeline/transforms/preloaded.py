"""Loads, once for all processes, what every record needs. Imported only by the server from which processes are forked.

That is the libraries, and the topics and queries that the environment names (``ENVIRONMENT``). A process that is forked then
shares their memory and has only what changed since to load. Store connections are closed before anything is forked.
"""

import os
from contextlib import suppress

from core.errors import WirewatchError
from pipeline.drafts.version import preparation_version
from pipeline.malloc import settle
from pipeline.transforms.match import shared_matcher
from pipeline.transforms.prepare import extract_raw
from pipeline.transforms.record import ENVIRONMENT
from pipeline.transforms.warm import warm_up

warm_up(extract_raw)
with suppress(OSError):
    preparation_version()
if ENVIRONMENT in os.environ:
    scope, _, url = os.environ[ENVIRONMENT].partition(" ")
    try:
        matcher = shared_matcher(url, scope)
        matcher.refresh(0)
        matcher.store.engine.dispose()
    except WirewatchError:
        # The processes will say so, each when it needs it.
        shared_matcher.cache_clear()
settle()
