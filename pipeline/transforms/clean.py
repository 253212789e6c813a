"""Raw articles → drafts with clean text, in a known language, with a fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import apache_beam as beam
import msgspec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.errors import ExtractionError
from pipeline.logs import configure_worker
from pipeline.records import Article, RawArticle, article_id, canonical_url, version_hash
from pipeline.stories.features import features
from pipeline.text.characters import normal_line
from pipeline.text.clean import Extracted
from pipeline.text.language import detect
from pipeline.transforms.elements import Decoded, Draft, Problem
from pipeline.transforms.extraction import outcome_of, shared_extraction


class Clean(beam.PTransform):
    """Decoded → Draft with title, text, authors and date. Pages of a bundle are extracted side by side."""

    def __init__(self, processes: int) -> None:
        super().__init__()
        self._processes = processes

    def expand(self, decoded: beam.PCollection[Decoded]) -> beam.PCollection[Draft]:
        return decoded | "Extract" >> beam.ParDo(_Extract(self._processes)).with_output_types(Draft)


class DetectLanguage(beam.PTransform):
    """Draft → Draft with its language."""

    def expand(self, drafts: beam.PCollection[Draft]) -> beam.PCollection[Draft]:
        return drafts | "Guess" >> beam.Map(with_language).with_output_types(Draft)


class Fingerprint(beam.PTransform):
    """Draft → Draft with the features of its title and text by which copies and events are found."""

    def expand(self, drafts: beam.PCollection[Draft]) -> beam.PCollection[Draft]:
        return drafts | "Work out features" >> beam.Map(with_fingerprint).with_output_types(Draft)


class _Extract(beam.DoFn):
    """Submits in ``process`` and collects when the bundle ends, or pages would be extracted one by one."""

    def __init__(self, processes: int) -> None:
        self._processes = processes

    def setup(self) -> None:
        configure_worker()
        self._extraction = shared_extraction(self._processes)

    def start_bundle(self) -> None:
        self._pending: list[tuple[Decoded, Future[Extracted] | None]] = []

    def process(self, decoded: Decoded) -> Iterator[Draft]:
        future = self._extraction.submit(decoded.raw, decoded.position) if decoded.raw is not None else None
        self._pending.append((decoded, future))
        return iter(())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for decoded, future in self._pending:
            yield WindowedValue(collected(decoded, future), window.max_timestamp(), [window])
        self._pending = []


def collected(decoded: Decoded, future: Future[Extracted] | None) -> Draft:
    """The draft of a record whose page was submitted (no future: it has a problem already)."""
    problem, article, page_language = decoded.problem, None, None
    if decoded.raw is not None and future is not None:
        try:
            extracted = outcome_of(future)
        except ExtractionError as error:
            # A library's words may quote the page, halves of surrogate pairs included, which no JSON can hold.
            problem = Problem("clean", normal_line(str(error)))
        else:
            article, page_language = draft_article(decoded, decoded.raw, extracted), extracted.page_language
    return Draft(
        number=decoded.number,
        position=decoded.position,
        key=decoded.key,
        item=decoded.item,
        article=article,
        problem=problem,
        page_language=page_language,
        feed_language=decoded.raw.language if decoded.raw else None,
    )


def draft_article(decoded: Decoded, raw: RawArticle, extracted: Extracted) -> Article:
    """The article of a page that was extracted, without what later steps find out."""
    return Article(
        id=article_id(raw.url),
        url=raw.url,
        canonical_url=canonical_url(raw.url),
        source=raw.source,
        title=extracted.title,
        text=extracted.text,
        fetched_at=raw.fetched_at,
        key=decoded.key,
        position=decoded.position,
        version_hash=version_hash(extracted.title, extracted.text),
        authors=extracted.authors,
        summary=raw.summary or extracted.summary,
        published_at=extracted.published_at,
        published_flag=extracted.published_flag,
        feed_url=raw.feed_url,
        backfill=raw.backfill,
    )


def with_language(draft: Draft) -> Draft:
    """The draft with its article's language, decided by text, page or feed."""
    article = draft.article
    if article is None:
        return draft
    guess = detect(article.title, article.text, page_hint=draft.page_language, feed_hint=draft.feed_language)
    enriched = msgspec.structs.replace(
        article,
        language=guess.code,
        language_confidence=round(guess.confidence, 4),
        language_decided_by=guess.decided_by,
    )
    return msgspec.structs.replace(draft, article=enriched, page_language=None, feed_language=None)


def with_fingerprint(draft: Draft) -> Draft:
    """The draft with its article's fingerprint."""
    if draft.article is None:
        return draft
    enriched = msgspec.structs.replace(draft.article, fingerprint=features(draft.article.title, draft.article.text))
    return msgspec.structs.replace(draft, article=enriched)
