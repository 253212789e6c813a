"""Copies and events told from one template: measured together, since what finds more of the one finds less of the other.

Run with ``-s`` to see the figures.
"""

from __future__ import annotations

import pytest

from core.records import Article
from pipeline.stories.contradiction import CONTRADICTED_AT, contradictions
from pipeline.stories.features import LAYOUT, read_features
from tests.quality.stories.stage import Teller, originals, stories
from tests.quality.stories.templates import Pair, copy_pairs, events_of, template_pairs, templates


def points(pair: Pair) -> int:
    first, second = (read_features(one.fingerprint) for one in (pair.first, pair.second))
    there = contradictions(first, second.reshape(1).view(LAYOUT)).points
    back = contradictions(second, first.reshape(1).view(LAYOUT)).points
    assert there.tolist() == back.tolist()
    return int(there[0])


def told(*articles: Article) -> tuple[bool, bool]:
    """Whether two articles are one story, and whether they are copies."""
    ends = Teller().tell(articles)
    return len(set(stories(ends))) == 1, len(set(originals(ends))) == 1


def test_the_tables_are_many() -> None:
    assert len(template_pairs()) >= 120
    assert len({one["language"] for one in templates()}) >= 50
    assert len(copy_pairs()) >= 900


def test_no_event_written_from_a_template_is_a_copy_and_few_join() -> None:
    copies, joined = [], []
    for pair in template_pairs():
        together, copied = told(pair.first, pair.second)
        copies += [pair.name] if copied else []
        joined += [pair.name] if together and not pair.together else []
    assert copies == []
    assert joined == []


@pytest.mark.parametrize("same_outlet", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_copy_is_found(same_outlet: bool) -> None:
    missed = [pair.name for pair in copy_pairs(same_outlet) if told(pair.first, pair.second) != (True, True)]
    assert missed == []


def test_the_points_of_both_lie_apart() -> None:
    most = max(points(pair) for pair in copy_pairs() if not pair.close)
    least = min(points(pair) for pair in template_pairs() if not pair.close)
    print(f"\npoints of contradiction: copies at most {most}, events of one template at least {least}")
    assert most + 2 <= CONTRADICTED_AT <= least - 2
    # Also those that are known to be close.
    assert max(map(points, copy_pairs())) < CONTRADICTED_AT <= min(map(points, template_pairs()))


@pytest.mark.parametrize("template", templates(), ids=lambda one: f"{one['language']} {one['kind']}")
def test_all_events_of_a_template_are_published(template: dict[str, str]) -> None:
    """Among all others of its template, not only beside one."""
    ends = Teller().tell(events_of(template))
    assert originals(ends) == [one.article.id for one in ends if one.article]


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(
            one, marks=pytest.mark.xfail(reason=one["wrong"], strict=True), id=f"{one['language']} {one['kind']}"
        )
        for one in templates(wrong=True)
    ],
)
def test_what_is_known_to_be_wrong(template: dict[str, str]) -> None:
    assert told(*events_of(template)[:2]) == (False, False)
