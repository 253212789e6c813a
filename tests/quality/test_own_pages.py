"""The project's own evaluation pages: made-up outlets and news in the markup that common systems write, in many languages.

Each page says what must come of it. Pages and expectations are in ``pages/*.toml``: the gate needs nothing but the repository.
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from core.errors import ExtractionError
from core.records import RawArticle
from pipeline.extraction.clean import Extracted
from pipeline.text.language import detect
from pipeline.transforms.prepare import extract_raw

FOLDER = Path(__file__).parent / "pages"
FETCHED = datetime(2026, 11, 29, 12, tzinfo=UTC)


def pages_of(file: Path) -> list[dict[str, Any]]:
    """The pages of a file. ``{{en}}`` in a page stands for the text ``en`` of the file's table ``texts``."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    texts = content.get("texts", {})
    return [
        {**page, "in": file.stem, "html": re.sub(r"\{\{(\w+)\}\}", lambda name: str(texts[name[1]]), page["html"])}
        for page in content["page"]
    ]


PAGES: list[dict[str, Any]] = [page for file in sorted(FOLDER.glob("*.toml")) for page in pages_of(file)]
FIELDS = {
    *(
        "name",
        "url",
        "in",
        "html",
        "feed",
        "title",
        "title_any",
        "authors",
        "authors_any",
        "published",
        "published_day",
        "modified",
        "flag",
    ),
    *("language", "begins", "ends", "has", "lacks", "wall", "wall_any", "refused", "partial", "text_from"),
}


def made_of(page: dict[str, Any]) -> Extracted | str:
    """What comes of the page, or the reason and detail of its refusal."""
    raw = RawArticle(url=page["url"], source="outlet", fetched_at=FETCHED, html=page["html"], **page.get("feed", {}))
    try:
        return extract_raw(raw)
    except ExtractionError as error:
        return f"{error.reason}: {error.detail}"


def moment(when: datetime | None) -> str | None:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def wrong_of(page: dict[str, Any]) -> dict[str, object]:
    """The expectations that are not met, each with what was found."""
    found = made_of(page)
    if kinds := page.get("wall_any", [page["wall"]] if "wall" in page else []):
        right = found in [f"wall: {kind}" for kind in kinds]
        return {} if right else {"wall": found if isinstance(found, str) else found.text[:80]}
    if "refused" in page:
        right = isinstance(found, str) and found.startswith(page["refused"])
        return {} if right else {"refused": found if isinstance(found, str) else found.text[:80]}
    if isinstance(found, str):
        return {"refused": found}
    text = found.text
    language = detect(found.title, text, page_hint=found.page_language, feed_hint=page.get("feed", {}).get("language"))
    expected = page.get("language", language.code) if page["in"] == "strangers" else page["language"]
    checks: dict[str, tuple[bool, object]] = {
        "title": (found.title == page.get("title", found.title), found.title),
        "title_any": (found.title in page.get("title_any", [found.title]), found.title),
        "authors": (
            list(found.authors) in page.get("authors_any", [page.get("authors", [])]),
            found.authors,
        ),
        "published": (page.get("published") in (None, moment(found.published_at)), moment(found.published_at)),
        "published_day": (
            str(moment(found.published_at)).startswith(page.get("published_day", "")),
            moment(found.published_at),
        ),
        "modified": (page.get("modified") in (None, moment(found.modified_at)), moment(found.modified_at)),
        "language": (language.code == expected, language),
        "begins": (text.startswith(page.get("begins", "")), text[:60]),
        "ends": (text.endswith(page.get("ends", "")), text[-60:]),
        "has": (not (missing := [one for one in page.get("has", ()) if one not in text]), missing),
        "lacks": (not (there := [one for one in page.get("lacks", ()) if one in text]), there),
        "partial": (found.partial == page.get("partial", False), found.partial),
        "text_from": (found.text_from == page.get("text_from", found.text_from), found.text_from),
        "flag": (found.published_flag == page["flag"] if "flag" in page else True, found.published_flag),
    }
    return {name: value for name, (right, value) in checks.items() if not right}


@cache
def counted() -> dict[str, dict[str, object]]:
    return {f"{page['in']}: {page['name']}": wrong_of(page) for page in PAGES}


def test_every_page_says_only_what_is_checked() -> None:
    assert not [(page["name"], sorted(set(page) - FIELDS)) for page in PAGES if set(page) - FIELDS]
    assert len({(page["in"], page["name"]) for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=[f"{page['in']}: {page['name']}" for page in PAGES])
def test_a_page_gives_its_text_and_facts(page: dict[str, Any]) -> None:
    assert wrong_of(page) == {}
