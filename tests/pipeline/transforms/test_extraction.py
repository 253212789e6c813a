"""Extraction in processes: a page can hurt itself, never another, and what it comes to hangs on it alone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from msgspec.structs import replace

from core.errors import ExtractionError, WirewatchError
from core.records import RawArticle
from pipeline.elements import Draft
from pipeline.stories.features import SIZE
from pipeline.transforms import page_process
from pipeline.transforms.extraction_pool import InlineExtraction, PoolExtraction, PoolPlan
from pipeline.transforms.prepare import Extractor, extract_raw
from pipeline.transforms.record import RecordWork
from tests.pipeline.transforms.hostile import obey, page
from tests.pipeline.transforms.support import envelope

# Long against the microseconds of a harmless page, short for people who wait for the tests.
LIMIT_S = 1.0


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """A spawned process looks where this one looks, and must find the hostile extractor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[3]))
        yield


def pool_of(processes: int, limit_s: float = LIMIT_S, function: Extractor = obey, **plan: object) -> PoolExtraction:
    return PoolExtraction(PoolPlan(processes, limit_s, **plan), RecordWork(extractor=function))  # type: ignore[arg-type]


def inline(function: Extractor = extract_raw) -> InlineExtraction:
    return InlineExtraction(RecordWork(extractor=function))


@pytest.fixture(scope="module")
def two() -> Iterator[PoolExtraction]:
    made = pool_of(2)
    yield made
    made.close()


@pytest.fixture
def one() -> Iterator[PoolExtraction]:
    made = pool_of(1, spares=0)
    yield made
    made.close()


def begin(extraction: PoolExtraction | InlineExtraction, raw: RawArticle) -> Future[Draft]:
    return extraction.submit(envelope(raw))


def text_of(future: Future[Draft]) -> str:
    article = future.result().article
    assert article is not None
    return article.text


def reason(future: Future[Draft]) -> str:
    problem = future.result().problem
    if problem is None:
        return "done"
    assert problem.stage == "clean"
    return problem.reason.partition(":")[0]


HOSTILE = [
    ("hang", "timeout"),
    ("exit", "crashed"),
    ("kill", "crashed"),
    ("memory", "out_of_memory"),
    ("hidden", "out_of_memory"),
    ("hoard", "out_of_memory"),
    ("bug", "extractor_failed"),
    ("none", "no_text"),
]


@pytest.mark.parametrize(("name", "why"), HOSTILE)
def test_a_hostile_page_fails_alone_and_the_others_of_its_bundle_come_in_order(
    two: PoolExtraction, name: str, why: str
) -> None:
    names = ["a-1", "a-2", name, "a-3", "a-4"]
    futures = [begin(two, page(each)) for each in names]
    assert [reason(future) for future in futures] == ["done", "done", why, "done", "done"]
    assert [draft.article.title for future in futures if (draft := future.result()).article] == [
        page(each).url for each in names if each != name
    ]
    assert [future.result().item for future in futures] == [page(each).url for each in names]


def test_a_pool_continues_after_every_kind_of_hostile_page_at_once(two: PoolExtraction) -> None:
    futures = [begin(two, page(each)) for name, _ in HOSTILE for each in (name, f"a-{name}")]
    assert [reason(future) for future in futures] == [each for _, why in HOSTILE for each in (why, "done")]


def test_a_page_that_waits_for_its_turn_does_not_use_up_its_time(one: PoolExtraction) -> None:
    # One process, and before the last page others that take the limit twice over.
    futures = [begin(one, page(name)) for name in ("hang-1", "hang-2", "a-1")]
    assert [reason(future) for future in futures] == ["timeout", "timeout", "done"]


@pytest.mark.parametrize(
    ("spent_s", "passed_s", "left"),
    [
        (5.0, 5.1, 0.0),
        (1.0, 5.0, 4.0),  # other work had the machine
        (1.0, 28.0, 2.0),
        (0.0, 30.0, 0.0),  # it waits for something
        (None, 5.0, 0.0),  # the system does not say
    ],
)
def test_a_record_has_its_seconds_of_cpu_and_six_times_as_many_of_the_clock(
    spent_s: float | None, passed_s: float, left: float
) -> None:
    assert page_process.left_s(5.0, spent_s, passed_s) == left


def test_loading_the_libraries_does_not_count_as_the_time_of_the_first_page() -> None:
    # A new process needs more than a second for its libraries, and a page of this size some milliseconds.
    pool = pool_of(1, 0.5, extract_raw)
    text = "The council of the port agreed on Monday to mend the northern pier. " * 5
    try:
        first = text_of(begin(pool, replace(page("first"), html=f"<html><body><p>{text}</p></body></html>")))
    finally:
        pool.close()
    assert first == text.strip()


def test_a_process_that_died_while_idle_is_replaced(one: PoolExtraction) -> None:
    # With pebble's pool this broke it for good: every later page was refused.
    idle = int(text_of(begin(one, page("a-1"))))
    os.kill(idle, signal.SIGKILL)
    after = int(text_of(begin(one, page("a-2"))))
    assert after != idle


def test_ctrl_c_reaches_neither_a_process_nor_the_server_that_forks_it(one: PoolExtraction) -> None:
    process = int(text_of(begin(one, page("a-1"))))
    server = int(status(process, "PPid"))
    assert server != os.getpid()
    for each in (process, server):
        # Blocked from its first instruction on: the server loads for a second before it could set a handler.
        assert int(status(each, "SigBlk"), 16) >> (signal.SIGINT - 1) & 1
        os.kill(each, signal.SIGINT)
    assert int(text_of(begin(one, page("a-2")))) == process
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def status(pid: int, field: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{field}:"))


def test_a_page_that_fails_only_in_a_used_process_is_done_in_a_new_one(one: PoolExtraction) -> None:
    first = text_of(begin(one, page("a-1")))
    second = text_of(begin(one, page("used")))
    assert second != first


def test_a_process_is_replaced_after_so_many_pages(monkeypatch: pytest.MonkeyPatch, one: PoolExtraction) -> None:
    monkeypatch.setattr(page_process, "MAX_PAGES", 2)
    ids = [text_of(begin(one, page(f"a-{number}"))) for number in range(5)]
    assert (len(set(ids)), ids[0] == ids[1], ids[2] == ids[3]) == (3, True, True)


def test_processes_that_cannot_start_are_not_the_pages_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_process, "serve", _no_start)
    pool = pool_of(1, spares=0)
    try:
        with pytest.raises(WirewatchError, match="no process for extraction") as caught:
            begin(pool, page("a-1")).result()
    finally:
        pool.close()
    assert not isinstance(caught.value, ExtractionError)


def _no_start(*_: object) -> None:
    os._exit(4)


def test_a_record_that_was_begun_early_is_done_once(one: PoolExtraction) -> None:
    first, second = envelope(page("a-1"), number=1), envelope(page("a-2"), number=2)
    for each in (first, second):
        one.submit_ahead(each)
    asked = [one.submit(each).result() for each in (first, second, first)]
    assert [draft.number for draft in asked] == [1, 2, 1]
    one.submit_ahead(second)
    one.forget_ahead()
    assert one.submit(second).result() == asked[1]


@pytest.mark.parametrize("value", [b"no JSON", b'{"url":"x"}'])
def test_a_record_that_cannot_be_read_is_a_draft_with_its_problem(one: PoolExtraction, value: bytes) -> None:
    here = inline().submit(envelope(value)).result()
    assert here.problem is not None
    assert here.problem.stage == "decode"
    assert one.submit(envelope(value)).result() == here


def test_a_process_makes_of_a_page_what_this_one_makes_of_it() -> None:
    text = (
        "<p>Der Rat der Stadt beschloss am Montag, die nördliche Brücke über den Fluss bis zum Winter zu erneuern.</p>"
        * 3
    )
    raw = replace(page("gleich"), html=f"<html lang='de'><body><article>{text}</article></body></html>", title="Brücke")
    pool = pool_of(1, 5.0, extract_raw)
    try:
        found = pool.submit(envelope(raw)).result()
    finally:
        pool.close()
    assert found == inline().submit(envelope(raw)).result()
    assert found.article is not None
    assert (found.article.language, len(found.article.fingerprint)) == ("de", SIZE)


def test_closing_ends_the_processes() -> None:
    pool = pool_of(1, spares=0)
    process = int(text_of(begin(pool, page("a-1"))))
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("name", ["a-1", "wait"])
def test_processes_end_with_an_owner_that_is_killed(name: str) -> None:
    """One that waits for a record, and one that waits within its record."""
    program = f"from tests.pipeline.transforms.hostile import own_pool; own_pool({name!r})"
    owner = Popen([sys.executable, "-c", program], stdout=PIPE, cwd=Path(__file__).parents[3])
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"waits\n"
    owner.kill()
    # All processes have the output open, so its end is theirs.
    assert owner.communicate(timeout=60) == (b"", None)


@pytest.mark.parametrize(("name", "why"), [case for case in HOSTILE if case[0] in ("memory", "hidden", "bug", "none")])
def test_in_this_process_every_failure_is_a_value_too(name: str, why: str) -> None:
    assert reason(begin(inline(obey), page(name))) == why


def test_a_draft_says_why_in_words_that_json_can_hold() -> None:
    draft = begin(inline(obey), page("bug")).result()
    assert draft.problem is not None
    assert (draft.article, draft.problem.stage) == (None, "clean")
    assert draft.problem.reason.encode().startswith(b"extractor_failed: KeyError")


def test_a_record_falls_back_to_its_text_if_the_page_has_none() -> None:
    text = "The council of the port agreed on Monday to mend the northern pier."
    both = replace(page("a"), html="<html><body></body></html>", text=text)
    assert extract_raw(both).text == text
    for empty, why in ((page("a"), "empty"), (replace(page("a"), text=" \n"), "empty")):
        with pytest.raises(ExtractionError) as caught:
            extract_raw(empty)
        assert caught.value.reason == why
    with pytest.raises(ExtractionError):
        extract_raw(replace(both, text=None))
