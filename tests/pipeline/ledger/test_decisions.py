"""Editors' decisions about stories: what they move, what is alerted then, and that a replay finds them at their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import NotFound, UsageError
from core.records import Subscription, article_id, from_ms
from core.records.decision import CarriedOut
from core.records.wire import project
from core.store import Store, StoreReader, SubscriptionStore
from core.store import tables as t
from core.store.decisions import StoryDecisions
from core.store.outbox import ALERTS, ENRICHED
from pipeline.elements import Draft
from pipeline.ledger.base import base_of, place_at
from pipeline.ledger.decisions import WantedDecision, decide_stories, replay_rest
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.tables import story_facts
from pipeline.ledger.writer import RunWriter
from pipeline.replay.runs import RUNNING, Replay, ReplayRepository
from tests.pipeline.ledger.drafts import ANN, BOB, of_run, opened, taken, writer
from tests.pipeline.transforms.support import NOON_MS, draft
from tests.statements import statements
from wirewatch.replay.as_of import AsOf
from wirewatch.schema import metadata

_SYLLABLES = "ba de fi go hu ka le mi no pu ra se ti vo wu za".split()  # noqa: SIM905


def word(kind: int, number: int) -> str:
    """A word without a meaning, the same for the same numbers."""
    seed = kind * 1_009 + number * 31 + 7
    found = [seed & 15, seed >> 4 & 15, seed >> 8 & 15, number % 16, kind % 16]
    return "".join(_SYLLABLES[at] for at in found) + ("st" if number % 3 else "rn")


def told(event: int, number: int) -> str:
    """A report on an event: half of its words are the event's, the others its own, with a quote."""
    shared = [word(event, at) for at in range(24)]
    own = [word(100 + number * 7 + event, at) for at in range(14)]
    told = f"{' '.join(shared[:12])} was said on the day. {' '.join(own[:7])} went there. {' '.join(shared[12:])} came."
    return f'{told} {" ".join(own[7:])} stayed. "{" ".join(own[:8])}", somebody said.'


def report(number: int, event: int, *found: Any, **fields: Any) -> Draft:
    url = f"https://outlet{number % 4}.example/{number}"
    made = {"text": told(event, number), "title": f"{word(event, 50)} {word(event, 51)}", "language": "en"}
    return draft(number, url, source=f"outlet{number % 4}", subscriptions=found, **made | fields)


def identity(number: int) -> str:
    return article_id(f"https://outlet{number % 4}.example/{number}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as made:
        subscribed(made)
        yield made


def subscribed(store: Store) -> None:
    wanted = [Subscription(id=name, query="place1") for name in ("ann", "bob")]
    SubscriptionStore(store).save_subscriptions(wanted, now_ms=NOON_MS - 60_000, from_the_beginning=True)


def decide(store: Store, kind: Any, **fields: Any) -> CarriedOut:
    return decide_stories(store, "live", WantedDecision(kind, **fields), by="an editor", now_ms=NOON_MS)


def stories(store: Store, run: str = "live") -> dict[str, str]:
    return {one.id: one.story_id or "" for one in StoreReader(store, run).articles()}


def results(store: Store, run: str = "live") -> dict[str, Any]:
    """All that a run came to, without its name and the numbers of its transactions."""
    reader = StoreReader(store, run)
    with store.reading() as connection:

        def rows(table: sa.Table, *but: str) -> list[dict[str, Any]]:
            found = connection.execute(sa.select(table).where(table.c.run == run)).mappings().all()
            kept = [{name: one[name] for name in one if name not in {"run", "seq", *but}} for one in found]
            return sorted(kept, key=str)

        return {
            "articles": [project(one) for one in reader.articles()],
            "alerts": [project(one) for one in reader.alerts()],
            "rows of alerts": rows(t.alerts, "record"),
            "stories": rows(t.stories),
            "versions": rows(t.versions),
            "facts": rows(story_facts),
            "decisions": rows(t.story_decisions),
        }


def replayed(store: Store, drafts: Sequence[Draft], cuts: Sequence[int], name: str = "again", from_: int = 0) -> None:
    """Replay the drafts from number ``from_`` on, cut before the given ones; from the middle, what was before is the base."""
    from_ms = drafts[from_].key.time_ms if from_ else 0
    row = Replay(
        name=name,
        spec='{"of":"live"}',
        base="live" if from_ else None,
        from_ms=from_ms,
        to_ms=1 << 45,
        no_claim=None,
        state=RUNNING,
        started_ms=0,
    )
    ReplayRepository(store).put(row)
    ledger = RunLedger(store, name, "owner", base=base_of(store, name))
    ledger.take(kind="replay", now_ms=0)
    kept = RunWriter(ledger, publish=False)
    mine = of_run(drafts[from_:], name)
    ends = sorted({min(max(cut - from_, 0), len(mine)) for cut in cuts} | {len(mine)})
    for begin, end in zip([0, *ends], ends, strict=False):
        kept.write(mine[begin:end])
    replay_rest(ledger, place_at(row.to_ms), scope="live", publish=False)


def test_after_a_join_new_articles_of_either_go_to_the_one_that_is_left(store: Store) -> None:
    kept = writer(store)
    kept.write([report(0, 1), report(1, 2)])
    assert decide(store, "join", story=identity(0), into=identity(1)).articles == 1
    kept.write([report(2, 1), report(3, 2)])
    assert set(stories(store).values()) == {identity(1)}
    assert StoryDecisions(store, "live").went_to(identity(0)) == identity(1)
    with store.reading() as connection:
        rows = connection.execute(sa.select(t.stories.c.id, t.stories.c.articles)).all()
    assert [tuple(row) for row in rows] == [(identity(1), 4)]
    # A new process reads the same from the store.
    writer(store, "next").write([report(4, 1)])
    assert stories(store)[identity(4)] == identity(1)


def test_after_a_split_the_near_ones_follow_and_the_article_does_not_return(store: Store) -> None:
    kept = writer(store)
    kept.write([report(0, 1), report(1, 1), report(2, 1, text=f"{told(1, 2)} {told(2, 2)}")])
    assert set(stories(store).values()) == {identity(0)}
    done = decide(store, "split", article=identity(2))
    kept.write([report(3, 1, text=f"{told(1, 3)} {told(2, 3)}"), report(4, 1)])
    kept.write([report(2, 1, text=f"{told(1, 2)} And more came.")])
    found = stories(store)
    assert {found[identity(number)] for number in (2, 3)} == {done.decision.into}
    assert {found[identity(number)] for number in (0, 1, 4)} == {identity(0)}


def test_a_copy_goes_where_its_original_goes(store: Store) -> None:
    kept = writer(store)
    kept.write([report(0, 1), report(1, 1), report(2, 1, text=told(1, 1))])
    assert decide(store, "split", article=identity(1)).articles == 2
    found = stories(store)
    assert found[identity(1)] == found[identity(2)] != found[identity(0)]


def test_after_undoing_everything_is_as_before(store: Store) -> None:
    kept = writer(store)
    kept.write([report(0, 1, ANN), report(1, 1, ANN), report(2, 2, ANN)])
    before = stories(store)
    for kind, fields in (
        ("join", {"story": identity(2), "into": identity(0)}),
        ("split", {"article": identity(1)}),
    ):
        made = decide(store, kind, **fields)
        assert stories(store) != before
        decide(store, "undo", undoes=made.decision.number)
        assert stories(store) == before
        with pytest.raises(UsageError, match="undone already"):
            decide(store, "undo", undoes=made.decision.number)
    assert StoryDecisions(store, "live").undone([1, 3]) == {1, 3}


def test_a_joined_story_raises_no_second_alert_and_a_split_one_raises_those_that_the_merge_held_back(
    store: Store,
) -> None:
    kept = writer(store)
    kept.write([report(0, 1, ANN), report(1, 2, ANN, BOB)])
    assert decide(store, "join", story=identity(1), into=identity(0)).alerts == 0
    # Both know the story by now.
    first = {(one.subscription, one.article) for one in StoreReader(store, "live").alerts()}
    assert first == {("ann", identity(0)), ("ann", identity(1)), ("bob", identity(1))}
    kept.write([report(2, 1, BOB, text=told(1, 0))])
    assert len(list(StoreReader(store, "live").alerts())) == 3
    # What had joined silently is another story: the subscriptions that it matches are alerted, and no others again.
    assert decide(store, "split", article=identity(2)).alerts == 1
    newest = list(StoreReader(store, "live").alerts())[-1]
    assert (newest.subscription, newest.article, newest.reason) == ("bob", identity(2), "story")


def test_a_change_is_sent_on_once(store: Store) -> None:
    kept = writer(store)
    kept.write([report(0, 1, ANN), report(1, 1, BOB)])
    with store.writing() as connection:
        connection.execute(t.outbox.delete())
    decide(store, "split", article=identity(1))
    with store.reading() as connection:
        rows = connection.execute(sa.select(t.outbox.c.destination, t.outbox.c.key)).all()
    assert [row.key for row in rows if row.destination == ENRICHED] == [f"live/{identity(1)}"]
    assert [row.destination for row in rows].count(ALERTS) <= 1


@pytest.mark.parametrize(
    ("kind", "fields", "refused"),
    [
        ("join", {"story": "nothing", "into": identity(0)}, NotFound),
        ("join", {"story": identity(0), "into": identity(0)}, UsageError),
        ("split", {"article": "nothing"}, NotFound),
        ("split", {"article": identity(1)}, UsageError),
        ("undo", {"undoes": 7}, NotFound),
    ],
)
def test_an_impossible_decision_is_refused_and_changes_nothing(
    store: Store, kind: str, fields: dict[str, Any], refused: type[Exception]
) -> None:
    writer(store).write([report(0, 1), report(1, 2)])
    before = results(store)
    with pytest.raises(refused):
        decide(store, kind, **fields)
    assert results(store) == before
    with pytest.raises(NotFound):
        decide_stories(store, "other", WantedDecision("join"), by="", now_ms=0)


def test_the_later_decision_is_undone_first(store: Store) -> None:
    writer(store).write([report(0, 1), report(1, 2), report(2, 3)])
    first = decide(store, "join", story=identity(0), into=identity(1)).decision.number
    second = decide(store, "join", story=identity(1), into=identity(2)).decision.number
    with pytest.raises(UsageError, match=f"decision {second} came later"):
        decide(store, "undo", undoes=first)
    decide(store, "undo", undoes=second)
    decide(store, "undo", undoes=first)
    assert stories(store) == {identity(number): identity(number) for number in range(3)}


def test_decisions_are_queried_only_if_the_run_was_written_in_between(store: Store) -> None:
    running = writer(store)
    running.write([report(1, 1)])
    with statements(sa.Engine) as asked:
        running.write([report(2, 1)])
    about = [one for one in asked if "story_decisions" in one or "replays" in one]
    assert any("versions" in one for one in asked)
    assert about == []
    decide(store, "split", article=identity(2))
    with statements(sa.Engine) as asked:
        running.write([report(3, 1)])
    assert [one for one in asked if "story_decisions" in one]


def test_a_pipeline_that_is_overtaken_by_a_decision_decides_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = taken(store)
    kept = RunWriter(ledger, publish=True)
    kept.write([report(0, 1), report(1, 2)])
    begin, overtaking = ledger.begin, [True]

    def begin_slowly(*args: Any, **kwargs: Any) -> Any:
        context = begin(*args, **kwargs)
        if overtaking:
            overtaking.clear()
            decide(store, "join", story=identity(0), into=identity(1))
        return context

    monkeypatch.setattr(ledger, "begin", begin_slowly)
    kept.write([report(2, 1)])
    assert stories(store)[identity(2)] == identity(1)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.integers(1, 3), st.integers(0, 3), st.integers(0, 5)),
        st.tuples(st.sampled_from(["join", "split", "undo"]), st.integers(0, 9), st.integers(0, 9), st.just(0)),
    ),
    min_size=4,
    max_size=16,
)


def lived(store: Store, plan: Sequence[tuple[str, int, int, int]]) -> list[Draft]:
    """A live run of reports, versions and copies of them, and decisions in between; those that can't be are left out."""
    kept, drafts = writer(store, publish=False), list[Draft]()
    for kind, one, two, three in plan:
        if kind == "report":
            found = [who for bit, who in ((1, ANN), (2, BOB)) if two & bit]
            number = len(drafts)
            text = told(one, number) if three else told(one, 50)
            made = report(number, one, *found, text=text, backfill=three == 5)
            if three == 4 and drafts:
                before = drafts[-1]
                made = draft(
                    number, before.item, text=text, title="An edit", source="outlet", subscriptions=tuple(found)
                )
            drafts.append(made)
            kept.write([made])
            continue
        known = sorted(set(stories(store).values()))
        articles = sorted(stories(store))
        try:
            if kind == "join" and known:
                decide(store, "join", story=known[one % len(known)], into=known[two % len(known)])
            elif kind == "split" and articles:
                decide(store, "split", article=articles[one % len(articles)])
            elif kind == "undo":
                decide(store, "undo", undoes=one)
        except (UsageError, NotFound):
            pass
    return drafts


_EXAMPLES = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def emptied(store: Store) -> Store:
    """A store as good as new: making one takes longer than an example."""
    with store.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    subscribed(store)
    return store


@_EXAMPLES
@given(steps, st.lists(st.integers(0, 16), max_size=3), st.integers(0, 15))
def test_a_replay_finds_decisions_at_their_places(
    store: Store, plan: list[tuple[str, int, int, int]], cuts: list[int], middle: int
) -> None:
    drafts = lived(emptied(store), plan)
    if not drafts:
        return
    replayed(store, drafts, cuts)
    whole = results(store)
    assert results(store, "again") == whole
    if 0 < middle < len(drafts):
        replayed(store, drafts, cuts, "part", middle)
        part, begin_ms = results(store, "part"), drafts[middle].key.time_ms
        assert part["articles"] == [one for one in whole["articles"] if one["key"]["time_ms"] >= begin_ms]
        rows = [one for one in whole["rows of alerts"] if one["place"] >= place_at(begin_ms)]
        assert part["rows of alerts"] == rows
        assert part["alerts"] == [one for one in whole["alerts"] if one["id"] in {row["id"] for row in rows}]


@_EXAMPLES
@given(steps)
def test_every_subscription_that_an_article_matches_was_alerted_to_its_story(
    store: Store, plan: list[tuple[str, int, int, int]]
) -> None:
    lived(emptied(store), plan)
    with store.reading() as connection:
        rows = connection.execute(sa.select(t.alerts.c.story, t.alerts.c.subscription)).all()
    alerted = {tuple(row) for row in rows}
    for one in StoreReader(store, "live").articles():
        if not one.backfill:
            assert {(one.story_id, match.subscription) for match in one.subscriptions} <= alerted
    # Of one article a subscription hears as the first of a story once.
    firsts = [(a.subscription, a.article) for a in StoreReader(store, "live").alerts() if a.reason == "story"]
    assert len(firsts) == len(set(firsts))


def test_the_rest_of_a_story_alerts_again_once_its_first_article_has_left_with_its_alert(store: Store) -> None:
    kept = writer(store)
    kept.write([report(0, 1, ANN), report(1, 1)])
    decide(store, "split", article=identity(0))
    # The story has its old id still, and ann was alerted under that id; but what she heard of has left.
    kept.write([report(2, 1, ANN, text=f"{told(1, 1)} It went on.")])
    found = [(one.article, one.story) for one in StoreReader(store, "live").alerts()]
    assert found == [(identity(0), identity(0)), (identity(2), stories(store)[identity(1)])]


def test_a_past_moment_is_shown_as_it_was_before_the_decision(store: Store) -> None:
    writer(store).write([report(0, 1), report(1, 2)])
    with store.writing() as connection:
        connection.execute(t.commits.update().values(stored_ms=NOON_MS - 1_000))
    decide(store, "join", story=identity(0), into=identity(1))
    now, before = (AsOf(store, "live", from_ms(NOON_MS + offset)) for offset in (1, -500))
    assert {one.id: one.articles for one in now.stories()} == {identity(1): 2}
    assert {one.id: one.articles for one in before.stories()} == {identity(0): 1, identity(1): 1}
    assert {one.id: one.story for one in before.articles()} == {identity(n): identity(n) for n in range(2)}
