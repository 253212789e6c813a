"""Facts on pages that differ in one thing each: ``tests/cases/page_facts.toml``, set into a plain page.

A case says what stands in the page: ``head``, ``window`` (its title), ``heading`` (markup of the <h1>), ``shown`` (between
heading and text), ``body``, ``middle`` (between its paragraphs), ``before`` and ``after`` (the article), ``site``, ``nav``
and ``footer`` of the outlet; and what must be found: ``title``, ``authors``, ``published``, ``flag``, ``has``, ``lacks``,
``lines``, ``partial``.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.extraction.clean import Extracted, extract

CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "cases" / "page_facts.toml").read_text(encoding="utf-8")
)["case"]
FETCHED = datetime(2026, 11, 29, 12, tzinfo=UTC)
HEADLINE = "Boats leave northern harbour after ban is lifted"
SITE = "Harbour Post"
BODY = [
    "Fishermen in the northern harbour went back to sea on Friday after the port authority lifted a ban on some sixty boats.",
    "The authority said that the channel had been sounded twice and that the wreck of a barge no longer blocked the way.",
    "Owners of the boats had asked for compensation for the eleven days on which they could not work, and await an answer.",
]
PAGE_FIELDS = {
    "lang",
    "head",
    "window",
    "heading",
    "shown",
    "body",
    "middle",
    "before",
    "after",
    "site",
    "nav",
    "footer",
    "url",
}
FIELDS = PAGE_FIELDS | {"name", "title", "authors", "published", "flag", "has", "lacks", "lines", "partial"}


def page_of(case: dict[str, Any]) -> str:
    site = case.get("site", SITE)
    menu = "".join(
        f'<li><a href="/{number}">{name}</a></li>' for number, name in enumerate(case.get("nav", ("World", "Economy")))
    )
    paragraphs = [f"<p>{line}</p>" for line in BODY]
    body = case.get("body", "".join((*paragraphs[:2], case.get("middle", ""), *paragraphs[2:])))
    footer = case.get("footer", f"© {site} 2026. All rights reserved." if site else "")
    return (
        f'<!doctype html><html lang="{case.get("lang", "en")}"><head><meta charset="utf-8">'
        f"<title>{case.get('window', HEADLINE)}</title>{case.get('head', '')}</head><body>"
        f'<header><a href="/">{site}</a><nav><ul>{menu}</ul></nav></header>{case.get("before", "")}'
        f"<main><article>{case.get('heading', f'<h1>{HEADLINE}</h1>')}{case.get('shown', '')}{body}</article></main>"
        f"{case.get('after', '')}<footer>{footer}</footer></body></html>"
    )


def found_in(case: dict[str, Any]) -> Extracted:
    return extract(page_of(case), url=case.get("url", "https://outlet.example/news/boats"), fetched_at=FETCHED)


def wrong_of(case: dict[str, Any]) -> dict[str, object]:
    """The expectations that are not met, each with what was found."""
    found = found_in(case)
    when = found.published_at.strftime("%Y-%m-%dT%H:%M:%SZ") if found.published_at else None
    checks: dict[str, tuple[bool, object]] = {
        "title": (found.title == case.get("title", found.title), found.title),
        "authors": (list(found.authors) == case.get("authors", list(found.authors)), found.authors),
        "published": (when == case.get("published", when), when),
        "flag": (found.published_flag == case.get("flag", found.published_flag), found.published_flag),
        "partial": (found.partial == case.get("partial", found.partial), found.partial),
        "has": (all(one in found.text for one in case.get("has", ())), found.text),
        "lacks": (not any(one in found.text for one in case.get("lacks", ())), found.text),
        "lines": (found.text.count("\n") + 1 == case.get("lines", found.text.count("\n") + 1), found.text),
    }
    return {name: value for name, (right, value) in checks.items() if not right}


def test_every_case_says_only_what_is_checked() -> None:
    assert not [(case["name"], sorted(set(case) - FIELDS)) for case in CASES if set(case) - FIELDS]
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_page_gives_the_facts_that_its_case_says(case: dict[str, Any]) -> None:
    assert wrong_of(case) == {}
