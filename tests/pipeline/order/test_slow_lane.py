"""Which records leave the order and which is begun next: laws on made-up batches and queues."""

from __future__ import annotations

from collections import deque
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.records import OrderKey, Position
from pipeline.elements import Draft, Postponed, Rejection
from pipeline.order.slow_lane import BEHIND, WaitingRecord, choose, part

ARTICLES = "abc"
# (article, slow): what comes, one after another.
COMING = st.lists(st.tuples(st.sampled_from(ARTICLES), st.booleans()), max_size=30)


def position(number: int) -> Position:
    return Position(run="live", stream="stream", partition=0, offset=number)


def draft(number: int, article: str, *, slow: bool = False) -> Draft:
    return Draft(
        number=number,
        position=position(number),
        key=OrderKey(number, article, ""),
        item=str(number),
        problem=None if slow else Rejection("clean", "no_text"),
        postponed=Postponed("slow", "outlet") if slow else None,
    )


@given(COMING, st.lists(st.integers(1, 5)), st.randoms(use_true_random=False))
def test_each_record_is_decided_once_and_those_of_an_article_in_their_order(
    coming: list[tuple[str, bool]], cuts: list[int], random: Random
) -> None:
    """Batches cut anyhow, finished records coming back at any moment, and everything that waits once more, as after a crash."""
    drafts = deque(draft(number, article, slow=slow) for number, (article, slow) in enumerate(coming))
    finished = {one.position: draft(one.number, one.key.article) for one in drafts}
    waiting: dict[str, list[Position]] = {}
    decided: list[Draft] = []
    sizes = iter(cuts)
    while drafts or any(waiting.values()):
        batch = [drafts.popleft() for _ in range(min(len(drafts), next(sizes, 3)))]
        firsts = [queue[0] for queue in waiting.values() if queue]
        back = [finished[each] for each in firsts if not drafts or random.random() < 0.5]
        again = decided[-2:] + [finished[each[-1]] for each in waiting.values() if len(each) > 1]
        parted = part([*batch, *again, *back], done={one.position for one in decided}, waiting=waiting)
        for one in parted.later:
            assert one.postponed is not None
            waiting.setdefault(one.key.article, []).append(one.position)
        for there in parted.back:
            waiting[finished[there].key.article].remove(there)
        decided += parted.now
    assert sorted(one.number for one in decided) == list(range(len(coming)))
    for article in ARTICLES:
        numbers = [one.number for one in decided if one.key.article == article]
        assert numbers == sorted(numbers)
    # Without a slow record of its own article, none is held back.
    slow_articles = {article for article, slow in coming if slow}
    at_once = [one.number for one in decided if one.key.article not in slow_articles]
    assert at_once == sorted(at_once)


def test_a_record_behind_another_of_its_article_keeps_what_was_made_of_it() -> None:
    first, second, other = draft(0, "a", slow=True), draft(1, "a"), draft(2, "b")
    parted = part([first, second, other], done=(), waiting={})
    assert parted.now == [other]
    assert parted.later == [first, replace(second, postponed=Postponed(BEHIND))]
    # The second one is finished, and not the first: it has to wait for its turn.
    queue = {"a": [first.position, second.position]}
    assert part([second], done=(), waiting=queue).now == []
    back = part([draft(0, "a"), second], done=(), waiting=queue)
    assert (back.now, back.back, back.later) == ([draft(0, "a"), second], [first.position, second.position], [])


def waits(number: int, article: str, outlet: str) -> WaitingRecord:
    return WaitingRecord(position(number), article, outlet, (number, OrderKey(number, article, "").sortable()))


QUEUES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz")), max_size=20).map(
    lambda drawn: [waits(number, article, outlet) for number, (article, outlet) in enumerate(drawn)]
)


@given(QUEUES, QUEUES, st.integers(0, 6))
def test_outlets_take_turns_and_an_article_is_begun_once(
    waiting: list[WaitingRecord], running: list[WaitingRecord], free: int
) -> None:
    chosen = choose(reversed(waiting), running, free)
    assert len(chosen) <= free
    articles = [one.article for one in chosen]
    assert len(set(articles)) == len(articles)
    assert not set(articles) & {one.article for one in running}
    able = {one.article for one in waiting} - {one.article for one in running}
    assert len(chosen) == min(free, len(able))
    for one in chosen:
        # The first of its article.
        assert one == next(each for each in waiting if each.article == one.article)
    # No outlet has two more than one that could have had another.
    load = {outlet: sum(one.outlet == outlet for one in (*running, *chosen)) for outlet in "xyz"}
    firsts = {each.article: each for each in reversed(waiting)}
    left = [one for article, one in firsts.items() if article in able - set(articles)]
    for one in left:
        assert all(load[each.outlet] <= load[one.outlet] + 1 for each in chosen)


def test_one_outlet_with_many_slow_pages_delays_only_its_own() -> None:
    many = [waits(number, f"a{number}", "flood") for number in range(10)]
    single = waits(99, "b", "small")
    assert choose([*many, single], [], 2) == [many[0], single]
    assert choose([*many[1:], single], [many[0]], 1) == [single]
