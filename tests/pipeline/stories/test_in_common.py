"""What two articles are said to have in common: names and figures, for people."""

from __future__ import annotations

import pytest

from core.records import Article
from pipeline.stories.in_common import figures_in_common, names_in_common
from tests.quality.stories.stage import article


@pytest.mark.parametrize(
    ("language", "title", "other_language", "other_title", "names"),
    [
        ("en", "Lavrov and Fidan meet in Antalya", "ru", "Лавров и Фидан встретились в Анталье", ("Fidan", "Antalya")),
        ("ar", "محادثات بين روسيا وتركيا منذ يوم", "ar", "خلاف بين روسيا وتركيا على بون", ("روسيا", "وتركيا")),
        ("en", "Grain ship leaves the harbour", "en", "Barley prices fall at the exchange", ()),
    ],
)
def test_names_in_two_titles_are_found_across_languages(
    language: str, title: str, other_language: str, other_title: str, names: tuple[str, ...]
) -> None:
    one, other = _titled(title, language), _titled(other_title, other_language)
    assert set(names_in_common(one, other)) == set(names)


def test_figures_in_two_titles_are_found_across_languages() -> None:
    one = _titled("175 prisoners exchanged, 12 more wait", "en")
    assert figures_in_common(one, _titled("Обмен: 175 пленных вернулись домой", "ru")) == ("175",)


def _titled(title: str, language: str) -> Article:
    return article("https://a.example/1", title, "", at_ms=0, source="a", language=language)
