"""The examples of docs/extending.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from core.topics import Tagger, check_topic, load_topic
from desk.delivery.channels.testing import ChannelContract, sample_notice, sample_options

PAGE = (Path(__file__).parents[1] / "docs/extending.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_topic_passes_its_own_examples() -> None:
    [definition] = blocks("toml")
    topic = load_topic(definition, "docs/extending.md")
    assert check_topic(topic) == []
    tagged = Tagger((topic,)).tag("Train drivers vote for a walkout", "The rail strike begins in May.", "en")
    assert [one.topic for one in tagged] == ["rail-strikes"]


def test_the_channel_holds_to_the_contract(tmp_path: Path) -> None:
    [code] = [block for block in blocks("python") if "TickerKind" in block]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    file = tmp_path / "night.txt"

    class Ticker(ChannelContract):
        kind = names["TickerKind"]()
        address = f"ticker:{file}"

    for name in dir(Ticker):
        if name.startswith("test_"):
            getattr(Ticker(), name)()
    Ticker.kind.open(Ticker().channel(Ticker.address), sample_options()).send(sample_notice())
    assert file.read_text().endswith("[Ports] Grain leaves Odesa\n")
