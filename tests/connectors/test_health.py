"""What is said of feeds, and what the desk may be missing."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from connectors.base import SourceFacts
from connectors.feeds.schedule import Rhythm
from connectors.health import Coverage, FeedHealth, coverage, judge
from connectors.store.rows import FeedAbout, FeedRow
from core.records import to_ms
from core.records.article import WallCount
from core.saying import saying
from tests.connectors.support import NOON

ROW = FeedRow(
    kind="feed",
    id="f",
    url="https://a.example/rss",
    source="a",
    active=True,
    health="ok",
    problem=None,
    problem_kind=None,
    failures=0,
    title="A",
    added_at=NOON,
    last_ok_at=NOON,
    next_poll_at=NOON,
    verified_at=NOON,
    about=FeedAbout(outlet="Outlet", country="SY", language="ar", kind="state"),
)
DAILY = Rhythm(hours=(2.0,) * 24, days=7.0, at_ms=to_ms(NOON), last_new_ms=to_ms(NOON), size=30)


def health(row: FeedRow = ROW, rhythm: Rhythm = DAILY, week: tuple[int, int] = (40, 0), hours: float = 0) -> FeedHealth:
    return judge(row, SourceFacts(health="ok", rhythm=rhythm), week, (6, 0), NOON + timedelta(hours=hours))


def said(report: FeedHealth | Coverage) -> tuple[str, ...]:
    return tuple(map(str, report.risks))


def test_a_feed_that_does_as_it_always_did_is_ok() -> None:
    found = health()
    assert (found.state, said(found), found.seen_last_day, found.country) == ("ok", (), 6, "SY")
    assert 6 < found.expected_per_day < 7.5


def test_silence_gaps_failures_and_refused_pages_are_reported_in_plain_words() -> None:
    silent = health(hours=48)
    assert silent.state == "silent"
    assert said(silent)[0].startswith("silent since 2031-03-04 12:00 UTC, about 1")
    gap = health(rhythm=replace(DAILY, gaps=1, gap_ms=to_ms(NOON)), hours=1)
    assert said(gap) == ("its list overran at 2031-03-04 12:00 UTC: items were probably missed",)
    failing = health(replace(ROW, health="failing", problem="503 service unavailable"))
    assert said(failing) == ("not read since 2031-03-04 12:00 UTC: 503 service unavailable",)
    never = health(replace(ROW, health="failing", problem="404 not found", verified_at=None, last_ok_at=None))
    assert (never.state, said(never)) == ("unverified", ("could never be read: 404 not found",))
    assert said(health(replace(ROW, health="gone", problem="410 gone"))) == ("it is gone: 410 gone",)
    assert said(health(week=(40, 10))) == (
        "10 of 40 pages could not be fetched in a week; the feed's own text was used instead",
    )
    assert health(replace(ROW, active=False)).state == "removed"


def test_the_report_names_countries_and_languages_of_which_nothing_is_read() -> None:
    dead = replace(
        health(), url="https://b.example/rss", state="failing", country="IR", language="fa", risks=(saying("x"),)
    )
    whole = coverage([health(), dead, replace(health(), state="removed")])
    assert (whole.feeds, whole.states) == (2, {"failing": 1, "ok": 1})
    assert whole.countries == {"IR": (0, 1), "SY": (1, 1)}
    assert said(whole) == (
        "nothing from IR is being read (1 feed)",
        "nothing from fa is being read (1 feed)",
        "https://b.example/rss: x",
    )


def test_walls_count_by_outlet_the_worst_outlet_first() -> None:
    walls = [
        WallCount(source=source, kind=kind, walls=count, last_ms=0, last_item=f"https://{source}/1")
        for source, kind, count in (
            ("b.example", "robot", 7),
            ("a.example", "consent", 5),
            ("a.example", "repeated", 4),
        )
    ]
    whole = coverage([health()], walls)
    assert whole.walls == tuple(walls)
    assert said(whole) == (
        "a.example: walls in place of pages in a week: cookie consent 5, the same text at other addresses 4; the latest: https://a.example/1",
        "b.example: walls in place of pages in a week: robot check 7; the latest: https://b.example/1",
    )


def test_a_feed_watched_for_less_than_an_hour_gets_no_verdict_and_no_full_day_is_expected_of_it() -> None:
    fresh = Rhythm(at_ms=to_ms(NOON), last_new_ms=to_ms(NOON), size=30)
    early = health(rhythm=fresh, hours=0.5)
    assert (early.state, early.expected_per_day, early.seen_last_day, said(early)) == ("early", 0.0, 6, ())
    polled = health(rhythm=replace(fresh, days=0.25 / 24, at_ms=to_ms(NOON + timedelta(minutes=15))), hours=0.5)
    assert polled.state == "early"
    assert health(rhythm=fresh, hours=1).state == "ok"
    assert health(replace(ROW, health="failing", problem="503"), rhythm=fresh).state == "failing"
    assert coverage([early]).countries == {"SY": (1, 1)}, "it is being read"
