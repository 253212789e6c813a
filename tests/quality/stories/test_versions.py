"""Versions, live blogs, origins, stories, and texts that say nothing."""

from __future__ import annotations

import pytest

from core.records import OutcomeKind, alert_id
from core.records.article import Story
from pipeline.elements import Draft
from pipeline.stories.index import StoryIndex
from pipeline.stories.stage import StoryStage
from pipeline.stories.story_memory import grown
from pipeline.text.difference import Size
from tests.quality.stories.stage import Teller, article, originals, stories
from tests.quality.stories.test_events import events

P, U, D, N = OutcomeKind.PUBLISHED, OutcomeKind.UPDATED, OutcomeKind.DUPLICATE, OutcomeKind.UNCHANGED
FERRY = next(each for each in events("en") if each["event"] == "ferry-lorne")
TITLE, TEXT = FERRY["title"], FERRY["text"]
URL = "https://post.example/ferry"


def kinds(*texts: str) -> list[OutcomeKind]:
    told = Teller().tell(
        article(URL, TITLE, text, at_ms=n, source="post", language="en") for n, text in enumerate(texts)
    )
    return [one.outcome.kind for one in told]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"Updated 12:31\n{TEXT}", f"Updated 12:33\n{TEXT}"),
        (f"{TEXT}\n12 comments", f"{TEXT}\n1,314 comments"),
        (TEXT, f"{TEXT}\nLast updated: 3 March 2024, 12:31 GMT"),
        (TEXT, TEXT.replace(". ", ".\n\n")),
    ],
)
def test_clockwork_and_layout_make_no_version(before: str, after: str) -> None:
    assert kinds(before, after, before) == [P, N, N]


def test_a_changed_word_makes_a_version() -> None:
    assert kinds(TEXT, TEXT.replace("eleven", "twelve"), TEXT) == [P, U, U]


def test_an_update_reports_its_difference_if_the_earlier_text_is_known() -> None:
    changed = TEXT.replace("eleven", "twelve")
    first = article(URL, TITLE, TEXT, at_ms=1, source="post")
    second = article(URL, TITLE, changed, at_ms=2, source="post")
    third = article(URL, "All safe", changed + " " + TEXT, at_ms=3, source="post")
    drafts = [
        Draft(number=n, position=one.position, key=one.key, item=URL, article=one)
        for n, one in enumerate((first, second, third))
    ]
    stage = StoryStage(StoryIndex())
    handled = stage.handle(drafts[:2], done={}, histories={}, last_key=None)
    assert handled.decided[0].difference is None
    assert handled.decided[1].difference is not None
    assert handled.decided[1].difference.size is Size.MINOR
    assert [(one.before, one.after) for one in handled.decided[1].difference.changes] == [("eleven", "twelve")]
    # The next batch: the store gives the text.
    histories = {first.id: [one.entry for one in handled.decided if one.entry]}
    texts = {first.id: (TITLE, changed)}
    later = stage.handle(drafts[2:], done={}, histories=histories, last_key=handled.last_key, texts=texts)
    assert later.decided[0].difference is not None
    assert later.decided[0].difference.size is Size.MAJOR
    unknown = StoryStage(StoryIndex()).handle(drafts[2:], done={}, histories=histories, last_key=handled.last_key)
    assert unknown.decided[0].outcome.kind is U
    assert unknown.decided[0].difference is None


@pytest.mark.slow
def test_a_live_blog_does_not_flood() -> None:
    """A day of versions, one every two minutes: one article, one story, one alert; others still find their stories."""
    minutes = range(0, 24 * 60, 2)
    entries = [f"{n:04d} The coastguard gave its report number {n} about the ferry and the fog." for n in minutes]
    blog = [
        article(
            URL, TITLE, TEXT + "\n" + "\n".join(entries[: 1 + n][-40:]), at_ms=60_000 * at, source="post", language="en"
        )
        for n, at in enumerate(minutes)
    ]
    teller = Teller()
    told = teller.tell(blog)
    assert {one.outcome.kind for one in told[1:]} == {U}
    assert set(stories(told)) == {blog[0].id}
    assert len({alert_id("s", story, "story") for story in stories(told)}) == 1
    end = blog[-1].key.time_ms
    other = [each for each in events("en") if each["event"] in ("ferry-lorne", "rates-norwald")][1:]
    after = teller.tell(
        article(f"https://{n}.example/", each["title"], each["text"], at_ms=end + 1 + n, source="s", language="en")
        for n, each in enumerate(other)
    )
    joined = {each["event"] for each, story in zip(other, stories(after), strict=True) if story == blog[0].id}
    assert joined == {"ferry-lorne"}
    assert (
        len({story for each, story in zip(other, stories(after), strict=True) if each["event"] != "ferry-lorne"}) == 1
    )
    copy = teller.tell([article("https://copy.example/", "Live", blog[100].text, at_ms=end + 99, source="copy")])
    assert originals(copy) == [blog[0].id]


def test_one_agency_text_in_43_outlets_is_one_source() -> None:
    text = "LORNE POINT (AP) — " + TEXT
    wire = [
        article(f"https://outlet{n}.example/", f"Title {n}", text, at_ms=n, source=f"outlet{n}", language="en")
        for n in range(43)
    ]
    own = article(
        "https://own.example/", *(FERRY["title"], events("en")[-3]["text"]), at_ms=50, source="own", language="en"
    )
    told = Teller().tell([*wire, own])
    assert [one.outcome.kind for one in told[:43]] == [P] + [D] * 42
    assert {one.origin for one in told[:43]} == {"AP"}
    story: Story | None = None
    for one in told[:43]:
        assert one.article is not None
        story = grown(story, one.article, one.key)
    assert story is not None
    assert (story.id, story.headline, story.articles, story.copies) == (wire[0].id, "Title 0", 43, 42)
    assert (story.sources, story.independent_sources) == (("AP",), 1)
    assert (story.first_ms, story.last_ms) == (0, 42)


def test_a_copy_without_the_credit_has_the_origin_of_the_text_that_it_copies() -> None:
    told = Teller().tell(
        [
            article("https://a.example/", "T", "LORNE POINT (AP) — " + TEXT, at_ms=1, source="a"),
            article("https://b.example/", "T", TEXT, at_ms=2, source="b"),
            article("https://c.example/", "T", events("en")[0]["text"], at_ms=3, source="c"),
        ]
    )
    assert [one.origin for one in told] == ["AP", "AP", None]
    assert [one.outcome.kind for one in told] == [P, D, P]


def test_an_own_text_is_an_independent_source_and_a_version_is_not_another_article() -> None:
    others = [each for each in events("en") if each["event"] == "ferry-lorne"]
    told = Teller().tell(
        [
            *(
                article(f"https://o{n}.example/", each["title"], each["text"], at_ms=n, source=f"o{n}", language="en")
                for n, each in enumerate(others)
            ),
            article("https://o0.example/", TITLE, TEXT + " Tugs are on the way.", at_ms=9, source="o0", language="en"),
        ]
    )
    story: Story | None = None
    for one in told:
        assert one.article is not None
        story = grown(story, one.article, one.key)
    assert story is not None
    assert (story.articles, story.copies, story.sources) == (3, 0, ("o0", "o1", "o2"))


NOTHING = {
    "empty": "",
    "one word": "news " * 3_000,
    "one letter": "a" * 50_000,
    "signs": "… — * " * 500,
    "字": "字" * 5_000,
}


@pytest.mark.parametrize("name", NOTHING)
def test_texts_that_say_nothing_group_with_nothing(name: str) -> None:
    """Under titles that say much, after a window of real articles."""
    teller = Teller()
    teller.tell(
        article(f"https://{n}.example/", each["title"], each["text"], at_ms=n, source="s", language="en")
        for n, each in enumerate(events("en"))
    )
    titles = ("Live: the ferry off Lorne Point", "Earthquake shakes Talvora province", "Video")
    told = teller.tell(
        article(f"https://n{n}.example/", title, NOTHING[name] + str(n) * 3, at_ms=100 + n, source="s", language="en")
        for n, title in enumerate(titles)
    )
    assert [one.outcome.kind for one in told] == [P, P, P]
    assert stories(told) == [one.article.id for one in told if one.article]
