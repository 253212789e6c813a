"""``python -m benchmarks.soak``: a steady stream of articles through the real thing, and what it cost. See ``--help``.

Exit 0: measured, every raw record has exactly one outcome (whatever the figures say); 1: something broke.
"""

from __future__ import annotations

import argparse
import csv
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from types import FrameType
from typing import TextIO

import sqlalchemy as sa
from msgspec.structs import replace
from rich.console import Console

from benchmarks.results import keep, machine
from benchmarks.soak.delays import COLUMNS as MINUTE_COLUMNS
from benchmarks.soak.delays import Delay, by_minute, matched, trend_of
from benchmarks.soak.installation import BenchFailed, Installation, installed
from benchmarks.soak.pages import SUBSCRIPTIONS, raw_article
from benchmarks.soak.sampling import COLUMNS, Sampler
from benchmarks.soak.verdict import FLAT_MB_PER_HOUR, IDLE_LIMIT_PERCENT, P99_LIMIT_S, Verdict, judge
from connectors.runner import to_records
from core.clock import wall_ms
from core.store import SubscriptionStore, open_store
from core.store import tables as t
from core.streams import create_stream
from wirewatch.console import table

RESULTS = Path(__file__).parent / "results"
SLOW, SEED = "/slow/", 5
EVERY_S = 10.0
DRAIN_S = 300.0
TELLING_MINUTES = 20
# What comes first meets cold caches; delays are counted from here on.
SETTLE_S = 20.0


class Feeder(threading.Thread):
    """Appends articles at a steady rate until it is stopped; ``error`` is the exception that ended it otherwise."""

    def __init__(self, installation: Installation, rate: float, slow_share: float) -> None:
        super().__init__(name="feeder", daemon=True)
        self._settings, self._rate, self._slow_share = installation.settings, rate, slow_share
        self._random = Random(SEED)
        self.times: list[tuple[str, int]] = []
        self.stopping = threading.Event()
        self.appended = 0
        self.bytes = 0
        self.error: Exception | None = None

    def run(self) -> None:
        """Append until stopped."""
        try:
            with create_stream(self._settings.stream, self._settings.raw_stream, self._settings.partitions) as stream:
                began_s = time.monotonic()
                while not self.stopping.wait(max(0.0, began_s + self.appended / self._rate - time.monotonic())):
                    article = raw_article(self.appended, datetime.now(UTC))
                    if self._random.random() < self._slow_share:
                        article = replace(article, url=article.url.replace("/news/", SLOW))
                    records, _ = to_records((article,), stream.max_value_bytes)
                    self.times.append((article.url, wall_ms()))
                    stream.append(records)
                    self.appended += 1
                    self.bytes += len(records[0].value)
        except Exception as error:
            self.error = error


class Soak:
    """The course of one bench: load, drain, idle; a sample every 10 s."""

    def __init__(
        self, installation: Installation, options: argparse.Namespace, out: TextIO, say: Callable[[str], None]
    ) -> None:
        self._installation, self._options, self._out, self._say = installation, options, out, say
        self._rows: list[dict[str, object]] = []
        self._began_s = time.monotonic()
        self._sampler = Sampler(installation, self._began_s)
        self.feeder = Feeder(installation, options.rate, options.slow_share)
        self.minutes: list[dict[str, float | int | None]] = []
        self._drained_to: object = None
        self._drained_s = 0.0

    def run(self) -> Verdict:
        """Raises BenchFailed if something broke."""
        writer = csv.DictWriter(self._out, COLUMNS)
        writer.writeheader()
        load_s, idle_s = 60 * self._options.minutes, 60 * self._options.idle_minutes
        load_began_ms = wall_ms()
        self.feeder.start()
        self._phase(writer, "load", until=lambda passed_s: passed_s >= load_s)
        self.feeder.stopping.set()
        self.feeder.join(30)
        self._phase(writer, "drain", until=lambda passed_s: self._drained(passed_s), every_s=2.0)
        if idle_s:
            self._phase(writer, "idle", until=lambda passed_s: passed_s >= idle_s)
        self.minutes = by_minute(self._delays(), load_began_ms, int(self._options.minutes))
        settle_ms = int(1000 * min(SETTLE_S, load_s / 4))
        delays = self._delays_s(load_began_ms + settle_ms)
        warm_up_s = 60 * min(self._options.warm_up_minutes, self._options.minutes / 2)
        return judge(self._rows, warm_up_s=warm_up_s, delays_s=delays)

    def _phase(
        self, writer: csv.DictWriter[str], name: str, *, until: Callable[[float], bool], every_s: float = EVERY_S
    ) -> None:
        began_s = time.monotonic()
        turn = 0
        while True:
            row = self._sampler.sample(time.monotonic(), name, self.feeder.appended)
            self._rows.append(row)
            writer.writerow(row)
            self._out.flush()
            if turn % 6 == 0:
                self._say(
                    f"{row['t_s']:>7} s  {name}: {self.feeder.appended} appended, {row['outcomes']} done, {_memory(row)}"
                )
            self._installation.check()
            if self.feeder.error is not None:
                raise BenchFailed(f"nothing can be appended: {self.feeder.error}")
            if until(time.monotonic() - began_s):
                return
            turn += 1
            time.sleep(max(0.0, began_s + turn * every_s - time.monotonic()))

    def _drained(self, passed_s: float) -> bool:
        done = self._rows[-1]["outcomes"]
        if done != "" and float(str(done)) >= self.feeder.appended:
            return True
        if done != self._drained_to:
            self._drained_to, self._drained_s = done, passed_s
        # It must go on: a busy machine, and slow pages, take long.
        if passed_s > self._drained_s + DRAIN_S:
            raise BenchFailed(f"{self.feeder.appended} appended, {done} done, no more in {DRAIN_S:.0f} s")
        return False

    def _delays(self) -> list[Delay]:
        """Of all records. Raises BenchFailed if one has no outcome."""
        store = open_store(self._installation.settings.store)
        joined = t.outcomes.join(
            t.commits, (t.commits.c.run == t.outcomes.c.run) & (t.commits.c.seq == t.outcomes.c.seq)
        )
        query = sa.select(t.outcomes.c.item, t.commits.c.stored_ms).select_from(joined)
        query = query.where(t.outcomes.c.run == self._installation.settings.run)
        with store.reading() as connection:
            ordered = query.order_by(t.outcomes.c.partition, t.outcomes.c.first_offset)
            stored = [(str(item), int(stored_ms)) for item, stored_ms in connection.execute(ordered)]
        store.close()
        delays, missing = matched(self.feeder.times, stored, SLOW)
        if missing:
            raise BenchFailed(f"{len(missing)} records without an outcome, the first: {missing[0]}")
        return delays

    def _delays_s(self, since_ms: int) -> list[float]:
        store = open_store(self._installation.settings.store)
        joined = t.alerts.join(t.commits, (t.commits.c.run == t.alerts.c.run) & (t.commits.c.seq == t.alerts.c.seq))
        query = sa.select(t.alerts.c.place, t.commits.c.stored_ms).select_from(joined)
        query = query.where(t.alerts.c.run == self._installation.settings.run, t.alerts.c.place >= f"{since_ms:015d}")
        with store.reading() as connection:
            counted = connection.execute(sa.select(sa.func.count()).select_from(t.outcomes)).scalar_one()
            delays = [(stored - int(place[:15])) / 1000 for place, stored in connection.execute(query)]
        store.close()
        if counted != self.feeder.appended:
            raise BenchFailed(f"{self.feeder.appended} raw records, {counted} outcomes")
        return delays


def _memory(row: dict[str, object]) -> str:
    parts = [
        f"{part} {row[f'{part}_pss_mb']}" for part in ("pipeline", "extraction", "workers") if row[f"{part}_pss_mb"]
    ]
    return f"MB: {', '.join(parts)}"


def facts(options: argparse.Namespace) -> dict[str, object]:
    """The machine and what ran on it."""
    known = machine(dirty=True)
    when, commit = known.pop("when"), known.pop("commit")
    return {
        "when": when,
        "driver": options.driver,
        "store": options.store,
        "minutes": options.minutes,
        "rate": options.rate,
        **known,
        "beam": version("apache-beam"),
        "servers": "Kafka 4.1.0" + (", Flink 1.19.0 with Beam 2.62.0" if options.driver == "flink" else ""),
        "commit": commit,
    }


def show(verdict: Verdict, soak: Soak, known: dict[str, object], console: Console) -> dict[str, object]:
    """Print what it came to and return it as a row, without what is ``known`` of the machine."""
    p50, p99 = verdict.percentile(0.5), verdict.percentile(0.99)
    row: dict[str, object] = {
        "articles": soak.feeder.appended,
        "mean_page_kb": round(soak.feeder.bytes / max(1, soak.feeder.appended) / 1000, 1),
        "alerts": len(verdict.delays_s),
        "p50_s": p50,
        "p99_s": p99,
        "max_s": max(verdict.delays_s, default=None),
        "ours_mb_per_h": round(verdict.ours, 1),
        "index_mb_per_h": round(verdict.index_slope, 1),
        "beside_index_mb_per_h": round(verdict.beside_index, 1),
        "checkpoint_bytes_per_h": None if verdict.checkpoint_slope is None else round(verdict.checkpoint_slope),
        "idle_percent": round(verdict.idle["all"], 2) if verdict.idle else None,
    }
    figures = table("figure", "measured", "target", "")

    def line(name: str, measured: str, target: str = "", reached: bool | None = None) -> None:
        mark = "" if reached is None else "[green]reached[/]" if reached else "[red]NOT reached[/]"
        figures.add_row(name, measured, target, mark)

    for name, column in (("p50", "p50_s"), ("p99", "p99_s")):
        # The first minute has cold caches.
        trend = trend_of(soak.minutes[1:], column)
        if "slow_share" in known:
            row[f"quick_{name}_ratio"] = None if trend is None else round(trend.ratio, 2)
            row[f"quick_{name}_flat"] = None if trend is None else trend.flat
        if trend is not None:
            words = f"{trend.first_s:.2f} → {trend.last_s:.2f} s ({trend.slope_s_per_h:+.2f} s/h)"
            line(f"append to outcome, {name} of a minute, first and last third", words, "flat", trend.flat)
    line("articles, each with one outcome", f"{soak.feeder.appended} ({row['mean_page_kb']} KB each)")
    if p50 is not None and p99 is not None:
        line("append to stored alert, p50", f"{p50:.2f} s ({len(verdict.delays_s)} alerts)")
        limit_s = P99_LIMIT_S[str(known["driver"])]
        line("append to stored alert, p99", f"{p99:.2f} s", f"≤ {limit_s:g} s", p99 <= limit_s)
    for part, slope in verdict.slopes.items():
        line(f"memory of {part}", f"{slope:+.1f} MB/h")
    line("our processes", f"{verdict.ours:+.1f} MB/h", f"of it the story index {verdict.index_slope:+.1f} MB/h")
    # Shorter runs see libraries being loaded and caches filled, not a slope.
    flat = verdict.beside_index <= FLAT_MB_PER_HOUR if float(str(known["minutes"])) >= TELLING_MINUTES else None
    words = f"≤ {FLAT_MB_PER_HOUR:g} MB/h" + ("" if flat is not None else f", from {TELLING_MINUTES} minutes on")
    line("beside the story index", f"{verdict.beside_index:+.1f} MB/h", words, flat)
    if verdict.checkpoint_slope is not None:
        line("checkpoint size", f"{verdict.checkpoint_slope / 1000:+.1f} KB/h")
    for part, percent in verdict.idle.items():
        target = (f"≤ {IDLE_LIMIT_PERCENT:g} %", percent <= IDLE_LIMIT_PERCENT) if part == "all" else ("", None)
        line("CPU while idle, " + ("our processes" if part == "all" else part), f"{percent:.2f} % of a core", *target)
    console.print(figures)
    return row


def main() -> int:
    """Run the benches asked for, one after another."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "what",
        nargs="?",
        choices=("soak", "latency"),
        default="soak",
        help="latency: no idle phase, file of all delays",
    )
    parser.add_argument("--driver", choices=("slices", "flink"), default="slices")
    parser.add_argument("--store", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=10, help="articles a second")
    parser.add_argument(
        "--slow-share", type=float, default=0.0, help="share (0 to 1) of pages whose extraction hangs beyond all limits"
    )
    parser.add_argument("--idle-minutes", type=float, default=3)
    parser.add_argument(
        "--warm-up-minutes", type=float, default=10, help="at most half of the load; not part of slopes"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the CSV files")
    parser.add_argument("--keep", action="store_true", help="keep the folder with data and logs")
    options = parser.parse_args()
    if options.what == "latency":
        options.idle_minutes = 0.0
    # So that everything is ended on the way out.
    signal.signal(signal.SIGTERM, _interrupted)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    known = facts(options) | ({"slow_share": options.slow_share} if options.slow_share else {})
    options.out.mkdir(parents=True, exist_ok=True)
    stem = f"{options.what}-{options.driver}-{options.store}-{time.strftime('%Y%m%dT%H%MZ', time.gmtime())}"
    path = options.out / f"{stem}.csv"
    console.print(
        f"{options.what}: {options.driver} on {options.store}, {options.rate:g}/s for {options.minutes:g} minutes → {path}"
    )
    try:
        with (
            path.open("w", newline="") as out,
            installed(
                options.driver, options.store, slow=SLOW if options.slow_share else "", keep=options.keep
            ) as installation,
        ):
            out.writelines(f"# {name}: {value}\n" for name, value in known.items())
            store = open_store(installation.settings.store)
            SubscriptionStore(store).save_subscriptions(SUBSCRIPTIONS, now_ms=wall_ms(), from_the_beginning=True)
            store.close()
            installation.start()
            console.print(
                f"everything runs in {installation.folder}; its metrics are on port {installation.metrics_port}"
            )
            soak = Soak(installation, options, out, lambda text: console.print(text, style="dim"))
            verdict = soak.run()
    except BenchFailed as error:
        console.print(f"{options.what}: {error}", style="red", markup=False)
        return 1
    with (options.out / f"{stem}-minutes.csv").open("w", newline="") as file:
        minutes = csv.DictWriter(file, MINUTE_COLUMNS)
        minutes.writeheader()
        minutes.writerows(soak.minutes)
    # With columns of its own.
    summary = "summary-slow.csv" if options.slow_share else "summary.csv"
    keep(options.out / summary, known, show(verdict, soak, known, console))
    if options.what == "latency":
        with (options.out / f"{stem}-delays.csv").open("w", newline="") as file:
            file.write("delay_s\n")
            file.writelines(f"{delay:.3f}\n" for delay in verdict.delays_s)
    return 0


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
