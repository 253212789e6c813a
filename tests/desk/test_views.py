"""The pure parts: marks, differences, filters, the status bar, limits, addresses."""

from __future__ import annotations

import csv
import io
from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store.feeds import FeedCounts
from core.errors import UsageError
from core.failure_words import WALLS
from core.package_data import package_toml
from core.records import Match, Subscription, TopicMatch
from core.records.alert import Schedule
from core.store.canary import CanaryHealth, CanaryState
from desk.people.addresses import client_address, host_of, is_loopback, networks
from desk.people.limits import Buckets, Limit, Slots
from desk.views.article_text import BEFORE, Segment, Span, in_context, marked, marked_article
from desk.views.cards import read_state
from desk.views.exports import csv_of
from desk.views.forms import LiveFilter, live_filter_of, told_words
from desk.views.status_bar import Health, Status, status_of
from desk.views.timeline import side_by_side
from desk.views.wording import Clock, kept_short
from desk.web.requests import inside
from pipeline.extraction import walls
from pipeline.stories import repeated_walls
from tests.pipeline.stories.world import article
from tests.pipeline.transforms.support import NOON_MS

SPANS = st.lists(st.builds(Span, st.integers(-3, 30), st.integers(-3, 30), st.sampled_from(["a", "b", ""])), max_size=8)


@given(st.text(max_size=25), SPANS)
def test_marking_changes_no_character_and_marks_what_is_meant(text: str, spans: list[Span]) -> None:
    segments = marked(text, spans)
    assert "".join(one.text for one in segments) == text
    at = 0
    for one in segments:
        for place in range(at, at + len(one.text)):
            over = [span for span in spans if span.start <= place < span.end]
            assert one.marked == bool(over)
            assert set(one.labels) == {span.label for span in over} - {""}
        at += len(one.text)


@given(st.text(alphabet="ab\n", max_size=30), SPANS)
def test_an_articles_lines_are_marked_as_the_whole_is(text: str, spans: list[Span]) -> None:
    sound = [span for span in spans if 0 <= span.start < span.end]
    told = [Match("text", span.start, span.end, "x") for span in sound]
    shown = msgspec.structs.replace(article("post/1", text), topics=(TopicMatch("t", 1.0, tuple(told)),))
    lines = [(number, line) for number, line in enumerate(text.split("\n")) if line.strip()]
    begins = [sum(len(line) + 1 for line in text.split("\n")[:number]) for number, _ in lines]
    paragraphs = marked_article(shown, {}).paragraphs
    assert ["".join(one.text for one in line) for line in paragraphs] == [line for _, line in lines]
    for begin, line in zip(begins, paragraphs, strict=True):
        places = [(begin + at, one.marked) for one, at in _placed(line)]
        for place, is_marked in places:
            assert is_marked == any(span.start <= place < span.end for span in sound)


def _placed(line: tuple[Segment, ...]) -> list[tuple[Segment, int]]:
    at, found = 0, []
    for one in line:
        found += [(one, at + place) for place in range(len(one.text))]
        at += len(one.text)
    return found


@given(st.text(alphabet="ab c\n", max_size=400), st.integers(0, 390), st.integers(1, 10))
def test_a_snippet_holds_its_words_and_little_more(text: str, start: int, length: int) -> None:
    end = min(len(text), start + length)
    segments = in_context(text, [Span(start, end)] if start < end else [])
    if start >= end:
        assert segments == ()
        return
    assert "".join(one.text for one in segments if one.marked) == " ".join(text[start:end].split("\n"))
    assert sum(len(one.text) for one in segments) <= length + 2 * 80 + 6
    before = segments[: next(place for place, one in enumerate(segments) if one.marked)]
    assert sum(len(one.text) for one in before) <= BEFORE + 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "at the desk only"),
        ({"level": "high"}, "at the desk only"),
        ({"delivery": ("ops", "hook")}, "ops, hook: at once"),
        ({"delivery": ("ops",), "level": "urgent"}, "ops: at once; level urgent"),
        ({"delivery": ("ops",), "schedule": Schedule(quiet="22:00-07:00")}, "ops: at once; quiet hours 22:00-07:00"),
        ({"delivery": ("ops",), "schedule": Schedule(kind="hourly")}, "ops: in an hourly digest"),
        (
            {"delivery": ("ops",), "schedule": Schedule(kind="daily", at="06:30", zone="Europe/Berlin")},
            "ops: in a daily digest, 06:30 Europe/Berlin",
        ),
    ],
)
def test_a_line_says_how_a_subscription_notifies(fields: dict[str, Any], said: str) -> None:
    assert told_words(Subscription(id="a", query="x", **fields)) == said


OLD = st.lists(st.sampled_from(["one", "two", "three", "four", "12", "15"]), max_size=80)
NEW = st.lists(st.sampled_from(["one", "two", "six", "15"]), max_size=80)


@given(OLD, NEW)
def test_a_difference_names_both_versions(before: list[str], after: list[str]) -> None:
    old, new = " ".join(before), " ".join(after)
    parts = side_by_side(old, new, context=1_000)
    if old == new:
        assert parts == ()
        return
    assert "".join(one.text for one in parts if one.kind in ("same", "new")).split() == after
    # Runs of words may meet without a space, where one stood at the end of the other version.
    told = "".join(one.text for one in parts if one.kind in ("same", "gone"))
    assert told.replace(" ", "") == "".join(before)


def test_long_stretches_without_a_change_are_left_out() -> None:
    words = [f"word{number}" for number in range(200)]
    parts = side_by_side(" ".join(words), " ".join([*words[:100], "changed", *words[101:]]))
    assert [one.kind for one in parts] == ["gap", "same", "gone", "new", "same", "gap"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["topic", "lang", "outlet", "country", "subscription", "hours", "show", "x"]),
            st.sampled_from(["syria", "&=?", "24", "unread", "-1", ""]),
        ),
        max_size=10,
    )
)
def test_a_filter_survives_its_own_address(query: list[tuple[str, str]]) -> None:
    from urllib.parse import parse_qsl

    form = live_filter_of(query)
    assert live_filter_of(parse_qsl(form.query())) == form


def test_clicking_a_facet_twice_is_clicking_it_not_at_all() -> None:
    from urllib.parse import parse_qsl

    once = live_filter_of(parse_qsl(LiveFilter().toggled("topic", "syria")))
    assert once.topic == ("syria",)
    assert live_filter_of(parse_qsl(once.toggled("topic", "syria"))).empty


@pytest.mark.parametrize(
    ("seq", "read", "floor", "state"),
    [
        (5, None, 0, "new"),
        (5, None, 5, "read"),
        (5, 5, 0, "read"),
        (6, 5, 0, "changed"),
        (5, -1, 9, "new"),
        (6, 5, 6, "read"),
    ],
)
def test_read_unread_changed(seq: int, read: int | None, floor: int, state: str) -> None:
    assert read_state(seq, read, floor) == state


def canary(health: CanaryHealth, summary: str = "canary through") -> CanaryState:
    return CanaryState(health=health, age_s=1, limit_s=2, summary=summary)


def test_the_status_bar_distinguishes_quiet_from_broken() -> None:
    hour = 3_600_000
    feeds = FeedCounts(watched=3, failing=0, last_ok_ms=None)
    clock = Clock(NOON_MS, UTC)

    def shown(canary: CanaryState | None = None, last_ms: int | None = NOON_MS, **more: Any) -> Status:
        return status_of(Health(canary=canary, last_ms=last_ms, **{"feeds": feeds, **more}), clock)

    quiet = shown(canary(CanaryHealth.OK), NOON_MS - hour)
    assert (quiet.level, quiet.text) == ("ok", "Quiet, not broken: last article 1 hour ago")
    assert shown(None, NOON_MS - hour).text == "Last article 1 hour ago"
    broken = shown(msgspec.structs.replace(canary(CanaryHealth.SILENT, "nothing since 9"), silent_stage="pipeline"))
    assert (broken.level, broken.text) == ("bad", "Broken: the pipeline is silent")
    assert broken.more[0] == "nothing since 9"
    failing = shown(feeds=feeds._replace(failing=2))
    assert (failing.level, failing.text) == ("warn", "2 of 3 feeds are failing")
    gone = shown(None, None, feeds=None, problem="disk full")
    assert (gone.level, gone.more) == ("bad", ("disk full",))
    assert status_of(Health(loading=True), clock).text == "Starting"


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets, limit = Buckets(), Limit(3, 10.0)
    assert [buckets.take("a", limit, 100.0) for _ in range(4)] == [0, 0, 0, 10.0]
    assert buckets.take("b", limit, 100.0) == 0
    assert buckets.take("a", limit, 110.0) == 0
    assert buckets.take("a", limit, 110.0) == 10.0
    buckets.give_back("a", limit)
    assert buckets.take("a", limit, 110.0) == 0


def test_slots_come_back() -> None:
    slots = Slots(2)
    assert [slots.take("a"), slots.take("a"), slots.take("a")] == [True, True, False]
    slots.give_back("a")
    assert slots.take("a")


def test_only_our_proxies_are_believed() -> None:
    ours = networks("10.0.0.0/8, ::1")
    assert client_address("192.0.2.1", ["203.0.113.9"], ours) == "192.0.2.1"
    assert client_address("10.1.1.1", ["203.0.113.9, 198.51.100.2, 10.0.0.3"], ours) == "198.51.100.2"
    assert client_address("10.1.1.1", ["nonsense"], ours) == "10.1.1.1"
    assert client_address("::ffff:10.1.1.1", ["198.51.100.2"], ours) == "198.51.100.2"
    with pytest.raises(UsageError, match="'example' is not an address"):
        networks("10.0.0.1, example")


def test_hosts_and_ways_back() -> None:
    assert [host_of(one) for one in ("A.Example:80", "[::1]:80", "127.0.0.1", "")] == [
        "a.example",
        "[::1]",
        "127.0.0.1",
        "",
    ]
    assert all(is_loopback(one) for one in ("127.0.0.9", "::1", "localhost"))
    assert not any(is_loopback(one) for one in ("10.0.0.1", "desk.example", ""))
    assert [inside(one) for one in ("/a?b", "//a", "/\\a", "https://a", "", "/a\n")] == [
        "/a?b",
        "/",
        "/",
        "/",
        "/",
        "/",
    ]


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "now"), (59_999, "now"), (60_000, "1 min"), (7_200_000, "2 h"), (200_000_000, "2 d")]
)
def test_an_age_is_shown_in_its_largest_unit(ms: int, text: str) -> None:
    assert Clock(NOON_MS, UTC).age(NOON_MS - ms) == text


FORMULA = "HYPERLINK(1)"


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹢", "﹣", "﹦", "﹫", "⁼", "₌", "⁺", "₋", "﬩", "−"]
)
@pytest.mark.parametrize(
    "before",
    ["", " ", "\t", "\r", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\0", '"', "'", "“", "\x1b", "«\t"],
)
def test_no_cell_is_a_formula(sign: str, before: str) -> None:
    [_, row] = csv.reader(io.StringIO(csv_of(["a"], [[before + sign + FORMULA]]).decode("utf-8-sig"), newline=""))
    assert row == [f"'{before}{sign}{FORMULA}"]
    [_, row] = csv.reader(
        io.StringIO(csv_of(["a"], [[[before + sign + FORMULA, "b"]]]).decode("utf-8-sig"), newline="")
    )
    assert row[0].startswith("'")


@pytest.mark.parametrize(
    "text", ["", "Aid", "Aid = help", "“Aid” + help", "3-2", "(−5)", "– Live", "1+1", "سوريا", "🔴 -", "#metoo"]
)
def test_other_cells_stay_as_they_are(text: str) -> None:
    [_, row] = csv.reader(io.StringIO(csv_of(["a"], [[text]]).decode("utf-8-sig"), newline=""))
    assert row == ([text] if text else [""])


@pytest.mark.parametrize("value", [-5, 3, 1.5, None])
def test_numbers_are_not_formulas(value: object) -> None:
    assert csv_of(["a"], [["x", value]]).decode("utf-8-sig").endswith(f"x,{'' if value is None else value}\r\n")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({}, []),
        ({"text_from": "json_ld"}, []),
        ({"partial": True}, ["only the beginning: cut off by the publisher"]),
        ({"text_from": "title"}, ["headline only"]),
        (
            {"text_from": "feed", "wall": "robot", "partial": True},
            [
                "text from the feed: the page could not be read (robot check)",
                "only the beginning: cut off by the publisher",
            ],
        ),
    ],
)
def test_a_label_says_that_a_text_is_not_complete(what: dict[str, Any], said: list[str]) -> None:
    assert kept_short(msgspec.structs.replace(article("post/1", "A text."), **what)) == said


def test_every_kind_of_wall_has_a_word() -> None:
    meant = package_toml("pipeline.extraction", "wall_meaning.toml")["kinds"]
    words = package_toml("pipeline.extraction", "wall_words.toml")
    assert {*walls.VOCABULARIES, *meant, *words, walls.SHELL, repeated_walls.KIND} == set(WALLS)
