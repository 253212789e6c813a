"""Subscriptions as people handle them: checked, filtered, kept with their history, carried elsewhere; and their feed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import QueryError, UsageError
from core.query import Document, QueryIndex, compile_query, parse, words
from core.query.filters import admits, effective_query
from core.query.narrower_queries import narrower_queries
from core.records import Subscription
from core.records.alert import ALL_NEWS, LEVELS, News, Schedule, Snippet
from core.store import Store, SubscriptionStore
from core.store.subscriptions import MARGIN_MS
from desk.use_cases.subscriptions import Subscriptions, portable, read, to_json_lines, to_toml
from desk.views.atom import NAMESPACE, alerts_feed
from pipeline.transforms.match import Matcher
from tests.desk.delivery.support import Clock, Receiver, alert, hook, subscription
from tests.pipeline.transforms.support import NOON_MS, article, at


def people(store: Store, clock: Clock) -> Subscriptions:
    return Subscriptions(store, clock)


def test_every_change_is_a_version_with_who_and_when(any_store: Store, clock: Clock) -> None:
    desk = people(any_store, clock)
    desk.save(Subscription(id="s", query="mine"), by="ann")
    clock.pass_(hours=1)
    desk.edit("s", {"query": "mine OR pit", "schedule": {"quiet": "22:00-07:00"}, "topics": ["syria"]}, by="bob")
    assert not desk.edit("s", {"query": "mine OR pit"}, by="eve").changed
    clock.pass_(hours=1)
    desk.remove("s", by="ann")
    history = desk.history("s")
    assert [(one.version, one.edited_by, one.active) for one in history] == [
        (3, "ann", False),
        (2, "bob", True),
        (1, "ann", True),
    ]
    assert [one.saved_ms for one in history] == [clock.now_ms, clock.now_ms - 3_600_000, clock.now_ms - 7_200_000]
    assert history[1].effective_from_ms == history[1].saved_ms + MARGIN_MS
    assert history[1].schedule == Schedule(quiet="22:00-07:00")
    assert desk.all() == []
    assert [one.id for one in desk.all(ended=True)] == ["s"]
    with pytest.raises(UsageError, match="no subscription"):
        desk.get("s")
    assert desk.save(Subscription(id="s", query="mine"), by="ann").subscription.version == 4


def test_a_note_is_kept_with_the_version_that_it_was_given_for(store: Store, clock: Clock) -> None:
    desk = people(store, clock)
    desk.save(Subscription(id="s", query="mine", note="a first try"), by="ann")
    assert not desk.edit("s", {"query": "mine"}, by="bob").changed
    assert desk.get("s").note == "a first try"
    desk.edit("s", {"query": "mine OR pit"}, by="bob")
    desk.edit("s", {"level": "high", "note": "the minister asked"}, by="ann")
    assert not desk.edit("s", {"level": "high"}, by="ann").changed
    desk.remove("s", by="ann")
    assert [one.note for one in desk.history("s")] == ["", "the minister asked", "", "a first try"]


def test_a_topic_that_is_not_there_is_refused_and_one_that_went_stays(store: Store, clock: Clock) -> None:
    desk = people(store, clock)
    # Nothing is known yet, so nothing can be said against it.
    desk.save(Subscription(id="old", query="mine", topics=("gone",)), by="ann")
    desk = Subscriptions(store, clock, topics={"syria", "ukraine-talks"})
    with pytest.raises(UsageError, match="no topic 'ukraine-talk'") as caught:
        desk.save(Subscription(id="s", query="mine", topics=("Syria", "ukraine-talk")), by="ann")
    assert caught.value.hint == "did you mean ukraine-talks? there are syria, ukraine-talks"
    assert desk.all()[0].id == "old"
    assert len(desk.all()) == 1
    assert desk.edit("old", {"query": "pit"}, by="ann").changed
    SubscriptionStore(store).save_topics({"harbours": "stored"}, now_ms=clock())
    assert desk.save(Subscription(id="s", query="mine", topics=("harbours", "Syria")), by="ann").changed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"query": "mine AND"}, "expected"),
        ({"query": "lang:en AND NOT lang:en"}, "never match"),
        ({"languages": ["english"]}, "not a language code"),
        ({"schedule": {"zone": "Mars/City"}}, "no time zone"),
        ({"schedule": {"quiet": "all night"}}, "not quiet hours"),
        ({"schedule": {"whenever": 1}}, "unknown field"),
        ({"delivery": ["nowhere"]}, "no channel 'nowhere'"),
        ({"level": "loud"}, "there is no 'loud' at `level`"),
        ({"news": ["gossip"]}, "there is no 'gossip'"),
        ({"colour": "red"}, "no 'colour'"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_stored(
    store: Store, clock: Clock, changes: dict[str, object], said: str
) -> None:
    desk = people(store, clock)
    desk.save(Subscription(id="s", query="mine"), by="ann")
    with pytest.raises(UsageError, match=said):
        desk.edit("s", changes, by="ann")
    assert len(desk.history("s")) == 1


def test_warnings_of_the_linter_are_given_and_what_filters_mend_is_not(store: Store, clock: Clock) -> None:
    desk = people(store, clock)
    assert (
        desk.save(Subscription(id="s", query="mine or pit"), by="ann", anyway=True).warnings[0].suggestion
        == "mine OR pit"
    )
    assert desk.save(Subscription(id="t", query="NOT football"), by="ann").warnings
    filtered = Subscription(id="u", query="NOT football", outlets=("post",))
    assert not desk.save(filtered, by="ann").warnings


def test_ids_that_can_not_be(store: Store, clock: Clock) -> None:
    for identity in ("", "a b", "a/b", "x" * 101, "a\n"):
        with pytest.raises(UsageError, match=r"is not an id|can't be seen"):
            people(store, clock).save(Subscription(id=identity, query="mine"), by="ann")


SUBSCRIPTIONS = st.builds(
    Subscription,
    id=st.from_regex(r"[a-z0-9é]{1,8}", fullmatch=True),
    query=st.sampled_from(["mine", 'mine OR "pit fall"', "title:mine AND NOT\n\tfootball", "шахта"]),
    name=st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=10),
    owner=st.sampled_from(["", "ann"]),
    words_version=st.just(words.VERSION),
    topics=st.lists(st.sampled_from(["syria", 'a"b', "x\\y"]), max_size=2).map(tuple),
    outlets=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=2).map(tuple),
    news=st.lists(st.sampled_from(ALL_NEWS), max_size=3).map(tuple),
    level=st.sampled_from(LEVELS),
    schedule=st.builds(
        Schedule, kind=st.sampled_from(["immediate", "daily"]), quiet=st.sampled_from(["", "22:00-07:00"])
    ),
)


@given(st.lists(SUBSCRIPTIONS, max_size=4, unique_by=lambda one: one.id))
def test_what_is_exported_is_imported(several: list[Subscription]) -> None:
    assert read(to_json_lines(several).encode(), "x", toml=False) == several
    if several:
        assert read(to_toml(several).encode(), "x", toml=True) == several


def test_an_export_holds_no_defaults_and_nothing_of_its_store() -> None:
    one = replace(subscription(), version=7, saved_ms=5, edited_by="ann", schedule=Schedule(quiet="22:00-07:00"))
    assert portable(one) == {
        "id": "s",
        "name": "Mines",
        "owner": "ann",
        "query": "mine",
        "delivery": ("hook",),
        "schedule": {"quiet": "22:00-07:00"},
    }


@pytest.mark.parametrize(
    ("data", "toml", "said"),
    [
        (b'{"id": "a", "query": "x"}\n{"id": "a", "query": "y"}\n', False, "x:2: the id 'a' occurs twice"),
        (b'{"id": "a"', False, "x:1"),
        (b'{"id": "a"}', False, "missing required field `query`"),
        (b'[[subscription]]\nid = "a"\nquery = "a AND"', True, "x: subscription 1"),
        (b"a = 1", True, "must contain \\[\\[subscription\\]\\] tables"),
        (b"\xff", True, "x: "),
    ],
)
def test_an_error_in_a_file_is_reported_with_its_place(data: bytes, toml: bool, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(data, "x", toml=toml)


FILTERED = Subscription(
    id="s", query="mine OR pit", topics=("syria",), languages=("en",), outlets=("Post", "the herald")
)


def document(**fields: object) -> Document:
    return Document("", "the pit", **{"source": "post", "language": "en", "topics": ["syria"], **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({}, True),
        ({"topics": ["iran"]}, False),
        ({"language": "fr"}, False),
        ({"language": None}, False),
        ({"source": "globe"}, False),
    ],
)
def test_filters_are_part_of_the_query(fields: dict[str, object], held: bool) -> None:
    index = QueryIndex[str]()
    index.add("s", effective_query(FILTERED))
    assert bool(index.evaluate(document(**fields)).matches) is held
    assert compile_query(effective_query(FILTERED)).holds(document(**fields)) is held


def test_an_outlet_is_its_whole_name() -> None:
    held = [
        admits(replace(FILTERED, topics=()), article(source=source))
        for source in ("post", "The Herald", "morning post", "")
    ]
    assert held == [True, True, False, False]
    assert admits(subscription(), article(source="anybody"))


def test_the_running_pipeline_takes_changes_up_from_their_time(store: Store) -> None:
    clock = Clock(NOON_MS)
    desk = people(store, clock)
    matcher = Matcher(SubscriptionStore(store), clock)

    def met(time_ms: int, source: str = "a.example") -> list[int]:
        clock.now_ms = max(clock.now_ms, time_ms)
        return [one.version for one in matcher.subscriptions_of(at(time_ms, text="The mine fell in.", source=source))]

    assert met(NOON_MS) == []
    desk.save(Subscription(id="s", query="mine"), by="ann")
    begins = NOON_MS + MARGIN_MS
    assert (met(begins - 1), met(begins)) == ([], [1])
    desk.edit("s", {"outlets": ["b.example"]}, by="ann")
    begins = clock.now_ms + MARGIN_MS
    assert (met(begins - 1), met(begins), met(begins, "b.example"), met(begins, "B.EXAMPLE")) == ([1], [], [2], [2])
    desk.edit("s", {"state": "paused", "outlets": []}, by="ann")
    begins = clock.now_ms + MARGIN_MS
    assert met(begins + 1) == []
    desk.edit("s", {"state": "muted"}, by="ann")
    assert met(clock.now_ms + MARGIN_MS) == [4]


TITLE = "Gold mine opens in Bendigo"
TEXT = "The gold mine opened its gates to visitors. A museum tells of the miners. " * 3


def test_narrower_queries_exclude_the_article_and_are_small() -> None:
    query = parse("mine AND (gold OR silver)")
    found = narrower_queries(query, Document(TITLE, TEXT, source="post"), title=TITLE, source="post")
    assert {"phrase", "source", "atleast"} <= {one.kind for one in found}
    for one in found:
        assert not compile_query(parse(one.query)).holds(Document(TITLE, TEXT, source="post"))
    queries = {one.query for one in found}
    assert "mine AND (gold OR silver) AND NOT Bendigo" in queries
    assert "mine AND (gold OR silver) AND NOT source:post" in queries
    assert [one.size for one in found] == sorted(one.size for one in found)
    # What the narrower query finds, the wider one found.
    other = Document(
        "Silver mine floods", "The silver mine was flooded; the mine is closed. Bendigo is far.", source="herald"
    )
    assert all(compile_query(query).holds(other) for one in found if compile_query(parse(one.query)).holds(other))


def test_a_near_is_drawn_closer_and_an_or_keeps_its_parentheses() -> None:
    text = "The mine, as many say, fell."
    found = {
        one.query
        for one in narrower_queries(parse("mine NEAR/9 fell OR pit"), Document("A fall", text), title="A fall")
    }
    assert "mine NEAR/2 fell OR pit" in found
    assert "(mine NEAR/9 fell OR pit) AND NOT fall" in found
    assert "title:(mine NEAR/9 fell OR pit)" in found


def test_a_query_that_does_not_match_gets_no_proposals() -> None:
    assert narrower_queries(parse("silver"), Document(TITLE, TEXT), title=TITLE) == []


def test_the_feed_of_a_subscription() -> None:
    hostile = alert(
        2,
        title="A\x00B\x1b <i>&",
        url="javascript:alert(1)",
        previous="x",
        news=(News("figures", "17 <b>died</b>"),),
        snippets=(Snippet("text", "the <mine>", ((4, 10),)),),
    )
    xml = alerts_feed(subscription(), [alert(1), hostile], self_url="https://desk.example/feeds/s?token=1")
    feed = ET.fromstring(xml)  # noqa: S314 - our own
    a = f"{{{NAMESPACE}}}"
    assert feed.findtext(f"{a}title") == "Wirewatch: Mines"
    entries = {entry.findtext(f"{a}id"): entry for entry in feed.findall(f"{a}entry")}
    assert set(entries) == {f"urn:wirewatch:alert:{alert(1).id}", f"urn:wirewatch:alert:{hostile.id}"}
    bad = entries[f"urn:wirewatch:alert:{hostile.id}"]
    assert bad.find(f"{a}link") is None
    assert bad.findtext(f"{a}title") == "AB <i>&"
    assert "<mark>&lt;mine&gt;</mark>" in (bad.findtext(f"{a}content") or "")
    assert "17 &lt;b&gt;died" in (bad.findtext(f"{a}content") or "")
    assert alerts_feed(subscription(), [], self_url="x").startswith(b"<?xml")


def test_an_invalid_query_is_reported_with_its_place(store: Store, clock: Clock, receiver: Receiver) -> None:
    hook(store, receiver.url)
    with pytest.raises(QueryError) as caught:
        people(store, clock).save(subscription(query="mine AND (pit OR"), by="ann")
    assert caught.value.position == 16
