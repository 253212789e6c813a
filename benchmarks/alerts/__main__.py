"""A burst of articles about one event over many subscriptions: match, decide, store, plan, send.

``python -m benchmarks.alerts [--subscriptions N] [--articles N]``. Each subscription must be sent exactly one message. The
event is one agency text in many outlets, each with some sentences of its own, so that each article meets a part of the
subscriptions, and each subscription is met by many articles. Messages go to a channel in memory; all else is as it runs.
"""

from __future__ import annotations

import argparse
import logging
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import structlog
from msgspec.structs import replace

from core.records import Article, OrderKey, Position, Subscription, article_id, from_ms, raw_hash, version_hash
from core.store import StoreReader, SubscriptionStore, open_store
from desk.delivery.channels import Options
from desk.delivery.render import Notice, Renderer
from desk.delivery.service import DeliveryService
from desk.delivery.store.channels import Channel, DeliveryRepository
from pipeline.elements import Draft
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.writer import RunWriter
from pipeline.text.fingerprint import fingerprint
from pipeline.transforms.match import Matcher

START_MS = 1_772_366_400_000
FACETS, FACETS_AN_ARTICLE, BATCH = 200, 10, 500
AGENCY = (
    "KHARGA (Reuters) - A dam above the town of Kharga gave way before dawn on Monday and water stood two metres deep in its "
    "streets, the governor said. Rescue teams with boats reached the hospital, where patients had been carried to the roof. "
    "The army sent helicopters, and the railway stopped all trains through the valley. The government promised tents and "
    "bread by the evening. Engineers had warned of cracks in the wall for years, the opposition said; the ministry of water "
    "called that untrue. The river was still rising at noon, and villages downstream were told to leave for higher ground."
)


class Memory:
    """A channel that keeps the receivers' names and nothing else."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []

    def send(self, notice: Notice) -> None:
        """Count it."""
        self.got.append((notice.subscription_id, notice.alerts[0].reason))

    def close(self) -> None:
        """Nothing to close."""


def subscription(number: int) -> Subscription:
    """A query for one facet of the event."""
    facet = number % FACETS
    queries = (
        f"(dam OR flood*) AND facet{facet}",
        f'kharga AND "facet{facet} angle"',
        f"dam NEAR/40 water AND facet{facet} NOT football",
        f"(title:kharga OR river) AND (facet{facet} OR other{number})",
    )
    return Subscription(id=f"s{number:05}", query=queries[number // FACETS % len(queries)], delivery=("memory",))


def article(number: int, chance: random.Random) -> Article:
    """The agency's text in one outlet, with ten facets."""
    about = chance.sample(range(FACETS), FACETS_AN_ARTICLE)
    own = " ".join(f"It has a facet{facet} angle." for facet in about)
    text, title = f"{AGENCY}\n{own}", "Dam breaks above Kharga"
    source = f"outlet{number % 300}"
    url = f"https://{source}.example/{number}"
    at_ms = START_MS + number * 50
    return Article(
        id=article_id(url),
        url=url,
        canonical_url=url,
        source=source,
        title=title,
        text=text,
        language="en",
        fetched_at=from_ms(at_ms),
        key=OrderKey(at_ms, article_id(url), raw_hash(url.encode())),
        position=Position(run="live", stream="bench", partition=0, offset=number),
        version_hash=version_hash(title, text),
        fingerprint=fingerprint(text),
    )


def main() -> int:
    """Run in a scratch folder; 0 if each subscription was sent exactly one message."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    options = argparse.ArgumentParser()
    options.add_argument("--subscriptions", type=int, default=10_000)
    options.add_argument("--articles", type=int, default=1_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder), given.subscriptions, given.articles)


def run(folder: Path, subscriptions: int, articles: int) -> int:
    """One burst; prints what it came to."""
    store = open_store(f"sqlite:///{folder}/store.db")
    queries = SubscriptionStore(store)
    queries.save_subscriptions(
        [subscription(number) for number in range(subscriptions)], now_ms=START_MS, from_the_beginning=True
    )
    book = DeliveryRepository(store)
    book.save_channel(Channel(name="memory", kind="memory", config={}, per_minute=0))
    chance = random.Random(7)
    burst = [article(number, chance) for number in range(articles)]
    took: dict[str, float] = {}

    begun = time.perf_counter()
    matcher = Matcher(queries, lambda: START_MS)
    matcher.subscriptions_of(burst[0])
    took["load the subscriptions"] = time.perf_counter() - begun

    begun = time.perf_counter()
    matched = [replace(one, subscriptions=matcher.subscriptions_of(one)) for one in burst]
    took["match"] = time.perf_counter() - begun

    ledger = RunLedger(store, "live", "bench")
    ledger.take(kind="live", now_ms=START_MS)
    writer = RunWriter(ledger, publish=True)
    drafts = [
        Draft(number=number, position=one.position, key=one.key, item=one.url, article=one)
        for number, one in enumerate(matched)
    ]
    begun = time.perf_counter()
    for start in range(0, len(drafts), BATCH):
        writer.write(drafts[start : start + BATCH])
    took["stories, alerts, store"] = time.perf_counter() - begun

    memory = Memory()
    given: dict[str, Any] = {"clock_ms": lambda: int(time.time() * 1_000), "monotonic": time.monotonic}
    service = DeliveryService(store, "bench", Options(**given), Renderer(), carrier=lambda _channel, _options: memory)
    begun = time.perf_counter()
    while not service.step().idle:
        service.wait_idle()
    service.close()
    took["plan and send"] = time.perf_counter() - begun

    raised = Counter(alert.reason for alert in StoreReader(store, "live").alerts())
    sent = Counter(name for name, _ in memory.got)
    met = sum(len(one.subscriptions) for one in matched)
    exact = len(sent) == subscriptions and set(sent.values()) == {1}
    print(f"{subscriptions:,} subscriptions, {articles:,} articles on one event, {met:,} matches")
    print(f"alerts raised: {dict(raised)}; messages sent: {sum(sent.values()):,} to {len(sent):,} subscriptions")
    print(f"exactly one for each subscription: {'yes' if exact else 'NO'}")
    for what, seconds in took.items():
        print(f"  {what:<24}{seconds:8.1f} s")
    whole = took["stories, alerts, store"]
    print(f"  the ordered stage: {articles / whole:,.0f} articles/s, {sum(raised.values()) / whole:,.0f} alerts/s")
    print(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    store.close()
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
