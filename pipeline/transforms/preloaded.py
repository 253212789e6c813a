"""Loads, once for all page processes, what every record needs. Only the server from which they are forked imports it.

It loads the libraries, and the topics and queries that the environment names (``ENVIRONMENT``). A forked process shares their
memory and only loads what has changed since. Store connections are closed before the first fork.
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
        # The processes will report it when they need it.
        shared_matcher.cache_clear()
settle()
