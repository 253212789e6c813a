"""Writes fitted weights into a topic's file: only the numbers change, comments and order stay. Pure."""

from __future__ import annotations

import re

from core.topics.definitions import Rule, Topic

_BLOCK = re.compile(r"^\s*\[\[?\s*([\w.\"-]+)\s*\]\]?\s*(?:#.*)?$")
_NUMBER = re.compile(r"^\s*(title|lead|body|threshold)\s*=")


def with_weights(text: str, topic: Topic) -> str:
    """The TOML text of a topic with the weights of ``topic``'s rules and its threshold.

    Each rule gets a line for each weight, at the end of its block. ``topic`` must have been read from this text.
    """
    lines: list[str] = []
    rules = iter(topic.rules)
    rule: Rule | None = None
    in_text: str | None = None
    block = ""
    for line in text.split("\n"):
        if in_text is None and (found := _BLOCK.match(line)):
            _close(lines, rule)
            block = found[1]
            rule = next(rules) if block == "rule" else None
        if in_text is None and (number := _NUMBER.match(line)):
            if rule is not None:
                continue
            if not block and number[1] == "threshold":
                lines.append(f"threshold = {_shown(topic.threshold)}")
                continue
        lines.append(line)
        in_text = _still_in_text(line, in_text)
    _close(lines, rule)
    return "\n".join(lines)


def _close(lines: list[str], rule: Rule | None) -> None:
    """Write the weights of a rule that ends here, before the empty lines and comments that belong to the next block."""
    if rule is None:
        return
    at = len(lines)
    while at and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
        at -= 1
    weights = [("title", rule.title), ("lead", rule.lead), ("body", rule.body)]
    lines[at:at] = [f"{name} = {_shown(weight)}" for name, weight in weights if weight]


def _shown(weight: float) -> str:
    return f"{weight:.2f}".rstrip("0").removesuffix(".") if weight % 1 else f"{weight:.1f}"


def _still_in_text(line: str, marks: str | None) -> str | None:
    """The delimiter of the multi-line string that is open after this line; None if none is."""
    at = 0
    while True:
        if marks is None:
            opened = [(place, each) for each in ('"""', "'''") if (place := line.find(each, at)) >= 0]
            if not opened:
                return None
            at, marks = min(opened)
            at += 3
        closed = line.find(marks, at)
        if closed < 0:
            return marks
        marks, at = None, closed + 3
