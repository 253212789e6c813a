"""``wirewatch feed`` and ``connectors listen`` as a person runs them, against a server on this machine."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.catalogue import FILE, load_catalogue
from core.errors import InputError
from core.records import RawArticle, decode
from core.settings import load_settings
from core.streams import open_stream
from tests.connectors.support import Answer, Site, site
from tests.connectors.test_feed_connector import rss
from tests.waiting import until
from tests.wirewatch.command import service, wirewatch

OPML = """<opml version="2.0"><body><outline text="Levant"><outline text="Outlet" xmlUrl="https://outlet.example/rss"/>
<outline text="again" xmlUrl="https://outlet.example/rss"/></outline></body></opml>"""


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as here:
        yield here


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def local(web: Site) -> dict[str, str]:
    return {"WIREWATCH_ALLOW_PRIVATE": web.host, "WIREWATCH_HOST_GAP_S": "0"}


def test_discover_finds_the_feeds_of_a_home_page(tmp_path: Path, web: Site) -> None:
    head = "<link rel='alternate' type='application/rss+xml' href='/rss'>"
    web.pages |= {"/": Answer(f"<html><head>{head}</head></html>".encode()), "/rss": rss(web, "a", "b")}
    done = wirewatch("feed", "discover", web.url("/"), "--json", cwd=tmp_path, **local(web))
    assert done.returncode == 0, done.stderr
    [found] = lines(done)
    assert (found["url"], found["format"], found["items"], found["how"]) == (
        web.url("/rss"),
        "rss20",
        2,
        "named by the page",
    )
    web.pages["/"] = Answer(b"<html></html>")
    del web.pages["/rss"]
    none = wirewatch("feed", "discover", web.url("/"), cwd=tmp_path, **local(web))
    assert (none.returncode, none.stdout) == (1, "")
    assert "no feed found" in none.stderr


def test_check_says_which_feeds_can_be_read_and_coverage_what_may_be_missing(tmp_path: Path, web: Site) -> None:
    web.pages |= {"/good": rss(web, "a"), "/bad": Answer(b"<html></html>")}
    for path in ("/good", "/bad"):
        wirewatch("feed", "add", web.url(path), "--source", "local", "--unchecked", cwd=tmp_path, **local(web))
    done = wirewatch("feed", "check", "--json", cwd=tmp_path, **local(web))
    assert done.returncode == 1
    found = {line["url"]: line for line in lines(done)}
    assert (found[web.url("/good")]["problem"], found[web.url("/good")]["items"]) == (None, 1)
    assert found[web.url("/bad")]["problem"] == "not a feed: an HTML page"
    asked = len(web.asked)
    again = wirewatch("feed", "check", "--json", cwd=tmp_path, **local(web))
    assert [line["url"] for line in lines(again)] == [web.url("/bad")], "what was read once is verified"
    assert len(web.asked) == asked + 1
    report = wirewatch("feed", "coverage", "--json", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    whole, *feeds = lines(report)
    assert whole["feeds"] == 2
    assert whole["risks"] == [f"{web.url('/bad')}: could never be read: not a feed: an HTML page"]
    assert {feed["url"]: feed["state"] for feed in feeds} == {web.url("/bad"): "unverified", web.url("/good"): "new"}
    piped = lines(wirewatch("feed", "coverage", "--json", cwd=tmp_path))
    assert piped[0]["risks"] == whole["risks"], "JSON Lines go into a pipe without being asked for"
    assert wirewatch("feed", "check", "https://nowhere.example/", cwd=tmp_path).returncode == 1


def test_the_proxy_setting_carries_requests_and_its_password_is_shown_nowhere(tmp_path: Path, web: Site) -> None:
    web.pages["http://public.example/rss"] = rss(web, "a")
    wirewatch("feed", "add", "http://public.example/rss", cwd=tmp_path)
    proxy = {"WIREWATCH_PROXY": f"http://desk:secret-word@{web.host}"}
    done = wirewatch("feed", "check", cwd=tmp_path, **proxy)
    assert done.returncode == 0, done.stderr
    assert web.paths() == ["http://public.example/rss"]
    assert web.asked[0][1]["proxy-authorization"].startswith("Basic ")
    for inside in (
        "http://localhost/rss",
        "http://router/rss",
        "http://10.1.2.3/rss",
        "http://db.internal/rss",
        "http://2130706433/",
    ):
        refused = wirewatch("feed", "parse", inside, cwd=tmp_path, **proxy)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "refused: the host is at a " in refused.stderr
    assert len(web.asked) == 1, "the proxy was asked for none of them"
    wrong = wirewatch("feed", "check", "--all", cwd=tmp_path, WIREWATCH_PROXY="socks5://desk:secret-word@proxy.example")
    assert wrong.returncode == 2
    assert "the proxy's address is invalid" in wrong.stderr
    assert "secret-word" not in done.stderr + done.stdout + wrong.stderr
    settings = load_settings(None, {"WIREWATCH_PROXY": "http://desk:secret-word@proxy.example:3128",
                                    "WIREWATCH_STORE_URL": "postgresql://ann:pw1@db/w?sslpassword=pw2&a=b"})  # fmt: skip
    assert settings.shown()["proxy"] == "http://***@proxy.example:3128"
    assert settings.shown()["store_url"] == "postgresql://***@db/w?sslpassword=***&a=b"
    assert "pw" not in str(settings.shown()["store_url"]).replace("sslpassword", "")


def test_a_list_comes_in_and_goes_out(tmp_path: Path) -> None:
    (tmp_path / "in.opml").write_text(OPML)
    done = wirewatch("feed", "import", "in.opml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 listed twice" in done.stderr
    assert "1 feed added, 0 already watched" in done.stderr
    out = wirewatch("feed", "export", cwd=tmp_path)
    assert 'xmlUrl="https://outlet.example/rss"' in out.stdout
    (tmp_path / "out.opml").write_text(out.stdout)
    assert "0 feeds added, 1 already watched" in wirewatch("feed", "import", "out.opml", cwd=tmp_path).stderr
    (tmp_path / "bad.opml").write_text("<html/>")
    bad = wirewatch("feed", "import", "bad.opml", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "bad.opml: not an OPML list of feeds" in bad.stderr


def test_the_catalogue_is_sound_and_its_feeds_can_be_added_by_topic(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    assert len(catalogue.feed) >= 60
    assert len({feed.country for feed in catalogue.feed}) >= 15
    assert {"ar", "fa", "tr", "ru", "uk", "en"} <= {feed.language for feed in catalogue.feed}
    assert {"syria", "ukraine-talks", "iran-saudi"} == {topic for feed in catalogue.feed for topic in feed.topics}
    assert {feed.found for feed in catalogue.feed} == catalogue.lists.keys(), "no list without use"
    done = wirewatch("feed", "add", "--catalogue", "--topic", "syria", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    added = lines(wirewatch("feed", "list", "--json", cwd=tmp_path))
    assert len(added) == len(catalogue.chosen(["syria"]))
    assert {feed["health"] for feed in added} == {"new"}
    assert {feed["state"] for feed in added} == {"unverified"}
    whole = lines(wirewatch("feed", "coverage", "--json", cwd=tmp_path))[0]
    assert whole["risks"] == [f"{len(added)} feeds not checked yet: wirewatch feed check fetches them"]
    wrong = wirewatch("feed", "add", "--catalogue", "--topic", "sport", cwd=tmp_path)
    assert wrong.returncode == 1
    assert "its topics: iran-saudi, syria, ukraine-talks" in wrong.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('country = "SY"', 'country = "Syria"'), "not a country code"),
        (('kind = "state"', 'kind = "good"'), "kind"),
        (("https://sana.sy/?feed=rss2", "ftp://sana.sy/"), "not an http"),
        (('found = "syria-bot"', 'found = "memory"'), "not a list of this file"),
        (('source = "sana"', 'sauce = "sana"'), "sauce"),
    ],
)
def test_a_wrong_catalogue_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(FILE.read_text("utf-8").replace(*change, 1), "utf-8")
    with pytest.raises(InputError, match=said) as error:
        load_catalogue(file)
    assert str(error.value).startswith("mine.toml")


def test_listen_takes_pushed_articles_onto_the_raw_stream(tmp_path: Path) -> None:
    token = "a-token-of-some-length"
    said = tmp_path / "said.txt"
    with service("connectors", "listen", "--port", "0", cwd=tmp_path, says=said, PUSH_TOKEN=token) as process:
        until(lambda: process.poll() is not None or "http://" in said.read_text(), "its address")
        [base, *_] = re.findall(r"http://\S+", said.read_text())
        body = b'{"url": "https://outlet.example/a", "text": "Something happened.", "title": "T"}\n'
        request = urllib.request.Request(f"{base}/articles", data=body, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{base}/articles", data=body, timeout=30)
        assert refused.value.code == 401
        process.send_signal(signal.SIGTERM)
        until(lambda: process.poll() is not None, "end of the service")
        assert process.returncode == 0
    with open_stream(f"sqlite:///{tmp_path / 'var/streams.db'}", "raw-articles") as stream:
        records = stream.read(stream.start_offsets(stream.partitions()), wait_ms=0)
    [article] = [decode(record.value, RawArticle) for record in records]
    assert (article.url, article.title) == ("https://outlet.example/a", "T")


def test_a_short_token_and_a_bad_address_are_refused(tmp_path: Path) -> None:
    short = wirewatch("connectors", "listen", "--token", "short", cwd=tmp_path)
    assert short.returncode == 2
    assert "too short" in short.stderr
    assert wirewatch("connectors", "listen", "--public-url", "us.example", cwd=tmp_path).returncode == 2
    assert wirewatch("feed", "add", "--topic", "syria", cwd=tmp_path).returncode == 2


def watched(tmp_path: Path) -> list[tuple[str, str]]:
    return [(feed["url"], feed["source"]) for feed in lines(wirewatch("feed", "list", "--json", cwd=tmp_path))]


def test_add_looks_once_and_takes_the_one_feed_that_a_home_page_names(tmp_path: Path, web: Site) -> None:
    link = "<link rel='alternate' type='application/rss+xml' href='/{}'>"
    web.pages |= {
        "/rss": rss(web, "a"),
        "/one": Answer(f"<html><head>{link.format('rss')}</head></html>".encode()),
        "/two": Answer(f"<html><head>{link.format('rss')}{link.format('atom')}</head></html>".encode()),
        "/dead": Answer(f"<html><head>{link.format('gone')}</head></html>".encode()),
        "/none": Answer(b"<html><body>hello</body></html>"),
        "/picture": Answer(b"\x89PNG\r\n\x1a\n0000"),
    }
    for path, said in (
        ("/two", f"names 2 feeds: {web.url('/rss')}, {web.url('/atom')}"),
        ("/none", f"names no feed — wirewatch feed discover {web.url('/none')}"),
        ("/dead", f"the page names one feed, {web.url('/gone')}: "),
        ("/picture", "not a feed: "),
    ):
        refused = wirewatch("feed", "add", web.url(path), cwd=tmp_path, **local(web))
        assert (refused.returncode, refused.stdout) == (2, ""), path
        assert said in refused.stderr
        assert not (tmp_path / "var").exists()
    done = wirewatch("feed", "add", web.url("/one"), "--source", "local", cwd=tmp_path, **local(web))
    assert done.returncode == 0, done.stderr
    assert f"{web.url('/one')} is an HTML page; the feed that it names is added instead" in done.stderr
    assert f"added {web.url('/rss')} as source local" in done.stderr
    asked = len(web.asked)
    again = wirewatch("feed", "add", web.url("/rss"), cwd=tmp_path, **local(web))
    assert (again.returncode, len(web.asked)) == (0, asked + 1)
    assert "already watched" in again.stderr
    assert watched(tmp_path) == [(web.url("/rss"), "local")]


def test_add_of_a_host_that_is_not_reached_adds_it_and_says_that_it_was_not_checked(tmp_path: Path, web: Site) -> None:
    web.pages["/none"] = Answer(b"<html></html>")
    done = wirewatch("feed", "add", "http://127.0.0.1:9/rss", cwd=tmp_path, WIREWATCH_ALLOW_PRIVATE="127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert "not checked: could not connect" in done.stderr
    bare = wirewatch("feed", "add", web.url("/none"), "--unchecked", cwd=tmp_path, **local(web))
    assert (bare.returncode, "not checked" in bare.stderr) == (0, False)
    assert web.asked == []
    assert {url for url, _ in watched(tmp_path)} == {"http://127.0.0.1:9/rss", web.url("/none")}


@pytest.mark.parametrize("more", [(), ("--unchecked",)])
def test_add_of_an_address_that_is_certainly_refused_is_refused(tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "list.opml").write_text("<opml><body><outline text='In' xmlUrl='http://10.0.0.7/rss'/></body></opml>")
    for address in ("http://127.0.0.1:9/rss", "http://10.0.0.7/rss", "http://[::1]/rss", "http://printer.local/rss"):
        done = wirewatch("feed", "add", address, *more, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "refused: the host is at a" in done.stderr
        assert "allow_private" in done.stderr
    listed = wirewatch("feed", "import", "list.opml", cwd=tmp_path)
    assert "left out: http://10.0.0.7/rss" in listed.stderr
    assert watched(tmp_path) == []


def test_parse_of_a_home_page_or_a_private_host_says_what_to_do(tmp_path: Path, web: Site) -> None:
    web.pages["/"] = Answer(b"<html></html>")
    done = wirewatch("feed", "parse", web.url("/"), cwd=tmp_path, **local(web))
    assert done.returncode == 1
    assert "not a feed: an HTML page — wirewatch feed discover finds the feeds" in done.stderr
    inside = wirewatch("feed", "parse", web.url("/"), cwd=tmp_path)
    assert "the host is at a loopback address — to fetch from your own host, add it to the setting allow_private" in (
        inside.stderr
    )
