"""Who is alerted when, and of what."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from core.records import Alert, Match, SubscriptionMatch, alert_id, article_id, from_ms
from core.records.alert import News, NewsKind
from pipeline.stories.alerts import CLAUSE_STEPS, AlertRule
from tests.pipeline.stories.world import Desk, article, edited, prose, subscription

ONE, TWO, THREE = prose(1), prose(2), prose(3)
A, B, C = "post/1", "herald/1", "globe/1"


@dataclass
class Item:
    url: str
    text: str
    subscriptions: str = ""
    backfill: bool = False
    title: str = "A title"


# Name: items in order; the alerts, as subscription, article and reason.
CASES: dict[str, tuple[list[Item], list[tuple[str, str, str]]]] = {
    "one for each subscription": ([Item(A, ONE, "st")], [("s", A, "story"), ("t", A, "story")]),
    "no match, no alert": ([Item(A, ONE)], []),
    "the same again": ([Item(A, ONE, "s"), Item(A, ONE, "s")], [("s", A, "story")]),
    "a small edit": ([Item(A, ONE, "s"), Item(A, edited(ONE, 3), "s")], [("s", A, "story")]),
    "a large edit": ([Item(A, ONE, "s"), Item(A, TWO, "s")], [("s", A, "story"), ("s", A, "edit")]),
    "a large edit that no longer matches": ([Item(A, ONE, "s"), Item(A, TWO)], [("s", A, "story"), ("s", A, "edit")]),
    "a large edit that a second one meets": (
        [Item(A, ONE, "s"), Item(A, TWO, "st")],
        [("s", A, "story"), ("s", A, "edit"), ("t", A, "story")],
    ),
    "a copy": ([Item(A, ONE, "s"), Item(B, ONE, "s")], [("s", A, "story")]),
    "a copy that only its own outlet's subscription meets": (
        [Item(A, ONE, "s"), Item(B, ONE, "sb"), Item(C, ONE, "sbc")],
        [("s", A, "story"), ("b", B, "story"), ("c", C, "story")],
    ),
    "another story": ([Item(A, ONE, "s"), Item(B, TWO, "s")], [("s", A, "story"), ("s", B, "story")]),
    "backfill alerts nobody": ([Item(A, ONE, "s", backfill=True)], []),
    "news after backfill alerts once": (
        [Item(A, ONE, "s", backfill=True), Item(B, ONE, "s"), Item(C, ONE, "s")],
        [("s", B, "story")],
    ),
    "a new version of a backfilled article": (
        [Item(A, ONE, "s", backfill=True), Item(A, edited(ONE, 3), "s"), Item(A, edited(ONE, 5), "s")],
        [("s", A, "story")],
    ),
    "a backfilled article fetched again, unchanged, is no news": (
        [Item(A, ONE, "s", backfill=True), Item(A, ONE, "s")],
        [],
    ),
    "backfill into a story that was alerted": (
        [Item(A, ONE, "s"), Item(B, ONE, "st", backfill=True)],
        [("s", A, "story")],
    ),
    "a correction": (
        [Item(A, ONE, "s"), Item(A, f"{ONE}\nCorrection: the mayor is 40, not 50.", "s")],
        [("s", A, "story"), ("s", A, "correction")],
    ),
    "a correction of what no longer matches": (
        [Item(A, ONE, "s"), Item(A, f"{ONE}\nCorrection: it was elsewhere.")],
        [("s", A, "story"), ("s", A, "correction")],
    ),
    "a correction is told once": (
        [
            Item(A, ONE, "s"),
            Item(A, f"{ONE}\nCorrection: it was elsewhere.", "s"),
            Item(A, f"{ONE} More.\nCorrection: it was elsewhere.", "s"),
        ],
        [("s", A, "story"), ("s", A, "correction")],
    ),
    "a correction that was there from the start is no news": (
        [Item(A, f"{ONE}\nCorrection: it was elsewhere.", "s"), Item(B, f"{ONE}\nCorrection: it was elsewhere.", "s")],
        [("s", A, "story")],
    ),
    "a correction of somebody else's article": (
        [Item(A, ONE, "s"), Item(B, f"{ONE}\nCorrection: it was elsewhere.")],
        [("s", A, "story"), ("s", B, "correction")],
    ),
    "a retraction in place of the text": (
        [Item(A, ONE, "s"), Item(A, "This article has been retracted.")],
        [("s", A, "story"), ("s", A, "retraction")],
    ),
    "a new figure in the lead": (
        [Item(A, f"12 people died. {ONE}", "s"), Item(B, f"17 people died. {ONE}", "s")],
        [("s", A, "story"), ("s", B, "figures")],
    ),
    "a figure in the title": (
        [Item(A, ONE, "s"), Item(B, ONE, "s", title="Toll rises to 30")],
        [("s", A, "story"), ("s", B, "figures")],
    ),
    "a figure is new once": (
        [Item(A, ONE, "s"), Item(B, f"17 died. {ONE}", "s"), Item(C, f"Some 17 died. {ONE}", "s")],
        [("s", A, "story"), ("s", B, "figures")],
    ),
    "a figure far down is none": ([Item(A, ONE, "s"), Item(B, f"{ONE} 17 died.", "s")], [("s", A, "story")]),
    "a new figure in an article that does not match": (
        [Item(A, ONE, "s"), Item(B, f"17 died. {ONE}")],
        [("s", A, "story")],
    ),
    "a figure that came up where it did not match, then where it does": (
        [Item(A, ONE, "s"), Item(B, f"17 died. {ONE}", "t"), Item(C, f"17 died, they say. {ONE}", "s")],
        [("s", A, "story"), ("t", B, "story"), ("s", C, "figures")],
    ),
    "years and dates are no figures": (
        [Item(A, ONE, "s"), Item(B, f"On 12 March 2026 at 10:30, and in 2031. {ONE}", "s")],
        [("s", A, "story")],
    ),
    "a new quote": (
        [Item(A, ONE, "s"), Item(B, f'{ONE} "We will never leave this valley to them," she said.', "s")],
        [("s", A, "story"), ("s", B, "quotes")],
    ),
    "part of a known quote": (
        [
            Item(A, f'{ONE} "We will never leave this valley to them, whatever they say," she said.', "s"),
            Item(B, f'{ONE} "never leave this valley to them", she had said.', "s"),
        ],
        [("s", A, "story")],
    ),
    "two quoted words are none": ([Item(A, ONE, "s"), Item(B, f'{ONE} "So what", he said.', "s")], [("s", A, "story")]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [False, True], ids=["one by one", "as one batch"])
def test_the_alerts_are_those_that_a_case_says(case: str, batch: bool) -> None:
    items, alerts = CASES[case]
    articles = [
        article(
            one.url,
            one.text,
            at_ms=number,
            title=one.title,
            subscriptions=list(one.subscriptions),
            backfill=one.backfill,
        )
        for number, one in enumerate(items)
    ]
    desk = Desk()
    for part in [articles] if batch else [[one] for one in articles]:
        desk.tell_all(part)
    found = [(alert.subscription, alert.url, alert.reason) for alert in desk.alerts]
    assert found == [(name, f"https://{url}", reason) for name, url, reason in alerts]
    assert len({alert.id for alert in desk.alerts}) == len(desk.alerts)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("corrections", f"{ONE}\nCorrection: it was elsewhere."),
        ("figures", f"17 died. {ONE}"),
        ("quotes", f'{ONE} "We will never leave this valley to them," she said.'),
        ("edits", TWO),
    ],
)
def test_only_the_news_that_a_subscription_wants(kind: NewsKind, text: str) -> None:
    desk = Desk()
    desk.wanted = {"s": replace(subscription("s"), news=(kind,)), "t": replace(subscription("t"), news=())}
    desk.tell(article(A, ONE, at_ms=0, subscriptions=["s", "t"]))
    desk.tell(article(A, text, at_ms=1, subscriptions=["s", "t"]))
    assert [alert.subscription for alert in desk.alerts] == ["s", "t", "s"]


def test_a_paused_subscription_gets_no_correction() -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=0, subscriptions=["s"]))
    desk.wanted = {"s": replace(subscription("s"), state="paused")}
    desk.tell(article(A, "This article has been retracted.", at_ms=1))
    assert [alert.reason for alert in desk.alerts] == ["story"]


def in_one_story(number: int, **fields: object) -> object:
    """A report of its own words in the story of the first: an article of another outlet with its story given."""
    one = article(f"outlet{number}/1", prose(number + 50), at_ms=number, subscriptions=["s"])
    return replace(one, story_id="story", **fields)


def told(count: int, **fields: object) -> list[Alert]:
    rule = AlertRule({}, lambda name, version, _time_ms: subscription(name))
    found = []
    for number in range(count):
        one = in_one_story(number, **fields)
        found += rule.alerts_of(one, one.key)  # type: ignore[attr-defined, arg-type]
    return found


def test_independent_sources_alert_at_five_ten_and_thirty() -> None:
    alerts = told(40)
    assert [(alert.reason, alert.parameter, alert.sources) for alert in alerts] == [
        ("story", "", 1),
        ("sources", "5", 5),
        ("sources", "10", 10),
        ("sources", "30", 30),
    ]
    assert alerts[1].previous == alerts[0].id
    assert alerts[2].news == (News("sources", "10 independent sources by now"),)
    assert alerts[1].outlets == tuple(f"outlet{number}" for number in range(5))
    assert len(alerts[3].outlets) == 20


def test_copies_are_not_independent_sources() -> None:
    assert [alert.reason for alert in told(40, duplicate_of="x")] == ["story"]


def test_all_that_is_new_in_an_article_is_one_alert() -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=0, subscriptions=["s"]))
    text = f'17 died. {TWO} "We will never leave this valley to them," she said.\nCorrection: it was elsewhere.'
    desk.tell(article(A, text, at_ms=1, subscriptions=["s"]))
    assert [alert.reason for alert in desk.alerts] == ["story", "correction"]
    second = desk.alerts[1]
    assert [news.kind for news in second.news] == ["correction", "edit", "figures", "quotes"]
    assert second.news[0].text == "Correction: it was elsewhere."
    assert second.level == "high"
    assert second.changes
    assert second.changes[0].after.startswith("17 died")


def test_naming_the_matched_clauses_of_one_article_costs_a_bounded_number_of_steps() -> None:
    """Over all its alerts: a page that meets thousands of long queries must not hold up the order."""
    long = replace(subscription("s"), query=" OR ".join(f"zyzzyva{number}" for number in range(1_200)) + " OR died")
    names = [f"s{number:02}" for number in range(60)]
    rule = AlertRule({}, lambda name, version, _time_ms: replace(long, id=name))
    one = replace(article(A, "Two people died there.", at_ms=0, subscriptions=names), story_id="story")
    alerts = rule.alerts_of(one, one.key)
    assert [alert.subscription for alert in alerts] == names
    told = [alert.clause for alert in alerts]
    affordable = CLAUSE_STEPS // (8 * len(long.query))
    assert told == ["died"] * affordable + [""] * (60 - affordable)


def test_a_retraction_is_urgent_and_names_what_it_takes_back() -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=0, subscriptions=["s"]))
    desk.tell(article(A, ONE, at_ms=1, title="KILL: Nothing of it is true", subscriptions=["s"]))
    kill = desk.alerts[1]
    assert (kill.reason, kill.level, kill.withdrawn) == ("retraction", "urgent", (article_id(f"https://{A}"),))


def test_a_retraction_beside_the_article_takes_back_its_outlets_alerts_only() -> None:
    rule = AlertRule({}, lambda name, version, _time_ms: subscription(name))
    mine = replace(article("post/1", ONE, at_ms=0, subscriptions=["s"]), story_id="story")
    theirs = replace(article("herald/1", TWO, at_ms=1, subscriptions=["t"]), story_id="story")
    kill = replace(article("post/2", "Kill this story. It is wrong.", at_ms=2), story_id="story")
    first, other, third = (rule.alerts_of(one, one.key) for one in (mine, theirs, kill))
    assert [alert.subscription for alert in [*first, *other]] == ["s", "t"]
    assert [(alert.subscription, alert.reason, alert.withdrawn) for alert in third] == [("s", "retraction", (mine.id,))]


def test_an_alert_describes_its_article() -> None:
    desk = Desk()
    desk.wanted = {"s": replace(subscription("s"), query='aid OR ("no such" AND words)', delivery=("mail",))}
    text = f"The aid came late. {ONE}"
    first = article(A, text, at_ms=1, title="Late")
    desk.tell(replace(first, subscriptions=(SubscriptionMatch("s", 1, (Match("text", 4, 7, "aid"),)),)))
    (alert,) = desk.alerts
    story = article_id(f"https://{A}")
    assert alert.id == alert_id("s", story, "story")
    assert (alert.run, alert.story, alert.article, alert.subscription_version) == ("r", story, story, 1)
    assert (alert.title, alert.source, alert.url) == ("Late", "post", f"https://{A}")
    assert alert.news == (News("story", "Late"),)
    assert (alert.clause, alert.channels, alert.outlets, alert.sources) == ("aid", ("mail",), ("post",), 1)
    (snippet,) = alert.snippets
    assert [snippet.text[start:end] for start, end in snippet.spans] == ["aid"]
    assert snippet.text.endswith(" …")
    assert alert.links[0].url == f"https://{A}"


def test_a_late_article_is_raised_at_the_time_of_its_place() -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=1, subscriptions=["s"]))
    late = desk.tell(article(B, TWO, at_ms=0, subscriptions=["s"]))
    assert desk.alerts[1].raised_at == from_ms(late.key.time_ms) == from_ms(1)


def test_an_article_without_a_story_raises_no_alert() -> None:
    one = article(A, ONE, subscriptions=["s"])
    assert AlertRule({}, lambda *_: None).alerts_of(one, one.key) == []
