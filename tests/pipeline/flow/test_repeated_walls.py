"""Walls by repetition through the real graph: one outcome a record, in any order of input, in slices of any size."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from core.records import RawArticle, article_id, encode, to_ms
from pipeline.drivers.slices import SliceLimits
from tests.pipeline.flow.input import START, Item
from tests.pipeline.flow.runs import bounded

NOTICE = (
    "<html lang='fi'><head><title>The Outlet</title></head><body><h1>Saariston viikko</h1><p>Lehti ilmestyy kolmesti "
    "viikossa. Toimitus palvelee lukijoita arkisin rannan vanhassa makasiinissa.</p></body></html>"
)
PAGE = "<html><head><title>{0}</title></head><body><article><h1>{0}</h1><p>{1}</p></article></body></html>"
FERRY = "The ferry ran aground at dawn; all passengers are safe, the coastguard of the northern islands says."
TITLES = ("Ferry runs aground", "Budget passes second reading", "Wheat harvest falls short", "Orchestra opens season")


def coming() -> list[Item]:
    """A page, then the wall at its address and three others, one of which the feed tells, then the page again."""
    shown = [(0, PAGE.format(TITLES[0], FERRY)), (1, NOTICE), (2, NOTICE), (3, NOTICE), (0, NOTICE)]
    shown += [(0, PAGE.format(TITLES[0], f"{FERRY} A tug is on its way.")), (0, NOTICE)]
    items = []
    for second, (number, html) in enumerate(shown):
        raw = RawArticle(
            url=f"https://outlet.example/{number}",
            source="outlet",
            fetched_at=START + timedelta(seconds=second),
            title=TITLES[number],
            summary="The orchestra plays a forgotten symphony tonight." if number == 3 else None,
            html=html,
        )
        items.append(Item(f"{second}", to_ms(raw.fetched_at), article_id(raw.url).encode(), encode(raw), raw))
    return items


def test_a_wall_by_repetition_ends_alike_however_the_input_comes(tmp_path: Path) -> None:
    items = coming()
    results, counts = bounded(tmp_path / "whole", items, SliceLimits(100, 1 << 20))
    ends = [(one["item"], one["kind"], one.get("stage"), one.get("reason")) for one in results["outcomes"]]
    assert ends == [
        ("0", "published", None, None),
        ("1", "published", None, None),  # nothing says yet that it stands at every address
        ("2", "duplicate", None, None),
        ("3", "published", None, None),
        ("4", "rejected", "wall", "repeated"),
        ("5", "updated", None, None),
        ("6", "rejected", "wall", "repeated"),
    ]
    stands = {one["url"][-1]: (one["text"], one["text_from"], one["wall"]) for one in results["articles"]}
    assert stands["3"] == ("The orchestra plays a forgotten symphony tonight.", "feed", "repeated")
    assert stands["0"][0].endswith("A tug is on its way.")
    assert sum(counts.values()) == len(items)
    assert bounded(tmp_path / "cut", items[::-1], SliceLimits(2, 1 << 20))[0] == results
