"""What acts on terminals and readers is seen, escaped or refused."""

from __future__ import annotations

import io
import json
import tomllib
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.visible import CleanStream, check_visible, escaped, escaped_toml, shown

ACTING = [chr(code) for code in (0x00, 0x07, 0x08, 0x0D, 0x1B, 0x7F, 0x85, 0x9B, 0x9D)] + list(
    "\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029\ufeff\U000e0041"
)
HARMLESS = "Plain, déjà vu\tاخبار می\u200cخواهم 👩\u200d👩\u200d👧 中文\n\u00ad"


@pytest.mark.parametrize("char", ACTING, ids=lambda char: f"U+{ord(char):04X}")
def test_each_is_replaced_and_refused(char: str) -> None:
    assert shown(f"a{char}b") == "a\ufffdb"
    with pytest.raises(UsageError, match=f"the source holds U\\+{ord(char):04X} at position 2"):
        check_visible("the source", f"a{char}b")


def test_what_is_only_text_stays() -> None:
    assert shown(HARMLESS) == HARMLESS
    check_visible("the source", HARMLESS.replace("\n", "").replace("\t", ""))
    for breaking in ("a\nb", "a\tb"):
        with pytest.raises(UsageError):
            check_visible("the source", breaking)


@given(st.text())
def test_nothing_that_acts_is_left_and_twice_is_once(text: str) -> None:
    clean = shown(text)
    assert not [one for one in clean if unicodedata.category(one) in ("Cc", "Zl", "Zp", "Cs") and one not in "\t\n"]
    assert not [one for one in clean if unicodedata.bidirectional(one) in _TURNING]
    assert shown(clean) == clean
    assert len(clean) == len(text)


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters(codec="utf-8")) | st.sampled_from(["".join(ACTING)]))
def test_json_and_toml_keep_their_values(text: str) -> None:
    whole = msgspec.json.encode(text).decode()
    assert json.loads(escaped(whole)) == text
    assert shown(escaped(whole)) == escaped(whole)
    assert tomllib.loads(f"x = {escaped_toml(whole)}")["x"] == text


def test_a_stream_lets_nothing_through() -> None:
    behind = io.StringIO()
    stream = CleanStream(behind)
    print("a\x1b[2Jb", "".join(ACTING), file=stream)
    assert behind.getvalue() == "a\ufffd[2Jb " + "\ufffd" * len(ACTING) + "\n"
    assert not stream.isatty()
