"""Differences of versions: what counts as one, where it lies, and how much it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.difference import MAX_WORDS, Size, WordChange, difference, settled, words_of

CLOCKWORK = (
    "Updated 12:31",
    "Last updated: 3 March 2024, 12:31 GMT",
    "Stand: 03.04.2024, 12:31 Uhr",
    "Zuletzt aktualisiert am 3. April um 12.31 Uhr",
    "Mis à jour le 3 mars à 12h31",
    "Actualizado: 03/04/2024 12:31",
    "Обновлено 12:31",
    "Опубликовано 3 марта, 12:31",
    "Оновлено 12:31",
    "آخر تحديث: 12:31",
    "به‌روزرسانی: ۱۲:۳۱",
    "Son güncelleme: 03.04.2024 12:31",
    "更新 12:31",
    "1,204 comments",
    "Comments (12)",
    "3.4K views",
    "12 Kommentare",
    "5 min read",
    "5 minutes ago",
    "vor 5 Minuten",
    "5 минут назад",
    "منذ 5 دقائق",
)
NEWS = (
    "Updated rules force 12 ports in the north of the country to close",
    "12 people died.",
    "Update: 12 people now known to have died",
    "Update 12:31: fire spreads",
    "Updated: 12 dead, 30 injured",
    "At 12:31 the ferry struck the rocks.",
    "Published in 1912, the novel tells of a harbour town. It was an instant success.",
    "Стандарт 12 принят",
    "Updated",
)
TEXT = (
    "The ferry struck rocks in thick fog. " * 3
    + "All 140 passengers were brought ashore by the coastguard before night fell."
)


@pytest.mark.parametrize("line", CLOCKWORK)
def test_clockwork_makes_no_version(line: str) -> None:
    other = line.translate(str.maketrans("12345۱۲۳", "54321۳۱۲"))
    assert settled(f"{TEXT}\n{line}") == settled(f"{TEXT}\n{other}") == settled(TEXT)
    assert difference(("T", f"{line}\n{TEXT}"), ("T", f"{other}\n{TEXT}")).size is Size.NONE


@pytest.mark.parametrize("line", NEWS)
def test_a_line_of_news_counts_for_a_difference(line: str) -> None:
    assert line in settled(f"{TEXT}\n{line}")


def test_clockwork_that_is_all_there_is_stays() -> None:
    assert settled("Updated 12:31") == "Updated 12:31"
    assert settled("") == ""


def test_white_space_and_forms_of_characters_make_no_version() -> None:
    assert settled("A  ferry\n\nsank\u00a0here") == settled("A ferry sank here")


def test_changes_are_shown_word_by_word() -> None:
    told = difference(("Fire kills 3", "Three people died."), ("Fire kills 5", "Five people died, police said."))
    assert told.changes == (
        WordChange("title", 2, "3", "5"),
        WordChange("text", 0, "Three", "Five"),
        WordChange("text", 3, "", ", police said"),
    )
    assert (told.removed, told.added, told.words_before, told.words_after) == (2, 4, 7, 10)
    assert told.figures_changed
    assert told.size is Size.MINOR


@pytest.mark.parametrize(
    ("before", "after", "size"),
    [
        (("T", TEXT), ("T", TEXT), Size.NONE),
        (("T", TEXT), ("T", TEXT.replace("thick", "dense")), Size.MINOR),
        (("T", TEXT), ("T", TEXT.replace("fog.", "fog!")), Size.MINOR),
        (
            ("T", TEXT),
            ("T", TEXT + " The captain reported a fault of the steering before the ship went aground."),
            Size.MAJOR,
        ),
        (("T", TEXT), ("T", TEXT[: len(TEXT) // 2]), Size.MAJOR),
        (("T", TEXT), ("T", ""), Size.MAJOR),
        (("Ferry aground", TEXT), ("All passengers safe", TEXT), Size.MAJOR),
        (("Ferry aground off the Point", TEXT), ("Ferry aground near the Point", TEXT), Size.MINOR),
        (("T", "word " * 2_000), ("T", "word " * 2_000 + "new " * 30), Size.MINOR),
        (("T", "word " * 2_000), ("T", "word " * 2_000 + "new " * 60), Size.MAJOR),
    ],
)
def test_a_difference_is_as_large_as_its_case_says(before: tuple[str, str], after: tuple[str, str], size: Size) -> None:
    assert difference(before, after).size is size


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    told = difference(("題", "特使们周一晚上离开会场"), ("題", "特使们周二晚上离开会场"))
    assert told.changes == (WordChange("text", 4, "一", "二"),)


def test_huge_texts_are_compared_as_far_as_their_bound() -> None:
    assert len(words_of("word " * (MAX_WORDS * 2))) == MAX_WORDS
    told = difference(("T", "a " * 200_000), ("T", "b " * 200_000))
    assert told.removed == told.added == MAX_WORDS
    assert len(told.changes) == 1


def test_a_limited_number_of_changes_is_kept() -> None:
    before, after = " ".join(f"word{n} same" for n in range(500)), " ".join(f"other{n} same" for n in range(500))
    told = difference(("T", before), ("T", after), keep=10)
    assert len(told.changes) <= 10
    assert told.removed == 500


WORDS = st.lists(st.sampled_from(["ferry", "rocks", "12", "fog,", "the", "a", "coastguard", "特使"]), max_size=40).map(
    " ".join
)


@given(WORDS, WORDS)
def test_a_difference_is_nothing_only_between_equals(one: str, other: str) -> None:
    told = difference(("T", one), ("T", other))
    assert (told.size is Size.NONE) == (words_of(settled(one)) == words_of(settled(other)))
    back = difference(("T", other), ("T", one))
    assert (told.size is Size.NONE) == (back.size is Size.NONE)


@given(st.text(max_size=300))
def test_settling_again_changes_nothing(text: str) -> None:
    assert settled(settled(text)) == settled(text)
