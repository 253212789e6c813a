"""The whole graph on real pages through a real Kafka: in slices and on Flink, the same records come out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.archives import read_path
from connectors.runner import to_records
from core.clock import wall_ms
from core.records import RawArticle, Subscription
from core.records.wire import project
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import create_stream, open_stream
from pipeline.drivers.bounded import BoundedRun
from pipeline.drivers.live import run_in_slices
from pipeline.drivers.stream import submit
from tests.corpora import corpus
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink, pytest.mark.corpus]
SUBSCRIPTIONS = [
    Subscription(id="war", query="war OR krieg* OR guerre OR guerra"),
    Subscription(id="government", query="(government OR regierung*) NOT football"),
]


def _pages() -> Iterator[RawArticle]:
    articles = [item.raw for item in read_path(corpus("pages")) if item.raw is not None]
    return iter(sorted(articles, key=lambda raw: raw.fetched_at))


def test_kafka_in_slices_flink_and_a_bounded_run_agree(
    kafka_server: str, flink_options: list[str], tmp_path: Path
) -> None:
    store_url = f"sqlite:///{tmp_path / 'store.db'}"
    slices = Settings(
        stream_url=kafka_server, store_url=store_url, raw_stream="pages", run="slices", extraction_processes=0
    )
    flink = Settings(
        stream_url=kafka_server, store_url=store_url, raw_stream="pages", run="flink", extraction_processes=0
    )
    store = open_store(store_url)
    SubscriptionStore(store).save_subscriptions(SUBSCRIPTIONS, now_ms=wall_ms(), from_the_beginning=True)
    pages = list(_pages())
    raw = create_stream(kafka_server, "pages", 4)
    # Page by page, so that all have append times of their own: then the order is that of the archive.
    last_ms = 0
    for page in pages:
        records, _ = to_records((page,), raw.max_value_bytes)
        until(lambda: wall_ms() > last_ms + 1, "next millisecond")  # noqa: B023 - called at once
        [appended] = raw.append(records)
        last_ms = appended.timestamp_ms

    live, result = submit(flink, flink_options, clock_ms=wall_ms)
    try:
        run_in_slices(slices, clock_ms=wall_ms, stop=_all_done(StoreReader(store, "slices"), len(pages)))
        until(_all_done(StoreReader(store, "flink"), len(pages)), "outcome for each page on Flink")
        live.relay()
    finally:
        result.cancel()
        live.close()

    in_slices, on_flink = StoreReader(store, "slices"), StoreReader(store, "flink")
    assert in_slices.count_outcomes() == on_flink.count_outcomes()
    assert in_slices.count_outcomes().total() == len(pages)
    for first, second in itertools.zip_longest(in_slices.articles(), on_flink.articles()):
        assert project(first) == project(second)
    alerts = [project(alert) for alert in in_slices.alerts()]
    assert alerts
    assert alerts == [project(alert) for alert in on_flink.alerts()]

    with BoundedRun(tmp_path, subscriptions=SUBSCRIPTIONS, now_ms=0) as bounded:
        for number, page in enumerate(pages):
            bounded.add(page, str(number))
        bounded.run()
        # Event times differ (fetched, appended), and pages over the broker's limit came as stubs without a body.
        by_id = {article.id: article for article in bounded.reader.articles()}
        shared = [article for article in in_slices.articles() if article.id in by_id]
        assert len(shared) == in_slices.count_outcomes().total() - in_slices.count_outcomes()["rejected"]
        for article in shared:
            assert _content(project(article)) == _content(project(by_id[article.id]))
    with open_stream(kafka_server, "enriched-articles") as enriched:
        assert sum(enriched.end_offsets(enriched.partitions()).values()) > 0


def _all_done(reader: StoreReader, count: int):  # type: ignore[no-untyped-def]
    return lambda: reader.count_outcomes().total() >= count


def _content(projected: dict[str, object]) -> dict[str, object]:
    # In the stream the pages are milliseconds apart, in the archive days, which speaks against one story.
    return {name: value for name, value in projected.items() if name not in ("key", "raised_at", "story")}
