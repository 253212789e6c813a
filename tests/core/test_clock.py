"""How often something is due by a clock."""

from __future__ import annotations

import pytest

from core.clock import Every


@pytest.mark.parametrize(
    ("asked_ms", "due"),
    [
        ([5], [True]),
        ([0, 99, 100, 101], [True, False, True, False]),
        # Not being due moves nothing; a clock that was set back is due at once, and counts from there.
        ([0, 60, 120, 180], [True, False, True, False]),
        ([1_000, 10, 50, 110], [True, True, False, True]),
    ],
)
def test_something_is_due_once_in_a_pause(asked_ms: list[int], due: list[bool]) -> None:
    every = Every(100)
    assert [every.due(now_ms) for now_ms in asked_ms] == due
