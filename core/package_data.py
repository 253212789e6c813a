"""Constant data inside a package: word lists as TOML files beside the module that uses them, and other packages' data.

Pure modules may read files only through this module: the files are as constant as code, and are read once.
"""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any


def package_toml(package: str, name: str) -> dict[str, Any]:
    """The parsed TOML file ``name`` of a package, such as ``("pipeline.text", "agencies.toml")``."""
    return tomllib.loads(files(package).joinpath(name).read_text("utf-8"))


def package_json(package: str, folder: str) -> dict[str, Any]:
    """The parsed JSON files without an extension in a folder of a package, by their names, in the order of these."""
    found = (file for file in files(package).joinpath(folder).iterdir() if file.name.isascii() and "." not in file.name)
    return {
        file.name: json.loads(file.read_text("utf-8"))
        for file in sorted(found, key=lambda one: one.name)
        if file.is_file()
    }
