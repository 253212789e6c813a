"""Calls to the reader go by evidence of their own words, dress and place, and nothing else goes."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.html import HtmlElement, fromstring

from pipeline.extraction import calls
from pipeline.extraction.calls import without_calls
from pipeline.text.characters import folded
from pipeline.text.page_words import LEAST, is_call, page_odds

URL = "https://outlet.example/a"
CALL = "Sign up for our newsletter and get the latest news in your inbox every morning"
MILD = "You can find all our stories about the closure and the ferries here"
SENTENCE = "The harbour office closed the northern quay on Monday after a crane had fallen into the basin."
lines = st.lists(
    st.sampled_from(
        [CALL, MILD, SENTENCE, "Share this story", "He left.", "اشترك في نشرتنا", "What do you think of it?"]
    )
    | st.text("abc our you subscribe newsletter\u0627\u0644 ", min_size=1, max_size=60).map(str.strip).filter(bool),
    max_size=8,
)


def page(blocks: list[str]) -> HtmlElement:
    return fromstring(f"<html><body><article>{''.join(blocks)}</article></body></html>")


@given(lines, st.sampled_from(["<p>{}</p>", "<p><em>{}</em></p>", '<p><a href="https://t.example/x">{}</a></p>']))
def test_no_line_goes_that_its_own_evidence_does_not_name(given_lines: list[str], markup: str) -> None:
    tree = page([markup.format(html.escape(line)) for line in given_lines])
    kept = without_calls(given_lines, tree, URL)
    rest = iter(given_lines)
    assert all(line in rest for line in kept)  # in order, and none is new
    for line in given_lines:
        if page_odds(folded(line)).mean < LEAST:
            assert kept.count(line) == given_lines.count(line)
        if "<em>" in markup and is_call(line, page_odds(folded(line))):
            assert line not in kept
    assert without_calls(kept, tree, URL) == kept


@given(
    st.permutations(
        [SENTENCE, SENTENCE.upper(), CALL, MILD, "He left the town on a Sunday in the spring of that year."]
    )
)
def test_between_paragraphs_the_order_does_not_matter(given_lines: list[str]) -> None:
    ending = [*given_lines, SENTENCE]
    tree = page([f"<p><em>{line}</em></p>" for line in ending])
    assert set(without_calls(ending, tree, URL)) == set(without_calls([*given_lines[::-1], SENTENCE], tree, URL))


@pytest.mark.parametrize(
    ("markup", "gone"),
    [
        ("<p>{}</p>", False),
        ("<p><em>{}</em></p>", True),
        ("<p><em><strong>{}</strong></em></p>", True),
        ('<div><a href="https://elsewhere.example/x">{}</a></div>', True),
        ("<h3><em>{}</em></h3>", False),
        ("<p>{} <em>and there</em></p>", False),
    ],
)
def test_words_in_doubt_go_only_in_another_dress(markup: str, gone: bool) -> None:
    line = MILD if "and there" not in markup else f"{MILD} and there"
    tree = page([f"<p>{SENTENCE}</p>", markup.format(MILD), f"<p>{SENTENCE}</p>"])
    assert (line not in without_calls([SENTENCE, line, SENTENCE], tree, URL)) is gone


@pytest.mark.parametrize(
    "block",
    [f"<aside><p>{CALL}</p></aside>", f"<div>{CALL}</div>", f"<hr><p>{CALL}</p><hr>", f"<p><b>{CALL}</b></p>"],
)
def test_among_paragraphs_words_alone_do_not_suffice(block: str) -> None:
    around = [SENTENCE, CALL, SENTENCE]
    assert without_calls(around, page([f"<p>{line}</p>" for line in around]), URL) == around
    assert CALL not in without_calls(around, page([f"<p>{SENTENCE}</p>", block, f"<p>{SENTENCE}</p>"]), URL)


def test_each_element_is_looked_at_once_for_all_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def looks(count: int) -> int:
        looked: list[str] = []

        def counted(text: str, limit: int) -> str | None:
            looked.append(text)
            return short(text, limit)

        monkeypatch.setattr(calls, "_short", counted)
        given_lines = [f"{CALL} {number}" for number in range(count)]
        tree = page([f"<p><em>{line}</em></p>" for line in given_lines])
        assert without_calls([*given_lines, SENTENCE], tree, URL) == [SENTENCE]
        return len(looked)

    short = calls._short
    assert looks(200) < 2.2 * looks(100) < 2_000


@pytest.mark.parametrize("line", [f'"{CALL}," he said', f"«{CALL}»", f"{CALL}?"])
def test_quotations_and_questions_stay(line: str) -> None:
    tree = page([f"<p><em>{line}</em></p>"])
    assert without_calls([line], tree, URL) == [line]


def test_a_last_line_of_names_says_who_reported() -> None:
    credit = "(Reporting by Ann Keel and Ben Lind in Lethe; editing by Cora Ost)"
    tree = page([f"<p>{SENTENCE}</p>", f"<p>{credit}</p>"])
    assert without_calls([SENTENCE, credit], tree, URL) == [SENTENCE]
    assert without_calls([credit, SENTENCE], tree, URL) == [credit, SENTENCE]


@pytest.mark.parametrize("href", ["http://[::1", "//", "mailto:", "https://outlet.example/b", "javascript:x"])
def test_addresses_may_be_anything(href: str) -> None:
    tree = page([f'<p><a href="{href}">{MILD}</a></p>'])
    assert without_calls([MILD, SENTENCE], tree, URL)[-1] == SENTENCE
