"""Tables and plots in docs/performance.md, made from the CSV files and nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from benchmarks.report.gather import Ratio
from benchmarks.report.kept import Kept

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "images"
_ROW, _LEFT, _WIDTH, _TOP = 26, 300, 760, 34


class Bar(NamedTuple):
    """One bar of a plot. ``target``: 0 for none."""

    label: str
    value: float
    target: float


def short_table(kept: Iterable[Kept]) -> str:
    """The ratios of the short form."""
    rows = [
        f"| {one.name} | {one.what} | {_figure(one.ours_ms)} ms | {one.beside} | {_figure(one.peer_ms)} ms | "
        f"{_figure(one.ratio)} | {_target(one.target)} |"
        for one in kept
    ]
    return "\n".join(["| | what | ours | beside | peer | ratio | target |", "|---|---|---|---|---|---|---|", *rows])


def long_table(found: Iterable[Ratio]) -> str:
    """The newest ratios of the long benches, each with its run."""
    rows = [
        f"| {one.bench} | {one.what} | {_figure(one.ours)} | {one.beside} | {_figure(one.peer)} | {one.unit} | "
        f"{_figure(one.ratio)} | {_target(one.target)} | {one.when[:10]} `{one.commit.removesuffix('-dirty')}`, "
        f"load {one.load_before:.1f} |"
        for one in found
    ]
    head = "| bench | what | ours | beside | peer | unit | ratio | target | run |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *rows])


def plot(title: str, bars: Sequence[Bar]) -> str:
    """An SVG of horizontal bars on a scale of powers of ten, from the peer's speed (1) to either side; targets are marks."""
    values = [1.0, *(value for bar in bars for value in (bar.value, bar.target) if value > 0)]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def at(value: float) -> float:
        return _LEFT + (math.log10(value) - low) / max(high - low, 1) * (_WIDTH - _LEFT - 70)

    height = _TOP + _ROW * len(bars) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        x = at(10.0**power)
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{height - 24}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" fill="#555">{10.0**power:g}</text>')
    one = at(1.0)
    for number, bar in enumerate(bars):
        y, x = _TOP + _ROW * number, at(bar.value)
        colour = "#b3543c" if bar.target and bar.value < bar.target else "#2f6f8f"
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(bar.label)}</text>')
        parts.append(
            f'<rect x="{min(one, x):.1f}" y="{y + 4}" width="{max(abs(x - one), 1):.1f}" height="{_ROW - 10}" fill="{colour}"/>'
        )
        parts.append(f'<text x="{max(one, x) + 5:.1f}" y="{y + 15}">{_figure(bar.value)}</text>')
        if bar.target:
            mark = at(bar.target)
            parts.append(
                f'<line x1="{mark:.1f}" y1="{y + 1}" x2="{mark:.1f}" y2="{y + _ROW - 3}" stroke="#222" stroke-width="2"/>'
            )
    parts.append(f'<line x1="{one:.1f}" y1="{_TOP}" x2="{one:.1f}" y2="{height - 24}" stroke="#222"/>')
    return "\n".join([*parts, "</svg>", ""])


def made(kept: Sequence[Kept], found: Sequence[Ratio]) -> dict[Path, str]:
    """What the page and the plots should hold."""
    text = PAGE.read_text("utf-8")
    text = between(text, "ratios", short_table(kept))
    text = between(text, "benches", long_table(found))
    short = [Bar(one.name, one.ratio, one.target) for one in kept]
    long = [Bar(f"{one.bench}: {one.what}", one.ratio, one.target) for one in found]
    return {
        PAGE: text,
        PLOTS / "ratios.svg": plot("Times the peer's speed, short form (line: target)", short),
        PLOTS / "benches.svg": plot("Times the peer's speed, long benches (line: target)", long),
    }


def between(text: str, name: str, table: str) -> str:
    """The page with ``table`` between the marks of this name. Raises ValueError if they are not there."""
    begin, end = f"<!-- {name}: from the CSV -->", f"<!-- {name}: end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"docs/performance.md lacks the marks {begin} and {end}")
    return pattern.sub(lambda _found: f"{begin}\n\n{table}\n\n{end}", text)


def _figure(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _target(value: float) -> str:
    return f"{value:g}" if value else ""
