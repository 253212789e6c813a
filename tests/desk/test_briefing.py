"""The briefing: sentences word for word, one place for each story, what changed; the page, its exports, the message."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from core.errors import UsageError
from core.records import Subscription
from core.store import Store
from desk import language
from desk.delivery import briefing_pdf
from desk.delivery.briefing_pdf import is_rtl, pdf_of
from desk.delivery.render import Renderer
from desk.use_cases.briefing import Period, briefing, last_hours
from desk.use_cases.desk import Desk
from desk.views.briefing import LONGEST, SENTENCES, Briefing, first_sentences, joined
from tests.desk.support import Clock, Wire, add_people, make_desk
from tests.desk.test_topics_page import FILE
from tests.pipeline.transforms.support import NOON_MS
from tests.waiting import until

HOUR_MS, HOUR_S = 3_600_000, 3_600
CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "sentences.toml").read_text("utf-8"))["case"]
TEXT = "The water rose by two metres in one night. It took both bridges with it."
TOPICS = {"floods": FILE, "dams": FILE.replace("floods", "dams").replace("Floods & <dams>", "Dams")}


@pytest.fixture
def desk(store: Store, clock: Clock) -> Desk:
    made = make_desk(store, clock)
    add_people(made)
    made.queries.save_topics(TOPICS, now_ms=clock())
    made.queries.save_subscriptions([Subscription(id="ports", query="port", name="Ports")], now_ms=clock())
    return made


def made(desk: Desk, hours: int = 6) -> Briefing:
    now_ms = desk.clock_ms()
    return briefing(desk.store, "live", last_hours(hours, now_ms), outlets={}, now_ms=now_ms)


def held(view: Briefing) -> dict[str, list[str]]:
    return {section.title: [item.headline for item in section.items] for section in view.sections}


@pytest.mark.parametrize("case", CASES, ids=[one["name"] for one in CASES])
def test_the_first_sentences_are_those_of_a_case(case: dict[str, Any]) -> None:
    assert list(first_sentences(case["text"])) == case["sentences"]


@given(st.text(alphabet="abcDE .!?。؟\n1", max_size=300))
def test_a_sentence_stands_word_for_word_in_the_text(text: str) -> None:
    found = first_sentences(text)
    assert len(found) <= SENTENCES
    at = 0
    for sentence in found:
        assert len(sentence) <= LONGEST
        at = text.index(sentence, at) + len(sentence)


@pytest.mark.parametrize(
    ("sentences", "said"),
    [
        ((), ""),
        (("One.", "Two."), "One. Two."),
        (("一句。", "两句。"), "一句。两句。"),
        (("一句。", "Two."), "一句。 Two."),
    ],
)
def test_sentences_are_joined_as_their_script_joins_them(sentences: tuple[str, ...], said: str) -> None:
    assert joined(sentences) == said


def test_each_story_has_one_place_and_sentences_of_a_named_article(wire: Wire, desk: Desk, clock: Clock) -> None:
    told = wire.article("Flood in the valley", TEXT, topics={"dams": ["water"], "floods": ["rose"]}, language="en")
    wire.article("A copy", TEXT, story=told, copy_of=told, source="c.example", topics={"floods": ["rose"]})
    wire.article("Port closed", "The port is closed until Friday morning.", subscriptions={"ports": ["port"]})
    wire.article("Of no topic", "Nobody asked for this at all.")
    wire.article("Already there", TEXT, topics={"floods": ["rose"]}, backfill=True)
    clock.forward(HOUR_S)
    view = made(desk)
    # Dams comes first by its title, and the story has both topics.
    assert held(view) == {"Dams": ["Flood in the valley"], "Alerts outside the topics": ["Port closed"]}
    [item] = view.sections[0].items
    assert item.sentences == ("The water rose by two metres in one night.", "It took both bridges with it.")
    assert (item.new, item.article, item.outlet, item.copies) == (True, told, "a.example", 1)
    assert item.topics == ("Dams", "Floods & <dams>")
    assert view.sections[1].items[0].subscriptions == ("Ports",)
    assert view.stories == 2


def test_an_older_story_comes_again_with_what_changed(wire: Wire, desk: Desk, clock: Clock) -> None:
    topics = {"floods": ["rose"]}
    told = wire.article("Flood in the valley", TEXT, topics=topics, language="en")
    wire.article("Rain", "The water rose elsewhere, and nobody saw it.", topics=topics, language="en")
    wire.number = 10 * HOUR_S
    later = "The water rose again on Tuesday evening. Forty houses are empty now."
    wire.article("Flood again", later, story=told, source="b.example", topics=topics, language="en")
    clock.now_ms = NOON_MS + 11 * HOUR_MS
    [section] = made(desk).sections
    [item] = section.items
    assert (item.headline, item.new) == ("Flood in the valley", False)
    assert item.changes == ("further reports: b.example",)
    assert item.sentences[0] == "The water rose again on Tuesday evening."
    assert item.outlet == "b.example"
    # What came after a period is not in its briefing.
    early = briefing(desk.store, "live", Period(NOON_MS, NOON_MS + HOUR_MS), outlets={}, now_ms=clock())
    assert {item.headline: item.new for item in early.sections[0].items} == {"Flood in the valley": True, "Rain": True}
    assert early.sections[0].items[0].sentences[0].startswith("The water rose by two")


def test_a_quotation_is_of_the_headlines_article_and_says_its_language(
    wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient
) -> None:
    topics = {"floods": ["rose"]}
    arabic = "ارتفع الماء مترين في ليلة واحدة."
    wire.article("Rain", TEXT, topics=topics, language="en")
    told = wire.article("Flood in the valley", "rose, briefly", topics=topics, language="en")
    wire.article("فيضان في الوادي", arabic, story=told, source="b.example", language="ar")
    clock.forward(HOUR_S)
    items = {item.headline: item for section in made(desk).sections for item in section.items}
    assert (items["Rain"].sentences[0], items["Rain"].quoted_language) == (
        "The water rose by two metres in one night.",
        "en",
    )
    # The headline's article has no whole sentence, so another one's is quoted, from right to left.
    flood = items["Flood in the valley"]
    assert (flood.language, flood.sentences, flood.quoted_language) == ("en", (arabic,), "ar")
    assert f'<blockquote dir="auto" lang="ar">{arabic}</blockquote>' in as_reader.get("/briefing?hours=12").text


def test_the_headlines_article_is_quoted_though_its_feed_held_it_before_or_it_is_one_of_many(
    wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient
) -> None:
    topics = {"floods": ["rose"]}
    held_before = wire.article("Flood in the valley", TEXT, topics=topics, language="en", backfill=True)
    wire.article("Again", "The water rose once more at noon.", story=held_before, topics=topics, language="en")
    large = wire.article("Rain", "The rain came early this year. It rose.", topics=topics, language="en")
    for number in range(45):
        wire.article(f"Rain {number}", "The river rose as well.", story=large, topics=topics, language="en")
    clock.forward(HOUR_S)
    items = {item.headline: item for section in made(desk).sections for item in section.items}
    assert {key: (item.article, item.other_title) for key, item in items.items()} == {
        "Flood in the valley": (held_before, ""),
        "Rain": (large, ""),
    }
    # Of a story that is older than the period another article is quoted, which is then named.
    wire.number = 10 * HOUR_S
    wire.article("Once more", "The water rose on Tuesday.", story=held_before, topics=topics, language="en")
    clock.now_ms = NOON_MS + 11 * HOUR_MS
    [item] = made(desk).sections[0].items
    assert (item.headline, item.other_title) == ("Flood in the valley", "Once more")
    assert '<span dir="auto" lang="en">Once more</span>' in as_reader.get("/briefing?hours=8").text
    assert "> (Once more, a.example)" in as_reader.get("/briefing/export.md?hours=8").text


def test_the_period_is_bounded(clock: Clock) -> None:
    for hours in (0, 24 * 7 + 1):
        with pytest.raises(UsageError):
            last_hours(hours, clock())


def test_the_page_and_its_exports(wire: Wire, clock: Clock, as_reader: TestClient) -> None:
    hostile = "Flood <script>alert(1)</script> \u202e in the valley"
    wire.article(hostile, TEXT, topics={"floods": ["rose"]}, language="en", url="https://a.example/flood?a=1&b=2")
    clock.forward(HOUR_S)
    page = as_reader.get("/briefing?hours=12").text
    assert "The water rose by two metres in one night. It took both bridges with it." in page
    assert "Flood &lt;script&gt;" in page
    assert "Floods &amp; &lt;dams&gt;" in page
    mail = as_reader.get("/briefing/export.html")
    assert "attachment" in mail.headers["content-disposition"]
    assert "Flood &lt;script&gt;" in mail.text
    text = as_reader.get("/briefing/export.md").text
    assert "## Floods & <dams>" in text
    assert "\u202e" not in text
    assert "> The water rose by two metres in one night. It took both bridges with it.\n> (a.example)" in text
    assert "a.example: https://a.example/flood?a=1&b=2" in text
    assert as_reader.get("/briefing/export.odt").status_code == 404
    assert as_reader.get("/briefing?hours=900").status_code == 422


def test_the_page_and_its_files_are_in_one_language(
    wire: Wire, desk: Desk, clock: Clock, as_reader: TestClient
) -> None:
    topics = {"floods": ["rose"]}
    told = wire.article("Flood in the valley", TEXT, topics=topics, language="en")
    wire.article("Port closed", "The port is closed until Friday morning.", subscriptions={"ports": ["port"]})
    wire.number = 10 * HOUR_S
    for number in range(7):
        wire.article("Again", "The water rose again.", story=told, source=f"{number}.example", topics=topics)
    wire.article("Again", "The water rose.", story=told, source="0.example", topics=topics, version=2)
    clock.now_ms = NOON_MS + 11 * HOUR_MS
    outlets = "0.example, 1.example, 2.example, 3.example, 4.example"
    german = as_reader.get("/briefing?hours=8", headers={"accept-language": "de"}).text
    assert f'<li dir="auto">weitere Berichte: {outlets} und 2 weitere</li>' in german
    assert "bearbeitet: 0.example" in german
    assert "further" not in german
    whole = as_reader.get("/briefing?hours=24", headers={"accept-language": "de"}).text
    assert "Alarme außerhalb der Themen" in whole
    text = as_reader.get("/briefing/export.md?hours=8", headers={"accept-language": "de"}).text
    assert f"- geändert: weitere Berichte: {outlets} und 2 weitere" in text
    assert "- geändert: bearbeitet: 0.example" in text
    assert "Sätze sind wörtlich aus dem Artikel zitiert" in text
    whole = as_reader.get("/briefing/export.html?hours=24", headers={"accept-language": "ar"}).text
    assert '<html lang="ar" dir="rtl">' in whole
    assert "تنبيهات خارج المواضيع" in whole
    english = as_reader.get("/briefing/export.md?hours=8").text
    assert f"- changed: further reports: {outlets} and 2 more" in english
    assert language.current() == language.SOURCE


def test_a_pdf_has_fonts_for_its_scripts_and_takes_text_for_text(
    wire: Wire, clock: Clock, as_reader: TestClient
) -> None:
    topics = {"floods": ["rose"]}
    hostile = '#panic("code") $x$ *b* </script> \u202e rose'
    wire.article(hostile, TEXT, topics=topics, language="en", url="https://a.example/flood?a=1")
    for title, text, code in (
        ("ارتفاع منسوب المياه rose", "ارتفع الماء مترين في ليلة واحدة.", "ar"),
        ("שר החוץ: השיחות rose", "השיחות נמשכו שלוש שעות בג'נבה.", "he"),
        ("مذاکرات آتش\u200cبس rose", "مذاکرات در ۱۲ آذر ادامه می\u200cیابد.", "fa"),
        ("叙利亚政府达成协议 rose", "双方同意停火协议，援助将于周二开始。", "zh"),
    ):
        wire.article(title, text, topics=topics, language=code)
    clock.forward(HOUR_S)
    assert "/briefing/export.pdf?hours=12" in as_reader.get("/briefing?hours=12").text
    answer = as_reader.get("/briefing/export.pdf?hours=12")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    # Hebrew letters are in the typesetter's own font, as Latin ones are.
    for font in (b"Libertinus", b"NotoSansArabic", b"NotoSansSC"):
        assert font in answer.content, font
    assert b"/URI(https://a.example/flood?a=1)" in answer.content


@pytest.mark.parametrize(
    ("text", "rtl"),
    [
        ("", False),
        ("120 – «", False),
        ("12 مليون", True),
        ("UN: سوريا", False),
        ("(עברית) text", True),
        ("叙利亚", False),
    ],
)
def test_a_text_has_the_direction_of_its_first_letter(text: str, *, rtl: bool) -> None:
    assert is_rtl(text) is rtl


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, as_reader: TestClient) -> None:
    monkeypatch.setattr(briefing_pdf, "find_spec", lambda _name: None)
    answer = as_reader.get("/briefing/export.pdf")
    assert (answer.status_code, "make PDFs" in answer.text) == (400, True)


def test_an_empty_briefing_says_that_it_is_empty(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    wire.article("A street market moves", "It is held beside the river now.", topics=())
    until(desk.board.snapshot, "the article on the board")
    assert "No story of a topic or a subscription is new or changed" in as_reader.get("/briefing").text
    assert "No story of a topic or a subscription is new" in as_reader.get("/briefing/export.md").text


def test_a_custom_template_makes_the_pdf(tmp_path: Path) -> None:
    (tmp_path / "briefing.typ").write_text("#panic(sys.inputs.view)")
    with pytest.raises(UsageError, match=r"template briefing\.typ: .*1970-01-01 01:00"):
        pdf_of(Briefing(from_ms=0, until_ms=HOUR_MS), "UTC", templates=str(tmp_path))


def test_a_custom_template_replaces_the_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "briefing.txt").write_text("{{ view.stories }} {{ nothing }}")
    notice = Renderer(str(tmp_path)).briefing(Briefing(from_ms=0, until_ms=HOUR_MS), "UTC")
    with pytest.raises(UsageError, match=r"briefing\.txt"):
        assert notice.text
    assert json.loads(json.dumps(notice.subject)) == "[Wirewatch] Briefing, Thu 1 Jan 01:00: 0 stories"
