"""Weights of stems as the package's TOML files have them: by weight, the stems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

_LINE = 110


def toml_lines(weights: Mapping[str, int]) -> Iterator[str]:
    """A line or paragraph of TOML for each weight, the highest first."""
    for weight in sorted(set(weights.values()), reverse=True):
        stems = sorted(stem for stem, own in weights.items() if own == weight)
        yield f'{weight} = """\n{_wrapped(stems)}"""' if len(stems) > 1 else f'{weight} = "{stems[0]}"'


def _wrapped(stems: Sequence[str]) -> str:
    lines = [""]
    for stem in stems:
        if len(lines[-1]) + len(stem) > _LINE:
            lines.append("")
        lines[-1] += f"{stem} "
    return "".join(f"{line.strip()}\n" for line in lines)
