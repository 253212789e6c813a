"""Programs built from Go modules, each with its own module file: "go install" refuses modules that exclude or replace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path


class GoFailed(Exception):
    """What the go command said, or that there is none."""


def build(
    folder: Path,
    module: str,
    version: str,
    programs: Mapping[str, Path],
    *,
    change: Callable[[str], str] = lambda text: text,
) -> None:
    """Build packages of ``module`` that are programs, each to its path, one after another.

    ``folder`` gets the module file: the module's own, by another name, after ``change``. Raises GoFailed.
    """
    if shutil.which("go") is None:
        raise GoFailed(f"{module} is built from source: install Go 1.24 or newer")
    folder.mkdir(parents=True, exist_ok=True)
    flags = {"GOFLAGS": "-mod=mod -buildvcs=false -modcacherw", "CGO_ENABLED": "0", "GO111MODULE": "on"}

    def go(*arguments: str) -> str:
        command = ["nice", "go", *arguments]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **flags}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise GoFailed(f"go {' '.join(arguments)}:\n{done.stderr[-3000:]}")
        return done.stdout

    (folder / "go.mod").unlink(missing_ok=True)
    source = Path(json.loads(go("mod", "download", "-json", f"{module}@{version}"))["Dir"])
    text = (source / "go.mod").read_text("utf-8").replace(f"module {module}\n", "module local/programs\n")
    (folder / "go.mod").write_text(f"{change(text)}\nrequire {module} {version}\n")
    shutil.copyfile(source / "go.sum", folder / "go.sum")
    imports = "\n".join(f'import _ "{package}"' for package in programs)
    (folder / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\n{imports}\n")
    for package, program in programs.items():
        go("build", "-p", "1", "-trimpath", "-ldflags", "-s -w", "-o", f"{program}.part", package)
        Path(f"{program}.part").rename(program)


def download(folder: Path, module: str, version: str) -> Path:
    """The folder with the files of a module, none of those that it needs. Raises GoFailed."""
    if shutil.which("go") is None:
        raise GoFailed(f"files of {module} are fetched with Go: install Go 1.24 or newer")
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{module}@{version}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GoFailed(f"{module}@{version}: {(done.stdout + done.stderr)[-2000:]}")
    return Path(json.loads(done.stdout)["Dir"])
