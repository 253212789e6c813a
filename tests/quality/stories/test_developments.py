"""No alert is lost to a merge: every two events told from one template against the alert rule, apart and forced together."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.records import Alert, Article, SubscriptionMatch
from core.records.alert import ALL_NEWS, NewsKind
from pipeline.stories.alerts import AlertRule
from pipeline.stories.features import features
from pipeline.stories.places import are_countries
from tests.pipeline.stories.world import Desk, subscription
from tests.quality.stories.stage import article
from tests.quality.stories.templates import Pair, copy_pairs, template_pairs

WANTED = (SubscriptionMatch("s", 1),)


def matching(one: Article) -> Article:
    return replace(one, subscriptions=WANTED)


def forced(*articles: Article, news: tuple[NewsKind, ...] = ALL_NEWS) -> list[Alert]:
    """The alerts if all these articles are put into one story, whatever they tell."""
    rule = AlertRule({}, lambda name, _version, _time_ms: replace(subscription(name), news=news))
    alerts: list[Alert] = []
    for one in articles:
        alerts += rule.alerts_of(replace(matching(one), version=1, story_id="one"), one.key)
    return alerts


def apart(pair: Pair) -> list[Alert]:
    desk = Desk()
    for one in (pair.first, pair.second):
        desk.tell(matching(one))
    return desk.alerts


def test_each_event_of_a_template_alerts() -> None:
    lost = [pair.name for pair in template_pairs() if len(apart(pair)) != 2]
    assert lost == []


def test_an_event_that_was_merged_still_raises_its_alert() -> None:
    lost = [pair.name for pair in template_pairs() if len(forced(pair.first, pair.second)) != 2]
    assert lost == []


def test_it_alerts_as_a_development_if_no_other_news_is_wanted() -> None:
    """Running totals, which may be one story, are new figures and no development."""
    told = {
        pair.name: [one.reason for one in forced(pair.first, pair.second, news=("developments",))]
        for pair in template_pairs()
        if not pair.together
    }
    assert {name: reasons for name, reasons in told.items() if reasons != ["story", "development"]} == {}


@pytest.mark.slow
def test_a_copy_is_not_a_development() -> None:
    told = [pair.name for pair in copy_pairs() if len(forced(pair.first, pair.second, news=("developments",))) != 1]
    assert told == []


ONE = (
    "Concern for missing Anna Falk",
    (
        "Police worry about Anna Falk, 61, who has been missing from Torvik since Sunday. She was last seen in Mill Lane. "
        "Officers are searching woods and barns near the river and ask walkers for help."
    ),
)
OTHER = (
    "Concern for missing Piet Maas",
    (
        "Police worry about Piet Maas, 61, who has been missing from Lindgate since Sunday. He was last in Dock Road. "
        "Officers are searching woods and barns near the river and ask walkers for help."
    ),
)


def told(number: int, title: str, text: str, language: str = "en") -> Article:
    return article(
        f"https://o{number}.example/a", title, text, at_ms=number + 1, source=f"o{number}", language=language
    )


def test_a_development_says_what_is_new() -> None:
    (_, second) = forced(told(0, *ONE), told(1, *OTHER))
    assert (second.reason, second.news[0].text) == ("development", "Piet Maas, Lindgate, Dock Road")


def test_figures_and_quotes_go_before_it() -> None:
    (_, second) = forced(told(0, *ONE), told(1, OTHER[0], OTHER[1].replace("Officers", "40 officers")))
    assert [one.kind for one in second.news] == ["figures", "development"]


def test_it_gives_way_if_they_say_all_of_it() -> None:
    """Another day's figures of one series: nobody is named who was not named before."""
    series = (
        "The office in Torvik counted {} cases of flu, {} more than before. Anna Falk said {} people were in hospital."
    )
    pair = [
        told(n, "Flu in Torvik", series.format(*figures)) for n, figures in enumerate(((812, 170, 61), (1044, 232, 88)))
    ]
    (_, second) = forced(*pair)
    assert {one.kind for one in second.news} == {"figures"}


def test_each_alert_is_sent_once() -> None:
    """The first event again, then the second one again: both are known, only a fifth source is news."""
    both = (ONE, OTHER, ONE, OTHER, ONE)
    again = [told(n, title, text + " More will follow.") for n, (title, text) in enumerate(both)]
    assert [one.reason for one in forced(*again)] == ["story", "development", "sources"]


SAID = (
    "Sorge um Anna Falk",
    "Die Polizei sucht Anna Falk aus Torvik. Die Beamtin sagte: „{}“ Helfer durchkämmen seit Sonntag Wälder am Fluss.",
)
TRANSLATED, ANOTHER = "Wir haben jede Scheune am Fluss durchsucht", "Am Montag kommen Hunde aus der Hauptstadt dazu"


def test_a_quote_of_the_first_text_in_a_language_may_be_a_translation() -> None:
    english = told(0, ONE[0], ONE[1] + ' "We have searched every barn by the river," an officer said.')
    first = told(1, SAID[0], SAID[1].format(TRANSLATED), "de")
    second = told(2, SAID[0], SAID[1].format(ANOTHER), "de")
    again = told(3, SAID[0], SAID[1].format(TRANSLATED), "de")
    assert [one.reason for one in forced(english, first)] == ["story"]
    alerts = forced(english, first, again, second)
    assert [(one.reason, one.news[0].text) for one in alerts[1:]] == [("quotes", ANOTHER)]


BACKGROUND = (
    ("Strike at Torvik airport", "Pilots at Torvik airport went on strike on Monday, and planes stayed on the ground."),
    ("Pilots walk out", "A walkout over pay empties the runway. The firm flies to 33 towns and has 11,500 staff."),
    ("Pilots walk out", "A walkout over pay empties the runway. The firm flies to 41 towns and has 12,600 staff."),
)


def test_a_leads_background_is_news_only_in_a_text_worded_like_an_earlier_one() -> None:
    one, two, three = (told(number, *text) for number, text in enumerate(BACKGROUND))
    wanted: tuple[NewsKind, ...] = ("figures",)
    assert [alert.reason for alert in forced(one, two, news=wanted)] == ["story"]
    assert [alert.reason for alert in forced(one, two, three, news=wanted)] == ["story", "figures"]


def test_an_edit_is_not_a_development() -> None:
    desk = Desk()
    first = matching(told(0, *ONE))
    second = matching(told(0, *OTHER))
    desk.tell(first)
    desk.tell(replace(second, key=replace(second.key, time_ms=2)))
    assert "development" not in {news.kind for alert in desk.alerts for news in alert.news}


@pytest.mark.parametrize("language", ["de", "ar"])
def test_a_text_in_another_language_is_not_a_development_by_its_words(language: str) -> None:
    other = told(1, "Sorge um Anna Falk", "Die Polizei sucht seit Sonntag nach der Rentnerin aus Torvik.", language)
    assert [one.reason for one in forced(told(0, *ONE), other)] == ["story"]


def test_a_plain_signature_is_compared_with_nothing() -> None:
    plain = replace(told(1, *OTHER), fingerprint=features(*OTHER)[:512])
    assert [one.reason for one in forced(told(0, *ONE), plain, news=("developments",))] == ["story"]


def _told(place: int, title: str, text: str) -> Article:
    return article(
        f"https://s{place}.example/a", title, text, at_ms=place * 3_600_000, source=f"s{place}.example", language="en"
    )


@pytest.fixture
def damascus() -> Article:
    return _told(
        1,
        "Car bomb kills six in Damascus",
        "A car bomb killed six people outside the interior ministry in Damascus on Monday, the state agency said. Witnesses "
        "saw black smoke over the Mezzeh quarter, and ambulances took the injured to the Mouwasat hospital.",
    )


DEPOT = (
    "The blaze began in a storage tank of the refinery outside Homs and spread to Hama road, firefighters from Baniyas said on "
    "Tuesday. Families waited at the gates while cranes lifted steel beams from what had been the loading hall."
)


def test_a_headline_without_names_hides_no_other_event(damascus: Article) -> None:
    depot = _told(
        2,
        "Blast at fuel depot leaves dozens dead",
        DEPOT,
    )
    told = forced(damascus, depot, news=("developments",))
    assert [one.reason for one in told] == ["story", "development"]
    assert "Homs" in told[1].news[0].text


def test_an_event_that_raised_no_alert_is_still_new_in_a_later_report(damascus: Article) -> None:
    # Its headline names only what was told before, so by itself it may be the same event in other words.
    unclear = _told(
        2,
        "Damascus shaken again as dozens die",
        DEPOT,
    )
    later = _told(
        3,
        "Homs mourns forty refinery workers",
        "Thousands walked behind the coffins through the old town of Homs on Thursday. Shops stayed shut, and the bishop read "
        "out the names of those who had died at work; their colleagues carried helmets.",
    )
    told = forced(damascus, unclear, later, news=("developments",))
    assert [one.reason for one in told] == ["story", "development"]
    assert "Homs" in told[1].news[0].text


OUTAGE = (
    "Fire leaves 45,400 homes in Torvik without power",
    "A fire on a cable bridge has left 45,400 homes in the south of Torvik without power. Repairs will last until Thursday.",
)


@pytest.mark.parametrize(
    ("title", "reasons"),
    [
        ("Torvik: 45,000 households in the dark after arson at bridge", ["story"]),
        ("Torvik: 46,300 households in the dark after arson at bridge", ["story", "figures"]),
        ("Torvik: 52,000 households in the dark after arson at bridge", ["story", "figures"]),
    ],
)
def test_a_figure_that_only_rounds_a_known_one_is_not_news(title: str, reasons: list[str]) -> None:
    later = told(
        1, title, "Tens of thousands of people in Torvik have no electricity, and schools stay closed, the city said."
    )
    assert [one.reason for one in forced(told(0, *OUTAGE), later, news=("figures",))] == reasons


@pytest.mark.parametrize(
    ("title", "reasons"),
    [
        ("Envoy Maas blames Russia for the drones", ["story"]),
        ("Envoy Maas blames South Korea for the drones", ["story"]),
        ("Envoy Maas blames Brenner for the drones", ["story", "development"]),
    ],
)
def test_a_country_that_only_the_later_headline_names_is_no_other_event(title: str, reasons: list[str]) -> None:
    first = told(
        0,
        "Drones fall near the harbour of Torvik",
        "Three drones fell into fields outside the harbour of Torvik on Monday night. Envoy Piet Maas called for an inquiry.",
    )
    later = told(
        1,
        title,
        "Speaking to reporters in the capital, the diplomat said evidence left no doubt about who had sent them.",
    )
    assert [one.reason for one in forced(first, later, news=("developments",))] == reasons


def test_a_text_worded_like_an_earlier_one_that_names_nothing_new_is_no_other_event() -> None:
    first = told(
        0,
        "Woman found dead in Torvik flat",
        "A woman was found dead in a flat in Torvik on Sunday evening, police said. A neighbour had called them after hearing "
        "the smoke alarm. Doctors suspect carbon monoxide from a heater in the bathroom.",
    )
    later = told(
        1,
        "Neighbours found her unconscious in the bath",
        "A woman was found dead in a flat in Torvik on Sunday evening, police said. A neighbour had called them after hearing "
        "the smoke alarm. Doctors suspect carbon monoxide from a stove in the kitchen.",
    )
    assert [one.reason for one in forced(first, later, news=("developments",))] == ["story"]


@pytest.mark.parametrize("name", ["Thompson", "Francis", "George", "Russell", "Franck"])
def test_a_name_that_begins_like_a_countrys_is_no_country(name: str) -> None:
    first = told(
        0,
        "Police arrest Barker over robbery in Leeds",
        "Detectives stopped a van near the canal at dawn. Two men had emptied the till of a jeweller, a witness said.",
    )
    later = told(
        1,
        f"Police arrest {name} over robbery in Leeds",
        "A petrol station was attacked with a knife on Friday night. Nothing was taken, said the manager, who was unhurt.",
    )
    assert [one.reason for one in forced(first, later, news=("developments",))] == ["story", "development"]


@pytest.mark.parametrize(
    ("names", "language", "are"),
    [("United States, Russia", "en", True), ("Rosji", "pl", True), ("Франция", "ru", True), ("Children", "en", False),
     ("Indiana", "en", False), ("Индира", "ru", False), ("Franciszek", "pl", False), ("Malik", "tr", False)],
)  # fmt: skip
def test_only_whole_names_are_countries(names: str, language: str, are: bool) -> None:
    assert are_countries(names, language) is are
