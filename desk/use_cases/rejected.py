"""Rejected records: list them with their reasons, and retry them once the fault is fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from core.counted import counted
from core.store.retries import ASKED, BEGUN, READY, RejectedRecord, Rejections, Wanted
from desk.language import gettext
from desk.people.accounts import By
from desk.use_cases.desk import Desk

ALL = Wanted()


class Asked(NamedTuple):
    """The result of a request to retry: how many records are retried now, and why others aren't (reason → records)."""

    again: int
    left: Counter[str]


def listing(desk: Desk, wanted: Wanted, limit: int = 0) -> list[RejectedRecord]:
    """Rejections, the newest first. Raises StoreError, as the functions below do."""
    return list(_rejections(desk).listing(wanted, limit))


def counts(desk: Desk) -> Counter[tuple[str, str]]:
    """Number of rejections, by stage and kind of reason."""
    return _rejections(desk).counts()


def find(desk: Desk, position: str) -> RejectedRecord:
    """The rejection at a position. Raises NotFound."""
    return _rejections(desk).one(position)


def retry(
    desk: Desk,
    by: By,
    wanted: Wanted = ALL,
    positions: Sequence[str] = (),
    *,
    dry_run: bool = False,
) -> Asked:
    """Retry rejected records: those at ``positions``, else all that match ``wanted``. Raises NotFound.

    The connectors append them to the stream again within seconds. ``dry_run``: only count them.
    """
    rejections = _rejections(desk)
    found = [rejections.one(one) for one in positions] or list(rejections.listing(wanted))
    chosen = [one for one in found if one.state == READY]
    left = Counter(why_left(one) for one in found if one.state != READY)
    if dry_run:
        return Asked(len(chosen), left)
    name = by.caller.name if by.caller is not None else by.name
    again = rejections.ask(chosen, by=name, now_ms=desk.clock_ms())
    if again:
        desk.accounts.note(by, "rejected records retried", wanted.stage or "all stages", counted(again, "record"))
    return Asked(again, left)


def why_left(one: RejectedRecord) -> str:
    """Why a record is not retried now, in words."""
    if one.state in (ASKED, BEGUN):
        return gettext("already requested")
    return one.why or gettext("already processed again")


def _rejections(desk: Desk) -> Rejections:
    return Rejections(desk.store, desk.settings.run)
