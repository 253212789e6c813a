"""What traces cost: CPU of appending, processing and relaying pages with them and without, in turns.

``python -m benchmarks.tracing``: on made-up pages of some kilobytes, which makes the share of the spans larger than it is on
real ones. Spans go to a receiver in another process that throws them away. The CPU is this process's, all threads included.
The first run with new articles is a third slower, so it is not counted; then each side runs twice, as without, with, with,
without, or the other way round. It also prints what the same number of spans costs by itself, export included, as a share of
the median round without them: a round's own noise can be larger than that.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time

from connectors.runner import to_records
from core.clock import wall_ms
from core.records import RawArticle, Subscription, from_ms
from core.settings import Settings
from core.store import SubscriptionStore, open_store
from core.streams import create_stream
from core.streams.traced import traced
from core.tracing import Span, Spans, spans_of
from pipeline.drivers.live import run_in_slices

WORDS = [
    "harbour",
    "grain",
    "corridor",
    "insurer",
    "envoy",
    "ceasefire",
    "pipeline",
    "ferry",
    "tanker",
    "customs",
    "delegation",
    "ministry",
    "winter",
]
RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def pages(count: int, seed: int) -> list[RawArticle]:
    """So many pages of their own."""
    made = []
    for number in range(count):
        words = random.Random(f"{seed} {number}")
        lines = "".join(f"<p>{' '.join(words.choices(WORDS, k=60)).capitalize()}.</p>" for _ in range(8))
        title = f"{' '.join(words.sample(WORDS, 5))} {number}".capitalize()
        html = (
            f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{lines}</article></body></html>"
        )
        url = f"https://outlet.example/{seed}/{number}"
        made.append(RawArticle(url=url, source="outlet", fetched_at=from_ms(wall_ms()), html=html))
    return made


def cpu_s(articles: list[RawArticle], tracing_url: str) -> float:
    """CPU seconds from the append to the relayed results."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=folder, extraction_processes=0, tracing_url=tracing_url, drafts_bytes=0)
        store = open_store(settings.store)
        everything = Subscription(id="all", query="harbour OR grain OR envoy")
        SubscriptionStore(store).save_subscriptions([everything], now_ms=0, from_the_beginning=True)
        store.close()
        began_s = time.process_time()
        with (
            spans_of(settings, "connectors") as spans,
            create_stream(settings.stream, settings.raw_stream) as stream,
        ):
            records, _ = to_records(articles, 1 << 20)
            traced(stream, spans, wall_ms).append(records)
        done = run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
        if done != len(articles):
            raise SystemExit(f"{done} of {len(articles)} records were handled")
        return time.process_time() - began_s


def spans_s(count: int, tracing_url: str) -> float:
    """CPU seconds of so many spans alone, until they are sent."""
    settings = Settings()
    about = {"source": "outlet", "stream": settings.raw_stream}
    began_s = time.process_time()
    with Spans(tracing_url, "pipeline", settings.run) as spans:
        for number in range(1, count + 1):
            identity = f"{number:016x}"
            spans.add(Span("process", f"{number:032x}", identity, identity, 1, 2, about))
    return time.process_time() - began_s


def main() -> None:
    """Print the CPU of each round and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    receiver = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    try:
        port = receiver.stdout.readline().strip() if receiver.stdout else ""
        url = f"http://127.0.0.1:{port}"
        cpu_s(pages(20, -1), url)
        cpu_s(pages(20, -2), "")
        ratios, bare, alone = [], [], []
        for turn in range(given.rounds):
            articles = pages(given.articles, turn)
            # The first run with new articles fills caches. Each side then runs once before and once after the other.
            cpu_s(articles, "")
            first, second = ("", url) if turn % 2 else (url, "")
            both = {"": 0.0, url: 0.0}
            for side in (first, second, second, first):
                both[side] += cpu_s(articles, side) / 2
            ratios.append(both[url] / both[""])
            bare.append(both[""])
            # An article's fetch, process and alert.
            alone.append(spans_s(3 * given.articles, url))
            print(f"round {turn}: without {both['']:.2f} s, with {both[url]:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
        print(f"median ratio {statistics.median(ratios):.3f} of {given.rounds} rounds of {given.articles} articles")
        share = statistics.median(alone) / statistics.median(bare)
        print(
            f"{3 * given.articles} spans alone: {statistics.median(alone):.3f} s, {share:.1%} of a round without them"
        )
    finally:
        receiver.kill()
        receiver.wait()


if __name__ == "__main__":
    main()
