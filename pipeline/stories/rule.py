"""The name of the rule for forming stories, stored with a run to detect a replay with another rule or setting. Pure."""

from __future__ import annotations

from pipeline.text.encoder import WEIGHTS_SHA256

RULE = 10
"""Increase it with every change that affects which story an article joins."""


def story_rule(*, vectors: bool) -> str:
    """The name of the rule, such as ``9+0db566fd``: its number, and the encoder's weights if there are ``vectors``."""
    return f"{RULE}+{WEIGHTS_SHA256[:8]}" if vectors else str(RULE)
