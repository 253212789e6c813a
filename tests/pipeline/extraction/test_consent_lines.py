"""A notice below a short article goes before the page is judged, and a paragraph about such notices stays."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.extraction.calls import without_consent
from pipeline.extraction.clean import extract

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "consent_lines.toml").read_text(encoding="utf-8"))
ARTICLE = [
    "Tekniker stängde på onsdagen slussen i Orrin efter att en spricka hittats i en av stålportarna, uppger vattenverket.",
    "Pråmar har väntat nedanför staden sedan morgonen, och skepparna uppmanades att använda den norra kanalen i stället.",
]


@pytest.mark.parametrize("language", CASES["go"])
def test_a_notice_that_asks_for_consent_goes(language: str) -> None:
    assert without_consent([*ARTICLE, CASES["go"][language]]) == ARTICLE
    assert without_consent([CASES["go"][language], *ARTICLE]) == ARTICLE
    assert without_consent([CASES["go"][language]]) == [CASES["go"][language]]


@pytest.mark.parametrize("language", CASES["stay"])
def test_a_paragraph_about_consent_stays(language: str) -> None:
    lines = [*ARTICLE, CASES["stay"][language]]
    assert without_consent(lines) == lines


def test_a_short_article_above_a_notice_is_not_a_wall() -> None:
    title = "En reservdel väntas i slutet av nästa vecka"
    shown = "".join(f"<p>{line}</p>" for line in ARTICLE)
    html = (
        f"<html lang=sv><head><title>{title} | Bote</title></head><body><h1>{title}</h1>{shown}"
        f"<div><p>{CASES['go']['sv']}</p></div></body></html>"
    )
    made = extract(html, url="https://outlet.example/1", fetched_at=datetime(2026, 11, 29, tzinfo=UTC))
    assert made.text == "\n".join(ARTICLE)
