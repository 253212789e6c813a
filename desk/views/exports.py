"""Exports of stories and found articles: CSV and JSON Lines. ``atom`` has the feeds. Pure."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core.search import Hit
from desk.views.atom import MEDIA_TYPE
from desk.views.cards import Card
from desk.views.wording import iso

FORMATS: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "atom": MEDIA_TYPE,
}
_FORMULA_SIGNS = frozenset("=+-@\u2212")
_DROPPED = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp", "Pi", "Pf", "Mn"))
_STORY_COLUMNS = "headline first last language independent_sources articles copies outlets topics subscriptions address"
_HIT_COLUMNS = ("time", "source", "language", "title", "url", "topics", "story", "copy_of", "matched", "article")


def stories_file(kind: str, cards: Sequence[Card], *, base_url: str) -> bytes:
    """The stories in the given order, as ``csv`` or ``jsonl``. ``base_url`` has no trailing slash."""
    rows = [_story(card, base_url) for card in cards]
    if kind == "csv":
        columns = _STORY_COLUMNS.split()
        return csv_of(columns, [[row[name] for name in columns] for row in rows])
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def hits_csv(hits: Iterable[Hit], *, head: bool) -> bytes:
    """CSV rows; with ``head``, a header row first."""
    whole = csv_of(_HIT_COLUMNS, [[_hit(hit)[name] for name in _HIT_COLUMNS] for hit in hits])
    return whole if head else whole.split(b"\r\n", 1)[1]


def hits_json_lines(hits: Iterable[Hit]) -> bytes:
    """One JSON object per line; ``matches`` are in code points of ``title`` or ``text``."""
    return b"".join(
        msgspec.json.encode({**_hit(hit), "text": hit.article.text, "matches": hit.matches, "score": hit.score}) + b"\n"
        for hit in hits
    )


def csv_of(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """CSV (RFC 4180) in UTF-8 with a byte order mark, which spreadsheets need; lists are joined with semicolons."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + buffer.getvalue().encode("utf-8", "replace")


def csv_cell(value: object) -> object:
    """A value as a cell of a CSV for people; lists are joined with semicolons.

    A text that a spreadsheet would read as a formula is prefixed with an apostrophe, since headlines are untrusted.
    """
    text = "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    return f"'{text}" if isinstance(text, str) and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet may evaluate it: it begins with a formula sign, in any width or form, or hides its beginning.

    White space, invisible characters and quotes before it are skipped, since programs drop some of them on reading.
    """
    for char in text:
        if char in "\t\r" or unicodedata.normalize("NFKC", char)[:1] in _FORMULA_SIGNS:
            return True
        if char not in "\"'`" and unicodedata.category(char) not in _DROPPED:
            return False
    return False


def _story(card: Card, base_url: str) -> dict[str, object]:
    return {
        "id": card.id,
        "headline": card.title,
        "first": iso(card.first_ms),
        "last": iso(card.last_ms),
        "language": card.language,
        "independent_sources": card.sources,
        "articles": card.articles,
        "copies": card.copies,
        "outlets": card.outlets,
        "topics": card.topics,
        "subscriptions": card.subscriptions,
        "address": f"{base_url}/story/{card.id}",
    }


def _hit(hit: Hit) -> dict[str, object]:
    one = hit.article
    return {
        "time": iso(one.time_ms),
        "source": one.source,
        "language": one.language,
        "title": one.title,
        "url": one.url,
        "topics": list(one.topics),
        "story": one.story,
        "copy_of": one.duplicate_of,
        "matched": sorted({" ".join(match.text.split()) for match in hit.matches}),
        "article": one.id,
    }
