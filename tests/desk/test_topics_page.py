"""Topics over HTTP: the list, an article's score, a changed file tried, examples added, versions saved."""

from __future__ import annotations

import html
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from core.store import Store, StoreReader
from core.store.subscriptions import MARGIN_MS
from core.topics import load_topic
from desk.use_cases import topics as use_case
from desk.use_cases.desk import Desk
from tests.desk.support import Clock, Wire, desk_with_search, form_token, sign_in

FILE = """\
name = "floods"
title = "Floods & <dams>"
description = "High water, not sales."
threshold = 2.0

[list.flood]
terms.en = "flood*"
apart.en = "flooded market"

[[rule]]
name = "a flood"
all = ["flood"]
title = 1.5
lead = 1.0

[[must_match]]
text = "A flood took the bridge."
language = "en"
"""
WIDER = FILE.replace('"flood*"', '"flood*, high water"')


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_search(store, clock, tmp_path / "search") as made:
        made.queries.save_topics({"floods": FILE}, now_ms=clock())
        yield made


@pytest.fixture
def articles(wire: Wire, desk: Desk) -> dict[str, str]:
    """Ids of three stored articles: one that the topic has, one that a wider file wins, one that it never has."""
    found = {
        "flood": wire.article(
            "Flood in the valley", "It took two bridges.", language="en", topics={"floods": ["Flood"]}
        ),
        "high": wire.article("High water in Venice", "The square is closed.", language="en"),
        "sale": wire.article("Flooded market", "Prices fall.", language="en"),
    }
    assert desk.search is not None
    assert desk.search.refresh(StoreReader(desk.store, "live"))
    return found


def send(client: TestClient, path: str, **values: object) -> httpx.Response:
    answer: httpx.Response = client.post(
        path, data={**values, "form_token": form_token(client, "/account")}, follow_redirects=False
    )
    return answer


def shown(answer: httpx.Response) -> str:
    assert answer.status_code in {200, 400}, answer.status_code
    return html.unescape(answer.text)


def test_the_list_says_what_a_topic_means_and_how_much_there_is(
    articles: dict[str, str], clock: Clock, as_reader: TestClient
) -> None:
    assert articles
    answer = as_reader.get("/topics")
    assert "Floods &amp; &lt;dams&gt;" in answer.text
    page = shown(answer)
    assert "High water, not sales." in page
    assert "floods, version 1" in page
    # The store is younger than the chart is long.
    assert "Articles, since the store's first article, 12:00" in page
    clock.forward(31 * 86_400)
    sign_in(as_reader, "reader")
    assert "No articles, last 30 days." in shown(as_reader.get("/topics"))


@pytest.mark.parametrize(
    ("which", "score", "verdict"),
    [("flood", "1.50", "It is not filed"), ("high", "0.00", "No rule matches"), ("sale", "0.00", "It is not filed")],
)
def test_an_articles_score_by_rule(
    articles: dict[str, str], as_reader: TestClient, which: str, score: str, verdict: str
) -> None:
    page = shown(as_reader.get("/topics/of/floods", params={"article": articles[which]}))
    assert f"<b>{score}</b>, threshold 2" in page
    assert verdict in page
    assert ("a flood" in page.split("How the score")[1].split("</table>")[0]) is (which == "flood")


def test_an_article_that_is_not_there(as_reader: TestClient) -> None:
    assert "there is no such article" in shown(as_reader.get("/topics/of/floods?article=nothing"))
    assert as_reader.get("/topics/of/nothing").status_code == 404


def test_a_changed_file_is_tried_and_nothing_is_saved(
    desk: Desk, articles: dict[str, str], as_editor: TestClient
) -> None:
    lower = WIDER.replace("threshold = 2.0", "threshold = 1.5")
    page = shown(send(as_editor, "/topics/try", name="floods", definition=lower, based_on=1))
    assert "Tried on 3 articles: 2 more, 0 fewer, 0 unchanged. All examples pass." in page
    assert "High water in Venice" in page
    assert [one.version for one in desk.topics()] == [1]
    tried = use_case.tried(desk, lower)
    assert {(one.article.id, one.before, one.after) for one in tried.won} == {
        (articles["flood"], 1.5, 1.5),
        (articles["high"], 0.0, 1.5),
    }


def test_a_file_that_cannot_be_read_says_why_and_keeps_what_was_written(as_editor: TestClient) -> None:
    for path in ("/topics/try", "/topics/save"):
        answer = send(as_editor, path, name="floods", definition=FILE + "treshold = 1", based_on=1)
        assert answer.status_code == 400
        assert "treshold" in shown(answer)


def test_a_version_is_saved_once_and_says_by_whom(desk: Desk, as_editor: TestClient) -> None:
    answer = send(as_editor, "/topics/save", name="floods", definition=WIDER.replace("\n", "\r\n"), based_on=1)
    assert (answer.status_code, answer.headers["location"]) == (303, "/topics/of/floods?saved=2")
    [stored] = desk.topics()
    assert (stored.definition, stored.version, stored.saved_by) == (WIDER, 2, "editor")
    assert stored.effective_from_ms == desk.clock_ms() + MARGIN_MS
    again = send(as_editor, "/topics/save", name="floods", definition=FILE, based_on=1)
    assert "was changed in the meantime" in shown(again)
    # A start of the pipeline with the same files keeps it; with a changed file it goes.
    assert desk.queries.save_topics({"floods": FILE}, now_ms=desk.clock_ms()) == 0
    assert desk.queries.save_topics({"floods": FILE + "# new\n"}, now_ms=desk.clock_ms()) == 1


def test_a_file_whose_examples_fail_is_not_saved(desk: Desk, as_editor: TestClient) -> None:
    wrong = FILE.replace("A flood took", "A river took")
    assert "1 of its examples fail" in shown(
        send(as_editor, "/topics/save", name="floods", definition=wrong, based_on=1)
    )
    assert [one.version for one in desk.topics()] == [1]


def test_a_new_topic_is_one_under_another_name(desk: Desk, as_editor: TestClient) -> None:
    new = FILE.replace('name = "floods"', 'name = "high-water"')
    assert send(as_editor, "/topics/save", name="floods", definition=new, based_on=1).status_code == 303
    assert [one.name for one in desk.topics()] == ["floods", "high-water"]
    assert desk.queries.save_topics({"floods": FILE}, now_ms=desk.clock_ms()) == 0


@pytest.mark.parametrize(("belongs", "kind"), [("yes", "must_match"), ("no", "must_not_match")])
def test_an_article_becomes_an_example(
    articles: dict[str, str], as_editor: TestClient, belongs: str, kind: str
) -> None:
    answer = send(as_editor, "/topics/example", name="floods", article=articles["sale"], belongs=belongs)
    text = shown(answer)
    written = text[text.index('name = "floods"') : text.index("</textarea>")]
    assert tomllib.loads(written)[kind][-1] == {"language": "en", "title": "Flooded market", "text": "Prices fall."}


def test_strings_of_an_example_are_read_as_they_were(wire: Wire, desk: Desk) -> None:
    odd = 'He said: "No\\way"\n\x7f\t…\u2028 end'
    identity = wire.article("T", odd)
    made: Any = tomllib.loads(use_case.with_article(desk, "floods", identity, belongs=True))
    assert made["must_match"][-1]["text"] == odd
    load_topic(use_case.with_article(desk, "floods", identity, belongs=False), "made")
