"""Rules: where they hold, what they add, and the same as of brute force."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query import Document
from core.topics import Rule, Scored, Tagger, TermList, Topic
from core.topics.layout import layout_of, says_more
from core.topics.rules import BODY_PASSAGES

FILLER = "The council met on Monday and spoke about roads and bridges for a long time."
LISTS = {
    "one": TermList(terms={"any": "uno"}),
    "two": TermList(terms={"any": "duo"}),
    "not": TermList(terms={"any": "non"}),
}


def score(title: str, text: str, *rules: Rule, needs: tuple[str, ...] = ()) -> Scored | None:
    topic = Topic(name="t", title="T", threshold=0.01, lists=LISTS, rules=rules, needs=needs)
    found = Tagger((topic,)).scores(title, text, "en")
    return found[0] if found else None


def points(title: str, text: str, *rules: Rule, needs: tuple[str, ...] = ()) -> float:
    found = score(title, text, *rules, needs=needs)
    return found.score if found else 0.0


def rule(*parts: str, **more: object) -> Rule:
    weights = (
        {"title": 4.0, "lead": 2.0, "body": 1.0} if more.get("within") != "article" else {"lead": 2.0, "body": 1.0}
    )
    return Rule(name=" ".join(parts), all=parts, **{**weights, **more})  # type: ignore[arg-type]


def body(*paragraphs: str) -> str:
    return "\n".join((FILLER, FILLER, FILLER, FILLER, *paragraphs))


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Uno duo", FILLER, 4.0),
        ("Roads", f"Uno and duo. {FILLER}", 2.0),
        ("Roads", f"Uno. Duo. {FILLER}", 0.0),
        ("Uno", f"Duo. {FILLER}", 0.0),
        ("Roads", body("Uno, duo."), 1.0),
        ("Roads", body("Uno.", "Duo."), 0.0),
        ("Roads", body("Uno duo.", "Duo uno."), 2.0),
        ("Roads", body(*["Uno duo."] * 9), float(BODY_PASSAGES)),
        ("", f"Uno duo. {FILLER}", 6.0),
        ("Uno duo say the …", "Uno duo say the council met.", 6.0),
        ("", "", 0.0),
    ],
)
def test_in_one_sentence(title: str, text: str, expected: float) -> None:
    assert points(title, text, rule("one", "two")) == expected


@pytest.mark.parametrize(
    ("title", "text", "within", "expected"),
    [
        ("Roads", f"Uno. Duo. {FILLER}", "passage", 2.0),
        ("Roads", body("Uno. Duo."), "passage", 1.0),
        ("Roads", body("Uno.", "Duo."), "passage", 0.0),
        ("Uno", f"Duo. {FILLER}", "article", 3.0),
        ("Roads", body("Uno.", "Duo."), "article", 1.0),
        ("Uno", body("Duo."), "article", 1.0),
        ("Uno", FILLER, "article", 0.0),
    ],
)
def test_in_a_passage_and_in_the_article(title: str, text: str, within: str, expected: float) -> None:
    assert points(title, text, rule("one", "two", within=within)) == expected


def test_alternatives_exclusions_and_rules_against() -> None:
    assert points("Duo", FILLER, rule("one | two")) == 4.0
    assert points("Uno non", FILLER, rule("one", none=("not",))) == 0.0
    assert points("Uno", "Non. " + FILLER, rule("one", none=("not",))) == 4.0
    against = rule("not", title=-1.0, lead=-0.5, body=-0.25)
    assert points("Uno non", "Non. " + FILLER, rule("one"), against) == 2.5
    assert points("Non", FILLER, rule("one"), against) == 0.0


def test_without_what_a_topic_needs_nothing_is_added() -> None:
    assert points("Uno", FILLER, rule("one"), needs=("two",)) == 0.0
    assert points("Uno", f"{FILLER} Duo.", rule("one"), needs=("two",)) == 4.0


def test_evidence_is_the_words_at_which_a_rule_holds() -> None:
    found = score("Uno", body("Uno and duo.", "Uno."), rule("one", "two"))
    assert found is not None
    assert [(match.field, match.text) for match in found.matches] == [
        ("text", "Uno"),
        ("text", "duo"),
        ("text", "Uno"),
        ("title", "Uno"),
    ]
    assert [(part.name, part.points) for part in found.parts] == [("one two", 1.0)]


def test_a_long_body_counts_less_and_alike_for_both_signs() -> None:
    text = body("Uno non.", *[FILLER] * 100)
    assert 0 < points("Roads", text, rule("one")) < 0.5
    both = (rule("one"), rule("not", title=-4.0, lead=-2.0, body=-1.0))
    assert points("Roads", text, *both) == 0.0


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Storm", "Rain fell.", True),
        ("Storm hits the …", "Storm hits the coast.", False),
        ("Storm hits", "storm hits the coast", False),
        ("", "Storm", False),
        (" … ", "Storm", False),
    ],
)
def test_a_title_that_says_more_than_the_text_begins_with(title: str, text: str, expected: bool) -> None:
    assert says_more(title, text) is expected


SENTENCES = st.lists(st.sampled_from(("uno", "duo", "uno duo", "non", "uno non", "road", "road " * 30)), max_size=25)


@given(
    st.sampled_from(("", "uno", "duo uno", "road")), st.lists(SENTENCES, max_size=5), st.sampled_from(("two", "not"))
)
def test_sentences_by_brute_force(title: str, paragraphs: list[list[str]], excluded: str) -> None:
    text = "\n".join(". ".join(each) + "." for each in paragraphs if each)
    document = Document(title, text)
    layout = layout_of(title, text, document)
    words = text.split()
    bounds = [*layout.sentences, len(document.fields[0].starts)]
    plain = [word.strip(".") for word in words if word.strip(".")]
    holding = {"two": "duo", "not": "non"}[excluded]
    held = ["uno" in plain[first:last] and holding not in plain[first:last] for first, last in pairwise(bounds)]
    in_title = ("uno" in title.split() and holding not in title.split()) if layout.titled else bool(held and held[0])
    places = [*(passage.place for passage in layout.passages), len(plain)]
    in_body = sum(
        any(one for one, first in zip(held, bounds, strict=False) if low <= first < high)
        for low, high in pairwise(places[1:])
    )
    expected = 4.0 * in_title + 2.0 * any(held[: layout.lead])
    if layout.words <= 600:
        expected += min(in_body, BODY_PASSAGES)
        assert points(title, text, rule("one", none=(excluded,))) == expected
