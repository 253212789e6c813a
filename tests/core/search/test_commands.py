"""``wirewatch search``, ``backtest`` and ``export`` as a program sees them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from core.records import Subscription
from core.store import SubscriptionStore, open_store
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.ledger.support import commit, told
from tests.pipeline.transforms.support import NOON_MS
from tests.wirewatch.command import wirewatch

# Signs that spreadsheets take for the beginning of a formula: tests/desk/test_views.py has them all.
FORMULAS = ("=", "\u2212", "\u201c\uff1d")
PERIOD = ("--from", "2026-03-01", "--to", "2026-03-03")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of six articles in three stories, and a subscription."""
    folder = tmp_path_factory.mktemp("desk")
    store = open_store(f"sqlite:///{folder}/var/store.db")
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    batch = [
        told(
            number,
            f"https://a.example/{number}",
            title=f"{FORMULAS[number // 2]}Grain deal {number}" if number % 2 else f"\x1b[31m Talks {number}",
            text=f"The Black Sea ports, number {number}.",
            story=f"story{number // 2}",
            language="en",
        )
        for number in range(6)
    ]
    commit(ledger, batch)
    saved = [
        Subscription(id="talks", query="talks"),
        Subscription(id="en", query="sea", outlets=("b.example",)),
        Subscription(id="capitals", query="sea", languages=("EN",), outlets=("A.Example",)),
    ]
    SubscriptionStore(store).save_subscriptions(saved, now_ms=NOON_MS)
    store.close()
    return folder


def test_search_gives_json_lines_with_marks(place: Path) -> None:
    done = wirewatch("search", 'title:grain "black sea"', "--limit", "2", "--json", cwd=place)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [row["title"] for row in rows]) == (0, ["“＝Grain deal 5", "−Grain deal 3"])
    assert rows[0]["time"] == "2026-03-01T12:00:05.000Z"
    for row in rows:
        assert [row[match["field"]][match["start"] : match["end"]] for match in row["matches"]] == [
            "Black Sea",
            "Grain",
        ]


def test_csv_is_safe_to_open_in_a_spreadsheet(place: Path) -> None:
    done = wirewatch("search", "grain", "--csv", "--limit", "0", cwd=place)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["title"] for row in rows] == ["'“＝Grain deal 5", "'−Grain deal 3", "'=Grain deal 1"]
    assert rows[0]["matched"] == "Grain"


def test_backtest_counts_and_compares(place: Path) -> None:
    report = json.loads(wirewatch("backtest", "grain", *PERIOD, "--json", cwd=place).stdout)
    assert (report["alerts"]["value"], report["alerts_a_day"]) == (3, 2.0)
    assert report["store_since"] == "2026-03-01T12:00:00.000Z"
    assert report["cost"]["filterable"]
    assert report["examples"][0]["article"]["matches"][0]["text"] == "Grain"
    change = json.loads(
        wirewatch(
            "backtest", "talks NOT 4", "--subscription", "talks", *PERIOD, "--examples", "1", "--json", cwd=place
        ).stdout
    )
    assert (change["won"]["value"], change["lost"]["value"]) == (0, 1)
    assert change["lost_examples"][0]["article"]["title"].endswith("Talks 4")
    own = json.loads(wirewatch("backtest", "--subscription", "en", *PERIOD, "--json", cwd=place).stdout)
    assert own["articles"]["value"] == 0, "its outlet has none of these"
    capitals = json.loads(wirewatch("backtest", "--subscription", "capitals", *PERIOD, "--json", cwd=place).stdout)
    assert capitals["articles"]["value"] == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "grain AND"), "position"),
        (("search", "grain", "--days", "3", "--from", "2d"), "--days can't be combined"),
        (("backtest",), "give a query"),
        (("backtest", "--subscription", "nobody"), "no subscription 'nobody'"),
        (("export", "--parquet", "wirewatch.toml"), "is not a folder"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(place: Path, arguments: tuple[str, ...], said: str) -> None:
    (place / "wirewatch.toml").write_text('data_dir = "var"\n')
    done = wirewatch(*arguments, cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_export_says_what_it_wrote(place: Path) -> None:
    done = wirewatch("export", "--parquet", "out", "--json", cwd=place)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["kind"], row["rows"]) for row in rows} == {("articles", 6), ("stories", 3)}
    assert all((place / row["file"]).is_file() for row in rows)
    assert wirewatch("export", "--parquet", "out", "--json", cwd=place).stdout == ""
