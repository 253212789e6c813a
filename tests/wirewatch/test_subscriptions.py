"""``wirewatch subscriptions``, ``test`` and ``not-relevant`` as a person runs them, on a store that a pipeline wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import wall_ms
from core.records import RawArticle, Subscription, article_id, encode, from_ms
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import NewRecord, create_stream
from pipeline.drivers.live import run_in_slices
from tests.waiting import until
from tests.wirewatch.command import on_terminal, wirewatch

TEXTS = {
    "strike": "Dockers at the port of Varna began a strike over night pay on Monday, and cranes stood still for a day.",
    "football": "The football club of the port town lost again after a strike from the halfway line late in the match.",
    "opera": "The opera house opened its season with a work that nobody had heard for a hundred years or more.",
}


@pytest.fixture(scope="module")
def desk_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds what the pipeline made of three articles, and the alerts of one subscription."""
    folder = tmp_path_factory.mktemp("desk")
    added = wirewatch("subscriptions", "add", "port AND strike", "--id", "ports", cwd=folder)
    assert added.returncode == 0, added.stderr
    settings = Settings(data_dir=str(folder / "var"), extraction_processes=0)
    raw = create_stream(settings.stream, settings.raw_stream)
    # A subscription holds from two seconds after it was saved.
    saved_ms = wall_ms()
    until(lambda: wall_ms() > saved_ms + 2_000, "the moment from which the subscription holds")
    for name, text in TEXTS.items():
        url = f"https://outlet.example/{name}"
        record = RawArticle(url=url, source="outlet", fetched_at=from_ms(wall_ms()), title=name.title(), text=text)
        raw.append([NewRecord(article_id(url).encode(), encode(record))])
    assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == len(TEXTS)
    return folder


def test_a_probable_mistake_is_stored_only_if_that_is_confirmed(tmp_path: Path) -> None:
    doubted = wirewatch("subscriptions", "add", "syria Or iraq", "--id", "doubted", cwd=tmp_path)
    assert doubted.returncode == 2
    assert "syria OR iraq" in doubted.stderr
    assert "--anyway" in doubted.stderr
    assert (
        json.loads(f"[{','.join(wirewatch('subscriptions', 'list', '--json', cwd=tmp_path).stdout.splitlines())}]")
        == []
    )
    stored = wirewatch("subscriptions", "add", "syria Or iraq", "--id", "doubted", "--anyway", cwd=tmp_path)
    assert stored.returncode == 0, stored.stderr
    # What is stored may be changed otherwise without being asked again; another such query is asked about.
    assert wirewatch("subscriptions", "edit", "doubted", "--name", "Name", cwd=tmp_path).returncode == 0
    assert wirewatch("subscriptions", "edit", "doubted", "--query", "'black sea' x", cwd=tmp_path).returncode == 2
    file = tmp_path / "queries.jsonl"
    file.write_text('{"id": "a", "query": "grain"}\n{"id": "b", "query": "grain ODER wheat"}\n', encoding="utf-8")
    refused = wirewatch("subscriptions", "import", str(file), cwd=tmp_path)
    assert refused.returncode == 2
    assert "b: " in refused.stderr
    assert wirewatch("subscriptions", "import", str(file), "--anyway", cwd=tmp_path).returncode == 0


def test_queries_with_a_new_reading_are_listed_until_accepted(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    store = open_store(Settings(data_dir=str(tmp_path / "var")).store)
    old = [
        Subscription(id="name", query="airport AND Sana'a"),
        Subscription(id="same", query="iran"),
        Subscription(id="hebrew", query="סוריה"),
    ]
    SubscriptionStore(store).save_subscriptions(old, now_ms=wall_ms(), from_the_beginning=True)
    listed = wirewatch("subscriptions", "check", "--json", cwd=tmp_path)
    assert listed.returncode == 1
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [one["id"] for one in found] == ["hebrew", "name"]
    assert found[1]["changes"] == [
        {"position": 12, "part": "Sana'a", "change": 'was read as "sana a", is now read as sanaa'}
    ]
    # A new query is read as it is meant, and pausing an old one does not accept it.
    assert wirewatch("subscriptions", "add", "O'Brien", "--id", "new", cwd=tmp_path).returncode == 0
    assert wirewatch("subscriptions", "pause", "name", cwd=tmp_path).returncode == 0
    again = wirewatch("subscriptions", "check", "--json", cwd=tmp_path)
    assert [json.loads(line)["id"] for line in again.stdout.splitlines()] == ["hebrew", "name"]
    assert wirewatch("subscriptions", "check", "--accept", cwd=tmp_path).returncode == 0
    assert wirewatch("subscriptions", "check", cwd=tmp_path).returncode == 0
    assert SubscriptionStore(store).newest("name").query == "airport AND Sana'a"  # type: ignore[union-attr]


def test_what_it_would_have_alerted(desk_folder: Path) -> None:
    told = on_terminal("subscriptions", "test", "ports", cwd=desk_folder)
    assert told.returncode == 0, told.stderr
    assert "2 alerts since the store's first article" in told.stdout
    assert "outlet: Strike" in told.stdout
    assert "Opera" not in told.stdout
    other = wirewatch("subscriptions", "test", "ports", "--query", "opera", "--json", cwd=desk_folder)
    report = json.loads(other.stdout)
    assert (report["alerts"]["value"], report["stories"]["value"], report["complete"]) == (1, 1, True)
    begin, end = (datetime.fromisoformat(report[name]) for name in ("since", "until"))
    assert (begin.tzinfo, end - begin) == (UTC, timedelta(days=7, milliseconds=1))
    [story] = report["examples"]
    assert begin <= datetime.fromisoformat(story["article"]["time"]) < end
    piped = wirewatch("subscriptions", "test", "ports", "--query", "opera", cwd=desk_folder)
    assert "outlet: Opera" in piped.stdout
    store = open_store(f"sqlite:///{desk_folder}/var/store.db")
    capitals = Subscription(id="capitals", query="port AND strike", languages=("EN",), outlets=("OUTLET",))
    SubscriptionStore(store).save_subscriptions([capitals], now_ms=wall_ms())
    store.close()
    assert (
        "2 alerts since the store's first article"
        in on_terminal("subscriptions", "test", "capitals", cwd=desk_folder).stdout
    )
    unknown = wirewatch("subscriptions", "test", "none", cwd=desk_folder)
    assert unknown.returncode != 0
    assert "none" in unknown.stderr


def test_changes_that_would_have_prevented_an_alert(desk_folder: Path) -> None:
    store = open_store(f"sqlite:///{desk_folder}/var/store.db")
    alerts = {one.title: one.id for one in StoreReader(store, "live").alerts()}
    store.close()
    assert set(alerts) == {"Strike", "Football"}
    told = wirewatch("subscriptions", "not-relevant", alerts["Football"], "--json", cwd=desk_folder)
    assert told.returncode == 0, told.stderr
    choices = [json.loads(line) for line in told.stdout.splitlines()]
    assert choices
    # At least one keeps the alert that is wanted, and what is proposed is a query that the command line takes.
    assert any(one["kept"] == 1 and one["lost"] == 0 for one in choices)
    for one in choices[:1]:
        report = wirewatch("subscriptions", "test", "ports", "--query", one["query"], "--json", cwd=desk_folder)
        titles = [story["article"]["title"] for story in json.loads(report.stdout)["examples"]]
        assert "Football" not in titles
    piped = wirewatch("subscriptions", "not-relevant", alerts["Football"], cwd=desk_folder)
    assert choices[0]["query"] in piped.stdout
    person = on_terminal("subscriptions", "not-relevant", alerts["Football"], cwd=desk_folder)
    for shown in (piped, person):
        assert "loses no other alerts in 30 days, keeps 1" in shown.stdout
    refused = wirewatch("subscriptions", "not-relevant", "zzzz", cwd=desk_folder)
    assert refused.returncode == 2
    assert "there is no alert 'zzzz'" in refused.stderr


def test_tail_and_trace_refuse_an_id_that_is_not_there(desk_folder: Path) -> None:
    for command in (("tail", "prots", "--no-follow"), ("trace", "https://outlet.example/strike", "--query", "prots")):
        refused = wirewatch(*command, cwd=desk_folder)
        assert refused.returncode == 2
        assert "there is no subscription 'prots'" in refused.stderr
        assert "wirewatch subscriptions list" in refused.stderr
    shown = wirewatch("tail", "ports", "--no-follow", "--json", cwd=desk_folder)
    assert shown.returncode == 0, shown.stderr
    assert {json.loads(line)["subscription"] for line in shown.stdout.splitlines()} == {"ports"}


def test_trace_explains_a_query_that_began_after_the_article(desk_folder: Path) -> None:
    assert wirewatch("subscriptions", "add", "opera AND wheat", "--id", "late", cwd=desk_folder).returncode == 0
    told = wirewatch("trace", "https://outlet.example/opera", "--query", "late", "--json", cwd=desk_folder)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    [query] = found["queries"]
    assert query["not_then"].startswith("it began ")
    assert query["not_then"].endswith("after this article")
    assert (query["held"], query["failed"]) == (False, ["wheat"])
    assert [(part["clause"], part["held"]) for part in query["explanation"]["parts"]] == [
        ("opera", True),
        ("wheat", False),
    ]
    assert "it matched 0 of 1 queries" in found["verdict"]
