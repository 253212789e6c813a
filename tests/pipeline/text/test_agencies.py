"""Credits of agencies: found in the forms that desks write, not if an agency is only mentioned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.agencies import AGENCIES, agency_name, find_agency

CREDITED = {
    "GENEVA (AP) — The talks went on.": "AP",
    "LONDON, April 25 (Reuters) - The harbour opened.": "Reuters",
    "AP — The mayor said so.": "AP",
    "BERLIN (dpa) - Der Hafen ist offen.": "dpa",
    "Berlin (dpa/AFP) – Der Hafen ist offen.": "dpa",
    "КИЕВ, 3 марта. /ТАСС/. Переговоры идут.": "TASS",
    "دمشق (وكالات) - قال المتحدث": "Agencies",
    "الرياض (رويترز) - قال المتحدث": "Reuters",
    "BEIJING, March 3 (Xinhua) -- The port opened.": "Xinhua",
    "新华社北京1月3日电 港口开放。": "Xinhua",
    "【共同通信】港が開いた。": "Kyodo",
    "ANKARA (AA) - Liman açıldı.": "Anadolu",
    "Der Hafen ist offen, sagte er.\ndpa": "dpa",
    "The harbour is open, he said.\nSource: Reuters": "Reuters",
    "The harbour is open, he said. (Reuters)": "Reuters",
    "Гавань открыта.\nИсточник: Интерфакс": "Interfax",
    "فتح الميناء.\nالمصدر: الأناضول": "Anadolu",
}
NOT_CREDITED = (
    "",
    "Thomson Reuters shares fell on Monday, analysts said.",
    "He visited a spa. Then he left the spa.",
    "Müller, dpa-Chef seit Mai, sagte nichts.",
    "The strike at Reuters goes on, and the union said that more will come.",
    "London: the PA spokesman said nothing of note in the afternoon.",
    "تاس هو اسم النهر في هذه الرواية الجديدة",
    "Mehr als tausend Menschen kamen.",
)


@pytest.mark.parametrize("text", CREDITED)
def test_a_credited_agency_is_found(text: str) -> None:
    assert agency_name(find_agency(text)) == CREDITED[text]


@pytest.mark.parametrize("text", NOT_CREDITED)
def test_an_agency_that_is_only_mentioned_is_not_found(text: str) -> None:
    assert agency_name(find_agency(text)) is None


def test_the_head_comes_before_the_tail() -> None:
    assert agency_name(find_agency("PARIS (AFP) - Le port.\n" + "x " * 400 + "\ndpa")) == "AFP"


def test_the_middle_does_not_count() -> None:
    assert find_agency("words " * 100 + "GENEVA (AP) — talks " + "words " * 100) == 0


def test_numbers_never_change() -> None:
    """Numbers lie in stores: a new agency comes at the end."""
    names = [name for name, _ in AGENCIES]
    assert names[:10] == ["", "AP", "Reuters", "AFP", "dpa", "TASS", "Interfax", "RIA Novosti", "Xinhua", "Anadolu"]
    assert len(set(names)) == len(names)
    assert agency_name(0) is None
    assert agency_name(200) is None


@given(st.text(max_size=600))
def test_any_text_has_an_agency_of_the_table(text: str) -> None:
    assert 0 <= find_agency(text) < len(AGENCIES)


@pytest.mark.parametrize("text", ["(" * 5_000, "A, " * 5_000, "AP/" * 5_000, " " * 5_000 + "AP", "-" * 5_000], ids=repr)
def test_hostile_texts_end(text: str) -> None:
    # A runaway pattern would take hours here.
    assert 0 <= find_agency(text) < len(AGENCIES)
