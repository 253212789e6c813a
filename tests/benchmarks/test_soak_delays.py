"""What a soak says of its delays."""

from __future__ import annotations

from benchmarks.soak.delays import Delay, Trend, by_minute, matched, trend_of


def test_records_of_one_address_are_matched_in_their_order() -> None:
    appended = [("https://a.example/1", 1_000), ("https://a.example/slow/2", 2_000), ("https://a.example/1", 3_000)]
    stored = [("https://a.example/1", 1_500), ("https://a.example/1", 4_000), ("https://other.example/", 9)]
    delays, missing = matched(appended, stored, "/slow/")
    assert delays == [Delay(1_000, 0.5, False), Delay(3_000, 1.0, False)]
    assert missing == ["https://a.example/slow/2"]


def test_minutes_keep_slow_pages_apart() -> None:
    delays = [Delay(0, 1.0, False), Delay(30_000, 3.0, False), Delay(40_000, 30.0, True), Delay(180_000, 9.0, False)]
    rows = by_minute(delays, 0, 2)
    assert [(row["quick"], row["p50_s"], row["max_s"], row["slow"], row["slow_p50_s"]) for row in rows] == [
        (2, 3.0, 3.0, 1, 30.0),
        (0, None, None, 0, None),
    ]


def minutes(*values: float | None) -> list[dict[str, float | int | None]]:
    return [{"minute": minute, "p50_s": value} for minute, value in enumerate(values)]


def test_a_trend_compares_the_last_third_with_the_first() -> None:
    flat, rising = (
        trend_of(minutes(*values), "p50_s") for values in ([1.0, 1.1, 0.9, 1.0, 1.2, 1.0], [1, 1, 2, 3, 4, 5])
    )
    assert flat is not None
    assert rising is not None
    assert (flat.flat, rising.flat, rising.ratio) == (True, False, 4.5)
    assert rising.slope_s_per_h > 40
    assert trend_of(minutes(1.0, None, 2.0), "p50_s") is None


def test_little_is_flat() -> None:
    assert Trend(0.1, 0.35, 0.0).flat
    assert not Trend(0.1, 0.5, 0.0).flat
    assert Trend(0.0, 0.0, 0.0).ratio == 1.0
