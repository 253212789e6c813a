"""The accounts of a store. Deleting a person's access also removes their devices."""

from __future__ import annotations

from collections.abc import Callable

from core.store import Store
from desk.delivery.store.devices import remove_devices
from desk.people.accounts import Accounts
from desk.people.credentials import Passwords


def accounts_of(store: Store, clock_ms: Callable[[], int], passwords: Passwords | None = None) -> Accounts:
    """The accounts of a store. A person whose tokens are deleted is no longer notified on any device."""
    return Accounts(store, clock_ms=clock_ms, passwords=passwords, let_go=remove_devices)
