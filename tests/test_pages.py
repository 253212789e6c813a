"""The pages with commands, as a reader would type them: see tests/pages.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from core.store import SubscriptionStore, open_store
from tests.connectors.support import Answer, Site, site
from tests.pages import ROOT, Reader, difference, section, steps
from tests.waiting import until

AL_JAZEERA, BBC = "https://www.aljazeera.com", "https://feeds.bbci.co.uk"
ARTICLES = {
    "ports": (
        "Ice closes two Baltic ports",
        (
            "Two Baltic ports were closed on Monday after ice damaged the pilot boats. Twelve ships wait outside the bay, "
            "the harbour master said. Icebreakers from Finland are expected on Wednesday, and grain exports are delayed."
        ),
    ),
    "talks": (
        "Ceasefire talks between Ukraine and Russia open in Istanbul",
        (
            "Negotiators of Ukraine and Russia met in Istanbul on Monday for talks on a ceasefire. Turkey mediates. "
            "Both delegations brought lists of prisoners, and a second round is planned for the end of the week."
        ),
    ),
    "wheat": (
        "Wheat prices fall for a third month",
        (
            "Wheat prices fell again in November, an agency said, after a good harvest in the south. "
            "Traders expect little change before spring. Stocks in the northern ports are the largest in ten years."
        ),
    ),
    "rail": (
        "Rail strike halts trains across northern Poland",
        (
            "A strike of train drivers over pay halted trains across northern Poland on Monday. The union said that nine of "
            "ten drivers had joined the walkout. The government asked both sides to come back to the table."
        ),
    ),
}


@contextmanager
def outlets() -> Iterator[tuple[Site, list[str]]]:
    """Two outlets on this machine, and which articles the first one lists."""
    with site() as web:
        listed = ["ports", "talks"]
        pages = {name: f"/aljazeera/news/{name}" for name in ARTICLES}

        def feed(names: list[str]) -> Answer:
            items = "".join(
                f"<item><title>{ARTICLES[name][0]}</title><link>{web.url(pages[name])}</link><guid>{name}</guid></item>"
                for name in names
            )
            xml = f"<rss version='2.0'><channel><title>x</title><language>en</language>{items}</channel></rss>"
            return Answer(xml.encode(), headers={"Content-Type": "application/rss+xml"})

        for name, (title, text) in ARTICLES.items():
            html = f"<html lang=en><body><article><h1>{title}</h1><p>{text}</p></article></body></html>"
            web.pages[pages[name]] = Answer(html.encode(), headers={"Content-Type": "text/html; charset=utf-8"})
        web.pages["/aljazeera/xml/rss/all.xml"] = lambda _request: feed(listed)
        web.pages["/bbc/news/world/rss.xml"] = feed(["wheat"])
        yield web, listed


@pytest.mark.slow
def test_the_first_hour(tmp_path: Path) -> None:
    with outlets() as (web, listed):

        def news() -> None:
            """An article comes once the subscription is in force."""
            with closing(open_store(f"sqlite:///{tmp_path}/var/store.db")) as store:
                saved = SubscriptionStore(store).read(now_ms=0).subscriptions
            [since_ms] = [one.effective_from_ms for one in saved if one.id == "officials"]
            until(lambda: time.time() * 1000 > since_ms, "time from which the subscription holds")
            listed.insert(0, "rail")

        reader = Reader(
            tmp_path,
            instead={AL_JAZEERA: web.url("/aljazeera"), BBC: web.url("/bbc").replace("127.0.0.1", "localhost")},
            meanwhile=news,
            WIREWATCH_ALLOW_PRIVATE=f"{web.host},{web.host.replace('127.0.0.1', 'localhost')}",
            WIREWATCH_HOST_GAP_S="0",
            WIREWATCH_POLL_INTERVAL_S="1",
            WIREWATCH_DESK_PORT="0",
            WIREWATCH_CANARY_INTERVAL_S="3600",
        )
        assert reader.follow((ROOT / "docs/first-hour.md").read_text("utf-8")) == 16


def test_lists_and_queries_of_other_programs(tmp_path: Path) -> None:
    for name in ("miniflux.opml", "freshrss.opml"):
        (tmp_path / name).write_bytes((ROOT / "tests/cases/opml" / name).read_bytes())
    with outlets() as (web, _listed):
        google = "https://www.google.com/alerts/feeds/01234567890123456789/1234567890"
        reader = Reader(
            tmp_path,
            instead={google: web.url("/aljazeera/xml/rss/all.xml")},
            WIREWATCH_ALLOW_PRIVATE=web.host,
            WIREWATCH_HOST_GAP_S="0",
        )
        assert reader.follow((ROOT / "docs/import.md").read_text("utf-8")) == 5


def test_the_first_commands_of_alerts(tmp_path: Path) -> None:
    page = (ROOT / "docs/alerts.md").read_text("utf-8")
    assert Reader(tmp_path).follow(section(page, "## Subscriptions")) == 5


def test_every_page_with_commands_to_type_is_followed_by_a_test() -> None:
    followed = "".join((ROOT / "tests" / name).read_text("utf-8") for name in ("test_pages.py", "test_topics_page.py"))
    shown = {page.name for page in (ROOT / "docs").glob("*.md") if any(steps(page.read_text("utf-8")))}
    assert shown == {"first-hour.md", "import.md", "alerts.md", "topics.md"}
    assert all(f"docs/{name}" in followed for name in shown)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("added a as b\n", "added a as b\n", True),
        ("added a as b\n", "added a as c\n", False),
        ("12:01:07  bbc  A title\n", "09:55:31  bbc  A title\n", True),
        ("one\n...\nfour\n", "one\ntwo\nthree\nfour\n", True),
        ("one\n...\nfour\n", "one\nfour\n", True),
        ("one\n...\nfour\n", "one\nfive\n", False),
        ("one\n", "one\ntwo\n", False),
        ("the desk: http://127.0.0.1:8642/\n", "the desk: http://127.0.0.1:40112/\n", True),
        ("3 articles in 2 s\n", "4 articles in 9 s\n", False),
    ],
)
def test_what_counts_as_the_same_output(shown: str, printed: str, same: bool) -> None:
    assert (difference(shown, printed) == "") is same
