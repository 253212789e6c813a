"""The examples of docs/extending.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from desk.delivery.channels import Trouble
from desk.delivery.channels.testing import ChannelContract, sample_notice, sample_options

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/extending.md").read_text("utf-8")
# Excerpts: a block, with the file that is named before it.
SHOWN = re.findall(r"`(tests/plugins/[\w/.]+)`:\n\n```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_channel_keeps_the_contract(tmp_path: Path) -> None:
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
    nowhere = Ticker().channel(f"ticker:{tmp_path}/none/night.txt")
    with pytest.raises(Trouble, match=r"night\.txt: No such file or directory$"):
        Ticker.kind.open(nowhere, sample_options()).send(sample_notice())


@pytest.mark.parametrize(("file", "block"), SHOWN, ids=[file for file, _ in SHOWN])
def test_an_excerpt_is_what_stands_in_its_file(file: str, block: str) -> None:
    # The package is installed and used by tests/plugins. Three dots stand for what is left out.
    code, at = (ROOT / file).read_text("utf-8"), 0
    for piece in re.split(r"^\.\.\.\n", block, flags=re.MULTILINE):
        found = code.find(piece, at)
        assert found >= 0, f"{file} has no\n{piece}"
        at = found + len(piece)


def test_every_block_of_python_is_checked() -> None:
    assert len(blocks("python")) == sum(file.endswith(".py") for file, _ in SHOWN) + 1 >= 4
