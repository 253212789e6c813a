"""All tables of the store: importing this module fills ``metadata``. Each domain owns its tables; this is the only list
of all.
"""

from __future__ import annotations

from connectors.store import tables as connectors_tables
from core.store import tables as core_tables
from core.store.metadata import metadata
from desk import alert_work as alert_work_tables
from desk import hour_counts as hour_counts_tables
from desk import labels as labels_tables
from desk import shifts as shifts_tables
from desk.delivery.store import tables as delivery_tables
from desk.live import marks as live_tables
from desk.people import preferences as preferences_tables
from desk.people import sign_in_attempts as tries_tables
from desk.people import store as people_tables
from pipeline.ledger import tables as ledger_tables

# Listed here, or a linter would remove imports whose only purpose is to register tables.
OWNERS = (
    core_tables,
    ledger_tables,
    connectors_tables,
    delivery_tables,
    live_tables,
    people_tables,
    tries_tables,
    preferences_tables,
    shifts_tables,
    alert_work_tables,
    hour_counts_tables,
    labels_tables,
)

__all__ = ["OWNERS", "metadata"]
