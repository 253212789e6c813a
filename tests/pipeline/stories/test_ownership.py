"""An article is changed by its own outlet and by the source that brought it first, not by another site's feed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.records import Article, OutcomeKind, article_id
from pipeline.stories.ownership import may_change
from tests.pipeline.stories.world import HOUR, Desk, article, ends, prose

PAGE = "a.example/story-1"
FORGED = "Correction: none of this is true, and the report is retracted. " + prose(7)


def brought(
    text: str, feed: str | None, source: str, *, url: str = PAGE, hour: int, title: str = "Truce agreed"
) -> Article:
    made = article(url, text, title=title, at_ms=hour * HOUR, subscriptions=["ports"])
    # As extraction leaves it: the id is that of the canonical address.
    return replace(made, id=article_id(f"https://{url}"), source=source, feed_url=feed and f"https://{feed}")


@pytest.mark.parametrize(
    ("url", "title", "text"),
    [
        (PAGE, "Retracted: no truce", prose(1)),
        (PAGE, "Truce agreed", FORGED),
        ("m.a.example/story-1", "Truce agreed", FORGED),
        ("google.com/amp/s/a.example/story-1", "Retracted: no truce", FORGED),
        ("a.example/story-1?utm_source=x", "Truce agreed", FORGED),
    ],
)
def test_another_outlets_feed_rewrites_nothing(url: str, title: str, text: str) -> None:
    desk = Desk()
    told = [
        desk.tell(brought(prose(1), "a.example/rss", "a", hour=0)),
        desk.tell(brought(text, "evil.example/rss", "evil", url=url, title=title, hour=1)),
        desk.tell(brought(prose(2), "a.example/rss", "a", hour=2)),
    ]
    assert ends(told) == [OutcomeKind.PUBLISHED, OutcomeKind.UNCHANGED, OutcomeKind.UPDATED]
    assert told[1].outcome.article == told[0].outcome.article
    assert told[1].article is None
    assert told[2].article is not None
    assert told[2].article.source == "a"


def test_the_outlet_itself_puts_right_what_another_feed_was_first_to_say() -> None:
    desk = Desk()
    told = [
        desk.tell(brought(FORGED, "evil.example/rss", "evil", hour=0)),
        desk.tell(brought(prose(1), "rss.a.example/all", "a", hour=1)),
        desk.tell(brought(FORGED, "evil.example/rss", "evil", hour=2)),
    ]
    assert ends(told) == [OutcomeKind.PUBLISHED, OutcomeKind.UPDATED, OutcomeKind.UNCHANGED]


@pytest.mark.parametrize(
    ("feed", "source", "may"),
    [
        ("a.example/rss", "other", True),
        ("www.a.example/rss", "other", True),
        ("feeds.a.example/rss", "other", True),
        ("evil.example/rss", "other", False),
        ("nota.example/rss", "other", False),
        ("a.example.evil.test/rss", "other", False),
        ("evil.test/a.example/rss", "other", False),
        ("a.example@evil.test/rss", "other", False),
        ("burner.test/a", "a", True),
        (None, "other", True),
    ],
)
def test_only_its_outlet_or_first_source_may_change_an_article(feed: str | None, source: str, may: bool) -> None:
    assert may_change(brought(prose(1), feed, source, hour=0), "a") is may
