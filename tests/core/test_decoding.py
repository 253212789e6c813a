"""Data from outside: whatever is wrong with it is one kind of error, and reading it takes time in proportion."""

from __future__ import annotations

import time
import tomllib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.decoding import Undecodable, from_json, from_msgpack, from_toml
from tests.laws import examples

DEEP = 100_000
JSON = {
    "a list": b"[" * DEEP,
    "a closed list": b"[" * DEEP + b"]" * DEEP,
    "an object": b'{"a":' * DEEP,
    "no UTF-8": b'"\xff"',
    "half a surrogate": b'"\\ud800"',
    "nothing": b"",
}
TOML = {
    "a list": b"a = " + b"[" * DEEP + b"]" * DEEP,
    "inline tables": b"a = " + b"{b = " * DEEP + b"1" + b"}" * DEEP,
    "a dotted table": b"[" + b"a." * DEEP + b"a]",
    "a quoted dotted key": b'"a"."b".' * DEEP + b'"c" = 1',
    "a dotted key with space": b"a . 'b' . " * DEEP + b"c = 1",
    "no UTF-8": b"a = '\xff'",
    "a number of too many digits": b"a = " + b"9" * 10_000,
    "no day": b"a = 2026-02-31",
    "an open string": b'a = "' + b'\\"' * DEEP,
    "an open long string": b'a = """' + b'\\"' * DEEP,
    "an open literal": b"a = '''" + b"''x" * DEEP,
    "a comment of quotes": b"# " + b"\"'" * DEEP + b"\n=",
}


@pytest.mark.parametrize("what", JSON)
def test_json_that_cannot_be_read(what: str) -> None:
    with pytest.raises(Undecodable):
        from_json(JSON[what])


def test_a_field_that_is_left_out_may_not_be_deep_either() -> None:
    class One(msgspec.Struct):
        name: str = ""

    with pytest.raises(Undecodable, match="nested too deeply"):
        from_json(b'{"other": ' + b"[" * DEEP + b"]" * DEEP + b"}", One)


def test_msgpack_that_cannot_be_read() -> None:
    for data in (b"\x91" * DEEP, b"\x81\xa1a" * DEEP, b"", b"\xc1", b"\xdf\xff\xff\xff\xff"):
        with pytest.raises(Undecodable):
            from_msgpack(data, dict)


@pytest.mark.parametrize("what", TOML)
def test_toml_that_cannot_be_read_is_refused_in_time_that_grows_with_it(what: str) -> None:
    begun = time.process_time()
    with pytest.raises(Undecodable):
        from_toml(TOML[what])
    # Before the bound on a key's parts, the dotted ones took minutes.
    assert time.process_time() - begun < 20


def test_dots_in_strings_and_comments_are_not_keys() -> None:
    text = "\n".join(
        [
            f"# {'a.' * 100}",
            f'one = "{"a." * 100}"',
            f"two = '{'a.' * 100}'",
            f'three = """\n{"a." * 100}"quoted" \\\n{"b." * 100}"""',
            f"four = '''\n{'a.' * 100}'quoted'\n'''",
            f'five = "\\"{"a." * 100}"',
            "six.seven.eight = 1.5",
        ]
    )
    assert from_toml(text) == tomllib.loads(text)


@settings(max_examples=examples(150), deadline=None)
@given(
    text=st.lists(st.sampled_from(['"', "'", '"""', "'''", "\\", "#", "\n", "=", "a", ".", "[", "]", " ", "1"])).map(
        "".join
    )
)
def test_exactly_valid_toml_is_accepted(text: str) -> None:
    try:
        wanted = tomllib.loads(text)
    except ValueError:
        with pytest.raises(Undecodable):
            from_toml(text)
    else:
        assert from_toml(text) == wanted
