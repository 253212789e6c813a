"""For the site: links that lead out of docs/ into the checkout become the paths that they name."""

from __future__ import annotations

import re
from typing import Any

_OUT = re.compile(r"\[([^\]]+)\]\((\.\./[^)]+|contracts(?:/[^)]*)?)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page without links to files that the site does not have."""

    def named(link: re.Match[str]) -> str:
        path = link[2].removeprefix("../").partition("#")[0]
        words = link[1].strip("`")
        return f"`{path}`" if words == path else f"{link[1]} (`{path}`)"

    return _OUT.sub(named, markdown)
