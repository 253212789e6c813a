"""Powers of ten in words, and what a figure is in two digits, in any language."""

from __future__ import annotations

import pytest

from pipeline.stories.figures import figures_in
from pipeline.stories.scales import scales

ONE_FIGURE = [
    [("1,200 billion rupees", "en"), ("1.2 lakh crore rupees", "en"), ("1.2 लाख करोड़ रुपये", "hi")],
    [("5 billion baht", "en"), ("งบประมาณราว 5 พันล้านบาท", "th"), ("5,000 million baht", "en")],
    [("5,000 billion yuan", "en"), ("预算达到5万亿元人民币", "zh")],
    [("3,000 billion dong", "en"), ("3 nghìn tỷ đồng", "vi")],
    [("120,000 people", "en"), ("1,20,000 people", "en"), ("1.2 lakh people", "en")],
    [("25 million rupees", "en"), ("₹2,50,00,000 in cash", "en"), ("2.5 crore rupees", "en")],
    [("12,000 people", "en"), ("地震の死者は1万2000人に達したと政府が発表した", "ja")],
    [("3 billion euros", "en"), ("3 mil milhões de euros", "pt")],
    [("34 million taka", "en"), ("3 crore 40 lakh taka", "en"), ("৩ কোটি ৪০ লাখ টাকা", "bn"), ("3 करोड़ 40 लाख टका", "hi")],
    [("500,000 rupees", "en"), ("5 लाख रुपये", "hi"), ("5 لاکھ روپے", "ur"), ("5 lakh rupees", "en")],
    [("20 million baht", "en"), ("เงินราว 20 ล้านบาท", "th"), ("20 milioni di baht", "it"), ("20 juta baht", "id")],
    [("41,000 people crossed", "en"), ("41,472 people crossed", "en"), ("偷渡到英国的人数超过 4.1 万人", "zh")],
    [("250 million yen in sales", "en"), ("売上高は2億5000万円だった", "ja"), ("销售额达到2亿5000万日元", "zh")],
    [("2.5 million", "en"), ("2,5 miljoner", "sv"), ("2,5 εκατομμύρια", "el"), ("2,5 millió ember", "hu")],
]


@pytest.mark.parametrize("written", ONE_FIGURE, ids=lambda written: written[0][0])
def test_a_figure_in_the_scales_of_many_languages(written: list[tuple[str, str]]) -> None:
    found = [[one.near for one in figures_in(text, language)] for text, language in written]
    assert found[0] != []
    assert found == found[:1] * len(found)


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("3 lakhs and 40 crores", "en", 2),
        ("40 lakh 3 crore", "en", 2),
        ("造成34人死亡，125人受伤送医", "zh", 2),
        ("5 M wide", "en", 1),
    ],
)
def test_figures_that_stand_side_by_side_are_several(text: str, language: str, count: int) -> None:
    assert len({one.key for one in figures_in(text, language)}) == count


@pytest.mark.parametrize(
    ("language", "word", "power"), [("hi", "करोड", 7), ("th", "ล้าน", 6), ("zh", "亿", 8), ("pl", "mld", 9)]
)
def test_scales_by_cldr(language: str, word: str, power: int) -> None:
    assert scales(language)[word] == power


def test_a_language_that_cldr_lacks_has_no_scales() -> None:
    assert scales("xx") == {}


def test_two_digits_round_a_figure_only_if_they_are_near_it() -> None:
    rounds = {
        text: [one.rounds for one in figures_in(text, "en")] for text in ("1,204 dead", "1,290 dead", "£1.29 billion")
    }
    assert rounds == {"1,204 dead": [True], "1,290 dead": [False], "£1.29 billion": [False]}
