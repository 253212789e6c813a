"""Frequent words by language, and proposals for a query that leave them out."""

from __future__ import annotations

import pytest

from core.common_words import common_words
from core.query import Document, parse
from core.query.narrower_queries import narrower_queries


@pytest.mark.parametrize(
    ("language", "words"),
    {
        "en": {"with", "from", "after", "would"},
        "de": {"mit", "nach", "werden", "eine"},
        "fr": {"avec", "dans", "pour"},
        "ar": {"إلى", "على", "التي"},
        "fa": {"این", "برای", "است"},
        "ru": {"после", "который", "для"},
        "uk": {"після", "який", "для"},
        "tr": {"için", "olarak", "sonra"},
        "he": {"של", "אחרי", "היה"},
        "nb": {"etter", "ikke"},
        "sr": {"који", "после"},
    }.items(),
)
def test_function_words_are_common(language: str, words: set[str]) -> None:
    assert words <= common_words(language)


@pytest.mark.parametrize("language", [None, "", "xx", "zh", "not a code", "_", "en-"])
def test_an_unknown_language_has_no_common_words(language: str | None) -> None:
    assert common_words(language) == frozenset()


@pytest.mark.parametrize(
    ("language", "query", "title", "first", "never"),
    [
        (
            "en",
            "harbour",
            "Crane drivers walk out at night with harbour pilots",
            ["drivers", "pilots"],
            ["with", "night with"],
        ),
        ("en", "harbour", "Harbour strike over wages spreads to Antwerp", ["Antwerp"], ["over", "over wages to"]),
        ("de", "hafen", "Streit nach dem Urteil: Hafen von Rostock klagt", ["Rostock"], ["nach", "nach dem"]),
        ("ar", "ميناء", "إضراب عمال ميناء بعد قرار الحكومة التي", ["إضراب"], ["التي", "بعد"]),
        ("ru", "порт", "Крановщики бастуют после увольнений: порт закрыт", ["увольнений"], ["после"]),
    ],
)
def test_specific_words_are_proposed_first_and_common_ones_never(
    language: str, query: str, title: str, first: list[str], never: list[str]
) -> None:
    found = narrower_queries(parse(query), Document(title, ""), title=title, common=common_words(language))
    phrases = [str(one.change).removeprefix("not if it contains ").strip('"') for one in found if one.kind == "phrase"]
    assert set(first) <= set(phrases[: len(first) + 1]), phrases
    assert not {one.lower() for one in never} & {one.lower() for one in phrases}
