"""Stories case by case: what ends how, in which story, and who is told."""

from __future__ import annotations

import pytest

from core.records import Article, OrderKey, OutcomeKind, Position, article_id
from pipeline.elements import Draft, Rejection
from pipeline.stories.index import StoryIndex
from pipeline.stories.stage import Decided, StoryStage
from tests.pipeline.stories.world import HOUR, Desk, article, edited, ends, prose

P, U, D, N, R = (
    OutcomeKind.PUBLISHED,
    OutcomeKind.UPDATED,
    OutcomeKind.DUPLICATE,
    OutcomeKind.UNCHANGED,
    OutcomeKind.REJECTED,
)
ONE, TWO = prose(1), prose(2)
A, B, C = "post/1", "herald/1", "globe/1"

# Name: (url, text) in order, an hour apart; how each ends; the article that each is a copy of.
CASES: dict[str, tuple[list[tuple[str, str]], list[OutcomeKind], list[str | None]]] = {
    "published": ([(A, ONE)], [P], [None]),
    "fetched again": ([(A, ONE), (A, ONE), (A, ONE)], [P, N, N], [None, None, None]),
    "updated": ([(A, ONE), (A, TWO)], [P, U], [None, None]),
    "there and back": ([(A, ONE), (A, TWO), (A, ONE), (A, ONE)], [P, U, U, N], [None] * 4),
    "different texts": ([(A, ONE), (B, TWO)], [P, P], [None, None]),
    "an exact copy": ([(A, ONE), (B, ONE)], [P, D], [None, A]),
    "a near copy": ([(A, ONE), (B, edited(ONE, 8))], [P, D], [None, A]),
    "half of it new": ([(A, ONE), (B, edited(ONE, 60))], [P, P], [None, None]),
    "a copy of a copy is the first one's": ([(A, ONE), (B, ONE), (C, ONE)], [P, D, D], [None, A, A]),
    "a copy of the later version": ([(A, ONE), (A, TWO), (B, TWO)], [P, U, D], [None, None, A]),
    "a copy of the earlier version": ([(A, ONE), (A, TWO), (B, ONE)], [P, U, D], [None, None, A]),
    "a copy that is edited stays one": ([(A, ONE), (B, ONE), (B, TWO)], [P, D, U], [None, A, A]),
    "a copy of an edited copy": ([(A, ONE), (B, ONE), (B, TWO), (C, TWO)], [P, D, U, D], [None, A, A, A]),
    "the original comes back to its copy": ([(A, ONE), (B, ONE), (A, ONE)], [P, D, N], [None, A, None]),
    "an edit that makes it like another is no copy": ([(A, ONE), (B, TWO), (B, ONE)], [P, P, U], [None, None, None]),
    "a copied copy is told again": ([(A, ONE), (B, ONE), (B, ONE)], [P, D, N], [None, A, None]),
}


def run(items: list[tuple[str, str]]) -> list[Article]:
    return [article(url, text, at_ms=hour * HOUR) for hour, (url, text) in enumerate(items)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("how", ["one by one", "as one batch", "with a restart before each"])
def test_articles_end_in_the_stories_that_a_case_says(case: str, how: str) -> None:
    items, kinds, copies = CASES[case]
    desk = Desk()
    told: list[Decided] = []
    articles = run(items)
    if how == "as one batch":
        told = desk.tell_all(articles)
    else:
        for item in articles:
            desk = desk.restarted() if how == "with a restart before each" else desk
            told.append(desk.tell(item))
    assert ends(told) == kinds
    duplicates = [one.article.duplicate_of if one.article else None for one in told]
    assert duplicates == [copy and article_id(f"https://{copy}") for copy in copies]
    # A copy and all versions are in the story of the first; versions count from 1.
    for one, (url, _), copy in zip(told, items, copies, strict=True):
        if one.article is not None:
            assert one.article.story_id == article_id(f"https://{copy or url}")
            assert one.article.version == one.outcome.version
    by_url: dict[str, list[int]] = {}
    for one, (url, _) in zip(told, items, strict=True):
        if one.article is not None:
            by_url.setdefault(url, []).append(one.article.version)
    assert all(versions == list(range(1, len(versions) + 1)) for versions in by_url.values())


def test_the_title_alone_makes_a_version_but_no_difference_to_a_copy() -> None:
    desk = Desk()
    told = [
        desk.tell(article(A, ONE, title="First", at_ms=1)),
        desk.tell(article(A, ONE, title="Second", at_ms=2)),
        desk.tell(article(B, ONE, title="Third", at_ms=3)),
    ]
    assert ends(told) == [P, U, D]


def test_the_earliest_in_the_order_is_the_original_not_the_first_that_was_added() -> None:
    stage = StoryStage(StoryIndex())
    desk = Desk(stage)
    told = desk.tell_all([article(C, ONE, at_ms=5), article(A, ONE, at_ms=7)])
    again = Desk()
    for entry in reversed([one.entry for one in told if one.entry]):
        again.stage.index.add(entry)
    third = again.tell(article(B, ONE, at_ms=9))
    assert third.outcome.kind is D
    assert third.article is not None
    assert third.article.duplicate_of == article_id(f"https://{C}")


LITTLE = {
    "nothing": "",
    "a word": "Video",
    "a line": "More soon.",
    "blanks": " \n\t" * 60,
    "dots and dashes": ". - " * 60,
    "just too short": "x" * 79,
}


@pytest.mark.parametrize("text", LITTLE.values(), ids=LITTLE.keys())
def test_a_text_that_is_too_short_is_never_a_copy(text: str) -> None:
    desk = Desk()
    told = [desk.tell(article(url, text, at_ms=hour)) for hour, url in enumerate((A, B, C))]
    assert ends(told) == [P, P, P]


def test_one_repeated_word_is_not_a_copy_of_another_word() -> None:
    desk = Desk()
    texts = [word * 400 for word in ("news ", "video ", "live ")]
    told = [desk.tell(article(f"post/{n}", text, at_ms=n)) for n, text in enumerate(texts)]
    assert ends(told) == [P, P, P]


def test_one_long_word_is_not_a_copy_of_another() -> None:
    desk = Desk()
    told = [desk.tell(article(f"post/{n}", letter * 5_000, at_ms=n)) for n, letter in enumerate("abc")]
    assert ends(told) == [P, P, P]


def test_a_huge_text_is_a_copy_of_itself_only() -> None:
    huge = prose(5, 30_000)
    desk = Desk()
    told = [
        desk.tell(article(A, huge, at_ms=1)),
        desk.tell(article(B, prose(6, 30_000), at_ms=2)),
        desk.tell(article(C, huge, at_ms=3)),
        desk.tell(article("post/2", prose(5, 120), at_ms=4)),
    ]
    assert ends(told) == [P, P, D, P]


@pytest.mark.parametrize(
    ("after_ms", "kind"),
    [(1, D), (72 * HOUR - 1, D), (72 * HOUR, P), (72 * HOUR + 1, P)],
)
@pytest.mark.parametrize("restart", [False, True])
def test_the_window_is_open_at_its_far_end(after_ms: int, kind: OutcomeKind, restart: bool) -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=1_000))
    desk = desk.restarted() if restart else desk
    assert desk.tell(article(B, ONE, at_ms=1_000 + after_ms)).outcome.kind is kind


def test_versions_are_remembered_beyond_the_window() -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=0))
    desk.tell(article(B, ONE, at_ms=1))
    later = 1_000 * HOUR
    told = [desk.tell(article(A, ONE, at_ms=later)), desk.tell(article(B, TWO, at_ms=later + 1))]
    assert ends(told) == [N, U]
    assert told[1].article is not None
    assert told[1].article.story_id == article_id(f"https://{A}")


def test_a_copy_of_a_fresh_version_of_an_old_article_joins_its_story() -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=0))
    desk.tell(article(A, TWO, at_ms=100 * HOUR))
    told = desk.tell(article(B, TWO, at_ms=101 * HOUR))
    assert told.article is not None
    assert (told.outcome.kind, told.article.story_id) == (D, article_id(f"https://{A}"))


def test_a_rejection_keeps_its_place_and_says_why() -> None:
    desk = Desk()
    told = [desk.tell(article(A, ONE, at_ms=1)), desk.tell(Rejection("clean", "empty"))]
    assert ends(told) == [P, R]
    outcome = told[1].outcome
    assert (outcome.stage, outcome.reason, outcome.item, outcome.article) == ("clean", "empty", "bad", None)
    assert outcome.key == desk.last_key


def test_late_records_stand_directly_behind_the_last_one_handled() -> None:
    desk = Desk()
    first = desk.tell(article(A, ONE, at_ms=100))
    late = desk.tell_all([article(B, TWO, at_ms=50), article(C, prose(3), at_ms=60)])
    next_one = desk.tell(article("post/2", prose(4), at_ms=100 + 1))
    assert [one.late for one in (first, *late, next_one)] == [False, True, True, False]
    keys = [one.key for one in (first, *late, next_one)]
    assert keys == sorted(keys)
    assert keys[1] == keys[0].follower()
    assert keys[2] == keys[0].follower().follower()
    assert [one.outcome.key for one in late] == keys[1:3]
    assert [one.article.key for one in late if one.article] == keys[1:3]


def test_a_late_copy_is_a_copy_of_what_was_handled_before_it() -> None:
    # By its own time it would have been the original; the story is told by then.
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=100))
    late = desk.tell(article(B, ONE, at_ms=50))
    assert late.article is not None
    assert (late.outcome.kind, late.article.duplicate_of) == (D, article_id(f"https://{A}"))
    again = desk.restarted().tell(article(C, ONE, at_ms=120))
    assert again.article is not None
    assert again.article.duplicate_of == article_id(f"https://{A}")


def test_a_late_version_is_the_latest_one() -> None:
    desk = Desk()
    desk.tell(article(A, TWO, at_ms=100))
    late = desk.tell(article(A, ONE, at_ms=50))
    assert (late.outcome.kind, late.outcome.version) == (U, 2)


def test_a_record_with_the_last_key_itself_is_late() -> None:
    desk = Desk()
    one = article(A, ONE, at_ms=1)
    desk.tell(one)
    assert desk.tell(one).key == one.key.follower()


def test_positions_with_a_result_give_nothing_and_move_nothing() -> None:
    stage = StoryStage(StoryIndex())
    first, second = article(A, ONE, at_ms=1), article(B, TWO, at_ms=2)
    drafts = [
        Draft(
            number=number,
            position=Position(run="r", stream="s", partition=0, offset=number),
            key=one.key,
            item=one.url,
            article=one,
        )
        for number, one in enumerate((first, second))
    ]
    done = {drafts[1].position: None}
    handled = stage.handle(drafts, done=done, histories={}, last_key=None)
    assert [told.outcome.first_offset for told in handled.decided] == [0]
    assert handled.last_key == first.key
    assert len(stage.index) == 1
    nothing = stage.handle(drafts, done=dict.fromkeys(draft.position for draft in drafts), histories={}, last_key=None)
    assert (nothing.decided, nothing.last_key) == ([], None)


def test_an_outlets_own_earlier_text_does_not_make_a_copy() -> None:
    desk = Desk()
    told = [desk.tell(article(A, ONE, at_ms=1)), desk.tell(article(A, edited(ONE, 5), at_ms=2))]
    assert ends(told) == [P, U]
    assert told[1].article is not None
    assert told[1].article.duplicate_of is None


def test_keys_are_those_given() -> None:
    desk = Desk()
    key = OrderKey(5, "a" * 32, "b" * 32, 2)
    assert desk.tell(article(A, ONE, at_ms=1), key).key == key
