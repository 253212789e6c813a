"""No pattern of the product does more than linear work on hostile text: titles, texts, authors, queries, log lines.

Found by import, so that a new pattern is tried without an edit here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.hostile.growth import LINEAR, growth, suspicious
from tests.hostile.patterns import ROOT, Found, compiled

AT_ONE_PLACE = {"core.query.importing.reader"}
"""Modules whose patterns in tables are only matched at a place, which importing alone does not show: ``Lexer._match``."""


MATCHED = frozenset(["match"])


def worst(found: Found) -> str | None:
    """The input on which the pattern's work grows faster than its length; None if there is none."""
    for unit, end, call in suspicious(found):
        measured = growth(call, unit, end)
        if min(measured.ratios[-2:]) > LINEAR:
            ratios = ", ".join(f"{ratio:.1f}" for ratio in measured.ratios)
            return f"{found.module}:{found.line} on {unit!r}*n + {end!r}: {ratios} times the work for twice the length"
    return None


def faults() -> tuple[int, list[str]]:
    """How many patterns were tried, and what is wrong with which. In a process that has not imported the product yet."""
    patterns = {(one.pattern.pattern, one.pattern.flags, one.methods): one for one in compiled()}
    tried = [one._replace(methods=MATCHED) if one.module in AT_ONE_PLACE else one for one in patterns.values()]
    return len(tried), [fault for one in tried if (fault := worst(one))]


@pytest.mark.slow
def test_the_work_of_every_pattern_grows_with_the_length_alone() -> None:
    code = "import json; from tests.hostile.test_patterns import faults; print(json.dumps(faults()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    number, found = json.loads(done.stdout.splitlines()[-1])
    assert number > 150
    assert found == []


def test_a_quadratic_pattern_is_found() -> None:
    # The one that stopped the pipeline: a run of marks with no white space behind it.
    quadratic = re.compile(r"[.!?…]+\s+")
    assert worst(Found("here", 1, quadratic, frozenset(["finditer"]))) is not None
    assert worst(Found("here", 1, re.compile(r"(?<![.!?…])[.!?…]++\s+"), frozenset(["finditer"]))) is None


def test_only_what_a_module_calls_is_tried() -> None:
    # Matched at one place, such a pattern is linear; searched for, it is not. With "a*" a fast machine would not notice it.
    pattern = re.compile(r"a*?b")
    assert worst(Found("here", 1, pattern, frozenset(["match"]))) is None
    assert worst(Found("here", 1, pattern, frozenset(["search"]))) is not None
