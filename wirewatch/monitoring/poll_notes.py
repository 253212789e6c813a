"""What the connectors' loop tells, noted in the poll log: ``wirewatch trace`` reads it."""

from __future__ import annotations

import structlog

from connectors.runner import Broke, Event, Polled
from connectors.store.polls import PollLog
from core.errors import StoreError

log = structlog.get_logger()


def note_poll(polls: PollLog, event: Event, now_ms: int) -> None:
    """Note a poll. A log that can't be written holds nothing up."""
    try:
        if isinstance(event, Polled):
            report = event.report
            polls.add(
                event.name,
                now_ms,
                problem=event.error.problem if event.error else None,
                new=report.new,
                changed=report.changed,
                unchanged=report.unchanged,
                appended=event.appended,
                pages=report.page_failures,
            )
        elif isinstance(event, Broke):
            polls.add(event.name, now_ms, problem=event.problem)
    except StoreError as error:
        log.warning("a poll could not be noted", feed=event.name, error=error.message)
