"""A wall never replaces what was there: whatever comes in whatever order, the text that stands is the latest page's."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import OutcomeKind
from pipeline.elements import Rejection
from pipeline.stories.stage import Decided
from tests.pipeline.stories.world import HOUR, Desk, article, prose

PAGE, FEED, REFUSED = "a page", "the feed's text in a wall's place", "a wall without a text"
COMING = st.tuples(st.sampled_from([PAGE, FEED, REFUSED]), st.integers(0, 3))


@settings(deadline=None)
@given(st.lists(COMING, max_size=8), st.booleans())
def test_a_wall_never_replaces_a_version(coming: list[tuple[str, int]], restarts: bool) -> None:
    desk = Desk()
    stands: str | None = None
    for place, (what, number) in enumerate(coming):
        one = article("post/1", prose(number), at_ms=place * HOUR)
        told: Decided
        if what == REFUSED:
            told = desk.tell(Rejection("wall", "consent"))
            assert told.outcome.kind is OutcomeKind.REJECTED
        elif what == FEED:
            told = desk.tell(msgspec.structs.replace(one, wall="consent", text_from="feed"))
            assert (told.outcome.kind is OutcomeKind.UNCHANGED) is (stands is not None)
            stands = stands or one.text
        else:
            desk.tell(one)
            stands = one.text
        assert desk.texts.get(one.id, ("", None))[1] == stands
        desk = desk.restarted() if restarts else desk
