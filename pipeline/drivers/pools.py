"""Which processes prepare records, and with which time limits, by settings and kind of run. Pure."""

from __future__ import annotations

from core.settings import Settings
from pipeline.transforms.breaker import BreakerRule
from pipeline.transforms.extraction_pool import PoolPlan

# A replay may run beside the live run, and takes that run's rejections by limits from the ledger: its own limit is only
# for records that the live run never tried.
PATIENCE = 4.0


def has_slow_lane(settings: Settings) -> bool:
    """Whether slow records leave the order, which requires processes that can be ended."""
    return settings.extraction_processes > 0 and 0 < settings.first_limit_s < settings.record_limit_s


def in_order(settings: Settings) -> PoolPlan:
    """For the continuous run: records that take longer than the first limit are postponed."""
    if not has_slow_lane(settings):
        return alone(settings)
    rule = BreakerRule(settings.breaker_pages, round(settings.breaker_window_s * 1000))
    return PoolPlan(
        settings.extraction_processes,
        settings.first_limit_s,
        spares=settings.spare_processes,
        postpones=True,
        breaker=rule,
    )


def slow_lane(settings: Settings) -> PoolPlan:
    """For postponed records: the full limit, in separate processes."""
    return PoolPlan(max(1, settings.slow_processes), settings.record_limit_s, spares=0)


def alone(settings: Settings) -> PoolPlan:
    """For a run without a slow lane: the full limit in the order itself."""
    return PoolPlan(settings.extraction_processes, settings.record_limit_s, spares=settings.spare_processes)


def of_a_replay(settings: Settings) -> PoolPlan:
    """For a replay: longer than the live run's, so that a busier machine rejects nothing that the live run accepted."""
    return PoolPlan(settings.extraction_processes, PATIENCE * settings.record_limit_s, spares=settings.spare_processes)
