"""What stands above a list of links goes with it only if it announces the list."""

from __future__ import annotations

import pytest
from lxml.html import fromstring

from pipeline.extraction.side_links import drop_side_links

LINKS = '<ul><li><a href="/1">Ahmad Sabbagh</a></li><li><a href="/2">Rana Haddad</a></li></ul>'


@pytest.mark.parametrize(
    ("above", "stays"),
    [
        ("<h3>Odesa: blast kills 14</h3>", True),
        ("<h3>انفجار يقتل ١٤</h3>", True),
        ("<h3><time>noon</time> Blast in Odesa</h3>", True),
        ("<p>The 14 people who died:</p>", True),
        ("<p>Those who died:</p>", True),
        ("<div>The dead of Homs:</div>", True),
        ("<h3>Lue myös</h3>", False),
        ("<h3>From our archive</h3>", False),
        ("<p>Read also:</p>", False),
    ],
)
def test_what_is_above_a_list_of_links(above: str, stays: bool) -> None:
    tree = fromstring(f"<html><body><article><p>One.</p>{above}{LINKS}<p>Two.</p></article></body></html>")
    words = fromstring(above).text_content()
    drop_side_links(tree)
    assert (words in tree.text_content()) is stays
    assert "Sabbagh" not in tree.text_content()
