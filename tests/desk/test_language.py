"""The desk in every language: no sentence outside of the catalogues, none without a translation; whose language a page has."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import nodes
from starlette.testclient import TestClient

from core.errors import FailureKind, QueryError
from core.failure_words import FAILURES, failure
from core.query import lint, parse
from core.records import from_ms
from core.records.news_texts import more_sources, rewritten
from core.saying import saying
from desk import language
from desk.feed_port import FeedLine
from desk.language import (
    LANGUAGES,
    SOURCE,
    gettext,
    ngettext,
    pgettext,
    preferred,
    read_catalogue,
    script_words,
    speaking,
)
from desk.use_cases.desk import Desk
from desk.views.countries import country_name
from desk.views.wording import Clock, language_name, news_text
from desk.web.render import ENVIRONMENT, STATIC
from tests.desk.messages import extracted, updated
from tests.desk.support import Feeds, form_token
from tests.desk.test_api import token_of
from tests.pipeline.transforms.support import NOON_MS

CASES = Path(__file__).parents[1] / "cases"
NOON = from_ms(NOON_MS)
OTHERS = [code for code in LANGUAGES if code != SOURCE]
TEMPLATES = sorted(ENVIRONMENT.list_templates())
ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-label", "aria-description"}
"""Attributes that people read."""
VALUES = re.compile(r"%\((\w+)\)s|%(?!\()(.)")


@dataclass
class Shown(HTMLParser):
    """What people read of a template: its text and attributes, without code and keys. Expressions are ``\\x01at\\x02``."""

    found: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("translate") != "no":
            self.found += [value for name, value in attrs if name in ATTRIBUTES and value]
        else:
            self.found.append(given.get("aria-label") or "")
        if tag == "input" and given.get("type") in ("submit", "button"):
            self.found.append(given.get("value") or "")
        if tag in ("input", "br", "link", "meta", "hr", "img", "rect", "path"):
            return
        if self.silent or tag in ("code", "kbd", "script", "style", "pre") or given.get("translate") == "no":
            self.silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def outputs(node: nodes.Node) -> Iterator[nodes.Node]:
    """Everything that a template writes, in its order: constant text and expressions."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Output):
            yield from child.nodes
        else:
            yield from outputs(child)


def constants(node: nodes.Node) -> Iterator[str]:
    """Strings that an expression may write, apart from the sentences of the catalogues."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, nodes.CondExpr):
        for part in (node.expr1, node.expr2):
            if part is not None:
                yield from constants(part)
    elif isinstance(node, nodes.Concat | nodes.Add | nodes.Or):
        for part in node.iter_child_nodes():
            yield from constants(part)
    elif isinstance(node, nodes.Filter) and node.name != "format" and node.node is not None:
        yield from constants(node.node)


def unwrapped(name: str) -> list[str]:
    """What a template shows to people without the catalogues: words in its text, and in expressions there."""
    source = ENVIRONMENT.loader.get_source(ENVIRONMENT, name)[0] if ENVIRONMENT.loader else ""
    tree = ENVIRONMENT.parse(source)
    parts = list(outputs(tree))
    page = Shown()
    page.feed(
        "".join(one.data if isinstance(one, nodes.TemplateData) else f"\x01{at}\x02" for at, one in enumerate(parts))
    )
    page.close()
    said = []
    for text in page.found:
        for at in re.findall("\x01(\\d+)\x02", text):
            said += [one for one in constants(parts[int(at)]) if re.search(r"[^\W\d_]", one)]
        said += re.findall(r"[^\W\d_][^\x01\x02]*", re.sub("\x01\\d+\x02", "\x01", text))
    # What a macro is called with, it may show.
    for call in tree.find_all(nodes.Call):
        if not (isinstance(call.node, nodes.Name) and call.node.name in ("_", "gettext", "ngettext", "pgettext")):
            given = [*call.args, *(one.value for one in call.kwargs)]
            said += [
                text
                for one in given
                for text in constants(one)
                if re.search(r"[A-Z]|[a-z] [a-z]", text) and "/" not in text
            ]
    return [one.strip() for one in said if one.strip(" ·") != "Wirewatch"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_say_nothing_outside_of_the_catalogues(name: str) -> None:
    assert unwrapped(name) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_sentences_of_templates_are_constants(name: str) -> None:
    # They are HTML, so nothing from outside may be taken for one.
    source = ENVIRONMENT.loader.get_source(ENVIRONMENT, name)[0] if ENVIRONMENT.loader else ""
    for call in ENVIRONMENT.parse(source).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "gettext", "ngettext", "pgettext"):
            number = 2 if call.node.name in ("ngettext", "pgettext") else 1
            assert all(isinstance(one, nodes.Const) for one in call.args[:number]), f"{name}:{call.lineno}"


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.stem)
def test_scripts_say_nothing_outside_of_the_catalogues(path: Path) -> None:
    # What is announced, set as text or raised for a person, up to the end of the statement.
    source = path.read_text("utf-8")
    for shown in re.findall(r"(?:textContent = |(?<!function )say\(|\btitle = |new Error\()([^;]*);", source):
        bare = re.sub(r"n?gettext\((?:[^()]|\([^()]*\))*\)", "", shown)
        strings = [re.sub(r"\$\{[^}]*\}", "", one) for one in re.findall(r"[\"'`]([^\"'`]*)[\"'`]", bare)]
        words = [one for one in strings if re.search("[A-Za-z]{2}", one)]
        assert words == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_translated(code: str) -> None:
    known = read_catalogue(code)
    lacking, unlike = [], []
    for message in extracted():
        if not message.id:
            continue
        first = message.id if isinstance(message.id, str) else message.id[0]
        there = known.get(first, message.context)
        forms = (
            [there.string]
            if there is not None and isinstance(there.string, str)
            else list(there.string)
            if there
            else []
        )
        if there is None or there.fuzzy or not forms or not all(forms):
            lacking.append(first)
            continue
        values = {
            name or mark
            for one in ([message.id] if isinstance(message.id, str) else message.id)
            for name, mark in VALUES.findall(one)
        }
        for form in forms:
            found = {name or mark for name, mark in VALUES.findall(form)}
            # A form for one or two may be a word instead of the number.
            if not found <= values or not values - found <= ({"num"} if len(forms) > 1 else set()):
                unlike.append((first, form))
            if sorted(re.findall("<[^>]*>", form)) != sorted(re.findall("<[^>]*>", first)):
                unlike.append((first, form))
    assert lacking == [], "make messages, then translate them"
    assert unlike == []


@pytest.mark.parametrize("code", OTHERS)
def test_catalogues_hold_what_the_desk_says_and_nothing_else(code: str) -> None:
    assert (language.FOLDER / code / "desk.po").read_text("utf-8") == updated(code), "make messages"


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, ar;q=0.5, en;q=0.4", "ar"),
        ("en;q=0.1, de;q=0.2", "de"),
        ("de;q=0", "en"),
        ("de;q=much", "en"),
        ("fr-CA", "en"),
        ("*", "en"),
        ("AR-eg", "ar"),
        (",;,q=1", "en"),
    ],
)
def test_the_browsers_wish(accepted: str, code: str) -> None:
    assert preferred(accepted, "en") == code


def test_numbers_times_and_names_in_each_language() -> None:
    clock = Clock(NOON_MS, UTC)
    year_ms = 366 * 86_400_000
    for code, wanted in {
        "en": ["1,234", "25%", "Arabic", "3 min", "30 Jul 2026 12:00"],
        "de": ["1.234", "25\xa0%", "Arabisch", "3 Min.", "30. Juli 2026 12:00"],
        "ar": ["1,234", "25%", "العربية", "3 د", "30 يوليو 2026 12:00"],
    }.items():
        with speaking(code):
            found = [language.number(1234), language.percent(0.25), language_name("ar"), clock.age(NOON_MS - 180_000)]
            assert found == wanted[:4]
            assert len(clock.short(NOON_MS - year_ms)) > len(clock.short(NOON_MS))
    assert language.current() == SOURCE


def test_arabic_has_its_six_plural_forms() -> None:
    with speaking("ar"):
        said = [language.ngettext("%(num)s day", "%(num)s days", count) for count in (0, 1, 2, 3, 11, 100)]
    assert len(set(said)) == 6


def test_scripts_get_their_sentences() -> None:
    assert script_words("en") == {}
    assert script_words("de")["now"] == "jetzt"
    assert not set(script_words("de")) - {one.id if isinstance(one.id, str) else one.id[0] for one in extracted()}


FRENCH = """
msgid ""
msgstr ""
"Language: fr\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"
"Content-Type: text/plain; charset=utf-8\\n"

#: desk/web/static/live.js
msgid "%(num)s story"
msgid_plural "%(num)s stories"
msgstr[0] "%(num)s sujet"
msgstr[1] "%(num)s sujets"

#: desk/web/static/live.js
msgid "now"
msgstr "maintenant"
"""


def test_scripts_get_a_form_for_each_plural_category_of_a_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # CLDR has "many" for a million in French, a catalogue has two forms.
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "desk.po").write_text(FRENCH, "utf-8")
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    for kept in (script_words, language.catalogue):
        kept.cache_clear()
    try:
        assert script_words("fr") == {
            "%(num)s story": {"one": "%(num)s sujet", "many": "%(num)s sujets", "other": "%(num)s sujets"},
            "now": "maintenant",
        }
    finally:
        for kept in (script_words, language.catalogue):
            kept.cache_clear()


@pytest.mark.parametrize("code", OTHERS)
def test_scripts_say_the_same_form_as_pages(code: str) -> None:
    said, category = language.catalogue(code), language.locale_of(code).plural_form
    plurals = [one.id for one in extracted() if isinstance(one.id, tuple) and one.id[0] in script_words(code)]
    assert plurals
    for one, many in plurals:
        forms = script_words(code)[one]
        assert isinstance(forms, dict)
        for count in (*range(130), 1_000, 1_000_000):
            assert forms[category(count)] == said.ngettext(one, many, count)


def test_a_page_has_the_language_of_its_reader(client: TestClient, desk: Desk) -> None:
    def shown(path: str = "/sign-in", **headers: str) -> tuple[str, str]:
        found = re.search('<html lang="([a-z]+)" dir="([a-z]+)">', client.get(path, headers=headers).text)
        assert found is not None
        return found[1], found[2]

    assert shown() == ("en", "ltr")
    assert shown(**{"accept-language": "ar"}) == ("ar", "rtl")
    assert shown("/no-such-page", **{"accept-language": "ar"}) == ("ar", "rtl")
    # Chosen before signing in: kept by the browser.
    token = form_token(client)
    client.post("/account/language", data={"form_token": token, "language": "de", "back": "/sign-in"})
    assert shown(**{"accept-language": "ar"}) == ("de", "ltr")
    # Chosen by the person: kept with the account, whatever the browser.
    values = {"name": "reader", "password": "twelve little letters", "form_token": form_token(client)}
    assert client.post("/sign-in", data=values, follow_redirects=False).status_code == 303
    token = form_token(client, "/account")
    client.post("/account/language", data={"form_token": token, "language": "ar"})
    assert desk.accounts.known("reader").language == "ar"
    assert shown("/account", **{"accept-language": "en"}) == ("ar", "rtl")
    # Programs get English.
    assert "unknown parameter" in client.get("/api/v1/stories?nonsense=1").json()["detail"]
    # As the browser asks, again.
    client.post("/account/language", data={"form_token": token, "language": ""})
    assert shown("/account", **{"accept-language": "de"}) == ("de", "ltr")
    client.post("/account/language", data={"form_token": token, "language": "xx"})
    assert desk.accounts.known("reader").language is None


def test_a_sentence_from_a_feed_is_not_html(client: TestClient) -> None:
    with speaking("de"):
        template = ENVIRONMENT.from_string("{{ _('Last article %(span)s ago', span=value) }}{{ value | translated }}")
        assert "<b>" not in template.render(value="<b>")


@pytest.mark.parametrize(
    ("code", "said"),
    [("en", "1,234 of 5.5 in v1234"), ("de", "1.234 of 5,5 in v1234"), ("ar", "1,234 of 5.5 in v1234")],
)
def test_a_sentence_has_its_numbers_as_its_language_writes_them(code: str, said: str) -> None:
    values = {"num": 1_234, "all": 5.5, "name": "v1234"}
    sentence = "%(num)s of %(all)s in %(name)s"
    with speaking(code):
        assert gettext(sentence, **values) == said
        assert pgettext("x", sentence, **values) == said
        assert ngettext(sentence, sentence, 1_234, all=5.5, name="v1234") == said
        page = ENVIRONMENT.from_string("{{ _('" + sentence + "', num=1234, all=5.5, name='v1234') }}")
        assert page.render() == said
        assert gettext("%(flag)s", flag=True) == "True"


BROKEN = {
    "grain AND": "an Stelle 10: die Abfrage endet hier; erwartet: ein Begriff, eine &#34;Wortfolge&#34; oder (",
    "foo:grain": "unbekanntes Feld &#34;foo:&#34;; erwartet: ein Begriff oder ein Feld (",
    "stem:gr?in": "stem: findet Beugungen von selbst, gr?in hat einen Platzhalter; erwartet: ein Begriff",
}


@pytest.mark.parametrize("query", BROKEN)
def test_the_error_of_a_query_is_shown_in_the_readers_language(as_editor: TestClient, query: str) -> None:
    token = {"form_token": form_token(as_editor, "/account")}
    values = {"query": query, "new": "yes", "id": "", "name": "x"}
    german = {"accept-language": "de"}
    saved = as_editor.post("/subscriptions/save", data=values | token, headers=german).text
    said = BROKEN[query]
    assert said in saved
    checked = as_editor.post("/subscriptions/explain", data={"query": query, "document": "x"} | token, headers=german)
    assert said.partition(": ")[2] in checked.text
    with pytest.raises(QueryError, match="expected a term") as caught:
        parse(query)
    error = caught.value
    assert error.message == str(error.said)
    with speaking("de"):
        [words] = [language.said(one.message) for one in lint(query) if one.severity == "error"]
        assert words == language.said(error.finding)
        assert "erwartet" in words
        assert "erwartet" in language.said_error(error)
    assert [str(one.message) for one in lint(query) if one.severity == "error"] == [str(error.finding)]


def test_a_failure_of_a_feed_is_shown_in_the_readers_language(desk: Desk, as_editor: TestClient) -> None:
    assert isinstance(desk.feeds, Feeds)
    desk.feeds.lines = [
        FeedLine(
            url="https://x.example/feed",
            source="x.example",
            outlet="X",
            state="failing",
            expected_per_day=4,
            seen_last_day=0,
            problem="HTTP 404",
            problem_kind=FailureKind.HTTP_4XX,
            risks=(saying("not read since %(time)s: %(problem)s", time=NOON, problem=failure("http_4xx", "HTTP 404")),),
        )
    ]
    page = as_editor.get("/coverage", headers={"accept-language": "de"}).text
    assert 'der Server lehnt die Anfrage ab <span lang="en" dir="ltr">HTTP 404</span>' in page
    assert "12:00 UTC nicht gelesen: der Server lehnt die Anfrage ab (HTTP 404)" in page
    assert "12:00 UTC: HTTP 404" in as_editor.get("/coverage", headers={"accept-language": "en"}).text
    by_token = token_of(desk) | {"accept-language": "de"}
    [risk] = as_editor.get("/api/v1/feeds", headers=by_token).json()["risks"]
    assert risk == f"not read since {NOON:%Y-%m-%d %H:%M} UTC: HTTP 404"
    assert set(FAILURES) == set(FailureKind)


def _cases(name: str) -> dict[str, Any]:
    return tomllib.loads((CASES / f"{name}.toml").read_text("utf-8"))


LINTED = [
    *(case["query"] for case in _cases("query_lint")["case"]),
    *(case["query"] for case in _cases("query_errors")["case"]),
    *(query for query, _ in _cases("query_near_misses")["told"]),
    *_cases("query_near_misses")["noted"],
]


@pytest.mark.parametrize("code", OTHERS)
def test_every_finding_of_the_linter_is_said_in_the_language_of_the_reader(code: str) -> None:
    found = [one.message for query in LINTED for one in lint(query)]
    with language.speaking(code):
        assert len(found) > 200
        for one in found:
            assert language.said(one) != str(one)
            assert "%(" not in language.said(one)


def test_the_reason_of_a_delivery_shows_in_the_language_of_the_reader() -> None:
    one = SimpleNamespace(why="its receiver no longer exists", status="failed", channel="phone", due_ms=0, sent_ms=None)
    with language.speaking("de"):
        shown = str(ENVIRONMENT.get_template("_delivered.html").make_module().delivered([one], Clock(NOON_MS, UTC)))
    assert "(den Empfänger gibt es nicht mehr)" in shown
    assert "receiver" not in shown


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("edit", rewritten(6, 40), "umgeschrieben: 6 Wörter entfernt, 40 hinzugefügt"),
        ("sources", more_sources(10), "inzwischen 10 unabhängige Quellen"),
        ("figures", rewritten(6, 40), rewritten(6, 40)),
        ("edit", "rewritten: 6 words removed", "rewritten: 6 words removed"),
    ],
)
def test_news_that_wirewatch_wrote_is_translated_and_words_of_articles_are_not(
    kind: str, text: str, shown: str
) -> None:
    assert news_text(text, kind) == text
    with language.speaking("de"):
        assert news_text(text, kind) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (1, "مصدر مستقل واحد حتى الآن"),
        (2, "مصدران مستقلان حتى الآن"),
        (3, "3 مصادر مستقلة حتى الآن"),
        (11, "11 مصدرًا مستقلًا حتى الآن"),
        (100, "100 مصدر مستقل حتى الآن"),
    ],
)
def test_the_number_of_sources_has_the_plural_of_the_language(count: int, shown: str) -> None:
    with language.speaking("ar"):
        assert news_text(more_sources(count), "sources") == shown


def test_countries_are_named_in_the_language_of_the_reader() -> None:
    named = {}
    for code in LANGUAGES:
        with language.speaking(code):
            named[code] = country_name("SA")
    assert named == {"en": "Saudi Arabia", "de": "Saudi-Arabien", "ar": "المملكة العربية السعودية"}
