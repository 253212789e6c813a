"""Constant data that ships inside a package: word lists and the like, as TOML beside the module that uses them.

The one place through which pure modules read them: what a package ships is as constant as its code, and it is read once,
when the module is imported.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any


def package_toml(package: str, name: str) -> dict[str, Any]:
    """The parsed TOML file ``name`` of a package, such as ``("pipeline.text", "agencies.toml")``."""
    return tomllib.loads(files(package).joinpath(name).read_text("utf-8"))
