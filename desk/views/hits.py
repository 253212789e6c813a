"""Found articles for people and for other programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import quoteattr, unescape

import msgspec

from core.search import FoundArticle, Hit
from desk.views.exports import csv_of, xml_text
from desk.views.marks import Segment, in_context, marked, spans_in
from desk.views.outlets import Outlets, outlet_name
from desk.views.times import iso

COLUMNS = ("time", "source", "language", "title", "url", "topics", "story", "copy_of", "matched", "article")
OPENING = 240
"""Characters of a text's beginning, where nothing in it matched."""


class HitView(NamedTuple):
    """One line of results: its headline and a stretch of its text, matched words marked."""

    article: FoundArticle
    outlet: str
    title: tuple[Segment, ...]
    snippet: tuple[Segment, ...]
    found: int


def hit_view(hit: Hit, outlets: Outlets) -> HitView:
    """What the page shows of a hit."""
    article, in_text = hit.article, spans_in("text", hit.matches)
    return HitView(
        article,
        outlet_name(article.source, outlets),
        marked(article.title, spans_in("title", hit.matches)),
        in_context(article.text, in_text, context=120) if in_text else _opening(article.text),
        len(hit.matches),
    )


def csv_lines(hits: Iterable[Hit], *, head: bool) -> bytes:
    """Rows of CSV; with ``head`` also the names of the columns before them."""
    whole = csv_of(COLUMNS, [[_row(hit)[name] for name in COLUMNS] for hit in hits])
    return whole if head else whole.split(b"\r\n", 1)[1]


def json_lines(hits: Iterable[Hit]) -> bytes:
    """One JSON object a line; ``matches`` are code points of ``title`` or ``text``."""
    return b"".join(
        msgspec.json.encode({**_row(hit), "text": hit.article.text, "matches": hit.matches, "score": hit.score}) + b"\n"
        for hit in hits
    )


def atom_of(hits: Sequence[Hit], *, title: str, base_url: str, self_url: str, identity: str, now_ms: int) -> bytes:
    """An Atom feed of the hits in the order given. ``base_url`` has no slash at its end.

    ``identity`` stays the same whoever fetches it; ``self_url`` may carry a reader's token.
    """
    entries = "".join(_entry(hit, base_url) for hit in hits)
    updated = iso(max((hit.article.time_ms for hit in hits), default=now_ms))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<title>{xml_text(title)}</title><id>{xml_text(identity)}</id>"
        f'<link rel="self" href={quoteattr(self_url)}/>'
        f"<updated>{updated}</updated>\n{entries}</feed>\n"
    ).encode("utf-8", "replace")


def _entry(hit: Hit, base_url: str) -> str:
    one, moment = hit.article, iso(hit.article.time_ms)
    snippet = in_context(one.text, spans_in("text", hit.matches), context=120) or _opening(one.text)
    page = f"{base_url}/story/{one.story}?article={one.id}"
    categories = "".join(f"<category term={quoteattr(_attribute(topic))}/>" for topic in one.topics)
    return (
        f"<entry><title>{xml_text(one.title)}</title><id>urn:wirewatch:article:{xml_text(one.id)}:{one.version}</id>"
        f'<link rel="alternate" href={quoteattr(page)}/><published>{moment}</published><updated>{moment}</updated>'
        f"{categories}<author><name>{xml_text(one.source)}</name></author>"
        f"<summary>{xml_text(''.join(part.text for part in snippet))}</summary></entry>\n"
    )


def _row(hit: Hit) -> dict[str, object]:
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


def _attribute(text: str) -> str:
    """Without what XML can't hold; ``quoteattr`` does the rest."""
    return unescape(xml_text(text))


def _opening(text: str) -> tuple[Segment, ...]:
    plain = " ".join(text[: OPENING + 60].split())
    if len(plain) <= OPENING:
        return (Segment(plain),) if plain else ()
    return (Segment(plain[: plain.rfind(" ", OPENING // 2, OPENING) if " " in plain else OPENING] + " …"),)
