"""A text at several addresses of a host that tells of none of them is a wall; a text that a host carries twice is none."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import fromstring

from core.durations import DAY_MS
from core.records import Article, OrderKey, OutcomeKind, article_id
from pipeline.stories.repeated_walls import KEPT_A_DAY, WINDOW_MS, Sighting, doubtful, repeated, sighting
from pipeline.stories.stage import Decided
from tests.pipeline.stories.world import HOUR, Desk, article, prose

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "page_walls.toml").read_text(encoding="utf-8"))
NOTICE = "Wir prüfen kurz, ob alles in Ordnung ist. Gleich geht es weiter, bitte haben Sie einen Augenblick Geduld."
TITLES = (
    "Ferry runs aground off the northern islands",
    "Parliament votes on the budget in second reading",
    "Уряд схвалив програму відбудови мостів",
    "Bauern liefern weniger Weizen als im Vorjahr",
    "Les pompiers maîtrisent un incendie de forêt",
    "地震后铁路恢复通车",
    "Reeder bestellen sechs neue Tanker in Korea",
    "Orkest opent seizoen met vergeten symfonie",
)


class Page(NamedTuple):
    path: str
    text: str
    title: str | None


def judged(pages: Sequence[Page], *, step_ms: int = HOUR, known: bool = False) -> list[bool | None]:
    """For each page in order whether it is a wall by repetition; None: its text is not doubtful."""
    seen: list[Sighting] = []
    found: list[bool | None] = []
    for place, (path, text, title) in enumerate(pages):
        url = f"https://outlet.example{path}"
        doubt = doubtful(url, text, title=title, headline="", claims_facts=False)
        if doubt is None:
            found.append(None)
            continue
        key, before = (
            OrderKey(place * step_ms, article_id(url), ""),
            [one for one in seen if one.digest == doubt.digest],
        )
        found.append(repeated(doubt, article_id(url), key, before, known=known))
        one = sighting(doubt, article_id(url), key, before)
        seen += [] if one is None else [one]
    return found


def at_addresses(text: str, titles: Sequence[str | None] = TITLES) -> list[Page]:
    return [Page(f"/news/{4_000 + number}", text, title) for number, title in enumerate(titles)]


def shown(body: str) -> str:
    return str(fromstring(f"<div>{body}</div>").text_content())


WALLS = [case for case in CASES["wall"] if len(shown(case["body"])) > 20]


@pytest.mark.parametrize("case", WALLS, ids=[f"{case['kind']} {case['language']}" for case in WALLS])
def test_walls_are_known_from_the_third_address_on(case: dict[str, str]) -> None:
    assert judged(at_addresses(shown(case["body"]))) == [False, False, *[True] * (len(TITLES) - 2)]


@pytest.mark.parametrize("case", CASES["article"], ids=[case["title"] for case in CASES["article"]])
def test_a_short_true_article_at_many_addresses_is_not_boilerplate(case: dict[str, str]) -> None:
    title, text = case["title"], case["text"]
    pages = [Page(f"/{place}/a", text, f"{title} {'(updated)' * (place % 2)}") for place in range(8)]
    assert not any(judged(pages))


def test_numbers_and_addresses_in_a_wall_do_not_hide_it() -> None:
    pages = [
        Page(
            f"/{place}",
            f"{NOTICE} Ray 7f{place}c9 from 10.0.0.{place}, www.outlet.example/{title.replace(' ', '-')}",
            title,
        )
        for place, title in enumerate(TITLES)
    ]
    assert judged(pages)[2:] == [True] * (len(TITLES) - 2)


def test_addresses_without_words_and_titles_need_more_of_them() -> None:
    pages = at_addresses(NOTICE, [None] * 8)
    assert judged(pages) == [False] * 4 + [True] * 4
    assert judged(pages, known=True) == [False] * 2 + [True] * 6
    # A template with other figures is another text.
    prices = [
        Page(f"/{place}", f"Ein Liter kostet heute {place} Cent an allen Zapfsäulen.", None) for place in range(8)
    ]
    assert not any(judged(prices))
    assert doubtful("https://a.example/7", NOTICE, title=None, headline="", claims_facts=True) is None


def test_one_article_at_many_addresses_is_not_boilerplate() -> None:
    # Its text takes up nothing of its headline, and it is carried in two sections, for print, for mobiles, anew.
    title = "Pomp and reflection in the capital"
    text = "Four days of parades, street parties and concerts recall the end of the fighting."
    forms = ["/a/pomp", "/b/pomp", "/print/pomp", "/m/pomp.html", "/a/pomp-2", "/77", "/78", "/79"]
    titles = [title, f"{title} – updated", "Live: pomp and reflection in the capital", title.upper()] * 2
    assert judged([Page(*one) for one in zip(forms, [text] * 8, titles, strict=True)]) == [False] * 8


@pytest.mark.parametrize("times", [1, 2])
def test_a_text_repeated_below_another_headline_is_not_boilerplate(times: int) -> None:
    text = "The ferry ran aground at dawn. All passengers are safe."
    pages = [Page(f"/{place}", text, "Accident at sea near the islands") for place in range(times)]
    pages.append(Page("/again", text, "Coastguard rescues hundreds of travellers"))
    assert not any(judged(pages))


def test_only_the_window_counts_and_a_day_keeps_few() -> None:
    assert judged(at_addresses(NOTICE), step_ms=WINDOW_MS // 2) == [False] * 8
    assert judged(at_addresses(NOTICE), step_ms=WINDOW_MS // 2 - 1) == [False] * 2 + [True] * 6
    doubt = doubtful("https://outlet.example/1", NOTICE, title=TITLES[0], headline="", claims_facts=False)
    assert doubt is not None
    seen: list[Sighting] = []
    for place in range(50):
        one = sighting(doubt, f"article {place}", OrderKey(place, "", ""), seen)
        seen += [] if one is None else [one]
    assert len(seen) == KEPT_A_DAY
    assert sighting(doubt, "another", OrderKey(DAY_MS + 10, "", ""), seen) is not None
    assert sighting(doubt, "article 1", OrderKey(DAY_MS + 10, "", ""), seen) is None


def test_the_order_in_which_sightings_are_read_says_nothing() -> None:
    doubt = doubtful("https://outlet.example/1", NOTICE, title=TITLES[0], headline="", claims_facts=False)
    assert doubt is not None
    said = [TITLES[1], f"{TITLES[1]} at last", "A reading of the budget in parliament"]
    others: list[Sighting] = []
    for place, title in enumerate(said):
        other = doubtful("https://outlet.example/2", NOTICE, title=title, headline="", claims_facts=False)
        assert other is not None
        others.append(Sighting(digest="d", article=str(place), announced=other.announced, key=OrderKey(place, "", "")))
    found = {repeated(doubt, "me", OrderKey(9, "", ""), some, known=False) for some in permutations(others)}
    assert len(found) == 1


def record(number: int, what: str, at_ms: int) -> tuple[Article, str | None]:
    one = article(
        f"outlet.example/{number}", prose(number) if what == "page" else NOTICE, at_ms=at_ms, title=TITLES[number]
    )
    return one, "The feed says what happened." if what == "wall with the feed's text" else None


COMING = st.tuples(st.integers(0, 5), st.sampled_from(["page", "wall", "wall with the feed's text"]))


@settings(deadline=None, max_examples=20)
@given(st.lists(COMING, max_size=10), st.randoms(use_true_random=False))
def test_a_wall_by_repetition_never_replaces_a_version_however_the_run_is_cut(
    coming: list[tuple[int, str]], random: Random
) -> None:
    def told_in(cuts: Sequence[int]) -> list[Decided]:
        desk, told, begin = Desk(), list[Decided](), 0
        for end in (*cuts, len(coming)):
            articles, doubts = [], []
            for place in range(begin, end):
                one, feed = record(*coming[place], at_ms=place * HOUR)
                stand_in = (
                    None if feed is None else msgspec.structs.replace(one, text=feed, wall="repeated", text_from="feed")
                )
                articles.append(one)
                doubts.append(
                    doubtful(one.url, one.text, title=one.title, headline="", claims_facts=False, stand_in=stand_in)
                )
            told += desk.tell_all(articles, doubts=doubts)
            desk, begin = desk.restarted(), end
        return told

    at_once = told_in([])
    cuts = sorted(random.sample(range(len(coming) + 1), min(len(coming), 3)))
    assert msgspec.json.encode([_seen(one) for one in told_in(cuts)]) == msgspec.json.encode(
        [_seen(one) for one in at_once]
    )
    walled, stands = set[int](), dict[int, str]()
    for (number, what), told in zip(coming, at_once, strict=True):
        if what != "page" and (len(walled - {number}) >= 2 or (number in stands and walled - {number})):
            replaced = told.article is not None and number in stands and stands[number] != NOTICE
            assert not replaced, "a wall that is known took a version's place"
            assert told.outcome.kind in (OutcomeKind.UNCHANGED, OutcomeKind.REJECTED) or told.wall == "repeated"
            if told.outcome.kind is OutcomeKind.REJECTED:
                assert (told.outcome.stage, told.outcome.reason, told.wall) == ("wall", "repeated", "repeated")
        if what != "page":
            walled.add(number)
        if told.article is not None:
            stands[number] = told.article.text


def _seen(told: Decided) -> tuple[object, ...]:
    return told.outcome, told.article, told.wall, told.sighting
