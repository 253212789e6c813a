"""Packages of other people's, installed as they would be: by pip, beside Wirewatch, without a network."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib import util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent


def installed(name: str, folder: Path) -> dict[str, str]:
    """Install ``tests/plugins/NAME`` into a folder of its own; the environment in which a command finds it."""
    place = shutil.copytree(_by_pip(name), folder / "site")
    return {"PYTHONPATH": str(place)}


@cache
def _by_pip(name: str) -> Path:
    """The folder into which pip installed the package, once in this process."""
    folder = Path(tempfile.mkdtemp(prefix="wirewatch-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # A copy: building leaves files beside the sources.
    source = shutil.copytree(FOLDER / name, folder / "source" / name)
    place = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(place), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return place


def module(name: str, file: str) -> ModuleType:
    """The module of a package that is not installed here."""
    spec = util.spec_from_file_location(file, FOLDER / name / f"{file}.py")
    assert spec
    assert spec.loader
    found = util.module_from_spec(spec)
    sys.modules[file] = found
    spec.loader.exec_module(found)
    return found
