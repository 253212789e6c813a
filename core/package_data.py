"""Constant data inside a package, such as word lists, as TOML files beside the module that uses them.

Pure modules may read files only through this module: the files are as constant as code, and are read once, on import.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any


def package_toml(package: str, name: str) -> dict[str, Any]:
    """The parsed TOML file ``name`` of a package, such as ``("pipeline.text", "agencies.toml")``."""
    return tomllib.loads(files(package).joinpath(name).read_text("utf-8"))
