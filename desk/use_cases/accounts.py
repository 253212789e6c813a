"""The accounts of a store, with what else goes when a person's means of access go."""

from __future__ import annotations

from collections.abc import Callable

from core.store import Store
from desk.delivery.store.devices import remove_devices
from desk.people.accounts import Accounts
from desk.people.credentials import Passwords


def accounts_of(store: Store, clock_ms: Callable[[], int], passwords: Passwords | None = None) -> Accounts:
    """The accounts of a store. Whoever loses their tokens is no longer notified on any device."""
    return Accounts(store, clock_ms=clock_ms, passwords=passwords, let_go=remove_devices)
