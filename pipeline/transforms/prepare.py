"""All that is worked out from a raw record alone: read, extracted, its language told, its features taken. Pure.

It is done in one go, by one process, so that the page's text crosses no border between the steps and all of
the work spreads over cores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from core.errors import ExtractionError
from core.records import Article, RawArticle, article_id, canonical_url, version_hash
from pipeline.stories.features import features
from pipeline.text.characters import normal_line
from pipeline.text.clean import Extracted
from pipeline.text.language import detect
from pipeline.transforms.decode import decode_envelope
from pipeline.transforms.values import Decoded, Draft, Envelope, Problem

Extractor = Callable[[RawArticle], Extracted]
"""Clean title, text, authors and date of a raw article. A function of it alone. Raises ExtractionError."""

STAGE = "clean"


class Prepared(NamedTuple):
    """``tainted``: it failed for its process's sake (memory), so another process may make something of it."""

    draft: Draft
    tainted: bool = False


def prepare(envelope: Envelope, extractor: Extractor) -> Prepared:
    """The draft of a raw record, with an article or a problem: every way to fail is a value."""
    decoded = decode_envelope(envelope)
    if decoded.raw is None:
        return Prepared(_draft(decoded, problem=decoded.problem))
    try:
        article = _article(decoded, decoded.raw, extractor(decoded.raw))
    except ExtractionError as error:
        # Extraction turns all that fails into its own error.
        short = isinstance(error.__cause__, MemoryError)
        return Prepared(_refused(decoded, ExtractionError("out_of_memory") if short else error), short)
    except MemoryError:
        return Prepared(_refused(decoded, ExtractionError("out_of_memory")), tainted=True)
    except Exception as error:
        failed = ExtractionError("extractor_failed", f"{type(error).__name__}: {str(error)[:200]}")
        return Prepared(_refused(decoded, failed))
    return Prepared(_draft(decoded, article=article))


def refused(envelope: Envelope, error: ExtractionError) -> Draft:
    """The draft of a record of which nothing came."""
    return _refused(decode_envelope(envelope), error)


def _refused(decoded: Decoded, error: ExtractionError) -> Draft:
    # A library's words may quote the page, halves of surrogate pairs included, which no JSON can hold.
    return _draft(decoded, problem=Problem(STAGE, normal_line(str(error))))


def _draft(decoded: Decoded, *, article: Article | None = None, problem: Problem | None = None) -> Draft:
    return Draft(
        number=decoded.number,
        position=decoded.position,
        key=decoded.key,
        item=decoded.item,
        article=article,
        problem=problem,
    )


def _article(decoded: Decoded, raw: RawArticle, extracted: Extracted) -> Article:
    """The article without what hangs on others: topics, subscriptions, story."""
    title, text = extracted.title, extracted.text
    language = detect(title, text, page_hint=extracted.page_language, feed_hint=raw.language)
    return Article(
        id=article_id(raw.url),
        url=raw.url,
        canonical_url=canonical_url(raw.url),
        source=raw.source,
        title=title,
        text=text,
        fetched_at=raw.fetched_at,
        key=decoded.key,
        position=decoded.position,
        version_hash=version_hash(title, text),
        language=language.code,
        language_confidence=round(language.confidence, 4),
        language_decided_by=language.decided_by,
        authors=extracted.authors,
        summary=raw.summary or extracted.summary,
        published_at=extracted.published_at,
        published_flag=extracted.published_flag,
        feed_url=raw.feed_url,
        fingerprint=features(title, text),
        backfill=raw.backfill,
    )
