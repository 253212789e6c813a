"""Times as people write them, and what was known at one of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.clock import wall_ms
from core.errors import UsageError
from core.records import RawArticle, article_id, encode, from_ms
from core.settings import Settings
from core.streams import NewRecord, create_stream
from pipeline.drivers.live import run_in_slices
from tests.wirewatch.command import on_terminal, wirewatch
from wirewatch.commands.options import desk_zone, parse_time

# Half past nine in Berlin, the day after summer time began there: yesterday at nine was seven o'clock UTC too.
NOW = datetime(2026, 3, 30, 7, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "meant"),
    [
        ("now", UTC, "2026-03-30T07:30Z"),
        ("2026-03-05", BERLIN, "2026-03-05T00:00Z"),
        ("2026-03-05T10:00", BERLIN, "2026-03-05T10:00Z"),
        ("2026-03-05T10:00+02:00", UTC, "2026-03-05T08:00Z"),
        ("7d", BERLIN, "2026-03-23T07:30Z"),
        ("90m", UTC, "2026-03-30T06:00Z"),
        ("07:20", UTC, "2026-03-30T07:20Z"),
        ("7:20", UTC, "2026-03-30T07:20Z"),
        ("07:20", BERLIN, "2026-03-30T05:20Z"),
        ("00:10", ZoneInfo("Asia/Tokyo"), "2026-03-29T15:10Z"),
        ("yesterday", UTC, "2026-03-29T07:30Z"),
        ("yesterday", BERLIN, "2026-03-29T07:30Z"),
        ("yesterday 07:20", BERLIN, "2026-03-29T05:20Z"),
        # Before the clocks went forward: an hour more than 30 hours ago.
        ("yesterday 01:30", BERLIN, "2026-03-29T00:30Z"),
        ("yesterday 23:00", ZoneInfo("America/New_York"), "2026-03-30T03:00Z"),
    ],
)
def test_a_time_is_read_in_the_zone_of_the_desk(text: str, zone: tzinfo, meant: str) -> None:
    found = parse_time(text, NOW, zone)
    assert found == datetime.fromisoformat(meant)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "24:00", "7:5", "07:60", "yesterday7:20", "yesterday 24:10", "1969-01-01", "07:20Z", "٠٧:٢٠ "],
)
def test_what_is_not_a_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_time(text, NOW, UTC)
    assert refused.value.hint is not None
    assert "yesterday 07:20" in refused.value.hint


@pytest.fixture
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own zone is Tokyo's."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.delenv("TZ") if before is None else monkeypatch.setenv("TZ", before)
    time.tzset()


@pytest.mark.usefixtures("machine_in_tokyo")
def test_without_a_zone_it_is_the_machines() -> None:
    assert parse_time("16:00", NOW, None) == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert parse_time("yesterday", NOW, None) == datetime(2026, 3, 29, 7, 30, tzinfo=UTC)


def test_a_desk_in_no_zone_is_named() -> None:
    assert desk_zone(Settings(desk_zone="Europe/Berlin")) == BERLIN
    with pytest.raises(UsageError, match="desk_zone"):
        desk_zone(Settings(desk_zone="Europe/Nowhere"))


def test_show_reads_and_prints_times_in_the_desks_zone(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "var"), extraction_processes=0)
    url = "https://outlet.example/strike"
    text = "Dockers at the port of Varna began a strike over night pay on Monday, and cranes stood still for a day."
    record = RawArticle(url=url, source="outlet", fetched_at=from_ms(wall_ms()), title="Strike", text=text)
    create_stream(settings.stream, settings.raw_stream).append([NewRecord(article_id(url).encode(), encode(record))])
    assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == 1
    zone = {"WIREWATCH_DESK_ZONE": "Asia/Kathmandu"}

    [known] = map(json.loads, wirewatch("show", "articles", "--json", cwd=tmp_path, **zone).stdout.splitlines())
    assert datetime.fromisoformat(known["seen_at"]).utcoffset() == datetime.now(UTC).utcoffset()
    for before in ("yesterday", "yesterday 00:00", "1d"):
        told = wirewatch("show", "articles", "--as-of", before, cwd=tmp_path, **zone)
        assert (told.returncode, told.stdout) == (0, ""), told.stderr
    shown = on_terminal("show", "articles", cwd=tmp_path, **zone)
    assert shown.returncode == 0, shown.stderr
    local = datetime.fromisoformat(known["event_at"]).astimezone(ZoneInfo("Asia/Kathmandu"))
    assert shown.stdout.startswith(f"{local:%Y-%m-%d %H:%M:%S}  seen ")
    assert shown.stderr.strip().endswith("+0545")
    later = on_terminal("show", "articles", "--as-of", "2199-01-01", cwd=tmp_path, **zone)
    assert "is in the future" in later.stderr
    assert "Strike" in later.stdout
    refused = wirewatch("show", "articles", "--as-of", "25:10", cwd=tmp_path)
    assert refused.returncode == 2
    assert "'25:10' is not a time" in refused.stderr
