"""Labels of outlets: never without a source, on cards, as a filter of Live, Search and the API, in a story's count."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from starlette.testclient import TestClient

from core.errors import UsageError
from core.search.usage import usage_findings
from core.store import Store, StoreReader
from desk.labels import OutletLabels, non_state, outlet_label
from desk.use_cases.desk import Desk
from desk.views.forms import SearchForm
from desk.web.pages.search import save_address
from tests.desk.support import Clock, Wire, desk_with_search, form_token
from tests.waiting import until


@pytest.fixture
def desk(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_search(store, clock, tmp_path / "search") as made:
        yield made


def send(client: TestClient, what: str, **values: str) -> httpx.Response:
    answer: httpx.Response = client.post(
        f"/outlets/{what}", data={**values, "form_token": form_token(client, "/account")}
    )
    return answer


def plain(client: TestClient, path: str) -> str:
    """A page without the marks of what was found."""
    return re.sub("</?mark[^>]*>", "", client.get(path).text)


@pytest.mark.parametrize(
    ("label", "stored"),
    [("State-run", "state"), ("state", "state"), (" AGENCY ", "agency"), ("Close to  the party", "close to the party")],
)
def test_words_of_a_label(label: str, stored: str) -> None:
    assert outlet_label("sana.example", label, "a list").label == stored


@pytest.mark.parametrize(
    ("source", "label", "basis"),
    [("", "state", "x"), ("a", "", "x"), ("a", "<b>", "x"), ("a", "state", " "), ("a", "x" * 41, "x"), ("a", "-", "x")],
)
def test_a_label_without_outlet_words_or_source_is_refused(source: str, label: str, basis: str) -> None:
    with pytest.raises(UsageError):
        outlet_label(source, label, basis)


@pytest.mark.parametrize(
    ("sources", "wanted"),
    [
        ((), None),
        (("plain",), None),
        (("plain", "sana"), 1),
        (("sana", "tass"), 0),
        (("sana", "afp", "plain"), 2),
        (("afp",), 1),
    ],
)
def test_independent_sources_that_are_not_state_run(sources: tuple[str, ...], wanted: int | None) -> None:
    labels = {"sana": ("state",), "tass": ("agency", "state"), "afp": ("agency",)}
    assert non_state(sources, labels) == wanted


def test_labels_are_given_shown_filtered_by_and_taken_away(
    wire: Wire, desk: Desk, clock: Clock, as_editor: TestClient
) -> None:
    both = wire.article(
        "Told by both", source="sana.example", topics={"syria": ["both"]}, subscriptions={"a": ["both"]}
    )
    wire.article("Told by both, too", story=both, source="post.example")
    wire.article("Told by one", source="post.example")
    assert desk.search is not None
    assert desk.search.refresh(StoreReader(desk.store, "live"))
    assert "Wirewatch assigns no labels itself" in as_editor.get("/outlets").text
    page = send(as_editor, "label", source="sana.example", label="state-run", basis="https://media.example/list").text
    assert "sana.example is labelled state-run" in page
    assert 'href="https://media.example/list"' in page
    refused = send(as_editor, "label", source="post.example", label="independent", basis="")
    assert (refused.status_code, "give the source of the label" in refused.text) == (400, True)
    clock.forward(11)
    until(lambda: any(card.labels for card in desk.board.snapshot()), "the label on the card")
    card = desk.board.get(both)
    assert card is not None
    assert (card.labels, card.sources, card.non_state) == (("state",), 2, 1)
    live = plain(as_editor, "/?label=state")
    assert "Told by both" in live
    assert "Told by one" not in live
    assert "2 sources (1 not state-run)" in live
    story = plain(as_editor, f"/story/{both}")
    assert "2 independent sources (1 not state-run)" in story
    assert "sana.example (state-run)" in story
    found = plain(as_editor, "/search?label=state")
    assert "Told by both</a>" in found
    assert "too</a>" not in found
    assert "query=kind%3Astate" in html.unescape(found)
    assert "No stored article matches" in as_editor.get("/search?label=agency").text
    assert "No stored article matches" in as_editor.get("/search?label=state&source=post.example").text
    assert "state-run" in as_editor.get("/alerts?show=all").text
    [one] = as_editor.get("/api/v1/stories?label=state").json()["items"]
    assert (one["labels"], one["non_state"]) == (["state"], 1)
    assert send(as_editor, "unlabel", source="sana.example", label="state").status_code == 200
    assert send(as_editor, "unlabel", source="sana.example", label="state").status_code == 404
    clock.forward(11)
    until(lambda: not any(card.labels for card in desk.board.snapshot()), "the card without it")
    assert [line.action for line in desk.accounts.trail.page()[:2]] == ["label removed", "outlet labelled"]


@pytest.mark.parametrize(
    ("form", "query"),
    [
        (SearchForm(q="grain OR corn"), "grain OR corn"),
        (SearchForm(label=("state",)), "kind:state"),
        (
            SearchForm(q="grain OR corn", label=("state", "odd one")),
            '(grain OR corn) AND (kind:state OR kind:"odd one")',
        ),
    ],
)
def test_a_search_that_is_saved_asks_for_the_labels(form: SearchForm, query: str) -> None:
    assert parse_qs(save_address(form).partition("?")[2])["query"] == [query]


def test_a_search_goes_by_the_labels_that_outlets_have_now(wire: Wire, desk: Desk) -> None:
    wire.article("Told by one", source="SANA.example")
    wire.article("Told by another", source="post.example")
    reader, labels, index = StoreReader(desk.store, "live"), OutletLabels(desk.store), desk.index

    def found(query: str) -> list[str]:
        index.refresh(reader)
        return [hit.article.title for hit in index.search(query).hits]

    assert found("told kind:state") == []
    labels.put(outlet_label("sana.example", "state-run", "a list", now_ms=5))
    assert found("told kind:state") == ["Told by one"]
    assert found("told NOT kind:state") == ["Told by another"]
    [unknown] = usage_findings(index, "told AND kind:agency NOT kind:state", desk.clock_ms())
    assert str(unknown.message) == "no outlet has the label in kind:agency; labels in use: state"
    assert unknown.position == 9
    labels.drop("sana.example", "state", now_ms=9)
    assert found("told kind:state") == []
    [unknown] = usage_findings(index, "kind:state", desk.clock_ms())
    assert str(unknown.message).endswith("no outlet has one: editors assign them on the page Outlets")


def test_a_label_is_replaced_with_its_source(store: Store) -> None:
    labels = OutletLabels(store)
    labels.put(outlet_label("a.example", "state", "one list"))
    labels.put(outlet_label("a.example", "state", "another list", by_name="ann", now_ms=5))
    labels.put(outlet_label("a.example", "agency", "a third"))
    assert [(one.label, one.basis, one.by_name) for one in labels.all()] == [
        ("agency", "a third", ""),
        ("state", "another list", "ann"),
    ]
    assert labels.by_source() == {"a.example": ("agency", "state")}
