"""``wirewatch feed add URL``: look once whether it is a feed, before it is watched."""

from __future__ import annotations

import msgspec

from connectors.archives.items import source_of
from connectors.feeds.links import feeds_named
from connectors.feeds.parse import parse_feed
from connectors.http.client import FEED_BYTES, Failure, Fetched, Http
from connectors.http.links import without_credentials
from connectors.store.state import FeedState
from core.charset import decode_body
from core.errors import FeedError, UsageError
from core.settings import Settings
from core.store import open_store
from wirewatch.terminal import console

MOST_LISTED = 10


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What an address turned out to be. ``url``: the feed to watch; ``remark``: what a person must know of it, if anything."""

    url: str
    remark: str = ""


def add_one(settings: Settings, url: str, source: str, *, unchecked: bool) -> None:
    """Watch the feed at ``url``, or the one that the page there names. Raises UsageError for what is no feed."""
    look = Look(url=url)
    if not unchecked:
        with Http.of_settings(settings) as http:
            look = judge(url, http.fetch(url, now=console.utc_now(), max_bytes=FEED_BYTES))
            if look.url != url:
                check_named(http.fetch(look.url, now=console.utc_now(), max_bytes=FEED_BYTES))
    state = FeedState(open_store(settings.store).engine)
    outlet = source or source_of(look.url)
    new = state.add(look.url, outlet, console.utc_now())
    if look.remark:
        console.note(look.remark, "yellow")
    shown = without_credentials(look.url)
    console.note(f"added {shown} as source {outlet}" if new else f"{shown} is watched already")


def judge(url: str, answer: Fetched | Failure) -> Look:
    """What to watch, by what ``url`` answered. Raises UsageError where that is no feed and names not exactly one. Pure.

    Who can't be reached now may be later: that is said, and no reason to refuse.
    """
    if isinstance(answer, Failure):
        failed = answer.error()
        return Look(url=url, remark=f"not checked: {failed.problem}" + (f" ({failed.hint})" if failed.hint else ""))
    try:
        parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
    except FeedError as error:
        return _named(url, answer, error)
    return Look(url=url)


def check_named(answer: Fetched | Failure) -> None:
    """Raise UsageError unless what a page named is a feed: nobody typed that address, so doubt counts against it."""
    hint = "give the address of the feed itself"
    if isinstance(answer, Failure):
        raise UsageError(f"the page names one feed, {answer.url}: {answer.problem}", hint=hint)
    try:
        parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
    except FeedError as error:
        raise UsageError(f"the page names one feed, {answer.url}: {error.problem}", hint=hint) from error


def _named(url: str, answer: Fetched, error: FeedError) -> Look:
    shown = without_credentials(url)
    if not error.problem.endswith("an HTML page"):
        raise UsageError(f"{shown}: {error.problem}", hint="--unchecked adds it all the same") from error
    named = list(dict.fromkeys(feeds_named(decode_body(answer.body, answer.content_type).text, answer.url)))
    if not named:
        hint = f"wirewatch feed discover {shown} looks in the usual places; --unchecked adds it all the same"
        raise UsageError(f"{shown}: an HTML page that names no feed", hint=hint) from error
    if len(named) > 1:
        listed = ", ".join(named[:MOST_LISTED]) + (" and more" if len(named) > MOST_LISTED else "")
        hint = f"add one of them, or see what they hold: wirewatch feed discover {shown}"
        raise UsageError(f"{shown}: an HTML page that names {len(named)} feeds: {listed}", hint=hint) from error
    return Look(url=named[0], remark=f"{shown} is an HTML page; the feed that it names is added instead")
