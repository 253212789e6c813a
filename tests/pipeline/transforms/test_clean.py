"""From raw records to drafts: in order, each with an article or a problem, hints used and then dropped."""

from __future__ import annotations

from msgspec.structs import replace

from core.records import RawArticle, article_id, version_hash
from pipeline.elements import Draft, Rejection
from pipeline.stories.features import features
from pipeline.text.encoder import encoder
from pipeline.transforms.clean import _Prepare
from pipeline.transforms.extraction_pool import PoolPlan
from pipeline.transforms.record import RecordWork
from tests.pipeline.transforms.hostile import obey, page
from tests.pipeline.transforms.support import envelope, key, position

TEXT = (
    "The council of the port agreed on Monday to mend the northern pier before the winter storms. Divers had found cracks "
    "below the waterline in March, and two ferries have gone to the old quay since then."
)


def drafts_of(pages: list[RawArticle | Rejection], **options: object) -> list[Draft]:
    step = _Prepare(PoolPlan(), RecordWork(**options))  # type: ignore[arg-type]
    step.setup()
    step.start_bundle()
    for number, one in enumerate(pages):
        problem = one if isinstance(one, Rejection) else None
        raw = b"" if isinstance(one, Rejection) else one
        assert list(step.process(envelope(raw, problem, number=number))) == []
    return [windowed.value for windowed in step.finish_bundle()]


def test_a_bundle_comes_out_whole_and_in_order_whatever_is_in_it() -> None:
    known = Rejection("decode", "not JSON")
    found = drafts_of([page("a-1"), known, page("bug"), page("memory"), page("a-2")], extractor=obey)
    assert [(draft.number, draft.position, draft.key) for draft in found] == [
        (number, position(number), key(number)) for number in range(5)
    ]
    assert [draft.article.title if draft.article else draft.problem for draft in found] == [
        page("a-1").url,
        known,
        Rejection("clean", "extractor_failed: KeyError: 'half \\ud800 of a pair'"),
        Rejection("clean", "out_of_memory"),
        page("a-2").url,
    ]


def test_an_article_is_made_of_what_was_fetched_and_what_was_extracted() -> None:
    raw = replace(
        page("a?utm_source=x"),
        text=TEXT,
        title="Pier to be mended",
        summary="In short.",
        language="en-GB",
        backfill=True,
    )
    (found,) = drafts_of([raw])
    made = found.article
    assert made is not None
    assert (made.id, made.url, made.canonical_url) == (article_id(raw.url), raw.url, "https://a.example/a")
    assert (made.title, made.text, made.summary, made.backfill) == (raw.title, TEXT, "In short.", True)
    assert (made.version_hash, made.fetched_at) == (version_hash(made.title, made.text), raw.fetched_at)
    assert (made.language, made.language_decided_by) == ("en", "text")
    assert made.fingerprint == features(made.title, made.text, "en", encoder().vector(made.title, made.text))


def test_a_claimed_language_helps_a_text_that_is_too_short_to_tell() -> None:
    (found,) = drafts_of([replace(page("a"), text="Oslo, Bergen, Hamar, Moss, Narvik.", language="nb-NO")])
    assert found.article is not None
    assert (found.article.language, found.article.language_decided_by) == ("no", "feed")


def test_without_vectors_the_features_have_none() -> None:
    (found,) = drafts_of([replace(page("a"), text=TEXT)], vectors=False)
    made = found.article
    assert made is not None
    assert made.fingerprint == features(made.title, made.text, made.language)
