"""Join, split, undo on the story page and in the API; related stories, why an article joined, headlines by language."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.testclient import TestClient

from core.store import tables as t
from desk.use_cases.desk import Desk
from desk.use_cases.story_decisions import related
from tests.desk.support import Wire, form_token

PORT = "Dockers at the port of Varna began a strike on Monday, the union said. 300 cranes stood still."
TALKS = "Dockers in Varna and the union meet for talks on Tuesday over 300 cranes, the port says."


@pytest.fixture
def stories(desk: Desk, wire: Wire) -> tuple[str, str]:
    """Two stories, of which the second was nearly part of the first; the first has two articles in two languages."""
    first = wire.article("Varna dockers strike", PORT, language="en", source="a.example")
    german = wire.article("Hafenarbeiter in Varna streiken", PORT, story=first, language="de", source="b.example")
    second = wire.article("Varna union talks", TALKS, language="en", source="c.example")
    rows = [
        {"article": german, "other": first, "joined": True, "score": 210, "inputs": '{"vectors":81,"names":40}'},
        {"article": second, "other": first, "joined": False, "score": -90, "inputs": '{"vectors":55}'},
    ]
    with desk.store.writing() as connection:
        desk.store.upsert(connection, t.story_links, [{"run": "live"} | row for row in rows])
    return first, second


def post(client: TestClient, what: str, **values: object) -> httpx.Response:
    token = form_token(client, "/account")
    answer: httpx.Response = client.post(f"/story/{what}", data={**values, "form_token": token}, follow_redirects=False)
    return answer


def plain(page: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page).split())


def test_the_page_says_what_is_related_why_it_joined_and_one_headline_a_language(
    stories: tuple[str, str], desk: Desk, as_editor: TestClient
) -> None:
    first, second = stories
    german = desk.reader.articles_of([first], each=9)[first][0].article.id
    page = as_editor.get(f"/story/{first}?article={german}").text
    said = plain(page)
    assert f'href="/story/{second}"' in page
    assert "both name" in said
    assert "Varna" in said.partition("both name")[2][:60]
    assert "both give 300" in said
    assert "Joined the story through Varna dockers strike" in said
    languages = re.search(r'class="languages".*?</section>', page, re.DOTALL)
    assert languages is not None
    assert re.findall(r'lang="(\w+)"', languages[0]) == ["de", "en"]
    # The other way round it is related too.
    assert f'href="/story/{first}"' in as_editor.get(f"/story/{second}").text
    assert "Merge into" not in as_editor.get("/").text


def test_joined_split_and_undone_by_buttons(stories: tuple[str, str], desk: Desk, as_editor: TestClient) -> None:
    first, second = stories
    answer = post(as_editor, "join", story=second, into=first)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/story/{first}")
    assert len(desk.reader.articles_of([first], each=9)[first]) == 3
    # The old address leads on, and the board forgets the story.
    moved = as_editor.get(f"/story/{second}", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (303, f"/story/{first}")
    answer = post(as_editor, "split", article=second, why="other talks")
    begun = answer.headers["location"].removeprefix("/story/")
    assert begun not in (first, second)
    page = plain(as_editor.get(f"/story/{first}").text)
    assert "other talks" in page
    assert "Another story was merged into this one" in page
    assert post(as_editor, "undo", number=1).status_code == 400
    assert post(as_editor, "undo", number=2).status_code == 303
    assert post(as_editor, "undo", number=1).status_code == 303
    assert {row.article.story_id for row in desk.reader.articles(limit=9)} == {first, second}
    trail = [line.action for line in desk.accounts.trail.page(limit=20)]
    assert trail.count("story decision undone") == 2


def test_a_reader_decides_nothing(stories: tuple[str, str], as_reader: TestClient) -> None:
    first, second = stories
    assert post(as_reader, "join", story=second, into=first).status_code == 403
    page = as_reader.get(f"/story/{first}").text
    assert "Merge into this story" not in page
    assert "/story/split" not in page
    assert f'href="/story/{second}"' in page


def test_the_api_decides_lists_and_refuses(stories: tuple[str, str], desk: Desk, as_editor: TestClient) -> None:
    first, second = stories
    found = as_editor.get(f"/api/v1/stories/{first}/related").json()["items"]
    assert [(one["story"]["id"], one["score"]) for one in found] == [(second, -0.9)]
    token = {"x-form-token": form_token(as_editor, "/account")}
    made = as_editor.post("/api/v1/decisions/join", json={"story": second, "into": first}, headers=token)
    assert made.status_code == 200, made.text
    assert made.json() == {"number": 1, "into": first, "articles": 1, "alerts": 0}
    assert as_editor.post("/api/v1/decisions/undo", json={"number": 9}, headers=token).status_code == 404
    again = as_editor.post("/api/v1/decisions/join", json={"story": second, "into": first}, headers=token)
    assert again.status_code == 404
    assert as_editor.post("/api/v1/decisions/undo", json={"number": 1}, headers=token).json()["into"] == second
    listed = as_editor.get("/api/v1/decisions").json()["items"]
    assert [(one["number"], one["kind"], one["undone"]) for one in listed] == [(2, "undo", False), (1, "join", True)]


def test_open_pages_lose_a_story_that_was_joined(stories: tuple[str, str], desk: Desk) -> None:
    first, second = stories
    desk.follower.load(100)
    desk.story_port.join(second, first, by="ann", why="")
    batch = desk.follower.look()
    assert batch is not None
    assert batch.gone == (second,)
    assert [card.id for card in batch.cards] == [first]
    begun = desk.story_port.split(second, by="ann", why="").decision.into
    batch = desk.follower.look()
    assert batch is not None
    assert {card.id for card in batch.cards} == {first, begun}
    assert related(desk, first, desk.reader.articles_of([first], each=9)[first])[0].card.id == begun
