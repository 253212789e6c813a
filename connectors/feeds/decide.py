"""Decides what to do about a feed. Pure: works on values only.

The shell (``connector``) fetches, and calls this module to decide which listed items are new or changed, whose page is
due, what a failure means, and when to poll again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from msgspec.structs import replace

from connectors.feeds.age import Past, archived, newest, seen_on_top, told_dates
from connectors.feeds.cursor import FeedFacts, ItemState, ItemStatus
from connectors.feeds.identity import ItemMarks, ItemMatch, matched, read_marks
from connectors.feeds.items import FeedItem
from connectors.feeds.schedule import Listed, next_wait_s, observed
from connectors.http.client import Failure
from core.again import Pauses
from core.durations import DAY_S
from core.errors import FailureKind, FeedError

_LEAST_NOISY = 3
_RESTLESS = 2
_MOST_ON_TOP = 5
_MOST_AGAIN = 16
_NOTHING = Listed()
NO_PAST = Past()
RETIRED_AFTER = 3
"""Consecutive polls with 410 after which the feed is given up."""

_HOPELESS = frozenset(
    {FailureKind.URL, FailureKind.REFUSED, FailureKind.TOO_LARGE, FailureKind.NO_PAGE, FailureKind.ROBOTS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPolicy:
    """The parameters of polling. In seconds, unless the name says otherwise.

    ``interval_s``: between successful polls; with a ``ceiling_s``, the minimum and maximum, chosen by the feed's own
    rhythm and ``worth_s`` (see ``schedule``). ``max_wait_s``: longest wait after failures. ``jitter``: waits are
    extended by up to this share. ``full_fetch_s``: at least so often without If-None-ItemMatch, since some servers keep
    an ETag although the feed changed. ``pages_per_poll``: most page fetches per poll; ``poll_budget_s``: no new fetch
    begins after this. ``page_retries_s``: waits between attempts at a page; after the last, the feed's own text is
    used. ``change_gap_s``: least time before a changed item's page is fetched again, ``touch_gap_s`` if only its date
    or full text changed; both double while it keeps changing, up to ``longest_gap_s``. ``archive_days``: see ``age``.
    ``seen_for_s`` and ``seen_count``: how long, and how many at least, items that left the feed are remembered.
    ``max_pending``: further items are left for later polls. ``max_backfill``: how many of the feed's first items are
    fetched; the others are only remembered (a sitemap lists a thousand). ``index_s``: how often an index of sitemaps is
    read again.
    """

    interval_s: float = 300.0
    max_wait_s: float = DAY_S
    jitter: float = 0.1
    full_fetch_s: float = 6 * 3_600.0
    pages_per_poll: int = 8
    poll_budget_s: float = 30.0
    page_retries_s: tuple[float, ...] = (60.0, 300.0, 1_800.0)
    change_gap_s: float = 60.0
    touch_gap_s: float = 900.0
    longest_gap_s: float = 3_600.0
    archive_days: float = 3.0
    seen_for_s: float = 30 * DAY_S
    seen_count: int = 2_000
    max_pending: int = 10_000
    max_backfill: int = 200
    index_s: float = 3_600.0
    ceiling_s: float | None = None
    worth_s: float = 50.0


@dataclass(frozen=True, slots=True)
class Merged:
    """The items after reading a list, and counts of the listed ones. The last three are as in ``FeedFacts``."""

    items: Mapping[str, ItemState]
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deferred: int = 0
    newest_ms: int | None = None
    on_top: int = 0
    restless: int = 0


class Change(IntEnum):
    """How a known item has changed, in ascending order."""

    NONE = 0
    TOUCHED = 1
    """Its date of change, or its full text in the feed."""
    FIGURES = 2
    """Numbers in title or summary."""
    WORDS = 3
    """Title, summary or link."""


def merge(
    known: Mapping[str, ItemState],
    listed: Sequence[FeedItem],
    *,
    first: bool,
    now_ms: int,
    policy: FeedPolicy,
    past: Past = NO_PAST,
    restless: int = 0,
) -> Merged:
    """Update the known items with the feed's current list. ``first``: it has never been listed before.

    ``identity`` matches listed and known items, ``age`` decides which new ones are archive. Every listed item is
    remembered; of those that left the feed, the last ``seen_count``, for ``seen_for_s``.
    """
    items: dict[str, ItemState] = {}
    about = {key: read_marks(state.digest) for key, state in known.items()}
    matches = matched(about, listed)
    found = [match.known for match in matches]
    dates = told_dates([match.item for match in matches], now_ms)
    old = archived(dates, found, past, policy.archive_days)
    changes = {match.item.key: _change(about[match.item.key], match) for match in matches if match.known}
    noise = _noise(list(changes.values()), restless)
    room = policy.max_pending - sum(state.status is ItemStatus.PENDING for state in known.values())
    new = changed = unchanged = deferred = 0
    for index, match in enumerate(matches):
        item, key = match.item, match.item.key
        if not match.known:
            if room <= 0:
                deferred += 1
                continue
            room -= 1
            new += 1
            place = len(matches) - 1 - index
            backfill = first or old[index]
            state = ItemState(digest=str(match.marks), first_seen_ms=now_ms, backfill=backfill, place=place, item=item)
            if backfill and index >= policy.max_backfill:
                state = replace(state, status=ItemStatus.DONE, item=None)
            items[key] = state
            continue
        change = changes[key]
        items[key] = _seen_again(known[key], match, Change.NONE if change <= noise else change, now_ms, policy)
        if change > noise:
            changed += 1
        else:
            unchanged += 1
    items.update(_left(known, items, now_ms, policy, len(listed)))
    return Merged(
        items,
        new,
        changed,
        unchanged,
        deferred,
        newest_ms=newest(dates, past.newest_ms, now_ms),
        on_top=max(min(past.on_top + (0 if first else seen_on_top(found)), _MOST_ON_TOP), -_MOST_ON_TOP),
        restless=restless + 1 if _most(list(changes.values()), Change.TOUCHED) else 0 if changes else restless,
    )


def _change(before: ItemMarks, match: ItemMatch) -> Change:
    after = match.marks
    if match.by_text:
        # Its guid and link differ; in such a feed they change at every poll.
        return Change.NONE
    same_words = (before.words, before.when) == (after.words, after.when)
    # A link that changes while words and date stay the same is another way to the same page.
    moved = before.link != after.link and not (same_words and after.when)
    if before.words != after.words or moved:
        return Change.WORDS
    if before.figures != after.figures:
        return Change.FIGURES
    return Change.TOUCHED if before.touch != after.touch else Change.NONE


def _most(changes: Sequence[Change], least: Change) -> bool:
    """Whether most known items changed at least this much."""
    count = sum(change >= least for change in changes)
    return count >= _LEAST_NOISY and 2 * count > len(changes)


def _noise(changes: Sequence[Change], restless: int) -> Change:
    """The strongest kind of change that is noise, since most of the list changes that way.

    Counters and current dates count as noise from the first time; words only in a feed that changes at every poll,
    since a site may rewrite all its summaries once.
    """
    for kind in (Change.WORDS, Change.FIGURES, Change.TOUCHED):
        if _most(changes, kind) and (kind is not Change.WORDS or restless >= _RESTLESS):
            return kind
    return Change.NONE


def _seen_again(before: ItemState, match: ItemMatch, change: Change, now_ms: int, policy: FeedPolicy) -> ItemState:
    item, digest = match.item, str(match.marks)
    state = before if before.left_at_ms is None else replace(before, left_at_ms=None)
    if match.by_text:
        return state
    if change is Change.NONE:
        return state if digest == before.digest else replace(state, digest=digest)
    again = 0 if now_ms - before.done_at_ms > policy.longest_gap_s * 2_000 else before.again
    gap_s = policy.touch_gap_s * 2**again if change is Change.TOUCHED else policy.change_gap_s * 2 ** max(again - 2, 0)
    gap_ms = int(min(gap_s, policy.longest_gap_s) * 1000)
    due_ms = max(now_ms, before.done_at_ms + gap_ms) if before.done_at_ms else now_ms
    if before.status is ItemStatus.PENDING:
        retry_ms = before.retry_at_ms if before.attempts else min(before.retry_at_ms, due_ms)
        return replace(state, digest=digest, item=item, retry_at_ms=retry_ms)
    return replace(
        state,
        digest=digest,
        item=item,
        status=ItemStatus.PENDING,
        # What is written now is news, even in an old item.
        backfill=before.backfill and change is Change.TOUCHED,
        again=min(again + 1, _MOST_AGAIN),
        attempts=0,
        retry_at_ms=due_ms,
        problem=None,
        problem_kind=None,
    )


def _left(
    known: Mapping[str, ItemState], listed: Mapping[str, ItemState], now_ms: int, policy: FeedPolicy, listed_count: int
) -> dict[str, ItemState]:
    """Items that are not listed any more, but still remembered."""
    gone = {
        key: state if state.left_at_ms is not None else replace(state, left_at_ms=now_ms)
        for key, state in known.items()
        if key not in listed
    }
    oldest_ms = now_ms - int(policy.seen_for_s * 1000)
    settled = sorted(
        (key for key, state in gone.items() if state.status is not ItemStatus.PENDING),
        key=lambda key: gone[key].left_at_ms or 0,
        reverse=True,
    )
    # A feed that replaces its whole content and then restores it must not bring everything twice.
    kept = settled[: max(policy.seen_count, 2 * listed_count)]
    forgotten = set(settled) - {key for key in kept if (gone[key].left_at_ms or 0) >= oldest_ms}
    return {key: state for key, state in gone.items() if key not in forgotten}


def pending(items: Mapping[str, ItemState]) -> Mapping[str, ItemState]:
    """The items whose article is not made yet; ``items`` may have them loaded (``connectors.store.feeds``)."""
    at_hand: Mapping[str, ItemState] | None = getattr(items, "pending", None)
    if at_hand is not None:
        return at_hand
    return {key: state for key, state in items.items() if state.status is ItemStatus.PENDING}


def due_pages(items: Mapping[str, ItemState], now_ms: int) -> list[str]:
    """Keys of the pending items that are due: news before backfill, new before changed, older before newer."""
    waiting = pending(items)

    def turn(key: str) -> tuple[bool, bool, int, int]:
        state = waiting[key]
        return (state.backfill, state.done_at_ms > 0, state.first_seen_ms, state.place)

    return sorted((key for key, state in waiting.items() if state.retry_at_ms <= now_ms), key=turn)


def pages_come_first(facts: FeedFacts, items: Mapping[str, ItemState], now_ms: int) -> bool:
    """Whether pages have priority over the feed. They often share a host that allows few requests, so they take turns."""
    return facts.page_turn and any(
        state.item is not None and state.item.fetchable for state in map(items.__getitem__, due_pages(items, now_ms))
    )


def page_failed(state: ItemState, failure: Failure, now_ms: int, policy: FeedPolicy) -> ItemState | None:
    """Return the state for a later retry; None if a retry is useless or there were enough."""
    if failure.kind in _HOPELESS or failure.status == 410:
        return None
    wait_s = Pauses(policy.page_retries_s).after(state.attempts, least_s=failure.retry_after_s)
    if wait_s is None:
        return None
    if failure.kind is FailureKind.ELSEWHERE and state.item is not None:
        # Next time, request that address directly, without the chain. It counts as an attempt, since two hosts may
        # redirect to each other.
        at_ms = now_ms + int((failure.retry_after_s or 0.0) * 1000)
        return replace(state, attempts=state.attempts + 1, retry_at_ms=at_ms, item=replace(state.item, url=failure.url))
    return replace(
        state,
        attempts=state.attempts + 1,
        retry_at_ms=now_ms + int(wait_s * 1000),
        problem=failure.problem,
        problem_kind=failure.kind,
    )


def settled(state: ItemState, now_ms: int, failure: Failure | None = None) -> ItemState:
    """Return the state after its article was made; ``failure``: why without the page."""
    return replace(
        state,
        status=ItemStatus.FAILED if failure else ItemStatus.DONE,
        done_at_ms=now_ms,
        attempts=0,
        retry_at_ms=0,
        problem=failure.problem if failure else None,
        problem_kind=failure.kind if failure else None,
        item=None,
    )


def feed_failed(
    facts: FeedFacts,
    error: FeedError,
    now_ms: int,
    policy: FeedPolicy,
    rng: random.Random,
    failure: Failure | None = None,
) -> FeedFacts:
    """Back off: the wait doubles with every failure and is never shorter than the server requested.

    A dead feed is still polled once in ``max_wait_s``, since dead feeds come back. ``retired`` decides when to believe
    a feed that reports that it is gone (410).
    """
    gone = failure is not None and failure.status == 410
    steps_s = (policy.max_wait_s if gone else policy.interval_s,)
    asked_s = failure.retry_after_s if failure else None
    wait_s = Pauses(steps_s, policy.max_wait_s).after(facts.failures, least_s=asked_s) or 0.0
    wait_s *= 1 + policy.jitter * rng.random()
    return replace(
        facts,
        failures=facts.failures + 1,
        gone=gone,
        problem=error.problem,
        problem_kind=error.kind,
        poll_at_ms=now_ms + int(wait_s * 1000),
    )


def retired(facts: FeedFacts) -> bool:
    """Whether the feed has reported often enough that it is gone."""
    return facts.gone and facts.failures >= RETIRED_AFTER


def feed_went_well(
    facts: FeedFacts,
    now_ms: int,
    policy: FeedPolicy,
    rng: random.Random,
    listed: Listed = _NOTHING,
) -> FeedFacts:
    """Poll again by the feed's rhythm. ``listed`` is what this poll found."""
    first = not facts.listed
    rhythm = observed(facts.rhythm, listed, now_ms, first=first)
    wait_s = policy.interval_s
    if policy.ceiling_s is not None and not first:
        wait_s = next_wait_s(
            rhythm, now_ms, floor_s=policy.interval_s, ceiling_s=policy.ceiling_s, worth_s=policy.worth_s
        )
    # The jitter separates feeds that were added, or failed, at the same moment.
    wait_ms = int(wait_s * 1000 * (1 + policy.jitter * (5 if first else 1) * rng.random()))
    return replace(
        facts,
        failures=0,
        gone=False,
        problem=None,
        problem_kind=None,
        ok_at_ms=now_ms,
        poll_at_ms=now_ms + wait_ms,
        rhythm=replace(rhythm, wait_ms=wait_ms),
    )


def feed_address(url: str, facts: FeedFacts, now_ms: int, policy: FeedPolicy) -> str:
    """The address to request: the one learnt from a permanent redirect, or the original one if that keeps failing.

    For an index of sitemaps: the sitemap that it led to, and every ``index_s`` the index again.
    """
    if facts.failures >= 3:
        return url
    if facts.child and now_ms - facts.child_ms < policy.index_s * 1000:
        return facts.child
    return facts.moved_to or url


def asks_conditionally(facts: FeedFacts, address: str, now_ms: int, policy: FeedPolicy) -> bool:
    """Whether ETag and date may be sent; otherwise the feed is fetched unconditionally, to be sure."""
    same = facts.checked_url is None or facts.checked_url == address
    return facts.listed and same and now_ms - facts.full_at_ms < policy.full_fetch_s * 1000
