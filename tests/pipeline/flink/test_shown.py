"""What a real Flink cluster shows of a job: the counts of each step, the backlog, and a watermark that moves."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.clock import wall_ms
from core.records import OutcomeKind, Subscription
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import open_stream
from pipeline.drivers.stream import submit
from pipeline.drivers.worker_pool import with_version
from tests.deploy.local import local
from tests.pipeline.flink.articles import append_articles
from tests.servers.kafka import ServerFailed
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink, pytest.mark.postgres]
FIRST, SECOND = 60, 90


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


def test_counts_backlog_and_watermark(tmp_path: Path) -> None:
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
            extraction_processes=0,
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
        try:
            until(lambda: reader.count_outcomes().total() == FIRST, "outcomes", seconds=300)
            # Nothing comes any more, and time goes on.
            stored_ms = wall_ms()
            until(lambda: stored_ms < shown.watermark_ms() < wall_ms(), "a watermark past the last record", seconds=300)
            append_articles(raw, FIRST, SECOND)
            until(lambda: reader.count_outcomes().total() == SECOND, "outcomes", seconds=300)
            appended_ms = wall_ms()
            until(lambda: shown.watermark_ms() > appended_ms, "a watermark past the later records", seconds=300)
            # Flink collects metrics every ten seconds.
            until(lambda: shown.counts()["wirewatch_write_batch_records"] > 0, "counts", seconds=300)
            outcomes = reader.count_outcomes()
            expected = {
                "wirewatch_read_records": SECOND,
                "wirewatch_prepared_records": SECOND,
                "wirewatch_topics_per_article": SECOND - outcomes["rejected"],
                "wirewatch_subscriptions_per_article": SECOND - outcomes["rejected"],
                "wirewatch_prepared_rejected": outcomes["rejected"],
                "wirewatch_query_not_decided": 0,
                "wirewatch_latency_milliseconds_store": SECOND,
                "wirewatch_alerts": len(list(reader.alerts())),
                "wirewatch_lag_records": 0,
                **{f"wirewatch_outcomes_{kind}": outcomes[kind] for kind in OutcomeKind},
            }

            def told() -> dict[str, int]:
                counts = shown.counts()
                return {name: counts[name] for name in expected}

            until(lambda: told() == expected, f"the counts {expected}", seconds=120)
            assert expected["wirewatch_alerts"] > 0
            assert shown.counts()["wirewatch_read_bytes"] > 0
        finally:
            here.jobs("cancel", "wirewatch-live")
            result.cancel()
            live.close()
            raw.close()
            store.close()
