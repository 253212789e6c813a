"""What flows between workers is read as it was written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import apache_beam as beam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.records import Match, OrderKey, Position, SubscriptionMatch, TopicMatch
from pipeline.elements import KeptDraft, Rejection
from pipeline.order import MergeMark
from pipeline.order.merge import PartitionMark
from pipeline.transforms.coders import (
    Draft,
    DraftCoder,
    Envelope,
    EnvelopeCoder,
    MarkCoder,
)
from tests.pipeline.transforms.support import article

# JSON holds any text but halves of surrogate pairs.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MAYBE = st.none() | TEXT
NUMBER = st.integers(0, 2**63 - 1)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as asked

POSITIONS = st.builds(Position, run=TEXT, stream=TEXT, partition=st.integers(0, 999), offset=NUMBER)
KEYS = st.builds(OrderKey, NUMBER, TEXT, TEXT, st.integers(0, 9), st.integers(0, 9))
PROBLEMS = st.builds(Rejection, TEXT, TEXT)
MATCHES = st.lists(st.builds(Match, TEXT, st.integers(0, 99), st.integers(0, 99), TEXT), max_size=2).map(tuple)
ARTICLES = st.builds(
    article,
    st.integers(0, 9),
    title=TEXT,
    text=TEXT,
    language=MAYBE,
    language_confidence=st.floats(0, 1),
    published_at=st.none() | TIMES,
    fingerprint=st.binary(max_size=600),
    topics=st.lists(st.builds(TopicMatch, TEXT, st.floats(0, 9), MATCHES), max_size=2).map(tuple),
    subscriptions=st.lists(st.builds(SubscriptionMatch, TEXT, st.integers(1, 9), MATCHES), max_size=2).map(tuple),
    backfill=st.booleans(),
)
COMMON: dict[str, Any] = {"number": NUMBER, "position": POSITIONS, "key": KEYS, "item": TEXT}
ENVELOPES = st.builds(
    Envelope,
    **COMMON,
    value=st.binary() | st.just(b"\n\n[1,\n"),
    problem=st.none() | PROBLEMS,
    digest=TEXT,
)
DRAFTS = st.builds(Draft, **COMMON, article=ARTICLES) | st.builds(Draft, **COMMON, problem=PROBLEMS)
MARKS = st.builds(
    MergeMark,
    number=NUMBER,
    partitions=st.dictionaries(
        st.integers(0, 99), st.builds(PartitionMark, NUMBER, st.lists(NUMBER, max_size=3).map(tuple)), max_size=3
    ),
    last=st.none() | KEYS,
)


@given(ENVELOPES)
def test_an_envelope_is_read_as_it_was_written_and_its_page_keeps_its_size(element: Envelope) -> None:
    written = EnvelopeCoder().encode(element)
    assert EnvelopeCoder().decode(written) == element
    # A page is not blown up on its way.
    assert written.endswith(b"\n" + element.value)


@given(ENVELOPES, DRAFTS, TEXT, st.booleans())
def test_envelopes_with_a_kept_draft(element: Envelope, draft: Draft, topics: str, finished: bool) -> None:
    kept = replace(element, value=b"", kept=KeptDraft(draft, topics), finished=finished)
    assert EnvelopeCoder().decode(EnvelopeCoder().encode(kept)) == kept


@given(DRAFTS)
def test_a_draft_is_read_as_it_was_written(element: Draft) -> None:
    assert DraftCoder().decode(DraftCoder().encode(element)) == element


@given(MARKS)
def test_a_mark_of_the_merge_is_read_as_it_was_written(element: MergeMark) -> None:
    assert MarkCoder().decode(MarkCoder().encode(element)) == element


@pytest.mark.parametrize(("kind", "coder"), [(Envelope, EnvelopeCoder), (Draft, DraftCoder)])
def test_beam_takes_these_coders_and_not_pickle(kind: type[Any], coder: type[Any]) -> None:
    found = beam.coders.registry.get_coder(kind)
    assert isinstance(found, coder)
    assert (found.is_deterministic(), found.to_type_hint()) == (True, kind)
