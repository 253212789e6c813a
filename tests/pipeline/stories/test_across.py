"""Names, places and vectors in the form in which texts of different languages are compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stories.across import CELLS, cells_of, cognates_in, fields_of, names_in, packed, unpacked
from pipeline.stories.places import places_in
from pipeline.stories.skeleton import skeleton
from pipeline.text.encoder import DIMENSIONS, HIGHEST
from tests.laws import examples

ONE_NAME = [
    [("Зеленський", "uk"), ("Зеленский", "ru"), ("Zełenski", "pl"), ("Zelenskiego", "pl"), ("Selenskyj", "de")],
    [("Khamenei", "en"), ("Хаменеи", "ru"), ("خامنئي", "ar"), ("خامنه‌ای", "fa"), ("Chamenei", "de")],
    [("Maduro", "es"), ("Мадуро", "ru"), ("مادورو", "ar"), ("Madura", "pl"), ("马杜罗", None), ("マドゥロ", None)],
    [("Maduro", "en"), ("מדורו", "he"), ("마두로", "ko")],
    [("Caracas", "en"), ("Каракас", "ru"), ("加拉加斯", None)],
    [("Vance", "en"), ("Вэнс", "ru"), ("فانس", "ar"), ("万斯", None)],
    [("Cherson", "de"), ("Херсоне", "ru"), ("Kherson", "en"), ("赫尔松", None)],
    [("Trump", "en"), ("Трампом", "ru"), ("ترامب", "ar"), ("Trumpem", "cs"), ("Τραμπ", "el")],
    [("Wenezueli", "pl"), ("Венесуэлы", "ru"), ("Venezuela", "en"), ("فنزويلا", "ar")],
    [("Krakau", "de"), ("Кракау", "ru")],
]


@pytest.mark.parametrize("spelled", ONE_NAME, ids=lambda spelled: spelled[0][0])
def test_one_name_in_many_spellings(spelled: list[tuple[str, str]]) -> None:
    assert len({skeleton(word, language) for word, language in spelled}) == 1


@pytest.mark.parametrize("words", [[("strike", "en"), ("страйку", "uk"), ("strajku", "pl"), ("Streik", "de")]])
def test_a_word_that_languages_share_is_one(words: list[tuple[str, str]]) -> None:
    assert len({tuple(cognates_in(word, "", language)) for word, language in words}) == 1


def test_names_written_in_chinese_and_japanese_are_found() -> None:
    assert skeleton("Maduro", "en") in names_in("美国突袭后马杜罗抵达纽约", "", "zh")[0]
    assert skeleton("Castillo", "es")[:3] in {one[:3] for one in names_in("カスティーヨ知事が発表した", "", "ja")[0]}


def test_other_names_are_others() -> None:
    names = [("Merkel", "de"), ("Macron", "fr"), ("Minsk", "en"), ("Madrid", "es"), ("Milei", "es"), ("Modi", "en")]
    assert len({skeleton(word, language) for word, language in names}) == len(names)


@pytest.mark.parametrize(
    ("text", "language", "codes"),
    [
        ("委内瑞拉总统在德国", "zh", ["VE", "DE"]),
        ("Prezydent Wenezueli w Niemczech", "pl", ["VE"]),
        ("Korea Północna i Stany Zjednoczone, w Korei Południowej", "pl", ["KP", "US", "KR"]),
        ("rosyjskiego wojska i francuskie władze", "pl", ["RU", "FR"]),
        ("South Korea, in the United Arab Emirates", "en", ["KR", "AE"]),
        ("the emirates are united", "en", []),
        ("den deutschen Behörden in Burkina Faso", "de", ["DE", "BF"]),
        ("朝鲜和韩国", "zh", ["KP", "KR"]),
        ("Президент Венесуэлы в Германии", "ru", ["VE", "DE"]),
        ("The president of Venezuela in Germany", "en", ["VE", "DE"]),
        ("رئيس فنزويلا في ألمانيا", "ar", ["VE", "DE"]),
        ("turkey for dinner", "en", []),
        ("w szwajcarskim kurorcie", "pl", ["CH"]),
        ("в швейцарском баре", "ru", ["CH"]),
        ("Venezuela", "xx", []),
    ],
)
def test_places_have_one_code_in_all_languages(text: str, language: str, codes: list[str]) -> None:
    assert places_in(text, language) == codes


def test_a_headline_that_capitalises_every_word_has_the_names_of_the_text() -> None:
    title = "Kamara Says Talks With Brenner Will Resume"
    found, others = names_in(title, "Talks with Ida Brenner resume, says Kamara.", "en")
    assert {skeleton(name, "en") for name in ("Kamara", "Brenner")} <= set(found)
    assert skeleton("Resume", "en") not in found
    assert skeleton("Ida", "en") in others


@given(st.lists(st.integers(-HIGHEST, HIGHEST), min_size=DIMENSIONS, max_size=DIMENSIONS))
@settings(max_examples=examples(20), deadline=None)
def test_a_packed_vector_comes_back(numbers: list[int]) -> None:
    vector = np.asarray(numbers, np.int8)
    assert unpacked(packed(vector)).tolist() == numbers
    assert len(cells_of(vector, "DE")) == CELLS


@given(st.text(max_size=60), st.text(max_size=500), st.sampled_from([None, "en", "ar", "zh", "xx"]))
@settings(max_examples=examples(60), deadline=None)
def test_any_text_has_these_fields(title: str, text: str, language: str | None) -> None:
    first, second = fields_of(title, text, language, None), fields_of(title, text, language, None)
    assert {name: np.asarray(value).tolist() for name, value in first.items()} == {
        name: np.asarray(value).tolist() for name, value in second.items()
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Երևան", "hy"), ("Ереван", "ru")),
        (("Երեւան", "hy"), ("ერევანი", "ka")),
        (("Ալիև", "hy"), ("Алиев", "ru")),
        (("Ուկրաինա", "hy"), ("Ukraine", "en")),
        (("평양", "ko"), ("Pyongyang", "en")),
    ],
)
def test_a_name_sounds_alike_in_both_scripts(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert skeleton(*one) == skeleton(*other)


@pytest.mark.parametrize(
    ("one", "other"), [("Երևան", "Իրան"), ("Ալիև", "Ալի"), ("김정은", "김정남"), ("정동영", "장동혁")]
)
def test_other_names_sound_different(one: str, other: str) -> None:
    language = "ko" if "가" <= one[0] <= "힣" else "hy"
    assert skeleton(one, language) != skeleton(other, language)
