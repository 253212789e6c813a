"""Reading stories and articles: filtered pages, changes since a time, an article's raw records."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from core.durations import HOUR_MS
from core.errors import NotFound, StreamError
from core.records import RawArticle, decode
from core.settings import Settings
from core.streams import open_stream
from desk.language import gettext
from desk.live.follow import Batch
from desk.live.run_reader import ArticleRow, OutcomeRow
from desk.use_cases.desk import Desk
from desk.views.cards import Card
from desk.views.forms import LiveFilter

LOOKED_AT = 1_000
"""Stories that one request examines: a rare filter takes several requests instead of one that takes minutes."""
MOST_SINCE = 4_000
TRANSACTIONS = 100
_PAGE = 200

PagePlace = tuple[int, str]
"""A story's position in the order of stories: time of its last change in ms, id."""


class RawRecord(NamedTuple):
    """One raw record, or why it can't be shown. ``text`` is the record as stored in the stream."""

    raw: RawArticle | None
    text: str
    problem: str = ""


class ArticleRecord(NamedTuple):
    """An article, the outcomes of its raw records, the outcome that is shown, and that outcome's raw record."""

    row: ArticleRow
    outcomes: list[OutcomeRow]
    shown: OutcomeRow | None
    raw: RawRecord | None


def card_of(desk: Desk, story: str) -> Card:
    """One story. Raises NotFound, StoreError."""
    card = desk.follower.card(story)
    if card is None:
        raise NotFound(gettext("there is no such story"))
    return card


MISSED_ROWS = 50
"""Articles, alerts or stories that are read together for a stream: they stay in memory until its client has taken them."""


def changed_since(desk: Desk, after: int) -> Batch | None:
    """What the next transactions after number ``after`` changed, in its current state; None if none did: part by part.

    Raises StoreError.
    """
    changes = desk.reader.changes(after, most=TRANSACTIONS, rows=MISSED_ROWS)
    if changes.seq <= after:
        return None
    cards = (desk.follower.card(story) for story in changes.stories)
    return Batch(
        changes.seq, tuple(card for card in cards if card is not None), tuple(changes.articles), tuple(changes.alerts)
    )


def stories_page(
    desk: Desk, chosen: LiveFilter, *, limit: int, before: PagePlace | None
) -> tuple[list[Card], PagePlace | None]:
    """Stories that pass a filter, the latest change first, and the position of the next page (None at the end).

    A filtered page may have fewer than ``limit`` stories, even none: at most 1,000 are examined. Raises StoreError.
    """
    now_ms = desk.clock_ms()
    found: list[Card] = []
    looked_at = 0
    while looked_at < LOOKED_AT:
        size = min(_PAGE, limit + 1) if chosen.empty else _PAGE
        cards = desk.follower.page(limit=size, before=before)
        for card in cards:
            before = card.order
            if chosen.lets_through(card, now_ms):
                found.append(card)
                if len(found) == limit:
                    return found, before
        looked_at += len(cards)
        if len(cards) < size or (chosen.hours is not None and cards[-1].last_ms < now_ms - chosen.hours * HOUR_MS):
            return found, None
    return found, before


def cards_since(desk: Desk, since_ms: int) -> list[Card]:
    """Stories that changed since a time: from the board if it reaches back that far, else from the store. Raises StoreError."""
    board = desk.board.snapshot()
    if board and board[-1].last_ms < since_ms:
        return [card for card in board if card.last_ms >= since_ms]
    found: list[Card] = []
    before: PagePlace | None = None
    while len(found) < MOST_SINCE:
        cards = desk.follower.page(limit=_PAGE, before=before)
        found += cards
        if len(cards) < _PAGE or cards[-1].last_ms < since_ms:
            break
        before = cards[-1].order
    return found


def article_record(desk: Desk, article: str, at: int = -1) -> ArticleRecord:
    """An article's record. ``at``: the index of the outcome to show, by default the last. Raises NotFound, StoreError."""
    row = desk.reader.article(article)
    if row is None:
        raise NotFound(gettext("there is no such article"))
    outcomes = desk.reader.outcomes(article)
    shown = outcomes[at if -1 <= at < len(outcomes) else -1] if outcomes else None
    raw = read_raw(desk.settings, shown.stream, shown.partition, shown.offset) if shown is not None else None
    return ArticleRecord(row, outcomes, shown, raw)


def read_raw(settings: Settings, stream_uuid: str, partition: int, offset: int) -> RawRecord:
    """The raw record at a position. Never raises: if it is gone or can't be read, the answer has a problem."""
    try:
        with open_stream(settings.stream, settings.raw_stream, role="desk") as stream:
            if stream.uuid != stream_uuid:
                return RawRecord(None, "", gettext("the stream was recreated: this record no longer exists"))
            found = next((one for one in stream.read({partition: offset}) if one.offset == offset), None)
            value = None if found is None else found.value
    except StreamError as error:
        return RawRecord(None, "", error.message)
    if value is None:
        return RawRecord(None, "", gettext("the stream no longer has this record"))
    text = value.decode("utf-8", "replace")
    try:
        return RawRecord(decode(value, RawArticle), text)
    except msgspec.DecodeError as error:
        return RawRecord(None, text, gettext("not a raw article: %(problem)s", problem=error))
