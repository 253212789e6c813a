"""No command writes a character that acts on a terminal, whatever is in the store and whatever it is given."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa
import structlog
import typer

from connectors.store.feeds import FeedRepository
from core import visible
from core.records import Subscription, from_ms
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.store.metadata import metadata
from core.streams import NewRecord
from core.streams.open import create_planned
from core.streams.plans import raw_plan
from desk.alert_work import AlertDesk, AlertWork
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.people.accounts import COMMAND_LINE
from desk.people.roles import Role
from pipeline.ledger.ledger import RunLedger
from tests.desk.support import PASSWORD, Wire, make_desk
from tests.pipeline.ledger.support import commit, refused
from tests.pipeline.transforms.support import NOON_MS
from wirewatch import cli, console

ACTING = "\x1b]0;PWNED\x07\x9b31m\u202eevil\u2066\u2028\u2029\x7f\u200f\u061c\r\x08\U000e0041"
URL = f"https://a.example/{ACTING}"
QUERY = f'title:mines AND NOT "{ACTING}"'
RUN = "other"
FREE = {
    "outcomes": ("item", "reason"),
    "articles": ("source",),
    "versions": ("source", "title"),
    "stories": ("headline",),
    "subscriptions": ("name", "owner", "edited_by"),
    "takedowns": ("url", "reason", "by"),
    "canaries": ("reason",),
    "channels": ("owner", "problem"),
    "deliveries": ("why",),
    "messages": ("problem",),
    "people": ("shown",),
    "access_tokens": ("name",),
    "feeds": ("url", "source", "problem", "title"),
    "source_activity": ("source",),
    "polls": ("problem",),
}
"""Columns that hold words of people, publishers and servers; the builders below don't reach all of them."""

SERVICES = {"up", "connectors run", "connectors listen", "pipeline run", "deliver", "desk"}
"""They run until they are stopped; what they print comes by the same console and by the logs (tests/core/test_logs.py)."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data with such characters in every field."""
    folder = tmp_path_factory.mktemp("hostile")
    settings = Settings(data_dir=str(folder))
    store = open_store(settings.store)
    now_ms = console.now_ms()
    queries = SubscriptionStore(store)
    saved = Subscription(id="s", query=QUERY, name=ACTING, owner=ACTING, edited_by=ACTING)
    queries.save_subscriptions([saved], now_ms=NOON_MS - 1_000, from_the_beginning=True)
    for run in ("live", RUN):
        ledger = RunLedger(store, run, "me")
        ledger.take(kind="live" if run == "live" else "replay", now_ms=NOON_MS)
        if run == "live":
            wire = Wire(ledger)
            made: dict[str, Any] = {
                "source": f"{ACTING}.example",
                "authors": (ACTING,),
                "subscriptions": {"s": ["mines"]},
            }
            wire.article(f"mines {ACTING} {run}", f"They found mines {ACTING}.", url=URL, **made)
            wire.article(f"mines {ACTING}", f"A copy {ACTING}", copy_of="x", **made)
            [alert, *_] = StoreReader(store, "live").alerts()
            mark = AlertWork(alert=alert.id, subscription="s", relevant=False, by_name=ACTING, changed_ms=NOON_MS)
            AlertDesk(store, "live").keep([mark])
            commit(ledger, [refused(50, f"no_text {ACTING}", item=f"https://b.example/{ACTING}")])
    FeedRepository(store).add("https://feeds.example/rss", "feeds.example", from_ms(now_ms))
    DeliveryRepository(store).save_channel(Channel(name="c", kind="chat", config={"url": f"jsons://x/{ACTING}"}))
    desk = make_desk(store)
    desk.accounts.add("ann", Role.ADMIN, PASSWORD, COMMAND_LINE)
    with store.writing() as connection:
        for table, columns in FREE.items():
            found = metadata.tables[table]
            for column in columns:
                # Appended, so that what must be unlike stays unlike.
                text = sa.func.coalesce(found.c[column], "") + ACTING
                connection.execute(found.update().values({column: text}))
    store.close()
    with create_planned(settings.stream, raw_plan(settings)) as stream:
        stream.append([NewRecord(key=b"k", value=json.dumps({"odd": ACTING}).encode())])
    for name, text in (
        ("feed.xml", f"<rss><channel><title>{_xml()}</title><item><title>{_xml()}</title></item></channel></rss>"),
        ("list.opml", f'<opml><body><outline text="{_xml()}" xmlUrl="https://x.example/{_xml()}"/></body></opml>'),
        ("odd.opml", f"<no{_xml()}"),
        ("docs.jsonl", json.dumps({"id": ACTING, "title": ACTING, "text": f"mines {ACTING}", "url": URL})),
        ("queries.jsonl", json.dumps({"id": "q", "query": "mines", "name": ACTING})),
        ("bad.jsonl", json.dumps({"id": ACTING, "query": f"(({ACTING}"})),
        ("topic.toml", f'name = "{ACTING[1:3]}"\n[[query]]\nquery = "x"\n'),
        ("doc.txt", f"They found mines {ACTING}"),
    ):
        folder.joinpath(name).write_text(text, "utf-8")
    return folder


def _xml() -> str:
    """Such characters as far as XML can have them."""
    return "".join(f"&#x{ord(char):x};" for char in ACTING if char >= " ")


COMMANDS: dict[str, list[list[str]]] = {
    "status": [[]],
    "doctor": [[]],
    "feed parse": [["feed.xml"], [f"no{ACTING}.xml"]],
    "feed add": [["--unchecked", URL], [f"odd:{ACTING}"], [ACTING]],
    "feed discover": [[ACTING]],
    "feed import": [["list.opml"], ["odd.opml"], [ACTING]],
    "feed export": [[]],
    "feed remove": [[URL], [f"https://feeds.example/rss{ACTING}"]],
    "feed list": [[]],
    "feed check": [[f"https://no.example/{ACTING}"]],
    "feed again": [[URL], [f"https://no.example/{ACTING}"], [ACTING]],
    "feed coverage": [[]],
    "subscriptions add": [
        [QUERY, "--id", "new", "--name", ACTING],
        ["mines", "--id", ACTING],
        [f"(({ACTING}", "--id", "n"],
    ],
    "subscriptions edit": [["s", "--name", "Mines"], ["s", "--name", ACTING + "x"], [ACTING, "--name", "x"]],
    "subscriptions pause": [["s"], [ACTING]],
    "subscriptions resume": [["s"], [ACTING]],
    "subscriptions remove": [["s"], [ACTING]],
    "subscriptions list": [[]],
    "subscriptions show": [["s"], [ACTING]],
    "subscriptions import": [["queries.jsonl"], ["bad.jsonl"], [ACTING]],
    "subscriptions export": [[], ["--format", "toml"], [ACTING]],
    "subscriptions history": [["s"], [ACTING]],
    "subscriptions check": [[], ["--accept"]],
    "subscriptions marks": [["s"], [ACTING]],
    "subscriptions test": [["s"], [ACTING]],
    "subscriptions not-relevant": [["s"], [ACTING]],
    "texts list": [[]],
    "texts keep": [[ACTING, "30", "--by", ACTING]],
    "texts default": [[ACTING, "--by", ACTING]],
    "rejected list": [[], ["--stage", ACTING, "--reason", ACTING]],
    "rejected show": [["0/3"], [ACTING]],
    "rejected retry": [["--dry-run"], [ACTING, "--by", ACTING]],
    "stories join": [[ACTING, "b"]],
    "stories split": [[URL], [ACTING]],
    "stories undo": [["1"], [ACTING]],
    "stories decisions": [[]],
    "stories related": [["s"], [ACTING]],
    "match": [
        ["--queries", "queries.jsonl", "--docs", "docs.jsonl"],
        ["--queries", "bad.jsonl", "--docs", "docs.jsonl"],
    ],
    "topics list": [[]],
    "topics lint": [["topic.toml"], [ACTING]],
    "topics fit": [["syria", "--examples", "docs.jsonl"], [ACTING, "--examples", "docs.jsonl"]],
    "topics score": [["doc.txt"], [ACTING]],
    "topics show": [["syria"], [ACTING]],
    "topics test": [["topic.toml"], [ACTING]],
    "query lint": [[QUERY], [f"(({ACTING}"], [f"{ACTING}*"]],
    "query explain": [[QUERY, "--doc", "doc.txt"], [f"(({ACTING}", "--doc", "doc.txt"]],
    "query import": [[f"mines {ACTING}", "--from", "google"], [f"(({ACTING}", "--from", "factiva"]],
    "search": [["mines"], [f"(({ACTING}"], ["mines", "--csv"]],
    "backtest": [["mines"], [QUERY], [f"(({ACTING}"]],
    "briefing": [[], ["--format", "html"], ["--from", ACTING]],
    "export": [["--parquet", f"out{ACTING[3:8]}"], ["--parquet", "out"]],
    "trace": [[URL], [f"https://b.example/{ACTING}"], [ACTING]],
    "show": [[URL], [ACTING]],
    "takedown": [[URL, "--reason", ACTING], [ACTING]],
    "runs list": [[]],
    "runs diff": [["live", RUN], [ACTING, "live"]],
    "runs drop": [[RUN], [ACTING]],
    "run": [["--input", "feed.xml", "--out", "results"], ["--input", ACTING, "--out", "results"]],
    "replay": [["--run", ACTING], ["--run", "new", "--topics", ACTING]],
    "archive": [["--dir", "kept"], ["--dir", f"kept{ACTING}"]],
    "tail": [["--no-follow"], ["--no-follow", ACTING]],
    "channels add": [[ACTING, "jsons://x.example/"], ["n", f"slack://{ACTING}"], ["n", f"{ACTING}://x"]],
    "channels list": [[]],
    "channels kinds": [[]],
    "channels test": [[ACTING]],
    "channels retry": [["c"], [ACTING]],
    "channels remove": [["c"], [ACTING]],
    "channels renew-push-key": [[]],
    "people add": [[ACTING, "--role", "reader"]],
    "people list": [[]],
    "people role": [["ann", "admin"], [ACTING, "reader"]],
    "people password": [[ACTING]],
    "people close": [[ACTING]],
    "people token": [["ann", "--for", ACTING], [ACTING]],
    "streams adopt": [[]],
    "streams contracts": [["contracts"]],
    "streams create": [[]],
    "streams list": [[]],
}


def commands() -> Iterator[str]:
    def walk(command: Any, path: tuple[str, ...]) -> Iterator[str]:
        if hasattr(command, "commands"):
            for name, one in command.commands.items():
                yield from walk(one, (*path, name))
        else:
            yield " ".join(path)

    return walk(typer.main.get_command(cli.app), ())


@cache
def takes_json(command: str) -> bool:
    """Whether the command has an option ``--json``."""
    found: Any = typer.main.get_command(cli.app)
    for name in command.split():
        found = found.commands[name]
    return any("--json" in one.opts for one in found.params)


def acting(text: str) -> list[str]:
    """Characters of ``text`` that act on a terminal: told by their categories, not by the product's list."""
    marks = {"\u200c", "\u200d", "\u00ad", "\u200b", "\u2060"}
    kinds = ("Cc", "Cf", "Zl", "Zp", "Cs")
    return [ascii(one) for one in text if unicodedata.category(one) in kinds and one not in {"\n", "\t", *marks}]


def test_every_command_is_tried() -> None:
    assert set(commands()) == COMMANDS.keys() | SERVICES


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "argv", ["wirewatch", *arguments])
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    try:
        cli.main()
    except SystemExit:
        pass
    finally:
        structlog.reset_defaults()
    return out.getvalue(), err.getvalue()


# The last arguments of each command, the most hostile ones, and in the second tier those before them.
LAST, BEFORE = slice(-1, None), slice(-1)
PARTS = [
    *(pytest.param(command, LAST, id=command) for command in COMMANDS),
    *(
        pytest.param(command, BEFORE, id=f"{command}, further", marks=pytest.mark.slow)
        for command, several in COMMANDS.items()
        if len(several) > 1
    ),
]


@pytest.mark.parametrize(("command", "part"), PARTS)
def test_nothing_that_acts_on_a_terminal_is_written(
    command: str, part: slice, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, command, COMMANDS[command][part])
    for arguments, out, err in outputs(command, filled, tmp_path, monkeypatch):
        assert acting(out + err) == [], (command, arguments, out, err)
        assert "Traceback" not in err
        assert out or err, (command, arguments)


def outputs(
    command: str, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[list[str], str, str]]:
    """What a command writes with each of its arguments, for people and, if it can, as JSON."""
    folder = tmp_path / "data"
    shutil.copytree(filled, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WIREWATCH_DATA_DIR", str(folder))
    for arguments in COMMANDS[command]:
        yield arguments, *run([*command.split(), *arguments], monkeypatch)
        if takes_json(command) and not {"--json", "--csv"} & set(arguments):
            yield arguments, *run([*command.split(), "--json", *arguments], monkeypatch)


def test_the_store_is_as_hostile_as_it_is_meant_to_be(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the cleaning, what each of these shows of the store would act on the terminal.
    monkeypatch.setattr(visible, "_ACTING", re.compile("(?!)"))
    for command in ("status", "feed list", "feed coverage", "subscriptions list", "subscriptions history", "trace"):
        found = outputs(command, filled, tmp_path / command, monkeypatch)
        assert any(acting(out + err) for _, out, err in found), command


def test_json_is_whole_and_without_loss(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command, arguments, field in (
        ("search", ["mines"], "title"),
        ("subscriptions list", [], "name"),
        ("feed list", [], "url"),
        ("people list", [], "name"),
    ):
        monkeypatch.setitem(COMMANDS, command, [arguments])
        *_, (_, out, _) = outputs(command, filled, tmp_path / command, monkeypatch)
        lines = [json.loads(line) for line in out.splitlines()]
        assert any(ACTING in str(line.get(field)) for line in lines), (command, out)


def test_exports_come_back_as_they_were(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "subscriptions export", [["--format", "toml"], ["--format", "jsonl"]])
    found = [out for _, out, _ in outputs("subscriptions export", filled, tmp_path, monkeypatch)]
    assert [one["name"] for one in tomllib.loads(found[0])["subscription"]] == [ACTING + ACTING]
    assert json.loads(found[1])["name"] == ACTING + ACTING
    monkeypatch.setitem(COMMANDS, "feed export", [[]])
    out = next(outputs("feed export", filled, tmp_path / "feeds", monkeypatch))[1]
    [outline] = ET.fromstring(out).iter("outline")  # noqa: S314 - our own
    # Controls can't be in XML at all; what turns the direction of writing comes back.
    assert "\u202eevil\u2066" in outline.attrib["xmlUrl"]
