"""The work on a single record, in any process: extraction, features, topics, stored queries. Without Beam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from core.errors import ExtractionError
from core.query import text_of
from core.records import Article
from core.store.subscriptions import LIVE
from pipeline.drafts.kept import Keeping, Slot, shared_drafts
from pipeline.elements import OUT_OF_MEMORY, Draft, Envelope
from pipeline.transforms.in_force import shared_finisher
from pipeline.transforms.match import Matcher, judged, shared_matcher
from pipeline.transforms.prepare import STAGE as CLEAN
from pipeline.transforms.prepare import Extractor, Prepared, extract_raw, prepare, refused

TAG, MATCH = "tag", "match"
ENVIRONMENT = "_WIREWATCH_RECORD_WORK"
"""Environment variable of the server from which processes are forked: scope and store URL of the topics and queries to load."""
Begun = Callable[[str], object]
"""Called with the name of each stage as it begins."""


@dataclass(frozen=True)
class RecordWork:
    """The work on each record. It is sent to processes, so ``extractor`` must be importable by name.

    ``store_url`` and ``scope`` name the topics and queries; without a ``store_url``, articles are neither tagged nor matched.
    ``vectors``: whether articles get a vector. ``keeping``: where drafts are kept, so that none is extracted twice, or None.
    """

    store_url: str = ""
    scope: str = LIVE
    extractor: Extractor = extract_raw
    vectors: bool = True
    keeping: Keeping | None = None

    def refresh(self, time_ms: int) -> None:
        """Load the topics and queries for a record of this event time. Raises StoreError."""
        if self.store_url:
            shared_matcher(self.store_url, self.scope).refresh(time_ms)

    def do(self, envelope: Envelope, begun: Begun = lambda _stage: None) -> Prepared:
        """The draft of a record, with an article or a problem. Raises only WirewatchError, never because of the record."""
        if envelope.kept is None:
            begun(CLEAN)
        kept = self._kept(envelope)
        found = envelope.kept or (kept.find() if kept is not None else None)
        prepared = prepare(envelope, self.extractor, vectors=self.vectors) if found is None else Prepared(found.draft)
        if prepared.draft.article is None or not self.store_url:
            if kept is not None and found is None and not prepared.tainted:
                kept.keep(prepared.draft)
            return prepared._replace(reused=found is not None)
        desk, draft, undecided, stage = shared_matcher(self.store_url, self.scope), prepared.draft, 0, TAG
        document = text_of(prepared.draft.article)
        topics = desk.topics_in_force(envelope.key.time_ms) if kept is not None else ""

        def match(article: Article) -> dict[str, Any]:
            nonlocal undecided
            decision = desk.decided_of(article, document)
            undecided = decision.undecided
            return decision.facts

        try:
            if found is None or found.topics != topics:
                begun(stage)
                # Most articles have evidence for a topic, which needs the places of words: with them, the words cost nothing.
                document.cut()
                draft = judged(draft, stage, lambda article: {"topics": desk.topics_of(article, document)})
                if kept is not None:
                    kept.keep(draft, topics=topics)
            stage = MATCH
            begun(stage)
            draft = replace(judged(draft, stage, match), undecided=undecided)
            return Prepared(_with_judged_stand_in(draft, desk), reused=found is not None)
        except MemoryError:
            return Prepared(refused(envelope, ExtractionError(OUT_OF_MEMORY), stage), tainted=True)

    def find(self, envelope: Envelope) -> Envelope | None:
        """The record with its kept draft; None if none is kept, or if its digest is not known without the record.

        ``envelope``: with the digest of the record, without the record.
        The draft is finished here if no stored query has to be matched. For one thread of a process. Raises StoreError.
        """
        slot = self._kept(envelope) if envelope.digest else None
        found = slot.find() if slot is not None else None
        if found is None:
            return None
        finisher = shared_finisher(self.store_url, self.scope) if self.store_url else None
        done = found.draft if finisher is None else finisher.finished(envelope, found)
        return replace(envelope, kept=found._replace(draft=done or found.draft), finished=done is not None)

    def _kept(self, envelope: Envelope) -> Slot | None:
        """The slot in which the record's draft is kept; None if drafts are not kept."""
        if self.keeping is None or not self.keeping.most_bytes:
            return None
        how = self.extractor
        variant = f"{how.__module__}.{how.__qualname__} vectors={self.vectors} tagged={bool(self.store_url)}"
        drafts = shared_drafts(self.keeping, variant)
        return drafts.slot(envelope) if drafts is not None else None


def _with_judged_stand_in(draft: Draft, desk: Matcher) -> Draft:
    """The draft with topics and subscriptions for its stand-in, if any; a stand-in that fails is dropped."""
    if draft.doubt is None or (article := draft.doubt.stand_in) is None:
        return draft
    other = replace(draft, article=article, problem=None, doubt=None, text_hash=None)

    other = judged(other, TAG, lambda one: {"topics": desk.topics_of(one)})
    other = judged(other, MATCH, lambda one: desk.decided_of(one).facts)
    return replace(draft, doubt=replace(draft.doubt, stand_in=other.article))


def returned(envelope: Envelope, draft: Draft) -> Draft:
    """The finished draft of a record that returns from the slow lane, with the number under which it returns."""
    return replace(draft, number=envelope.number, after=None)
