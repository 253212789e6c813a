"""A plug-in for pytest: what tests cost in seconds of CPU, their own and of processes they started, which a busy machine
changes little; ``.venv/bin/python -m pytest -n 2 -p tests.cpu_times tests/core``.

A server that several tests share counts for none of them. With pytest-xdist, the workers' figures are added up.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from tests.wirewatch.forked import SPENT_S

SHOWN = 40
_spent: Counter[str] = Counter()


def _cpu_s() -> float:
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both) + SPENT_S[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Count setup, call and teardown; the cases of a table together."""
    before = _cpu_s()
    try:
        return (yield)
    finally:
        _spent[item.nodeid.partition("[")[0]] += _cpu_s() - before


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist sends its figures."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cpu_times"] = dict(_spent)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's figures; a worker that was killed has none."""
    _spent.update(getattr(node, "workeroutput", {}).get("cpu_times", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The most expensive tests and files."""
    files: Counter[str] = Counter()
    for test, seconds in _spent.items():
        files[test.partition("::")[0]] += seconds
    for what, found in (("files", files), ("tests", _spent)):
        terminalreporter.section(f"CPU of {what}, {sum(found.values()):.0f} s in all")
        for name, seconds in found.most_common(SHOWN):
            terminalreporter.line(f"{seconds:8.1f} s  {name}")
