"""``python -m benchmarks.desk [--articles N] [--parts pages,search,paint,readers]``: the desk on a big store.

The index is that of ``benchmarks.search``, built first if it is missing (a million articles: most of an hour).
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
from pathlib import Path

from benchmarks.desk.build import Built, build_store, link_index
from benchmarks.desk.pages import first_paints, times_of_pages, times_of_searches, total_found
from benchmarks.desk.process import DeskProcess, running_desk
from benchmarks.desk.readers import stream
from benchmarks.desk.report import DeskReport
from benchmarks.figures import Report, quantile
from benchmarks.search.build import index_folder

CACHE = Path(__file__).parents[2] / ".cache"
RESULTS = Path(__file__).parent / "results"
SEARCH_MS, DELAY_MS = 100, 1_000
PARTS = ("pages", "search", "paint", "readers")


def main() -> int:
    """Run the bench. Exit 1 if a target is missed."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.desk", description=__doc__)
    options.add_argument("--articles", type=int, default=1_000_000)
    options.add_argument(
        "--rounds", type=int, default=10, help="searches of each kind and order: 20 pages and some 40 answers"
    )
    options.add_argument("--readers", type=int, default=200, help="open streams of the Live page")
    options.add_argument("--programs", type=int, default=0, help="open streams of the API, in addition")
    options.add_argument("--seconds", type=int, default=20, help="articles appended, one a second")
    options.add_argument("--parts", default=",".join(PARTS), help="what is measured")
    chosen = options.parse_args()
    parts = [one for one in PARTS if one in chosen.parts.split(",")]
    # So that the desk ends, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    built = build_store(CACHE, chosen.articles)
    # Without it the desk would index the store meanwhile, and that would be measured.
    search = link_index(index_folder(CACHE, built.articles) if "search" in parts else None, built)
    report = DeskReport(built)
    with running_desk(built, search) as desk:
        report.add("start", "from the process's start to the first full Live page", desk.started_s, "s")
        _memory(report, desk, "after the start")
        story, article = _some(built)
        if "pages" in parts:
            _pages(report, desk, story, article)
        if "search" in parts:
            _searches(report, desk, chosen.rounds)
        if "paint" in parts:
            _paints(report, desk, story)
        if "readers" in parts:
            _readers(report, desk, built, chosen)
        _memory(report, desk, "at the end")
        report.add("CPU", "of the desk, all in all", desk.use().cpu_s, "s")
    only = "" if len(parts) == len(PARTS) else "-" + "-".join(parts)
    report.write(RESULTS / f"desk-{built.articles}{only}.csv")
    return 0 if report.met else 1


def _pages(report: Report, desk: DeskProcess, story: str, article: str) -> None:
    for name, first, times, size in times_of_pages(desk, story, article):
        report.add("page, full HTML", f"{name} ({size / 1024:.0f} kB): first", first, "ms")
        report.add("page, full HTML", f"{name}: p50 of {len(times)}", quantile(times, 0.5), "ms")
        report.add("page, full HTML", f"{name}: p95", quantile(times, 0.95), "ms")


def _searches(report: Report, desk: DeskProcess, rounds: int) -> None:
    report.add("search", "articles in the index", total_found(desk), "")
    pages, api = list[float](), list[float]()
    for name, of_page, of_api in times_of_searches(desk, rounds):
        report.add("search, each kind", f"{name}: page, p50 of {len(of_page)}", quantile(of_page, 0.5), "ms")
        report.add("search, each kind", f"{name}: page, p95", quantile(of_page, 0.95), "ms", most=SEARCH_MS)
        report.add("search, each kind", f"{name}: API, p50 of {len(of_api)}", quantile(of_api, 0.5), "ms")
        report.add("search, each kind", f"{name}: API, p95", quantile(of_api, 0.95), "ms", most=SEARCH_MS)
        pages += of_page
        api += of_api
    for name, times in (("Search page", pages), ("API", api)):
        report.add("search", f"{name}: p50 of {len(times)}", quantile(times, 0.5), "ms")
        report.add("search", f"{name}: p95", quantile(times, 0.95), "ms", most=SEARCH_MS)


def _paints(report: Report, desk: DeskProcess, story: str) -> None:
    paths = {"Live": "/", "Story": f"/story/{story}", "Search": "/search?q=minister"}
    for name, cold, warm in first_paints(desk, paths):
        report.add("first contentful paint", f"{name}: empty cache, p50 of {len(cold)}", quantile(cold, 0.5), "ms")
        report.add("first contentful paint", f"{name}: empty cache, p95", quantile(cold, 0.95), "ms")
        report.add("first contentful paint", f"{name}: again, p50 of {len(warm)}", quantile(warm, 0.5), "ms")


def _readers(report: Report, desk: DeskProcess, built: Built, chosen: argparse.Namespace) -> None:
    before = desk.use()
    found = stream(desk, built, readers=chosen.readers, programs=chosen.programs, seconds=chosen.seconds)
    after = desk.use()
    name = f"{chosen.readers} readers" + (f" and {chosen.programs} programs" if chosen.programs else "")
    report.add("streams", f"{name}: updates that never came", found.missing, "", most=0)
    if found.delays_ms:
        report.add("streams", f"{name}: commit to receipt, p50", quantile(found.delays_ms, 0.5), "ms")
        report.add("streams", f"{name}: p95", quantile(found.delays_ms, 0.95), "ms", most=DELAY_MS)
        report.add("streams", f"{name}: worst of {len(found.delays_ms):,}", max(found.delays_ms), "ms", most=DELAY_MS)
    report.add("streams", "the commit itself, p50", quantile(found.commits_ms, 0.5), "ms")
    report.add("streams", f"{name}: CPU of the desk in {chosen.seconds} s", after.cpu_s - before.cpu_s, "s")
    report.add("streams", f"{name}: more memory of its own", after.private_mb - before.private_mb, "MB")


def _memory(report: Report, desk: DeskProcess, when: str) -> None:
    use = desk.use()
    report.add("memory", f"{when}: its own", use.private_mb, "MB")
    report.add("memory", f"{when}: mapped files, which the system may drop", use.mapped_mb, "MB")


def _some(built: Built) -> tuple[str, str]:
    """The story of most articles among the newest 500, and the newest article."""
    with sqlite3.connect(f"file:{built.path}?mode=ro", uri=True) as connection:
        newest = "SELECT id, articles FROM stories WHERE run = 'live' ORDER BY last_ms DESC LIMIT 500"
        story = connection.execute(f"SELECT id FROM ({newest}) ORDER BY articles DESC LIMIT 1").fetchone()[0]  # noqa: S608
        article = connection.execute(
            "SELECT id FROM articles WHERE run = 'live' ORDER BY place DESC LIMIT 1"
        ).fetchone()[0]
    connection.close()
    return story, article


if __name__ == "__main__":
    sys.exit(main())
