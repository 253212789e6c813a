"""Prepares a draft from a raw record: decodes, extracts, detects the language, computes the features. Pure, without Beam.

One process does all of this in one call, so that a page's text crosses no process boundary between the steps and the work is
spread over cores (``pipeline.transforms.extraction_pool``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from core.errors import ExtractionError
from core.records import Article, RawArticle, article_id, canonical_url, decode, version_hash
from core.records.canary import is_canary
from pipeline.elements import OUT_OF_MEMORY, WALL, Draft, Envelope, PageSource, Rejection
from pipeline.extraction.clean import Extracted, extract, extract_text
from pipeline.stories.features import features
from pipeline.stories.repeated_walls import KIND as REPEATED
from pipeline.stories.repeated_walls import Doubtful, announced_words, doubtful, tells
from pipeline.text.characters import folded, normal_line
from pipeline.text.encoder import encoder
from pipeline.text.language import detect
from pipeline.text.same_text import text_hash

Extractor = Callable[[RawArticle], Extracted]
"""Clean title, text, authors and date of a raw article. A function of it alone. Raises ExtractionError."""

SCHEMAS = frozenset({1})
"""Schema versions of the raw record that can be read."""

STAGE = "clean"
# The feed's own text is used if it is at least this long, and this many times longer than the page's.
FULL_TEXT_CHARS, FULLER = 500, 1.3


class Prepared(NamedTuple):
    """A prepared draft. ``tainted``: the failure may be due to the process (out of memory), so another process may succeed.

    ``reused``: the draft was kept from an earlier preparation.
    """

    draft: Draft
    tainted: bool = False
    reused: bool = False


class DecodedRecord(NamedTuple):
    """A raw article, or why there is none. ``item``: the record's name in a bounded input, else its address.

    ``page``: the page that led to it, even if it is refused.
    """

    item: str
    raw: RawArticle | None = None
    problem: Rejection | None = None
    page: PageSource | None = None


def prepare(envelope: Envelope, extractor: Extractor, *, vectors: bool = True) -> Prepared:
    """The draft of a raw record, with an article or a problem. Never raises: every failure is a value.

    ``vectors``: whether the features include the encoder's vector.
    """
    decoded = decode_envelope(envelope)
    if decoded.raw is None:
        return Prepared(_draft(envelope, decoded, problem=decoded.problem))
    try:
        extracted = extractor(decoded.raw)
        article = _article(envelope, decoded.raw, extracted, vectors)
        doubt = _doubt(envelope, decoded.raw, extracted, vectors)
    except ExtractionError as error:
        # Extraction wraps every failure in its own error.
        short = isinstance(error.__cause__, MemoryError)
        return Prepared(_refused(envelope, decoded, ExtractionError(OUT_OF_MEMORY) if short else error), short)
    except MemoryError:
        return Prepared(_refused(envelope, decoded, ExtractionError(OUT_OF_MEMORY)), tainted=True)
    except Exception as error:
        failed = ExtractionError("extractor_failed", f"{type(error).__name__}: {str(error)[:200]}")
        return Prepared(_refused(envelope, decoded, failed))
    return Prepared(_draft(envelope, decoded, article=article, doubt=doubt))


def refused(envelope: Envelope, error: ExtractionError, stage: str = STAGE) -> Draft:
    """The draft for a record that its process never returned. ``stage``: the stage that it had reached."""
    return _refused(envelope, decode_envelope(envelope), error, stage)


def decode_envelope(envelope: Envelope) -> DecodedRecord:
    """The raw article in an envelope. A stub (a body that could not be stored) is a problem that says why.

    An envelope with a kept draft has neither.
    """
    raw, problem = None, envelope.problem
    if envelope.kept is not None:
        return DecodedRecord(envelope.kept.draft.item, problem=problem, page=envelope.kept.draft.page)
    if problem is None:
        try:
            raw = decode(envelope.value, RawArticle)
        except msgspec.ValidationError as error:
            problem = Rejection("decode", f"not a raw article: {error}")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            problem = Rejection("decode", f"not JSON: {error}")
        else:
            if raw.schema not in SCHEMAS:
                problem = Rejection("decode", f"unknown schema {_short(raw.schema)}")
            elif raw.stub is not None and not (raw.html or raw.text):
                problem = Rejection("fetch", raw.stub)
    page = PageSource(raw.source, raw.url, raw.feed_url, raw.title, raw.backfill) if raw else None
    return DecodedRecord(envelope.item or (page.url if page else ""), raw if problem is None else None, problem, page)


def extract_raw(raw: RawArticle) -> Extracted:
    """Clean title, text, authors and date of a raw article. A function of it alone. Raises ExtractionError."""
    hints = _hints(raw)
    if raw.html is None and raw.text is None and not raw.title:
        raise ExtractionError("empty", "neither page nor text came")
    if raw.html is None:
        return extract_text(raw.text or "", **hints)
    try:
        page = extract(raw.html, summary_hint=raw.summary, **hints)
    except ExtractionError as error:
        wall = error.detail if error.reason == WALL else None
        # The feed's text replaces a wall, however short it is.
        if text := raw.text or (raw.summary if wall else None):
            with suppress(ExtractionError):
                return replace(extract_text(text, **hints), wall=wall, partial=wall is not None and not raw.text)
        raise
    if raw.text and len(raw.text) >= FULL_TEXT_CHARS and len(raw.text) > FULLER * len(page.text):
        # A text clearly shorter than the feed's own was truncated by a paywall or by our extraction.
        with suppress(ExtractionError):
            return replace(page, text=extract_text(raw.text, **hints).text, text_from="feed")
    return page


def _hints(raw: RawArticle) -> dict[str, Any]:
    return {
        "url": raw.url,
        "fetched_at": raw.fetched_at,
        "title_hint": raw.title,
        "authors_hint": raw.authors,
        "published_hint": raw.published,
    }


def _short(number: int) -> str:
    # A number with thousands of digits would make a long reason.
    return str(number) if abs(number) < 1 << 63 else "of many digits"


def _refused(envelope: Envelope, decoded: DecodedRecord, error: ExtractionError, stage: str = STAGE) -> Draft:
    if error.reason == WALL:
        return _draft(envelope, decoded, problem=Rejection(WALL, error.detail or WALL))
    # A library's message may quote the page, including halves of surrogate pairs, which JSON can't hold.
    return _draft(envelope, decoded, problem=Rejection(stage, normal_line(str(error))))


def _draft(
    envelope: Envelope,
    decoded: DecodedRecord,
    *,
    article: Article | None = None,
    problem: Rejection | None = None,
    doubt: Doubtful | None = None,
) -> Draft:
    return Draft(
        number=envelope.number,
        position=envelope.position,
        key=envelope.key,
        item=decoded.item,
        article=article,
        problem=problem,
        page=decoded.page,
        doubt=doubt,
        text_hash=text_hash(article.text) if article is not None else None,
    )


def _doubt(envelope: Envelope, raw: RawArticle, extracted: Extracted, vectors: bool) -> Doubtful | None:
    """Whether the page's text may be a wall's, with what to publish instead in that case."""
    if raw.html is None or extracted.wall is not None or extracted.text_from == "title" or is_canary(raw.url):
        return None
    page_facts = {fact for fact, origin in extracted.origins if origin not in ("feed", "address")}
    doubt = doubtful(
        raw.url,
        extracted.shown,
        title=raw.title,
        headline=extracted.headline,
        claims_facts=not page_facts.isdisjoint(("published", "modified", "authors")),
    )
    if doubt is None or (instead := _instead(raw, extracted)) is None:
        return doubt
    return msgspec.structs.replace(doubt, stand_in=_article(envelope, raw, instead, vectors))


def _instead(raw: RawArticle, extracted: Extracted) -> Extracted | None:
    """The record's alternative to its page's text: the feed's text, else the headline if the page shows the announced one."""
    if text := raw.text or raw.summary:
        with suppress(ExtractionError):
            return replace(
                extract_text(text, **_hints(raw)), wall=REPEATED, partial=not raw.text, address=extracted.address
            )
    announced = announced_words(raw.title, "")
    if announced and tells(folded(extracted.headline), announced):
        return replace(extracted, text=extracted.title, text_from="title", wall=REPEATED)
    return None


def _article(envelope: Envelope, raw: RawArticle, extracted: Extracted, vectors: bool) -> Article:
    """The article without the fields that depend on other data: topics, subscriptions, story."""
    title, text = extracted.title, extracted.text
    language = detect(title, text, page_hint=extracted.page_language, feed_hint=raw.language)
    vector = encoder().vector(title, text) if vectors else None
    return Article(
        id=article_id(raw.url),
        url=raw.url,
        canonical_url=extracted.address or canonical_url(raw.url),
        source=raw.source,
        title=title,
        text=text,
        fetched_at=raw.fetched_at,
        key=envelope.key,
        position=envelope.position,
        version_hash=version_hash(title, text),
        language=language.code,
        language_confidence=round(language.confidence, 4),
        language_decided_by=language.decided_by,
        authors=extracted.authors,
        summary=raw.summary or extracted.summary,
        published_at=extracted.published_at,
        published_flag=extracted.published_flag,
        modified_at=extracted.modified_at,
        origins=dict(extracted.origins),
        text_from=extracted.text_from,
        partial=extracted.partial,
        wall=extracted.wall,
        feed_url=raw.feed_url,
        fingerprint=features(title, text, language.code, vector),
        backfill=raw.backfill,
    )
