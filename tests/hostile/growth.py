"""How the work of a pattern grows with its input: processor time at several sizes, compared with each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.hostile.patterns import Found

SIZES = (5_000, 10_000, 20_000, 40_000)
LINEAR = 3.0
"""From one size to its double: 2 for linear work, 4 for quadratic. Between them, what noise may add."""
NOTICEABLE_S = 0.01
"""At the smallest size and below this, a quadratic pattern costs a second at the largest: small enough to be left."""

CLASSES = (
    *" \n\t\u00a0aA1.,;:!?…。؟۔\"'“”«»()[]{}<>&@#/\\|-–_=+*~%^$اق做あяש\u200c\u200f\u0301é١",
    *(
        "a ",
        "A ",
        "1 ",
        "1,",
        "1.",
        ". ",
        "a.",
        "A.",
        "a-",
        "a_",
        "a@",
        "a=",
        "a:",
        "a\n",
        " \n",
        "\n ",
        ".\n",
        '" ',
        '"a',
    ),
    *(
        "“a ",
        "»a",
        "<a",
        "<a>",
        "<!--",
        "-->",
        "&#",
        "&a",
        "http://",
        "://",
        "a/",
        "?a=",
        "By ",
        "by a",
        "(a",
        "[a",
        "1:",
        "1/",
    ),
    *("Mr. ", "update ", "token", "a,a", "basic ", "secret=", "=a", "a;", "{{", "%a", "و ", "и ", "。a"),
)
"""A character of each class that patterns name, and pairs of them: what a hostile page would repeat."""

ENDS = ("", "\0")


class Growth(NamedTuple):
    """The input that a pattern is slowest on, and its seconds at each size."""

    unit: str
    end: str
    seconds: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        return tuple(later / max(earlier, 1e-6) for earlier, later in zip(self.seconds, self.seconds[1:], strict=False))


def text(unit: str, size: int, end: str) -> str:
    return "x" + unit * (size // len(unit)) + end


def work(found: Found) -> list[Callable[[str], object]]:
    """What the product does with a pattern, as functions of a text."""
    pattern: Any = found.pattern

    def given(value: str) -> str | bytes:
        return value.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else value

    if found.methods <= {"match", "fullmatch"}:
        return [lambda value, name=name: getattr(pattern, name)(given(value)) for name in sorted(found.methods)]  # type: ignore[misc]
    return [lambda value: sum(1 for _ in pattern.finditer(given(value)))]


def spent_s(call: Callable[[str], object], value: str, tries: int = 1) -> float:
    """Processor seconds of the quickest of some tries."""
    best = float("inf")
    for _ in range(tries):
        began = time.process_time()
        call(value)
        best = min(best, time.process_time() - began)
    return best


def suspicious(found: Found) -> Iterator[tuple[str, str, Callable[[str], object]]]:
    """Inputs on which a pattern takes noticeably long at the smallest size. A first look at a tenth of it spares the rest."""
    size, few = SIZES[0], SIZES[0] // 10
    for call in work(found):
        for unit in CLASSES:
            for end in ENDS:
                # Quadratic work that is noticeable at the smallest size takes a hundredth of it here; linear work, a tenth.
                if spent_s(call, text(unit, few, end)) > NOTICEABLE_S / 100 and (
                    spent_s(call, text(unit, size, end), 2) > NOTICEABLE_S
                ):
                    yield unit, end, call


def growth(call: Callable[[str], object], unit: str, end: str) -> Growth:
    """The seconds at each size; stops at the first that shows more than linear work."""
    seconds: list[float] = []
    for size in SIZES:
        seconds.append(spent_s(call, text(unit, size, end), 3))
        if len(seconds) > 1 and seconds[-1] > 0.3:
            break
    return Growth(unit, end, tuple(seconds))
