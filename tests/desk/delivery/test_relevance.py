"""Not relevant: what a narrower query would have cost, told by the index of what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UsageError
from core.records import SubscriptionMatch
from core.search import SearchIndex
from core.store import Store, StoreReader
from desk.use_cases.alerts import proposals
from tests.desk.delivery.support import subscription
from tests.pipeline.ledger.drafts import writer
from tests.pipeline.transforms.support import NOON_MS, draft

OTHERS = ("Copper mine floods near Kharga", "Coal mine closes after strike", "Silver mine owner arrested")


def text(title: str, number: int) -> str:
    words = " ".join(f"word{number}x{place} thing{number}y{place}" for place in range(40))
    return f"{title}. The mine is known in the region. {words}."


def test_the_cheapest_change_comes_first_with_what_it_loses(store: Store, tmp_path: Path) -> None:
    one = subscription(delivery=())
    titles = ["Data mine game tops the charts", *OTHERS]
    sources = ["games", "post", "post", "games"]
    drafts = [
        draft(
            number,
            f"https://{sources[number]}.example/{number}",
            title=title,
            text=text(title, number),
            source=sources[number],
            language="en",
            subscriptions=(SubscriptionMatch("s", 1),),
        )
        for number, title in enumerate(titles)
    ]
    writer(store).write(drafts)
    reader = StoreReader(store, "live")
    index = SearchIndex.open(tmp_path / "index", run="live")
    index.refresh(reader)
    alerts = {alert.title: alert for alert in reader.alerts()}
    assert set(alerts) == set(titles)
    bad = next(article for article in reader.articles() if article.title == titles[0])
    found = proposals(index, one, alerts[titles[0]], bad, now_ms=NOON_MS + 60_000)
    assert found
    assert (found[0].lost, found[0].kept, found[0].kind) == (0, 3, "phrase")
    by_kind = {choice.kind: choice for choice in found}
    outlet = by_kind["source"]
    assert outlet.query == "mine AND NOT source:games"
    assert outlet.lost == 1
    assert [hit.hit.article.title for hit in outlet.examples] == ["Silver mine owner arrested"]
    assert [choice.lost for choice in found] == sorted(choice.lost for choice in found)
    # Case does not count in a filter, neither for the live matcher nor here.
    capitals = subscription(delivery=(), languages=("EN",), outlets=("POST", "Games"))
    assert proposals(index, capitals, alerts[titles[0]], bad, now_ms=NOON_MS + 60_000) == found
    elsewhere = subscription(delivery=(), outlets=("The Games",))
    with pytest.raises(UsageError, match="no longer matches this article"):
        proposals(index, elsewhere, alerts[titles[0]], bad, now_ms=NOON_MS + 60_000)
    changed = subscription(query="silver", delivery=())
    with pytest.raises(UsageError, match="no longer matches this article"):
        proposals(index, changed, alerts[titles[0]], bad, now_ms=NOON_MS + 60_000)
    index.close()
