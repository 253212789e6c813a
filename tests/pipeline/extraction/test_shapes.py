"""What browsers show alike comes out alike: source lines, tables, own elements, asides, notices; and no letter is lost."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extraction.clean import extract
from pipeline.text.characters import normal_line

P = [
    "The envoys left the hall on Monday evening and said that the talks would go on for at least another week.",
    "A spokeswoman of the host country told reporters that both sides had come with proposals of their own.",
    "Neither delegation wished to say whether a ceasefire had been spoken about, or who would watch over it.",
]
TEXT = "\n".join(P)
LINKS = "<ul><li><a href='/1'>Storm at sea</a> 3 hours ago</li><li><a href='/2'>Ferries torn</a> 2 days ago</li></ul>"
TITLE = "Talks go on at the harbour"


def text_of(body: str, *, around: str = "<main><article><h1>{title}</h1>{body}</article></main>") -> str:
    html = f"<html><head><title>{TITLE}</title></head><body>{around.format(title=TITLE, body=body)}</body></html>"
    return extract(html, url="https://outlet.example/1", fetched_at=datetime(2026, 11, 29, tzinfo=UTC)).text


def wrapped(line: str, end: str = "\n") -> str:
    words = line.split()
    return end.join(" ".join(words[start : start + 6]) for start in range(0, len(words), 6))


@pytest.mark.parametrize(
    "body",
    [
        "".join(f"<p>{line}</p>" for line in P),
        "".join(f"<p>{wrapped(line)}</p>" for line in P),
        "".join(f"<div>{wrapped(line)}</div>" for line in P),
        "<div>" + "<br><br>".join(wrapped(line, "\r\n   ") for line in P) + "</div>",
        "<div>" + "<br/>".join(P) + "</div>",
        "<story-body>" + "".join(f"<story-par>{line}</story-par>" for line in P) + "</story-body>",
        "<story>" + "".join(f"<paragraph>{line}</paragraph>" for line in P) + "</story>",
        f"<p>{P[0]}</p><noscript><p>{P[1]}</p><p>{P[2]}</p></noscript>",
        "<noscript>" + "".join(f"<p>{line}</p>" for line in P) + "</noscript>",
        "<table><tr><td>" + "<br><br>".join(P) + "</td></tr></table>",
        "<table>" + "".join(f"<tr><td>{line}</td></tr>" for line in P) + "</table>",
        "<table role='presentation'><tr><td><p>" + "</p><p>".join(P) + "</p></td></tr></table>",
        f"<p>{P[0]}</p><p>Read also: <a href='/1'>Storm</a><br><a href='/2'>Ferries</a></p><p>{P[1]}</p><p>{P[2]}</p>",
        f"<p>{P[0]}</p><p>اقرأ أيضا <a href='/1'>عاصفة تغلق الميناء</a></p><p>{P[1]}</p><p>{P[2]}</p>",
        f"<p>{P[0]}</p>" + LINKS + f"<p>{P[1]}</p><p>{P[2]}</p>",
        f"<p>{P[0]}</p><div><a href='/1'><b>Related</b><span>Storm at sea</span></a></div><p>{P[1]}</p><p>{P[2]}</p>",
        f"<p>حجم الخط</p><p>{P[0]}</p><p>{P[1]}</p><p>{P[2]}</p>",
        "<div id='onetrust-consent-sdk'><p>We and our partners store data on your device, and more than that.</p></div>"
        + "".join(f"<p>{line}</p>" for line in P),
    ],
)
def test_paragraphs_are_the_pages(body: str) -> None:
    assert text_of(body) == TEXT


@pytest.mark.parametrize(
    "around",
    [
        "<aside class='col'><h1>{title}</h1>{body}</aside>",
        "<table><tr><td><a href=/1>Home</a></td><td><h1>{title}</h1>{body}</td><td>12 degrees</td></tr></table>",
    ],
)
def test_the_article_is_found_in_any_element(around: str) -> None:
    assert text_of("".join(f"<p>{line}</p>" for line in P), around=around) == TEXT


def test_a_box_of_facts_belongs_to_the_article_and_a_box_of_links_does_not() -> None:
    facts = "<aside class='factbox'><p>All guns fall silent at noon on Friday, and 175 prisoners are freed.</p></aside>"
    links = (
        "<aside class='related'><p><a href='/1'>Storm closes the port of the northern town for two days</a></p></aside>"
    )
    text = text_of(f"<p>{P[0]}</p><p>{P[1]}</p>{facts}{links}<p>{P[2]}</p>")
    assert "175 prisoners" in text
    assert "Storm" not in text


def test_a_box_that_asks_for_consent_is_not_the_text_of_a_short_article() -> None:
    box = "<div class='cmp-layer'><h2>Your privacy</h2><p>We and our partners store personal data on your device.</p></div>"
    assert text_of(f"<p>{P[0]}</p>", around=box + "<article><h1>{title}</h1>{body}</article>") == P[0]


LETTERS = st.characters(categories=["Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd"]) | st.sampled_from("\u200c\u200d")


@given(st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=25, max_size=40))
def test_no_letter_of_the_text_is_lost(words: list[str]) -> None:
    line = normal_line(" ".join(word for word in words if normal_line(word)))
    text = text_of(f"<p>{P[0]}</p><p>{line} {P[1]}</p><p>{P[2]}</p>")
    assert unicodedata.normalize("NFC", line) in text
