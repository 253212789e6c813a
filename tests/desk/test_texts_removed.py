"""A story's page once the limit of its text is over."""

from __future__ import annotations

from starlette.testclient import TestClient

from core.durations import DAY_MS
from core.store import Store
from core.store.text_limits import keep_texts
from desk.delivery.store.texts import FIRST, remove_quotations
from pipeline.ledger.pruning import Keep, Pruning
from tests.desk.support import Wire
from tests.pipeline.transforms.support import NOON_MS
from tests.statements import statements

TEXT = "The council of the town met on Monday and talked about the bridge for an hour."
SAID = "The text was removed: its retention limit has passed."


def test_the_page_says_that_a_text_was_removed_and_keeps_title_and_topic(
    store: Store, wire: Wire, as_reader: TestClient
) -> None:
    story = wire.article("A bridge for the town", TEXT, topics={"bridges": ("bridge",)})
    before = as_reader.get(f"/story/{story}").text
    assert "met on Monday" in before
    assert SAID not in before
    keep_texts(store, "a.example", 7, by="ann", now_ms=NOON_MS - DAY_MS)
    wire.number = 20 * DAY_MS // 1_000
    wire.article("Another", "Another text.", source="b.example")
    pruning = Pruning(wire.ledger, Keep())
    while pruning.step(NOON_MS + 30 * DAY_MS) is not None:
        pass
    after = as_reader.get(f"/story/{story}").text
    assert "met on Monday" not in after
    assert SAID in after
    assert "A bridge for the town" in after
    assert "bridges" in after


def test_without_limits_no_message_is_looked_at(store: Store) -> None:
    with statements(store.engine, commits=True) as asked:
        assert remove_quotations(store, NOON_MS, FIRST, 100) is None
    assert "COMMIT" not in asked


def test_messages_without_a_text_that_is_over_are_only_read(store: Store) -> None:
    keep_texts(store, "a.example", 7, by="ann", now_ms=NOON_MS - DAY_MS)
    with statements(store.engine, commits=True) as asked:
        assert remove_quotations(store, NOON_MS, FIRST, 100) is None
    assert any("FROM deliveries" in one for one in asked)
    assert "COMMIT" not in asked
