"""Walls by repetition in the store: the same decisions however a run is cut, after crashes, and in a replay from its middle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.durations import DAY_S
from core.store.page_requests import PageRequests
from pipeline.elements import Draft, PageSource, Rejection
from pipeline.ledger.base import Base, place_at
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.ledger.tables import text_sightings
from pipeline.ledger.walls import read_wall_counts
from pipeline.ledger.writer import RunWriter
from pipeline.stories.repeated_walls import doubtful
from tests.pipeline.ledger.drafts import ends, of_run, opened, story, taken
from tests.pipeline.transforms.support import NOON_MS, article, draft

NOTICE = "Uw verzoek wordt gecontroleerd. Dit duurt enkele tellen, daarna gaat de pagina vanzelf open."
TITLES = ("Ferry runs aground", "Budget passes reading", "Wheat harvest short", "Orchestra opens season")
COMING = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["page", "wall", "fed"])), min_size=1, max_size=10)


def wall(number: int, address: int, *, fed: bool = False) -> Draft:
    url, title = f"https://a.example/{address}", TITLES[address]
    made = draft(number, url, title=title, text=NOTICE)
    stand_in = article(number, url, title=title, text=f"The feed on {title}.", wall="repeated", text_from="feed")
    doubt = doubtful(url, NOTICE, title=title, headline="", claims_facts=False, stand_in=stand_in if fed else None)
    return replace(made, doubt=doubt, page=PageSource("a.example"))


def drafts(coming: Sequence[tuple[int, str]], step: int = 1) -> list[Draft]:
    return [
        draft(number * step, f"https://a.example/{address}", title=TITLES[address], text=story(address))
        if what == "page"
        else wall(number * step, address, fed=what == "fed")
        for number, (address, what) in enumerate(coming)
    ]


def test_however_a_run_is_cut_and_from_wherever_it_is_replayed(tmp_path: Path) -> None:
    numbers = count()
    with opened(tmp_path) as store:

        @settings(max_examples=8, deadline=None)
        @given(coming=COMING, cut=st.integers(1, 4), crash=st.booleans())
        def law(coming: list[tuple[int, str]], cut: int, crash: bool) -> None:
            whole, parted, again = (f"{kind} {next(numbers)}" for kind in ("whole", "cut", "again"))
            several = drafts(coming)
            RunWriter(taken(store, run=whole), publish=False).write(of_run(several, whole))
            for begin in range(0, len(several), cut):
                batch = of_run(several[begin : begin + cut], parted)
                RunWriter(taken(store, run=parted), publish=False).write(batch)
                if crash:  # behind the commit: the batch comes again to another process
                    RunWriter(taken(store, run=parted), publish=False).write(batch)
            assert ends(store, parted) == ends(store, whole)
            from_ms = several[len(several) // 2].key.time_ms
            replay = taken(store, run=again, base=Base(whole, place_at(from_ms)))
            mine = [one for one in of_run(several, again) if one.key.time_ms >= from_ms]
            RunWriter(replay, publish=False).write(mine)
            assert ends(store, again, from_ms) == ends(store, whole, from_ms)

        law()


def test_walls_are_counted_by_outlet_kind_and_day(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        writer = RunWriter(taken(store), publish=False)
        known = replace(draft(9, "https://b.example/1", Rejection("wall", "consent")), page=PageSource("b.example"))
        writer.write([wall(number, number) for number in range(4)] + [known])
        writer.write([wall(10, 0), replace(wall(11, 1, fed=True), number=11)])
        writer.write([wall(12 + DAY_S, 2)])
        found = read_wall_counts(store, "live", NOON_MS)
        assert [(one.source, one.kind, one.walls, one.last_item) for one in found] == [
            ("a.example", "repeated", 5, "https://a.example/2"),
            ("b.example", "consent", 1, "https://b.example/1"),
        ]
        assert [one.walls for one in read_wall_counts(store, "live", NOON_MS + DAY_S * 1_000)] == [1]


def test_walls_of_feeds_are_asked_for_again_until_they_are_articles(tmp_path: Path) -> None:
    def of_feed(one: Draft, feed: str | None = "https://a.example/rss") -> Draft:
        return replace(one, page=PageSource("a.example", one.item, feed, "A title"))

    with opened(tmp_path) as store:
        writer = RunWriter(taken(store), publish=True)
        known = draft(4, "https://a.example/9", Rejection("wall", "consent"))
        writer.write([of_feed(wall(number, number, fed=number == 3)) for number in range(4)] + [of_feed(known)])
        writer.write([of_feed(draft(5, "https://a.example/8", Rejection("wall", "robot")), None)])
        assert PageRequests(store, "live").counts() == {("repeated", "waiting"): 2, ("consent", "waiting"): 1}
        (first, *_) = PageRequests(store, "live").due(NOON_MS + 10**7)
        assert (first.url, first.title, first.tries) == ("https://a.example/2", "A title", 1)
        writer.write([of_feed(draft(7, "https://a.example/2", text=story(1))), of_feed(wall(8, 3))])
        assert {one.url: one.tries for one in PageRequests(store, "live").due(NOON_MS + 10**8)} == {
            "https://a.example/3": 2,
            "https://a.example/9": 1,
        }
        replay = RunWriter(taken(store, run="again"), publish=False)
        replay.write(of_run([of_feed(known)], "again"))
        assert not PageRequests(store, "again").counts(), "a replay asks for nothing"


def test_sightings_are_removed_only_if_no_replay_can_need_them(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        ledger = taken(store)
        writer, now_ms = RunWriter(ledger, publish=False), NOON_MS + 40 * DAY_S * 1_000
        writer.write([wall(0, 0), wall(30 * DAY_S, 1), wall(40 * DAY_S, 2)])
        Pruning(ledger, Keep()).step(now_ms)
        kept = sa.select(sa.func.count()).select_from(text_sightings)
        with store.reading() as connection:
            assert connection.execute(kept).scalar() == 3
        pruning = Pruning(ledger, Keep(articles_ms=20 * DAY_S * 1_000))
        while pruning.step(now_ms):
            pass
        with store.reading() as connection:
            assert connection.execute(kept).scalar() == 2
