"""What is extracted is a function of the record: the same bytes under another system clock and in another time zone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Replaces the class before anything else is imported, so that libraries' "now" and "today" are the shifted ones too.
SCRIPT = r"""
import datetime, sys, time
real, shift = datetime.datetime, float(sys.argv[1])
real_time = time.time
time.time = lambda: real_time() + shift
time.tzset()

class Shifted(real):
    @classmethod
    def now(cls, tz=None):
        return real.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return real.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return real.fromtimestamp(time.time())

datetime.datetime = Shifted
from tests.pipeline.extraction.test_clocks import results
sys.stdout.reconfigure(encoding="utf-8")
print("\n".join(results()))
"""
YEAR_S = 366 * 86_400

# As pages write when they were published; each is completed from the time of fetching, if from anything.
WRITTEN = (
    ("en", "3 hours ago"), ("en", "yesterday at 9:15 pm"), ("en", "29 November"), ("en", "Nov 28, 2026 11:30 PM"),
    ("de", "vor 2 Stunden"), ("de", "28. November, 23:30 Uhr"), ("fr", "il y a 3 heures"), ("fr", "hier à 21h15"),
    ("es", "hace 5 minutos"), ("es", "28 de noviembre"), ("ru", "2 часа назад"), ("ru", "вчера в 23:40"),
    ("ru", "28 ноября, 00:10"), ("uk", "3 години тому"), ("uk", "28 листопада, 23:59"), ("ar", "قبل ٣ ساعات"),
    ("ar", "٢٨ نوفمبر"), ("fa", "۷ آذر ۱۴۰۵"), ("tr", "2 saat önce"), ("tr", "28 Kasım 23:45"), ("zh", "3小时前"),
    ("zh", "11月28日 23:50"), ("ja", "11月28日 23時50分"), ("ko", "3시간 전"), ("ko", "11월 28일 오후 11:50"),
    ("he", "לפני 3 שעות"), ("pl", "28 listopada, 23:10"),
)  # fmt: skip


def results() -> list[str]:
    """What is made of each way to write a date, with and without the feed's word for it."""
    from datetime import UTC, datetime

    from core.errors import ExtractionError
    from pipeline.extraction.clean import extract

    fetched = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
    told = []
    for language, written in WRITTEN:
        for hint in (None, written):
            shown = "" if hint else f"<time>{written}</time><p>Published: {written}</p>"
            html = (
                f"<html lang='{language}'><head><title>Envoys of both sides meet at the harbour</title></head><body><article>"
                f"<h1>Envoys of both sides meet at the harbour</h1>{shown}"
                "<p>The envoys met in the old customs house and spoke for two hours, their spokesmen said.</p>"
                "</article></body></html>"
            )
            try:
                found = extract(html, url="https://outlet.example/1", fetched_at=fetched, published_hint=hint)
            except ExtractionError as error:
                told.append(f"{language} {written} {error}")
            else:
                moment = found.published_at.isoformat() if found.published_at else None
                told.append(f"{language} {written} {moment} {found.published_flag} {found.origins}")
    return told


def under(zone: str, shift_s: float) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(shift_s)],
        cwd=ROOT,
        env={**os.environ, "TZ": zone, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    return done.stdout.decode()


@pytest.mark.slow
def test_neither_clock_nor_zone_counts() -> None:
    one, other = under("Pacific/Kiritimati", -3 * YEAR_S), under("America/Los_Angeles", 2 * YEAR_S + 12_345)
    assert one == other
    assert len(one.splitlines()) == 2 * len(WRITTEN)
    assert [line for line in one.splitlines() if " missing" in line] == []
