"""Feed content is hostile: whatever it holds stays text, on every page and in every format."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree, html
from starlette.testclient import TestClient

from core.records import HttpFacts, Position, RawArticle, encode
from core.records.article import WallCount
from core.saying import saying
from core.store import tables as t
from core.streams import NewRecord, create_stream
from desk.feed_port import FeedLine
from desk.use_cases.desk import Desk
from desk.views.article_text import page_preview
from desk.web.app import create_app
from desk.web.connections import patient_protocol
from desk.web.render import safe_link
from desk.web.shell import STRANGERS_BODY
from tests.desk.support import Feeds, Wire, add_people, client_of, form_token, make_desk, sign_in
from tests.serving import place, served
from tests.waiting import until

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title><script src=//evil.example/x.js></script>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "]]><a href=javascript:alert(1)>x</a>",
    "data: x\n\nevent: story\ndata: {}",
)


def hostile(payload: str) -> dict[str, Any]:
    return {
        "source": f"out{payload}let",
        "authors": (payload,),
        "summary": payload,
        "language": "en",
        "origin": payload,
    }


def check(page: str, payload: str) -> None:
    """No element came from the payload, and no attribute that runs something."""
    tree = html.document_fromstring(page)
    scripts = [one for one in tree.iter("script") if not str(one.get("src", "")).startswith("/static/")]
    assert scripts == []
    for one in tree.iter():
        if not isinstance(one.tag, str):
            continue
        assert one.tag not in ("img", "iframe", "object", "embed", "base", "style"), one.tag
        assert not [name for name in one.attrib if name.startswith("on")], one.attrib
        for name in ("href", "src", "action", "formaction"):
            address = one.get(name, "").strip().lower()
            assert not address.startswith(("javascript:", "data:", "vbscript:", "//")), address
        if one.tag == "a" and one.get("href", "").startswith("http"):
            assert {"noopener", "noreferrer", "nofollow"} <= set(one.get("rel", "").split())
    assert "{{ 7 * 7 }}" not in payload or "About 49" not in tree.text_content()


@pytest.fixture
def raw_settings(tmp_path: Path) -> dict[str, Any]:
    return {"stream_url": f"sqlite:///{tmp_path}/streams.db"}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_in_every_field_stay_text(wire: Wire, desk: Desk, as_editor: TestClient, payload: str) -> None:
    text = f"First {payload} line.\nSecond {payload} line."
    story = wire.article(
        f"About {payload}", text, topics={payload: [payload]}, subscriptions={payload: ["Second"]}, **hostile(payload)
    )
    wire.article(
        f"Anew {payload}",
        text + payload,
        story=story,
        version=2,
        url=f"https://a.example/{wire.number}",
        **hostile(payload),
    )
    other = wire.article(f"Copy {payload}", text, story=story, copy_of=story, **hostile(payload))
    assert isinstance(desk.feeds, Feeds)
    desk.feeds.lines = [
        FeedLine(
            url=f"javascript:alert(1)//{payload}",
            source=payload,
            outlet=payload,
            state="failing",
            expected_per_day=1,
            seen_last_day=0,
            problem=payload,
            country=payload,
            language=payload,
            risks=(saying("%(item)s: %(problem)s", item=payload, problem=payload),),
        )
    ]
    until(lambda: bool(desk.board.snapshot()) and desk.board.snapshot()[0].articles >= 2, "the story")
    for path in (
        "/",
        f"/story/{story}",
        f"/story/{story}?article={other}",
        f"/article/{story}",
        "/coverage",
        f"/?topic={quote(payload)}",
    ):
        answer = as_editor.get(path)
        assert answer.status_code == 200
        check(answer.text, payload)
    row = next(iter(desk.board.snapshot()))
    assert payload in row.title
    for kind in ("jsonl", "atom", "csv"):
        exported = as_editor.get(f"/live/export.{kind}")
        assert exported.headers["content-disposition"].startswith("attachment")
        if kind == "atom":
            assert payload.split("\n")[0] in "".join(etree.fromstring(exported.content).itertext())


def test_a_feed_watched_for_less_than_an_hour_has_no_verdict_on_the_coverage_page(
    desk: Desk, as_editor: TestClient
) -> None:
    assert isinstance(desk.feeds, Feeds)
    early = FeedLine(
        url="https://e.example/f", source="e", outlet="e", state="early", expected_per_day=0, seen_last_day=2
    )
    desk.feeds.lines = [early]
    text = as_editor.get("/coverage").text
    assert 'data-state="early">too early to tell</span>' in text
    assert "2 so far" in text
    assert "2 of 0" not in text


def test_the_coverage_page_counts_walls_by_outlet(desk: Desk, as_editor: TestClient) -> None:
    assert isinstance(desk.feeds, Feeds)
    assert "Pages that could not be read" not in as_editor.get("/coverage").text
    bad = "javascript:alert(1)"
    desk.feeds.walls = (WallCount(source="<b>out", kind="consent", walls=41, last_ms=1_000, last_item=bad),)
    text = as_editor.get("/coverage").text
    assert "Pages that could not be read" in text
    row = re.search(r"<td[^>]*>&lt;b&gt;out</td>.*?</tr>", text, re.DOTALL)
    assert row
    assert re.findall(r"<td[^>]*>([^<]*)", row[0])[:3] == ["&lt;b&gt;out", "cookie consent", "41"]
    assert f'href="{bad}' not in text


def test_an_editor_has_a_page_fetched_again(desk: Desk, as_editor: TestClient) -> None:
    assert isinstance(desk.feeds, Feeds)
    fields = {"form_token": form_token(as_editor, "/coverage")}
    there = as_editor.post("/coverage/again", data={**fields, "url": " https://a.example/wall "})
    assert "https://a.example/wall will be fetched again" in there.text
    assert desk.feeds.asked == ["https://a.example/wall"]
    assert as_editor.post("/coverage/again", data={**fields, "url": "https://b.example/"}).status_code == 404


def test_addresses_that_are_not_of_the_web_become_no_links() -> None:
    for bad in (
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//x",
        "",
        None,
        "http://[",
    ):
        assert safe_link(bad) == ""
    assert safe_link(" https://a.example/x?y=1 ") == "https://a.example/x?y=1"


def test_an_articles_own_address_may_be_anything(wire: Wire, desk: Desk, as_reader: TestClient) -> None:
    story = wire.article("Click me", url="javascript:alert(document.cookie)")
    until(lambda: bool(desk.board.snapshot()), "the story")
    page = as_reader.get(f"/story/{story}").text
    check(page, "")
    assert "javascript:alert(document.cookie)</span>" in page


def test_a_page_is_shown_without_what_runs_or_loads(wire: Wire, store: object, raw_settings: dict[str, Any]) -> None:
    page = (
        "<html><body onload=alert(1)><h1>Kept</h1><script>alert(1)</script><img src=https://evil.example/pixel.gif>"
        "<a href='javascript:alert(1)' onclick=x>a</a><a href='https://b.example/' rel=x>b</a><style>*{display:none}</style>"
        "<form action=/people/add><input name=x></form><p style='position:fixed'>Text</p></body></html>"
    )
    raw = RawArticle(
        url="https://a.example/1",
        source="a.example",
        fetched_at=datetime(2026, 3, 1, tzinfo=UTC),
        html=page,
        title="<b>t</b>",
        http=HttpFacts(status=200),
    )
    with create_stream(raw_settings["stream_url"], "raw-articles", 1) as stream:
        stream.append([NewRecord(b"k", encode(raw))])
        uuid = stream.uuid
    identity = wire.article("Kept", position=Position(run="live", stream=uuid, partition=0, offset=0))
    # The ledger's outcome says where the raw record lies.
    with wire.ledger.store.writing() as connection:
        connection.execute(t.outcomes.update().values(stream=uuid, partition=0, first_offset=0, last_offset=0))
    desk = make_desk(wire.ledger.store, **raw_settings)
    add_people(desk)
    with client_of(desk) as client:
        sign_in(client, "reader")
        shown = client.get(f"/article/{identity}").text
    check(shown, "")
    assert "<h1>Kept</h1>" in shown
    assert "evil.example" not in shown.split('class="preview"')[1].split("</details>")[0]
    assert "&lt;b&gt;t&lt;/b&gt;" in shown


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_sanitiser_lets_nothing_through(payload: str) -> None:
    tree = html.fragment_fromstring(str(page_preview(f"<p>{payload}</p>")), create_parent="div")
    for one in tree.iter():
        assert one.tag in ("div", "p", "a")
        assert set(one.attrib) <= {"href", "rel", "target"}
        assert one.get("href", "https://x").startswith(("http://", "https://"))


def test_every_answer_carries_the_policy(as_reader: TestClient) -> None:
    for path in ("/", "/coverage", "/static/live.js", "/api/v1/me", "/api/v1/nothing", "/nothing", "/sign-in"):
        headers = as_reader.get(path, follow_redirects=False).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "data:" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_body_that_is_too_large_is_refused(as_reader: TestClient) -> None:
    assert as_reader.post("/live/star", content=b"x" * (9 << 20)).status_code == 413


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


PIECE = b"a=" + b"x" * 49_997 + b"&"


@pytest.mark.parametrize(
    ("path", "long", "short"),
    # The API takes no forms, and says so without having read one.
    [("/sign-in", 413, 403), ("/channels/add", 413, 401), ("/api/v1/feeds", 401, 401)],
)
@pytest.mark.parametrize(
    "headers", [{}, {"Cookie": "wirewatch=" + "x" * 43}, {"Authorization": "Bearer ww_" + "x" * 43}], ids=str
)
def test_an_unknown_client_may_not_send_a_long_body(
    path: str, long: int, short: int, headers: dict[str, str], desk: Desk
) -> None:
    client = client_of(desk)
    assert client.post(path, content=PIECE * 60, headers=FORM | headers).status_code == long
    assert client.post(path, content=PIECE, headers=FORM | headers).status_code == short
    # A piece at a time, with no length given: the answer comes as soon as it is too long, before the body ends. Not a byte
    # is sent that need not be read, else the connection is reset and the answer may be lost.
    over = STRANGERS_BODY + 1 - len(PIECE)
    fields = "".join(f"{name}: {value}\r\n" for name, value in (FORM | headers).items())
    http = patient_protocol()
    with served(create_app(desk), http=http) as url, socket.create_connection(place(url), timeout=30) as one:
        one.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}Transfer-Encoding: chunked\r\n\r\n".encode())
        if long == 413:
            one.sendall(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
            one.sendall(b"%x\r\n%b" % (over, PIECE[:over]))
        assert one.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 %d" % long


def test_a_known_person_may_send_a_long_form(as_editor: TestClient) -> None:
    given = {"form_token": form_token(as_editor), "text": "x" * 900_000}
    assert as_editor.post("/query/nothing", data=given).status_code == 404
    token = {"X-Form-Token": form_token(as_editor)}
    assert as_editor.post("/subscriptions/check", data=given, headers=token).status_code == 200
