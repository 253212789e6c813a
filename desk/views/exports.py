"""Stories as files for other programs: CSV, JSON Lines, Atom. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import msgspec

from desk.views.cards import Card
from desk.views.times import iso

FORMATS: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
}
_COLUMNS = (
    "headline",
    "first",
    "last",
    "language",
    "independent_sources",
    "articles",
    "copies",
    "outlets",
    "topics",
    "subscriptions",
    "address",
)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def story_export(
    kind: str, cards: Sequence[Card], *, base_url: str, self_url: str, identity: str, now_ms: int
) -> bytes:
    """The stories in the given order. ``base_url`` has no slash at its end.

    Of an Atom feed, ``identity`` stays the same whoever fetches it; ``self_url`` may carry a reader's token.
    """
    rows = [_row(card, base_url) for card in cards]
    match kind:
        case "csv":
            return csv_of(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])
        case "jsonl":
            return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        case _:
            return _atom(cards, base_url, self_url, identity, now_ms)


def csv_of(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """CSV (RFC 4180) in UTF-8 with a byte order mark, which spreadsheets need; lists are joined by semicolons.

    A text that a spreadsheet would take for a formula gets an apostrophe before it: headlines come from anywhere.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + buffer.getvalue().encode("utf-8", "replace")


def xml_text(text: str) -> str:
    """The text for XML: escaped, without characters that XML can't hold."""
    return escape(_NOT_XML.sub("\ufffd", text))


def _cell(value: object) -> object:
    text = "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    if isinstance(text, str) and text.lstrip()[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{text}"
    return text


def _row(card: Card, base_url: str) -> dict[str, object]:
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


def _atom(cards: Sequence[Card], base_url: str, self_url: str, identity: str, now_ms: int) -> bytes:
    updated = iso(max((card.last_ms for card in cards), default=now_ms))
    entries = "".join(
        f"<entry><title>{xml_text(card.title)}</title><id>urn:wirewatch:story:{xml_text(card.id)}</id>"
        f'<link rel="alternate" href={quoteattr(f"{base_url}/story/{card.id}")}/>'
        f"<published>{iso(card.first_ms)}</published><updated>{iso(card.last_ms)}</updated>"
        + "".join(f"<category term={quoteattr(_NOT_XML.sub('', topic))}/>" for topic in card.topics)
        + f"<author><name>{xml_text(card.lead_outlet)}</name></author>"
        f"<summary>{xml_text(''.join(segment.text for segment in card.why))}</summary></entry>\n"
        for card in cards
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f'<title>Wirewatch</title><id>{xml_text(identity)}</id><link rel="self" href={quoteattr(self_url)}/>'
        f"<updated>{updated}</updated>\n{entries}</feed>\n"
    ).encode()
