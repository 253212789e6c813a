"""What a real Flink cluster shows of a job: each step's counts, the backlog, a watermark that moves; and a page that hangs.

The page leaves the order, all others go on, it ends in the slow lane of this process, and a replay finds the same.
"""

from __future__ import annotations

import contextlib
import json
import re
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.clock import wall_ms
from core.records import OutcomeKind, RawArticle, Subscription, article_id, encode, from_ms
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.store.counts import POSTPONED, read_counts
from core.streams import NewRecord, Stream, open_stream
from pipeline.drivers.stream import submit
from pipeline.drivers.worker_pool import with_version
from pipeline.flow import Flow
from tests.deploy.local import ROOT, local
from tests.pipeline.drivers.planted import PlantedWork
from tests.pipeline.drivers.test_slow_lane import compared, late, replay
from tests.pipeline.flink.articles import append_articles
from tests.servers.kafka import ServerFailed
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink, pytest.mark.postgres, pytest.mark.xdist_group("local")]
FIRST, SECOND = 60, 90
ALL = SECOND + 1


class Shown:
    """The cluster's REST interface, as its pages read it."""

    def __init__(self, rest: str) -> None:
        self._rest = rest

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(self._rest + path, timeout=30) as answer:
            return json.load(answer)

    def _vertices(self) -> list[str]:
        [job] = [one["jid"] for one in self._ask("/jobs/overview")["jobs"] if one["state"] == "RUNNING"]
        return [f"/jobs/{job}/vertices/{one['id']}" for one in self._ask(f"/jobs/{job}")["vertices"]]

    def counts(self) -> Counter[str]:
        """Our metrics, without what Flink puts before their names, summed over subtasks; of distributions the count."""
        found = Counter[str]()
        for vertex in self._vertices():
            names = [one["id"] for one in self._ask(f"{vertex}/metrics") if ".wirewatch_" in one["id"]]
            for name in names:
                [one] = self._ask(f"{vertex}/metrics?get={urllib.parse.quote(name)}")
                number = re.search(r"count=(\d+)", one["value"]) or re.fullmatch(r"(\d+)", one["value"])
                assert number, one
                found[name.rpartition(".")[2]] += int(number[1])
        return found

    def watermark_ms(self) -> int:
        """How far the last step is."""
        told = [int(one["value"]) for one in self._ask(f"{self._vertices()[-1]}/watermarks")]
        return min(told, default=-1)


def append_page_that_hangs(raw: Stream) -> None:
    url = "https://outlet1.example/hang-match-1"
    text = "A page of its own that nobody has seen before, with words enough to be an article, and it hangs."
    page = RawArticle(url=url, source="outlet1", fetched_at=from_ms(wall_ms()), title="Report that hangs", text=text)
    raw.append([NewRecord(article_id(url).encode(), encode(page))])


def test_counts_backlog_watermark_and_a_page_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The workers, and the processes that they start, find the planted work here.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(Flow, "work", property(lambda flow: PlantedWork(flow.store_url, flow.scope)))
    with local() as here:
        try:
            here.up("--servers")
        except ServerFailed as error:
            pytest.fail(f"no servers for the test: {error}", pytrace=False)
        given, shown = here.environment(), Shown(here.rest)
        settings = Settings(
            stream_url=given["WIREWATCH_STREAM_URL"],
            store_url=given["WIREWATCH_STORE_URL"],
            flink_rest_url=here.rest,
            data_dir=str(tmp_path),
            extraction_processes=1,
            slow_processes=1,
            first_limit_s=2.0,
            record_limit_s=3.0,
        )
        store, raw = open_store(settings.store), open_stream(settings.stream, settings.raw_stream)
        SubscriptionStore(store).save_subscriptions(
            [Subscription(id="even", query="even")], now_ms=wall_ms(), from_the_beginning=True
        )
        reader = StoreReader(store, "live")
        workers = ["--environment_type=EXTERNAL", f"--environment_config=127.0.0.1:{here.base + 7}"]
        options = [
            "--runner=PortableRunner",
            f"--job_endpoint=127.0.0.1:{here.base + 4}",
            *with_version(workers),
            "--parallelism=2",
        ]
        append_articles(raw, 0, FIRST)
        live, result = submit(settings, options, clock_ms=wall_ms)
        lane = live.slow_lane()
        lane.start()
        try:
            until(lambda: reader.count_outcomes().total() == FIRST, "outcomes", seconds=300)
            # Nothing comes any more, and time goes on.
            stored_ms = wall_ms()
            until(lambda: stored_ms < shown.watermark_ms() < wall_ms(), "a watermark past the last record", seconds=300)
            append_page_that_hangs(raw)
            append_articles(raw, FIRST, SECOND)
            until(lambda: reader.count_outcomes().total() == ALL, "outcomes", seconds=300)
            [hung] = [one for one in reader.outcomes() if "hang" in one.item]
            assert (hung.kind, hung.stage, str(hung.reason).partition(":")[0]) == ("rejected", "match", "timeout")
            assert "hang-match-1" in late(store)
            appended_ms = wall_ms()
            until(lambda: shown.watermark_ms() > appended_ms, "a watermark past the later records", seconds=300)
            # Flink collects metrics every ten seconds.
            until(lambda: shown.counts()["wirewatch_write_batch_records"] > 0, "counts", seconds=300)
            outcomes = reader.count_outcomes()
            with store.reading() as connection:
                found = read_counts(connection, "live")
            # On a machine that is busy others may take longer than the first limit too.
            postponed = sum(count for (name, _), count in found.items() if name == POSTPONED)
            assert postponed >= 1
            expected = {
                "wirewatch_read_records": ALL,
                "wirewatch_prepared_records": ALL,
                "wirewatch_postponed_records": postponed,
                "wirewatch_returned_records": postponed,
                "wirewatch_slow_lane_waiting": 0,
                "wirewatch_slow_lane_oldest_milliseconds": 0,
                "wirewatch_topics_per_article": ALL - outcomes["rejected"],
                "wirewatch_subscriptions_per_article": ALL - outcomes["rejected"],
                "wirewatch_prepared_rejected": outcomes["rejected"],
                "wirewatch_query_not_decided": 0,
                "wirewatch_latency_milliseconds_store": ALL,
                "wirewatch_alerts": len(list(reader.alerts())),
                "wirewatch_lag_records": 0,
                **{f"wirewatch_outcomes_{kind}": outcomes[kind] for kind in OutcomeKind},
            }

            def told() -> dict[str, int]:
                counts = shown.counts()
                return {name: counts[name] for name in expected}

            with contextlib.suppress(AssertionError):
                until(lambda: told() == expected, "the counts", seconds=120)
            assert told() == expected
            assert expected["wirewatch_alerts"] > 0
            assert shown.counts()["wirewatch_read_bytes"] > 0
            assert compared(store, replay(settings, store)) == compared(store, "live")
        finally:
            lane.close()
            here.jobs("cancel", "wirewatch-live")
            result.cancel()
            live.close()
            raw.close()
            store.close()
