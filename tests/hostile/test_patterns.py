"""No pattern of the product does more than linear work on hostile text: titles, texts, authors, queries, log lines.

Found by import, so that a new pattern is tried without an edit here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.hostile.growth import LINEAR, growth, suspicious
from tests.hostile.patterns import ROOT, Found, calls, compiled, given_to

AT_ONE_PLACE = {"core.query.importing.reader"}
"""Modules whose patterns in tables are only matched at a place, which importing alone does not show: ``Lexer._match``."""


MATCHED = frozenset(["match"])
WHOLE = frozenset(["fullmatch"])


def made_when_called() -> list[Found]:
    """Patterns whose text is only known in a call: examples of each, made as the product makes them."""
    from core.normal import _too_many
    from core.query.terms import wild_regex
    from pipeline.extraction.bylines import place_behind

    return [
        Found("core.normal", 0, _too_many(), frozenset(["sub"])),
        Found("core.html_tokens", 0, re.compile("</script", re.IGNORECASE), frozenset(["search"])),
        Found("pipeline.extraction.bylines", 0, place_behind("Port Marnham"), frozenset(["search"])),
        *(Found("core.query.terms", 0, wild_regex(one), WHOLE) for one in ("abc", "a?c", "a*b*a*1", "*", "a*a*a*a*")),
        *(
            Found("desk.web.api.schema", 0, re.compile(one), WHOLE)
            for one in given_to("desk.web.api.schema", "read_cursor", 1)
        ),
    ]


def worst(found: Found) -> str | None:
    """The input on which the pattern's work grows faster than its length; None if there is none."""
    for unit, end, call in suspicious(found):
        measured = growth(call, unit, end)
        if min(measured.ratios[-2:]) > LINEAR:
            ratios = ", ".join(f"{ratio:.1f}" for ratio in measured.ratios)
            return f"{found.module}:{found.line} on {unit!r}*n + {end!r}: {ratios} times the work for twice the length"
    return None


class Tried(NamedTuple):
    """How many patterns were tried, what is wrong with which, and the modules of the calls whose patterns were not found."""

    number: int
    faults: list[str]
    left_out: list[str]
    by_example: list[str]


def tried() -> Tried:
    """Try all patterns. In a process that has not imported the product yet."""
    found, examples = compiled(), made_when_called()
    patterns = {(one.pattern.pattern, one.pattern.flags, one.methods): one for one in (*found, *examples)}
    several = [one._replace(methods=MATCHED) if one.module in AT_ONE_PLACE else one for one in patterns.values()]
    places = {(one.module, one.line) for one in found}
    return Tried(
        len(several),
        [fault for one in several if (fault := worst(one))],
        sorted({call.module for call in calls() if not any((call.module, line) in places for line in call.lines)}),
        sorted({one.module for one in examples}),
    )


@pytest.mark.slow
def test_the_work_of_every_pattern_grows_with_the_length_alone() -> None:
    code = "import json; from tests.hostile.test_patterns import tried; print(json.dumps(tried()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    result = Tried(*json.loads(done.stdout.splitlines()[-1]))
    assert result.number > 450
    assert result.faults == []
    # Counted in the code: the text of all others is known before they are called.
    assert result.left_out == result.by_example


def test_a_quadratic_pattern_is_found() -> None:
    # The one that stopped the pipeline: a run of marks with no white space behind it.
    quadratic = re.compile(r"[.!?…]+\s+")
    assert worst(Found("here", 1, quadratic, frozenset(["finditer"]))) is not None
    assert worst(Found("here", 1, re.compile(r"(?<![.!?…])[.!?…]++\s+"), frozenset(["finditer"]))) is None


@pytest.mark.slow
def test_only_what_a_module_calls_is_tried() -> None:
    # Matched at one place, such a pattern is linear; searched for, it is not. With "a*" a fast machine would not notice it.
    pattern = re.compile(r"a*?b")
    assert worst(Found("here", 1, pattern, frozenset(["match"]))) is None
    assert worst(Found("here", 1, pattern, frozenset(["search"]))) is not None
