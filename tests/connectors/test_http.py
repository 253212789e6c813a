"""HTTP against real servers on this machine: what is asked, what is bounded, what is refused."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler

import pytest

from connectors.http.answers import without_credentials
from connectors.http.client import Failure, Fetched, Http
from connectors.http.pacing import HostPacing
from core import version
from core.errors import FailureKind
from tests.connectors.support import NOON, Answer, Site, after


@pytest.fixture
def http(web: Site) -> Iterator[Http]:
    with Http(contact="desk@courier.example", allow_private=[web.host], total_s=10) as client:
        yield client


def got(answer: Fetched | Failure) -> Fetched:
    assert isinstance(answer, Fetched), answer
    return answer


def failed(answer: Fetched | Failure) -> Failure:
    assert isinstance(answer, Failure), answer
    return answer


def test_a_page_with_its_facts_asked_for_honestly(web: Site, http: Http) -> None:
    web.pages["/a"] = Answer(b"hello", headers={"ETag": '"1"', "Last-Modified": "x", "Content-Type": "text/html"})
    page = got(http.fetch(web.url("/a"), now=NOON))
    assert (page.body, page.etag, page.last_modified, page.content_type) == (b"hello", '"1"', "x", "text/html")
    assert page.moved_to is None
    (_, headers) = web.asked[0]
    assert headers["user-agent"] == f"Wirewatch/{version()} (news monitor; desk@courier.example)"
    assert headers["host"] == web.host


def test_a_conditional_request_gives_not_modified(web: Site, http: Http) -> None:
    def page(request: BaseHTTPRequestHandler) -> Answer:
        same = request.headers["If-None-Match"] == '"7"' and request.headers["If-Modified-Since"] == "then"
        return Answer(status=304) if same else Answer(b"new")

    web.pages["/f"] = page
    assert got(http.fetch(web.url("/f"), now=NOON, etag='"7"', last_modified="then")).not_modified
    assert got(http.fetch(web.url("/f"), now=NOON, etag='"6"', last_modified="then")).body == b"new"


def test_lasting_redirects_are_learnt_up_to_the_first_passing_one(web: Site, http: Http) -> None:
    web.pages |= {
        "/1": Answer(status=301, headers={"Location": "/2"}),
        "/2": Answer(status=308, headers={"Location": web.url("/3#part")}),
        "/3": Answer(status=302, headers={"Location": "/4"}),
        "/4": Answer(status=301, headers={"Location": "/5"}),
        "/5": Answer(b"here"),
    }
    page = got(http.fetch(web.url("/1"), now=NOON))
    assert (page.url, page.moved_to, page.body) == (web.url("/5"), web.url("/3"), b"here")


def test_at_most_five_redirects_are_followed(web: Site, http: Http) -> None:
    for n in range(9):
        web.pages[f"/{n}"] = Answer(status=302, headers={"Location": f"/{n + 1}"})
    web.pages["/9"] = Answer(b"end")
    assert got(http.fetch(web.url("/4"), now=NOON)).body == b"end"
    failure = failed(http.fetch(web.url("/3"), now=NOON))
    assert (failure.kind, failure.problem) == (FailureKind.REDIRECTS, "redirects more than 5 times")


@pytest.mark.parametrize(
    "target",
    [
        "ftp://files.example/x",
        "file:///etc/hostname",
        "javascript:alert(1)",
        "http://",
        "http://[",
        "//:0",
        "?" + "x" * 70_000,
    ],
)
def test_redirects_to_anything_but_a_web_address_fail(web: Site, http: Http, target: str) -> None:
    web.pages["/r"] = Answer(status=302, headers={"Location": target})
    assert failed(http.fetch(web.url("/r"), now=NOON)).kind in (FailureKind.URL, FailureKind.REDIRECTS)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://a.example/",
        "http://",
        "http:///x",
        "http://a b/",
        "http://[::1",
        "http://a.example:99999/",
        "data:,x",
        "http://\ud800/",
    ],
)
def test_bad_addresses_are_values(http: Http, url: str) -> None:
    assert failed(http.fetch(url, now=NOON)).kind is FailureKind.URL


def test_a_cookie_lives_for_one_fetch(web: Site, http: Http) -> None:
    def wall(request: BaseHTTPRequestHandler) -> Answer:
        if "seen=1" in request.headers.get("Cookie", ""):
            return Answer(b"in")
        return Answer(status=302, headers={"Location": "/wall", "Set-Cookie": "seen=1"})

    web.pages["/wall"] = wall
    assert got(http.fetch(web.url("/wall"), now=NOON)).body == b"in"
    assert got(http.fetch(web.url("/wall"), now=NOON)).body == b"in"
    assert ["cookie" in headers for _, headers in web.asked] == [False, True, False, True]


def test_credentials_stay_with_their_host_and_out_of_messages(web: Site, http: Http) -> None:
    web.pages |= {
        "/own": Answer(status=302, headers={"Location": "/own2"}),
        "/own2": Answer(status=302, headers={"Location": f"http://localhost:{web.host.partition(':')[2]}/other"}),
        "/other": Answer(b"no", status=403),
    }
    with Http(allow_private=["127.0.0.1", "localhost"]) as client:
        failure = failed(client.fetch(f"http://ann:pass@{web.host}/own", now=NOON))
    assert ["authorization" in headers for _, headers in web.asked] == [True, True, False]
    assert "pass" not in str(failure.error())
    assert failure.problem == "403 forbidden"
    assert without_credentials("https://a:b@x.example:1/p?q#f") == "https://x.example:1/p?q#f"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "404 not found"),
        (410, "410 gone"),
        (500, "500 internal server error"),
        (599, "HTTP status 599"),
        (304, ""),
    ],
)
def test_statuses_in_plain_words(web: Site, http: Http, status: int, words: str) -> None:
    web.pages["/s"] = Answer(status=status)
    answer = http.fetch(web.url("/s"), now=NOON)
    if words:
        failure = failed(answer)
        assert (failure.problem, failure.status, failure.kind) == (words, status, FailureKind.of_status(status))
        assert str(failure.error()) == f"{web.url('/s')}: {words}"
    else:
        assert got(answer).not_modified


def test_retry_after_reaches_the_caller(web: Site, http: Http) -> None:
    web.pages["/busy"] = Answer(status=429, headers={"Retry-After": "120"})
    assert failed(http.fetch(web.url("/busy"), now=NOON)).retry_after_s == 120


# --- bounds


@pytest.mark.parametrize("length", [True, False])
def test_a_body_over_the_cap_is_refused(web: Site, http: Http, length: bool) -> None:
    web.pages["/big"] = Answer(b"x" * 3_000_000, length=length)
    failure = failed(http.fetch(web.url("/big"), now=NOON, max_bytes=1 << 20))
    assert (failure.kind, failure.problem) == (FailureKind.TOO_LARGE, "larger than 1 MiB")
    assert len(got(http.fetch(web.url("/big"), now=NOON, max_bytes=3_000_000)).body) == 3_000_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_decompression_bomb_is_stopped_at_the_cap(web: Site, http: Http, encoding: str) -> None:
    squeeze = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = squeeze(b"\0" * 200_000_000, 9) if encoding == "gzip" else squeeze(b"\0" * 200_000_000)
    assert len(bomb) < 300_000
    web.pages["/bomb"] = Answer(bomb, headers={"Content-Encoding": encoding})
    assert failed(http.fetch(web.url("/bomb"), now=NOON, max_bytes=1 << 20)).kind is FailureKind.TOO_LARGE


def test_compressed_bodies_of_all_kinds(web: Site, http: Http) -> None:
    text = b"a page " * 50_000
    bare = zlib.compressobj(wbits=-15)
    web.pages |= {
        "/gzip": Answer(gzip.compress(text), headers={"Content-Encoding": "gzip"}),
        "/two": Answer(gzip.compress(text[:9]) + gzip.compress(text[9:]), headers={"Content-Encoding": "x-gzip"}),
        "/no-trailer": Answer(gzip.compress(text)[:-8], headers={"Content-Encoding": "gzip"}),
        "/deflate": Answer(zlib.compress(text), headers={"Content-Encoding": "deflate"}),
        "/bare": Answer(bare.compress(text) + bare.flush(), headers={"Content-Encoding": "deflate"}),
    }
    for path in web.pages:
        assert got(http.fetch(web.url(path), now=NOON)).body == text, path


def test_bodies_that_cannot_be_decoded(web: Site, http: Http) -> None:
    web.pages |= {
        "/br": Answer(b"x", headers={"Content-Encoding": "br"}),
        "/broken": Answer(b"no gzip at all", headers={"Content-Encoding": "gzip"}),
        "/lies": Answer(b"\n<rss/>", headers={"Content-Encoding": "gzip"}),
    }
    assert failed(http.fetch(web.url("/br"), now=NOON)).problem == "sent in an encoding that was not asked for (br)"
    assert failed(http.fetch(web.url("/broken"), now=NOON)).problem == "sent a broken compressed body"
    assert got(http.fetch(web.url("/lies"), now=NOON)).body == b"\n<rss/>"


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "x-zstd, zstd", "gzip, gzip", "br, gzip", "gzip, zstd", "dcz", "bzip2"]
)
def test_a_bomb_in_a_coding_that_was_not_asked_for_is_never_unpacked(web: Site, http: Http, coding: str) -> None:
    """Even if a library for it is installed, and whatever the body is."""
    web.pages["/bomb"] = Answer(gzip.compress(gzip.compress(b"\0" * 9_000_000)), headers={"Content-Encoding": coding})
    failure = failed(http.fetch(web.url("/bomb"), now=NOON, max_bytes=1 << 20))
    assert failure.problem.startswith("sent in an encoding that was not asked for")


def test_a_body_cut_short_is_a_failure(web: Site, http: Http) -> None:
    web.pages["/cut"] = Answer(b"half", headers={"Content-Length": "8", "Connection": "close"}, length=False)
    assert failed(http.fetch(web.url("/cut"), now=NOON)).kind is FailureKind.CONNECTION


def test_a_server_that_stalls_runs_into_the_time_out(web: Site) -> None:
    release = threading.Event()
    web.pages["/slow"] = Answer(b"first bytes", stall=release, length=False)
    try:
        with Http(allow_private=[web.host], total_s=0.3) as client:
            failure = failed(client.fetch(web.url("/slow"), now=NOON))
    finally:
        release.set()
    assert (failure.kind, failure.problem) == (FailureKind.TIMEOUT, "timed out after 0.3 s")


def test_a_server_that_trickles_cannot_outlast_the_total(web: Site) -> None:
    """Each byte comes in time; the sum does not. The clock is the test's: every look at it costs a second."""
    ticks = iter(range(10_000))

    def trickle(request: BaseHTTPRequestHandler) -> Answer:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            for _ in range(5_000):
                request.wfile.write(b"x")
                request.wfile.flush()
        except OSError:
            pass
        return Answer()

    web.pages["/drip"] = trickle
    with Http(allow_private=[web.host], total_s=5, monotonic=lambda: float(next(ticks))) as client:
        assert failed(client.fetch(web.url("/drip"), now=NOON)).kind is FailureKind.TIMEOUT


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    release = threading.Event()

    def hang(host: str, port: int) -> Sequence[str]:
        release.wait(30)
        return []

    with Http(resolve=hang, total_s=0.2) as client:
        assert failed(client.fetch("http://slow.example/", now=NOON)).kind is FailureKind.TIMEOUT
    release.set()


def test_an_unknown_host_and_a_closed_port() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    with Http(resolve=unknown) as client:
        assert failed(client.fetch("http://nowhere.example/", now=NOON)).problem == "could not resolve host"
    with Http(allow_private=["127.0.0.1:1"]) as client:
        assert failed(client.fetch("http://127.0.0.1:1/", now=NOON)).problem == "could not connect"


def test_a_server_that_speaks_no_http(web: Site, http: Http) -> None:
    def noise(request: BaseHTTPRequestHandler) -> Answer:
        request.wfile.write(b"\x16\x03\x01 not http\r\n\r\n")
        request.close_connection = True
        return Answer()

    web.pages["/noise"] = noise
    assert failed(http.fetch(web.url("/noise"), now=NOON)).kind is FailureKind.CONNECTION


# --- the guard


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0", "LOCALHOST."]
)
def test_this_machine_is_refused_however_it_is_written(web: Site, host: str) -> None:
    web.pages["/secret"] = Answer(b"secret")
    port = web.host.partition(":")[2]
    with Http() as client:
        failure = failed(client.fetch(f"http://{host}:{port}/secret", now=NOON))
    assert failure.kind in (FailureKind.REFUSED, FailureKind.NAME)
    assert web.asked == []
    if failure.kind is FailureKind.REFUSED:
        assert failure.problem.startswith("refused: the host is at a ")


def test_a_redirect_to_a_private_address_is_refused(web: Site, http: Http) -> None:
    port = web.host.partition(":")[2]
    web.pages |= {
        "/out": Answer(status=302, headers={"Location": f"http://localhost:{port}/in"}),
        "/in": Answer(b"secret"),
    }
    assert failed(http.fetch(web.url("/out"), now=NOON)).kind is FailureKind.REFUSED
    assert web.paths() == ["/out"]


def test_a_listed_host_may_be_private_by_name_or_by_name_and_port(web: Site) -> None:
    port = int(web.host.partition(":")[2])
    web.pages["/"] = Answer(b"here")
    for listed in ("intranet.example", f"Intranet.Example:{port}"):
        with Http(allow_private=[listed], resolve=lambda host, port: ["127.0.0.1"]) as client:
            assert got(client.fetch(f"http://intranet.example:{port}/", now=NOON)).body == b"here"
    with Http(allow_private=[f"intranet.example:{port + 1}"], resolve=lambda host, port: ["127.0.0.1"]) as client:
        assert failed(client.fetch(f"http://intranet.example:{port}/", now=NOON)).kind is FailureKind.REFUSED


def test_proxies_of_the_environment_are_not_used(web: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, web.url("/"))
    with Http(resolve=lambda host, port: ["10.0.0.1"]) as client:
        assert failed(client.fetch("http://inside.example/", now=NOON)).kind is FailureKind.REFUSED
    assert web.asked == []


# --- the pace


def test_a_host_is_asked_once_in_a_gap() -> None:
    pacing = HostPacing(5)
    assert pacing.take("https://a.example/1", NOON)
    assert not pacing.take("http://A.example/2", after(4.9))
    assert pacing.take("https://b.example/1", NOON)
    assert pacing.free_at("https://a.example/3") == after(5)
    assert pacing.take("https://a.example/2", after(5))


def test_a_host_that_asks_for_rest_gets_it() -> None:
    pacing = HostPacing(0)
    pacing.slow_down("https://a.example/", after(60))
    pacing.slow_down("https://a.example/", after(30))
    assert not pacing.take("https://a.example/", after(59))
    assert pacing.take("https://a.example/", after(60))
    assert pacing.take("https://a.example/", after(60))


def test_the_pace_forgets_hosts_that_need_not_wait() -> None:
    pacing = HostPacing(1)
    for n in range(5_000):
        assert pacing.take(f"https://h{n}.example/", after(n))
    assert len(pacing._free) <= 1_001


@pytest.mark.parametrize(
    "named", ["UTF-8", "none", "binary", "aws-chunked", "8bit", "identity, utf-8", "ISO-8859-1", ""]
)
def test_an_unknown_coding_leaves_the_body_as_it_is(web: Site, http: Http, named: str) -> None:
    web.pages["/f"] = Answer(b"<rss/>", headers={"Content-Encoding": named})
    assert got(http.fetch(web.url("/f"), now=NOON)).body == b"<rss/>"


@pytest.mark.parametrize("named", ["gzip", "GZIP", "utf-8, gzip", "gzip, aws-chunked"])
def test_a_known_coding_counts_beside_an_unknown_one(web: Site, http: Http, named: str) -> None:
    web.pages["/f"] = Answer(gzip.compress(b"<rss/>"), headers={"Content-Encoding": named})
    assert got(http.fetch(web.url("/f"), now=NOON)).body == b"<rss/>"


@pytest.mark.parametrize("odd", ['"é"', '"\x7f"', '"\x01"', '"' + "x" * 60_000 + '"', '"ключ"'])
def test_validators_that_cannot_be_sent_back_are_left_out(web: Site, http: Http, odd: str) -> None:
    """A server's ETag comes back to it with the next request, which must not fail for it."""
    web.pages["/f"] = Answer(b"new", headers={"ETag": odd.encode().decode("latin-1"), "Last-Modified": "then"})
    first = got(http.fetch(web.url("/f"), now=NOON))
    assert got(http.fetch(web.url("/f"), now=NOON, etag=first.etag, last_modified=first.last_modified)).body == b"new"
    assert got(http.fetch(web.url("/f"), now=NOON, etag=odd, last_modified=odd)).body == b"new"


@pytest.mark.parametrize("odd", ["é", "ключ", "x" * 60_000])
def test_cookies_of_a_redirect_that_cannot_be_sent_back_are_left_out(web: Site, http: Http, odd: str) -> None:
    cookie = f"a={odd.encode().decode('latin-1')}; Path=/"
    web.pages["/r"] = Answer(status=302, headers={"Location": "/p", "Set-Cookie": cookie})
    web.pages["/p"] = lambda request: Answer((request.headers["Cookie"] or "none").encode())
    assert got(http.fetch(web.url("/r"), now=NOON)).body == b"none"
