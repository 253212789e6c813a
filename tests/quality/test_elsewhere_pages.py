"""Pages in ``elsewhere/`` that someone else wrote without knowing the extraction, with what must come of them.

A line of ``expected.jsonl`` has a page's file, address, headers and time of fetching, and its ``title``, ``authors`` (or
``authors_include``), ``published`` (a moment, or the day as shown), ``language`` (or ``language_any``), ``must_contain``,
``must_not_contain``, ``once`` and ``is_article``. A key left out has more than one right answer. ``wrong`` names what is not
right yet: a page must be wrong in that and in nothing else, so that a repair shortens the list.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.charset import decode_body
from core.errors import ExtractionError
from core.records import RawArticle
from pipeline.extraction.clean import Extracted
from pipeline.text.language import detect
from pipeline.transforms.prepare import extract_raw

FOLDER = Path(__file__).parent / "elsewhere"
PAGES: list[dict[str, Any]] = [
    json.loads(line) for line in (FOLDER / "expected.jsonl").read_text(encoding="utf-8").splitlines()
]


def plain(text: str) -> str:
    """Runs of white space as one space, without soft hyphens and zero-width spaces."""
    return re.sub(r"\s+", " ", text.replace("\xad", "").replace("\u200b", "")).strip()


def is_published(found: datetime | None, page: dict[str, Any]) -> bool:
    """Whether it is the moment, or a moment of the day as shown in a zone in which the shown time is that of the clock."""
    wanted = page["published"]
    if wanted is None or found is None:
        return found is wanted
    if "T" in wanted:
        return found == datetime.fromisoformat(wanted)
    if found.time() == datetime.min.time():
        return f"{found:%Y-%m-%d}" == wanted
    near = {f"{found + timedelta(hours=hours):%Y-%m-%d}" for hours in (-8, 0, 9)}
    shown = page.get("local_time", f"{found:%H:%M}")
    ahead = timedelta(hours=int(shown[:2]) - found.hour, minutes=int(shown[3:]) - found.minute)
    return wanted in near and not ahead % timedelta(minutes=15)


def wrong_in(found: Extracted, page: dict[str, Any]) -> set[str]:
    text = plain(found.text)
    language = detect(found.title, found.text, page_hint=found.page_language, feed_hint=None).code.split("-")[0]
    languages = page.get("language_any", [page["language"]] if "language" in page else [language])
    checks = {
        "title": plain(found.title) == plain(page.get("title", found.title)),
        "authors": list(found.authors) == page.get("authors", list(found.authors))
        and set(page.get("authors_include", ())) <= set(found.authors),
        "published": "published" not in page or is_published(found.published_at, page),
        "language": language in {one.split("-")[0] for one in languages},
        "must_contain": all(plain(one) in text for one in page["must_contain"]),
        "must_not_contain": not any(plain(one) in text for one in page["must_not_contain"]),
        "once": all(text.count(plain(one)) == 1 for one in page.get("once", ())),
    }
    return {name for name, right in checks.items() if not right}


def wrong_of(page: dict[str, Any]) -> set[str]:
    body = (FOLDER / page["file"]).read_bytes()
    headers = {name.lower(): value for name, value in page["headers"].items()}
    html = decode_body(body, headers.get("content-type")).text
    fetched = datetime.fromisoformat(page["fetched"]).astimezone(UTC)
    try:
        found = extract_raw(RawArticle(url=page["url"], source="outlet", fetched_at=fetched, html=html))
    except ExtractionError:
        return {"is_article"} if page["is_article"] else set()
    return wrong_in(found, page) if page["is_article"] else {"is_article"}


@pytest.mark.parametrize("page", PAGES, ids=[f"{page['file'][:3]} {page['kind']}" for page in PAGES])
def test_page(page: dict[str, Any]) -> None:
    assert sorted(wrong_of(page)) == page.get("wrong", [])


def test_most_are_right() -> None:
    assert len(PAGES) == 126
    assert sum("wrong" in page for page in PAGES) <= 30
