"""The version handshake: everything of another version is refused in words, and so is everything that isn't whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import version
from core.errors import WirewatchError
from core.query import words
from core.records import OrderKey, Position, RawArticle
from pipeline.elements import Draft, EnvelopeHead, Rejection
from pipeline.order import Merge, MergeMark, ReorderState
from pipeline.transforms.coders import DraftCoder, EnvelopeCoder, MarkCoder, ReorderStateCoder
from pipeline.transforms.step import Step
from pipeline.versions import (
    REFUSAL,
    SEAL,
    VERSION,
    DamagedElement,
    OtherVersion,
    Seal,
    refusal_in,
    require_same,
    shape_of,
)
from tests.pipeline.transforms.support import draft, envelope, key, position

OTHER = "0.2.0+0badcafe"
RAW = RawArticle(url="https://a.example/1", source="a", fetched_at=draft().article.fetched_at, html="<p>page</p>")  # type: ignore[union-attr]
ELEMENTS: dict[str, tuple[Any, Any]] = {
    "envelope": (EnvelopeCoder(), envelope(RAW)),
    "draft": (DraftCoder(), draft(1, title="Title")),
    "refused draft": (DraftCoder(), draft(1, problem=Rejection("clean", "empty"))),
    "reorder state": (ReorderStateCoder(), ReorderState(3, True, position(2))),
    "mark": (MarkCoder(), Merge({0: 4, 1: 9}, last=key()).mark()),
}
EACH = pytest.mark.parametrize("name", ELEMENTS)


def written(name: str) -> tuple[Any, str, bytes]:
    """A coder, what it calls its elements, and the body of one."""
    coder, element = ELEMENTS[name]
    kind = coder.kind
    return coder, kind, SEAL.open(kind, coder.encode(element))


# --- the digest follows the structs -------------------------------------------------------------------------------------


class Part(msgspec.Struct):
    one: int
    two: str = "x"


class Whole(msgspec.Struct):
    number: int
    part: Part | None = None
    parts: tuple[Part, ...] = ()


def like(name: str, *fields: Any, **config: Any) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, fields, **config)


def part(*fields: Any, **config: Any) -> type[msgspec.Struct]:
    inner = like("Part", *fields, **config)
    return like("Whole", ("number", int), ("part", inner | None, None), ("parts", tuple[inner, ...], ()))  # type: ignore[valid-type]


@pytest.mark.parametrize(
    "mutated",
    [
        pytest.param(like("Whole", ("number", int), ("part", Part | None, None)), id="field gone"),
        pytest.param(part(("one", int)), id="field of a part gone"),
        pytest.param(part(("one", int), ("two", str, "x"), ("three", int, 0)), id="field of a part added"),
        pytest.param(part(("one", float), ("two", str, "x")), id="type of a part changed"),
        pytest.param(part(("one", int | None), ("two", str, "x")), id="a part may be None"),
        pytest.param(part(("one", int), ("two", str, "y")), id="default changed"),
        pytest.param(part(("one", int), ("two", str)), id="default gone"),
        pytest.param(part(("first", int), ("two", str, "x")), id="field renamed"),
        pytest.param(part(("one", int), ("two", str, "x"), array_like=True), id="written as an array"),
        pytest.param(part(("one", int), ("two", str, "x"), rename="upper"), id="other names on the wire"),
        pytest.param(part(("one", int), ("two", str, "x"), tag="part"), id="tagged"),
    ],
)
def test_any_change_of_a_struct_changes_the_digest(mutated: type[msgspec.Struct]) -> None:
    same = part(("one", int), ("two", str, "x"))
    assert shape_of([same]) == shape_of([Whole])
    assert shape_of([mutated]) != shape_of([Whole])


def test_a_changed_meaning_or_another_kind_changes_it_too() -> None:
    assert len({shape_of([Whole]), shape_of([Whole], 2), shape_of([Whole, Part]), shape_of([Part])}) == 4


def test_our_version_is_the_code_s_and_the_digest_of_all_that_flows_or_waits() -> None:
    assert f"{version()}+{shape_of([EnvelopeHead, Draft, ReorderState, MergeMark])}w{words.VERSION}" == VERSION


def test_two_processes_of_one_version_agree() -> None:
    """Nothing in the digest may depend on the process, such as an address or an order of hashes."""
    program = "from pipeline.versions import VERSION; print(VERSION)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == VERSION


# --- elements -----------------------------------------------------------------------------------------------------------


def _next_step(error: WirewatchError) -> bool:
    return "ledger" in str(error.hint)


@EACH
def test_an_element_of_another_version_is_refused_by_name_with_the_next_step(name: str) -> None:
    coder, kind, body = written(name)
    with pytest.raises(OtherVersion) as caught:
        coder.decode(Seal(OTHER).close(kind, body))
    assert caught.value.message == f"{REFUSAL}: a {kind} of {OTHER} met {VERSION}"
    assert _next_step(caught.value)


@EACH
@pytest.mark.parametrize("bare", [b"", b"{}", b"null", b"\x80\x04K\x01.", b"1 2 3\n", b"[0]\n", b"\n"])
def test_data_without_a_version_is_refused(name: str, bare: bytes) -> None:
    coder, kind, body = written(name)
    for sealed in (bare, body):
        with pytest.raises(OtherVersion, match=f"a {kind} of an unknown version met") as caught:
            coder.decode(sealed)
        assert _next_step(caught.value)


def _without(field: str) -> Callable[[Any], Any]:
    return lambda fields: {name: value for name, value in fields.items() if name != field}


def _with(**fields: Any) -> Callable[[Any], Any]:
    return lambda before: before | fields


MUTATIONS = {
    "field added": _with(added_by_a_newer_worker={"takes": "effect"}),
    "field gone": _without("number"),
    "field with a default gone": _without("undecided"),
    "type changed": _with(number="1"),
    "neither article nor problem": _with(article=None, problem=None),
    "both": lambda fields: fields | {"problem": {"stage": "clean", "reason": "why"}},
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_draft_that_was_changed_on_its_way_is_refused(mutation: str) -> None:
    """Whatever was changed: under the old seal the checksum tells, and under a new one the decoder, if it can."""
    coder, kind, body = written("draft")
    changed = msgspec.json.encode(MUTATIONS[mutation](json.loads(body)))
    header = coder.encode(ELEMENTS["draft"][1]).partition(b"\n")[0]
    with pytest.raises(DamagedElement, match="a draft can't be read: it was cut off or changed") as caught:
        coder.decode(header + b"\n" + changed)
    assert _next_step(caught.value)
    if mutation in ("field gone", "type changed", "neither article nor problem", "both"):
        with pytest.raises(DamagedElement, match="a draft can't be read") as caught:
            coder.decode(SEAL.close(kind, changed))
        assert _next_step(caught.value)


@EACH
@given(data=st.data())
def test_truncated_or_altered_bytes_are_refused(name: str, data: st.DataObject) -> None:
    coder, _, body = written(name)
    whole = coder.encode(ELEMENTS[name][1])
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= data.draw(st.integers(1, 255))
    for bad in (whole[:at], bytes(flipped), whole + b" ", whole + body):
        with pytest.raises((OtherVersion, DamagedElement)):
            coder.decode(bad)


@pytest.mark.parametrize(("reader", "writer"), [(a, b) for a in ELEMENTS for b in ELEMENTS])
def test_no_kind_of_element_is_taken_for_another(reader: str, writer: str) -> None:
    coder, element = ELEMENTS[writer]
    theirs, _ = ELEMENTS[reader]
    if theirs.kind != coder.kind:
        with pytest.raises(DamagedElement, match=f"a {theirs.kind} can't be read: it is a {coder.kind}"):
            theirs.decode(coder.encode(element))
    else:
        assert theirs.decode(coder.encode(element)) == element


@pytest.mark.parametrize(
    "fields", [{}, {"article": draft().article, "problem": Rejection("clean", "why")}], ids=["neither", "both"]
)
def test_a_draft_can_t_even_be_made_with_neither_or_both(fields: dict[str, Any]) -> None:
    place, where = OrderKey(1, "a" * 32, "b"), Position(run="live", stream="s", partition=0, offset=1)
    with pytest.raises(ValueError, match="an article or a problem"):
        Draft(number=1, position=where, key=place, item="x", **fields)


# --- steps --------------------------------------------------------------------------------------------------------------


class _Probe(Step):
    """A step of the graph."""


def test_a_step_that_another_version_built_is_refused_by_the_worker() -> None:
    step = _Probe()
    step.setup()
    vars(step)["_built_by"] = OTHER
    with pytest.raises(OtherVersion, match=f"step Probe of {OTHER} met {VERSION}".replace("+", r"\+")):
        step.setup()
    del vars(step)["_built_by"]
    with pytest.raises(OtherVersion, match="step Probe of an unknown version"):
        step.setup()


def test_a_refusal_is_found_in_a_runner_s_report() -> None:
    with pytest.raises(OtherVersion) as caught:
        require_same(OTHER, "a job")
    report = (
        f"java.lang.RuntimeException: Error received from SDK harness\n  x.OtherVersion: {caught.value}\n\tat org.x"
    )
    assert refusal_in(report) == str(caught.value)
    assert refusal_in("java.lang.OutOfMemoryError\n\tat org.x") is None
