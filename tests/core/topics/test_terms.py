"""Lists of terms: what they find where, in which language, and where they don't count."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.query import Document
from core.topics import Tagger, load_topic
from core.topics.terms import TermTable, country_names, cut_terms, terms_of


def found(text: str, terms: str, *, language: str = "any", apart: str = "", title: str = "") -> list[str]:
    """The words that a list finds, in the order of their places, those of the text first."""
    document = Document(title, text, language=None if language == "any" else language)
    table = TermTable([(cut_terms(terms, language), cut_terms(apart, language))])
    hits = table.hits(document, table.met(document), {0}).get(0, [])
    return [
        document.fields[hit.field].text[
            document.fields[hit.field].starts[hit.first] : document.fields[hit.field].ends[hit.last]
        ]
        for hit in hits
    ]


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("Trains stop. The TRAIN waits.", "train", ["TRAIN"]),
        ("Trains stop. The TRAIN waits.", "train*", ["Trains", "TRAIN"]),
        ("In Deir ez-Zor and Deir Ezzor", "Deir ez-Zor, Deir Ezzor", ["Deir ez-Zor", "Deir Ezzor"]),
        ("Ahmed al-Shara'a said", "al-Shara'a", ["al-Shara'a"]),
        ("Ahmed al-Shara’a said", "al-Shara'a", ["al-Shara’a"]),
        ("Soueïda, Soueida", "Soueïda", ["Soueïda", "Soueida"]),
        ("peace plans were peaceful", "peace plan*", ["peace plans"]),
        (
            "Saudi Arabia's and Saudi-Arabien",
            "Saudi*, Saudi Arab*",
            ["Saudi", "Saudi Arabia", "Saudi", "Saudi-Arabien"],
        ),
        ("叙利亚首都大马士革", "大马士革, 叙利亚", ["叙利亚", "大马士革"]),
        ("哈马斯说", "哈马省", []),
        ("nothing of it", "train", []),
        ("", "train", []),
    ],
)
def test_what_is_found(text: str, terms: str, expected: list[str]) -> None:
    assert found(text, terms) == expected


def test_particles_are_written_onto_hebrew_and_arabic_words() -> None:
    assert found("הוא בסוריה ומסוריה לדמשק", "סוריה, דמשק", language="he") == ["בסוריה", "ומסוריה", "לדמשק"]
    assert found("سافر إلى سوريا وبسوريا والسوريون", "سوريا, سوري*", language="ar") == ["سوريا", "وبسوريا", "والسوريون"]


def test_a_phrase_in_which_a_term_does_not_count() -> None:
    apart = "Syrian hamster*, born in Syria"
    assert found("A Syrian hamster. He was born in Syria. Syrian troops.", "Syria, Syrian", apart=apart) == ["Syrian"]
    assert found("x", "Syria", apart=apart, title="Born in Syria") == []
    assert found("Syria, born", "Syria", apart=apart) == ["Syria"]


def test_phrases_that_do_not_count_may_hold_one_another() -> None:
    assert found("b a c d", "a, c, d", apart="b a c, a") == ["d"]


@pytest.mark.parametrize("term", ["*", "a*b", "?x", "sy?ia", "...", "!"])
def test_an_invalid_term_is_named(term: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(term))):
        list(cut_terms(f"train, {term}", "en"))


def test_countries_have_the_names_of_the_articles_language() -> None:
    assert country_names("SY", "cs") == ("Sýrie",)
    assert country_names("SY", "cs", stemmed=True) == ("Sýrie", "Sýri*")
    assert country_names("IR", "zh", stemmed=True) == ("伊朗",) or country_names("IR", "zh")[0] == "伊朗"
    assert country_names("SY", "xx") == ()
    words = {element.key for term in terms_of({}, ["SA"], "fi", stemmed=True) for element in term.elements}
    assert "saudi" in words


@given(
    st.lists(st.sampled_from(["a", "b", "c", "ab", "abc"]), max_size=30),
    st.lists(
        st.lists(st.sampled_from(["a", "b", "c", "ab", "a*", "ab*"]), min_size=1, max_size=3), min_size=1, max_size=4
    ),
)
def test_terms_are_found_if_their_words_are_adjacent(words: list[str], terms: list[list[str]]) -> None:
    def fits(word: str, wanted: str) -> bool:
        return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted

    expected = {
        (first, first + len(term) - 1)
        for term in terms
        for first in range(len(words) - len(term) + 1)
        if all(fits(word, wanted) for word, wanted in zip(words[first:], term, strict=False))
    }
    document = Document("", " ".join(words))
    table = TermTable([(cut_terms(", ".join(map(" ".join, terms)), "any"), ())])
    hits = table.hits(document, table.met(document), {0}).get(0, [])
    assert {(hit.first, hit.last) for hit in hits} == expected
    assert hits == sorted(hits)


FILE = """
name = "t"
title = "T"
threshold = 1.0
[list.one]
{one}
[[rule]]
name = "r"
all = ["one"]
title = 1.0
{rule}
"""


@pytest.mark.parametrize(
    ("one", "rule", "says"),
    [
        ('terms.en = "a*b"', "", ["list.one", "en", "a*b"]),
        ('terms.english = "a"', "", ["list.one", "english", "two lower-case letters"]),
        ('countries = ["XQ"]', "", ["list.one", "XQ"]),
        ("", "", ["list.one", "neither terms nor countries"]),
        ('terms.en = "a"', 'none = ["two"]', ["rule 'r'", "no list 'two'"]),
        ('terms.en = "a"', 'within = "article"', ["rule 'r'", "title"]),
        ('terms.en = "a"', 'within = "page"', ["within"]),
        ('terms.en = "a"', "body = 21", ["body"]),
        ('terms.en = "a"', '[[rule]]\nname = "r"\nall = ["one"]\nlead = 1.0', ["two with that name"]),
    ],
)
def test_what_a_file_may_not_say(one: str, rule: str, says: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        load_topic(FILE.format(one=one, rule=rule), "t.toml")
    assert str(caught.value).startswith("t.toml: ")
    assert all(word in str(caught.value) for word in says), str(caught.value)


def test_a_language_that_is_not_known_is_guessed_from_the_terms() -> None:
    # "die" and "war" are words of two languages.
    topic = load_topic(FILE.format(one='terms.en = "die, war, hit"\nterms.de = "Zug, Bahn"', rule=""), "t")
    tagger = Tagger((topic,))
    assert not tagger.tag("Die Bahn war spät", "Der Zug stand in Ulm.", "fr")
    assert {one.text for one in tagger.scores("Die Bahn war spät", "Der Zug stand.", None)[0].matches} == {"Bahn"}
    assert {one.text for one in tagger.scores("War", "They hit and die.", None)[0].matches} == {"War"}
