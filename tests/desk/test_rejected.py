"""The page of rejected records: kinds with numbers, the newest, and a button that lets them go through again."""

from __future__ import annotations

from starlette.testclient import TestClient

from core.store.counts import REJECTED, read_counts
from core.store.retries import APPENDED, MOST_FAILURES, Rejections, Retries, Wanted, kind_of
from desk.use_cases import rejected as use_case
from desk.use_cases.desk import Desk
from tests.desk.support import Wire, form_token
from tests.pipeline.ledger.support import commit, refused

RUN = "live"


def reject(wire: Wire, count: int, why: str = "no_text: nothing <b>there</b>", first: int = 1) -> None:
    commit(wire.ledger, [refused(n, why, item=f"https://a.example/{n}?<i>") for n in range(first, first + count)])


def test_kinds_records_and_one_press_for_a_kind(desk: Desk, wire: Wire, as_editor: TestClient) -> None:
    assert "Nothing was rejected" in as_editor.get("/rejected").text
    reject(wire, 3)
    reject(wire, 2, "taken apart", first=10)
    page = as_editor.get("/rejected").text
    assert "/rejected?stage=clean&amp;reason=no_text" in page
    assert "no_text: nothing &lt;b&gt;there&lt;/b&gt;" in page
    assert "https://a.example/1?&lt;i&gt;" in page
    few = as_editor.get("/rejected", params={"stage": "clean", "reason": "taken_apart"}).text
    assert "https://a.example/10?" in few
    assert "https://a.example/1?" not in few

    token = form_token(as_editor, "/rejected")
    done = as_editor.post("/rejected/retry", data={"form_token": token, "stage": "clean", "reason": "no_text"})
    assert "3 records will be processed again" in done.text
    again = as_editor.post("/rejected/retry", data={"form_token": token, "stage": "clean", "reason": "no_text"})
    assert (
        "0 records will be processed again within a minute or so; 3 are not processed again: already requested"
        in again.text
    )
    one = next(iter(Rejections(desk.store, RUN).listing(Wanted(reason="taken_apart")))).position
    where = f"{one.stream}/{one.partition}/{one.offset}"
    answer = as_editor.post("/rejected/retry", data={"form_token": token, "position": where})
    assert "1 record will be processed again" in answer.text
    assert [row.state for row in Retries(desk.store, RUN).due(10)] == ["asked"] * 4


def test_a_malformed_position_is_not_found(as_editor: TestClient, wire: Wire) -> None:
    reject(wire, 1)
    token = form_token(as_editor, "/rejected")
    for wrong in ("x", "0/99", "1/2/3/4/5", "other/0/1"):
        answer = as_editor.post("/rejected/retry", data={"form_token": token, "position": wrong})
        assert answer.status_code == 404, wrong


def test_a_reader_sees_them_and_has_no_button(as_reader: TestClient, wire: Wire) -> None:
    reject(wire, 1)
    page = as_reader.get("/rejected").text
    assert "no_text" in page
    assert "/rejected/retry" not in page


def test_a_record_is_known_through_its_retries_and_stays_after_the_third(desk: Desk, wire: Wire) -> None:
    retries = Retries(desk.store, RUN)
    for failure in range(1, MOST_FAILURES + 1):
        reject(wire, 1, first=failure)
        newest = use_case.listing(desk, Wanted())[0]
        assert newest.failures == failure
        if failure > 1:
            assert newest.retry_of is not None
            assert newest.retry_of.offset == failure - 1
        rejections = Rejections(desk.store, RUN)
        assert rejections.ask([newest], by="ann", now_ms=1) == (failure < MOST_FAILURES)
        retries.begin({newest.position: (newest.position.partition, failure)})
        retries.appended({newest.position: (newest.position.partition, failure + 1)})
    listed = use_case.listing(desk, Wanted())
    assert [one.state for one in listed] == ["stays", APPENDED, APPENDED]
    assert [one.new.offset for one in listed if one.new] == [3, 2]


def test_kinds_have_no_words_of_people_and_no_numbers() -> None:
    assert kind_of("takedown", "a person's words") == "takedown"
    assert kind_of("decode", "unknown schema 7") == "unknown_schema"
    assert kind_of("decode", "not JSON: Expected `object`") == "not_json"
    assert kind_of("fetch", None) == kind_of("fetch", "42") == "other"
    assert len(kind_of("x", "long " * 100)) <= 40


def test_counts_by_stage_and_kind_rise_with_each_rejection(desk: Desk, wire: Wire) -> None:
    reject(wire, 3)
    reject(wire, 2, "empty", first=10)
    with desk.store.reading() as connection:
        counts = read_counts(connection, RUN)
    assert {label: n for (name, label), n in counts.items() if name == REJECTED} == {
        "clean: no_text": 3,
        "clean: empty": 2,
    }
