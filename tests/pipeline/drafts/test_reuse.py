"""A kept draft is what preparing would give, byte for byte; what the record alone does not decide is never kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from core.errors import ExtractionError
from core.records import OrderKey, Position, RawArticle, encode, from_ms, raw_hash
from core.store import SubscriptionStore, open_store
from pipeline.drafts import kept
from pipeline.drafts.kept import Keeping, KeptDrafts
from pipeline.elements import TIMEOUT, Draft, Envelope
from pipeline.stories.repeated_walls import Doubtful
from pipeline.transforms.extraction_pool import InlineExtraction, PoolExtraction, PoolPlan, outlet_of
from pipeline.transforms.prepare import refused
from pipeline.transforms.record import RecordWork
from tests.pipeline.transforms.hostile import obey, page
from tests.pipeline.transforms.support import NOON_MS, envelope

WALL = "<html><head><title>Just a moment...</title></head><body><h1>Checking your browser before accessing</h1></body></html>"
SENTENCES = (
    "The ferry to the northern islands was cancelled on Friday after a storm warning.",
    "Mediators in Istanbul said that 175 prisoners would be exchanged on Monday.",
    "Порт Одессы оставался закрытым, сообщили власти.",
    "قال مسؤولون إن القافلة وصلت إلى حلب يوم الجمعة.",
    "Please enable cookies to continue.",
    '"We need calm," the minister said, 3 hours ago.',
)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
PARAGRAPHS = st.lists(st.sampled_from(SENTENCES), max_size=12).map(
    lambda some: "".join(f"<p>{one}</p>" for one in some)
)
PAGES = st.one_of(
    st.builds(
        "<html><head><title>{}</title></head><body><h1>{}</h1><article>{}</article>".format, WORDS, WORDS, PARAGRAPHS
    ),
    st.just(WALL),
    WORDS,
)
RAWS = st.builds(
    RawArticle,
    url=st.sampled_from(
        ("https://a.example/storm-warning-ferry", "https://b.example/1?id=2", "https://c.example/../../etc/passwd", "x")
    ),
    source=st.sampled_from(("a", "../../../b", "")),
    fetched_at=st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)).map(lambda when: when.replace(tzinfo=UTC)),  # noqa: DTZ001
    html=st.none() | PAGES,
    text=st.none() | st.lists(st.sampled_from(SENTENCES), max_size=9).map("\n\n".join),
    title=st.none() | WORDS | st.sampled_from(SENTENCES),
    summary=st.none() | WORDS,
    authors=st.lists(WORDS, max_size=2).map(tuple),
    published=st.none() | st.just("2026-02-28T10:00:00+01:00") | WORDS,
    language=st.none() | st.sampled_from(("en", "ru", "ar", "xx")),
    backfill=st.booleans(),
    schema=st.sampled_from((1, 1, 1, 7)),
    stub=st.none() | st.just("too_large"),
)


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Keeping:
    return Keeping(str(tmp_path_factory.mktemp("kept") / "drafts.db"), 64 << 20)


@pytest.fixture
def own(tmp_path: Path) -> Keeping:
    """One for a test that changes it."""
    return Keeping(str(tmp_path / "drafts.db"), 64 << 20)


def elsewhere(one: Envelope, number: int) -> Envelope:
    """The same raw record in another run, at another place."""
    there = Position(run="march", stream="another", partition=3, offset=number)
    return replace(one, number=number, position=there, key=OrderKey(number, "article", "hash", 2, 1))


@given(raw=RAWS, number=st.integers(0, 1 << 40), item=st.sampled_from(("", "day.jsonl:7")))
def test_reuse_and_preparing_give_equal_drafts(keeping: Keeping, raw: RawArticle, number: int, item: str) -> None:
    first, work, plain = envelope(raw), RecordWork(keeping=keeping, vectors=False), RecordWork(vectors=False)
    made = work.do(first)
    assert encode(made.draft) == encode(plain.do(first).draft)
    again = replace(elsewhere(first, number), item=item)
    reused = work.do(again)
    assert encode(reused.draft) == encode(plain.do(again).draft)
    decided = made.draft.article is not None or (made.draft.problem is not None and made.draft.problem.stage == "wall")
    assert reused.reused == decided


def test_without_the_record_a_draft_is_found_by_its_digest_alone(own: Keeping) -> None:
    work, first = RecordWork(keeping=own, vectors=False), envelope(raw())
    work.do(first)
    empty = work.do(replace(first, value=b"")).draft
    assert empty.article is None
    bare = replace(first, value=b"", digest=raw_hash(first.value))
    found = work.find(bare)
    assert found is not None
    assert found.kept is not None
    # The digest of no bytes is that of an empty record, and not that of all whose digest is unknown.
    assert work.find(replace(bare, digest="")) is None


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda some: b'{"url":"' + some))
def test_bytes_that_are_not_a_raw_record_are_kept_nowhere(keeping: Keeping, value: bytes) -> None:
    work = RecordWork(keeping=keeping, vectors=False)
    work.do(envelope(value))
    assert not work.do(envelope(value)).reused


DRAFTS = st.builds(
    lambda draft, doubt, undecided: replace(draft, doubt=doubt, undecided=undecided),
    st.builds(
        lambda number, title, text, vector: (
            RecordWork(vectors=False)
            .do(envelope(replace(page("none"), html=None, title=title or "Storm", text=text or "Rain."), number=number))
            .draft
        ),
        st.integers(0, 99),
        WORDS,
        WORDS,
        st.binary(max_size=9),
    ),
    st.none() | st.builds(Doubtful, digest=WORDS, announced=st.lists(WORDS, max_size=3).map(tuple)),
    st.integers(0, 9),
)


@given(DRAFTS)
def test_whatever_a_draft_holds_comes_back(keeping: Keeping, draft: Draft) -> None:
    if draft.article is None:
        return
    # A stand-in is an article too, with the record's place.
    doubt = draft.doubt and replace(draft.doubt, stand_in=draft.article)
    draft = replace(draft, doubt=doubt)
    drafts = KeptDrafts(keeping, "whatever")
    one = Envelope(number=draft.number, position=draft.position, key=draft.key, value=encode(draft))
    slot = drafts.slot(one)
    assert slot is not None
    slot.keep(draft, topics="digest")
    found = slot.find()
    assert found is not None
    assert encode(found.draft) == encode(draft)
    assert found.topics == "digest"


def raw(**fields: object) -> RawArticle:
    made = RawArticle(
        url="https://a.example/1",
        source="a",
        fetched_at=from_ms(NOON_MS),
        title="Storm warning for the islands",
        text=" ".join(SENTENCES[:2] * 3),
    )
    return replace(made, **fields)


def test_another_record_version_or_kind_of_work_finds_nothing(own: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    work = RecordWork(keeping=own, vectors=False)
    assert not work.do(envelope(raw())).reused
    assert work.do(envelope(raw())).reused
    assert not work.do(envelope(raw(fetched_at=from_ms(NOON_MS) + timedelta(minutes=1)))).reused
    assert not work.do(envelope(raw(summary="Rain."))).reused
    assert not RecordWork(keeping=own, vectors=False, extractor=obey).do(envelope(raw())).reused
    monkeypatch.setattr(kept, "preparation_version", lambda: "another")
    drafts = KeptDrafts(own, "pipeline.transforms.prepare.extract_raw vectors=False tagged=False")
    slot = drafts.slot(envelope(raw()))
    assert slot is not None
    assert slot.find() is None


def test_a_kept_draft_that_a_limit_refuses_is_named_as_its_record(own: Keeping) -> None:
    work, whole = RecordWork(keeping=own, vectors=False), envelope(raw())
    work.do(whole)
    bare = replace(whole, value=b"", digest=raw_hash(whole.value))
    found = work.find(bare)
    assert found is not None
    assert found.finished
    assert found.value == b""
    late = ExtractionError(TIMEOUT, "it took longer than 5 s")
    assert encode(refused(found, late)) == encode(refused(whole, late))
    assert outlet_of(found) == outlet_of(whole) == "a"
    assert work.find(replace(bare, digest=raw_hash(b"another"))) is None


@pytest.mark.parametrize("damage", ["a bit", "cut", "empty", "another record's", "a huge size"])
def test_a_damaged_draft_is_prepared_again_with_one_line(own: Keeping, damage: str) -> None:
    work = RecordWork(keeping=own, vectors=False)
    whole = encode(work.do(envelope(raw())).draft)
    work.do(envelope(raw(title="Another headline of the day", text="Other words. " * 30)))
    with sqlite3.connect(own.path) as connection:
        (body,), (other,) = connection.execute("SELECT body FROM drafts ORDER BY id").fetchall()
        broken = {
            "a bit": body[:-9] + bytes([body[-9] ^ 4]) + body[-8:],
            "cut": body[: len(body) // 2],
            "empty": b"",
            "another record's": other,
            "a huge size": kept.SEAL.close("kept-draft", b"k" * 32 + bytes.fromhex("28b52ffde0ffffffffffffff7f")),
        }[damage]
        connection.execute("UPDATE drafts SET body = ? WHERE id = 1", (broken,))
    connection.close()
    with capture_logs() as said:
        again = work.do(envelope(raw()))
    assert not again.reused
    assert encode(again.draft) == whole
    assert [line["event"] for line in said] == ["a kept draft is damaged; the record is prepared again"]
    assert work.do(envelope(raw())).reused


def test_a_bound_of_zero_keeps_nothing(tmp_path: Path) -> None:
    work = RecordWork(keeping=Keeping(str(tmp_path / "drafts.db"), 0), vectors=False)
    work.do(envelope(raw()))
    assert not work.do(envelope(raw())).reused
    assert not (tmp_path / "drafts.db").exists()


@pytest.mark.parametrize(
    ("keeping", "until_ms"),
    [
        (Keeping("x", 1), 1 << 62),
        (Keeping("x", 1, keep_ms=10), 1_010),
        (Keeping("x", 1, raw_ms=10), 510),
        (Keeping("x", 1, keep_ms=10, raw_ms=600), 1_010),
        (Keeping("x", 1, keep_ms=900, raw_ms=600), 1_100),
        (Keeping("x", 1, keep_ms=900, raw_ms=600, on_stream=False), 1_900),
    ],
)
def test_a_draft_ends_with_its_record_or_by_age(keeping: Keeping, until_ms: int) -> None:
    assert keeping.until_ms(500, 1_000) == until_ms


@pytest.fixture
def one_process(own: Keeping, monkeypatch: pytest.MonkeyPatch) -> Iterator[PoolExtraction]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
    made = PoolExtraction(PoolPlan(1, 1.0, spares=0), RecordWork(extractor=obey, keeping=own, vectors=False))
    yield made
    made.close()


def test_drafts_refused_by_a_limit_or_failed_by_a_bug_are_not_kept(one_process: PoolExtraction, own: Keeping) -> None:
    for name, reason in {
        "hang": TIMEOUT,
        "kill": "crashed",
        "memory": "out_of_memory",
        "hidden": "out_of_memory",
        "bug": "extractor_failed",
        "none": "no_text",
    }.items():
        draft = one_process.submit(envelope(page(name))).result()
        assert draft.problem is not None
        assert draft.problem.reason.startswith(reason)
    assert one_process.reused == 0
    good = [one_process.submit(envelope(page("good"), number=number)).result() for number in (0, 1)]
    # The extractor says which process it ran in: a second call would say so too.
    assert encode(good[1]) == encode(replace(good[0], **placed(good[0], 1)))
    assert one_process.reused == 1
    with sqlite3.connect(own.path) as connection:
        assert connection.execute("SELECT count(*) FROM drafts").fetchone() == (1,)
    connection.close()


def placed(draft: Draft, number: int) -> dict[str, object]:
    there = envelope(b"", number=number)
    assert draft.article is not None
    article = replace(draft.article, position=there.position, key=there.key)
    return {"number": number, "position": there.position, "key": there.key, "article": article}


def test_work_in_its_own_process_counts_what_it_reused(own: Keeping) -> None:
    inline = InlineExtraction(RecordWork(keeping=own, vectors=False))
    drafts = [inline.submit(envelope(raw(), number=number)).result() for number in range(3)]
    assert inline.reused == 2
    assert [draft.number for draft in drafts] == [0, 1, 2]
    assert len({msgspec.json.encode(replace(draft, **placed(draft, 0))) for draft in drafts}) == 1


@given(st.lists(st.sampled_from(("/", "..", "\\", "\0", "~", "a", "%2e%2e", ":")), max_size=30).map("".join))
def test_no_content_names_a_file(keeping: Keeping, name: str) -> None:
    RecordWork(keeping=keeping, vectors=False).do(
        envelope(raw(url=f"https://a.example/{name}", source=name, title=name))
    )
    names = {path.name for path in Path(keeping.path).parent.iterdir()}
    assert names <= {"drafts.db", "drafts.db-wal", "drafts.db-shm"}


TOPIC = """
name = "{name}"
title = "A topic"
threshold = 0.1
[[query]]
query = "{query}"
"""


def test_other_topics_tag_a_kept_article_again(own: Keeping, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = open_store(url)
    queries = SubscriptionStore(store)
    queries.save_topics({"weather": TOPIC.format(name="weather", query="storm")}, now_ms=0)
    queries.save_topics({"weather": TOPIC.format(name="weather", query="heat")}, now_ms=NOON_MS + 10_000)
    work, plain = (RecordWork(store_url=url, keeping=each, vectors=False) for each in (own, None))
    untagged = RecordWork(keeping=own, vectors=False)

    def topics_of(work: RecordWork, number: int) -> tuple[str, ...] | None:
        article = work.do(envelope(raw(), number=number)).draft.article
        return None if article is None else tuple(one.topic for one in article.topics)

    # A minute each: before the edit, behind it, and before it again.
    for number in (0, 60, 60, 1, 1):
        assert topics_of(work, number) == topics_of(plain, number) == (() if number == 60 else ("weather",))
    for _ in range(2):
        assert topics_of(untagged, 0) == ()
    assert work.do(envelope(raw())).reused
    store.close()
