"""kube-apiserver and kubectl, built from Kubernetes' Go module; etcd is Debian's.

``python -m tests.kubernetes.programs FOLDER`` makes what is missing below FOLDER.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from tests.servers.go_programs import GoFailed, build

MODULE = "k8s.io/kubernetes"
VERSION = "v1.34.4"
PARTS_VERSION = "v0.34.4"
"""Of the modules that live in Kubernetes' own repository, below staging/."""
PROGRAMS = ("kube-apiserver", "kubectl")


def make(folder: Path) -> dict[str, Path]:
    """Name → program, built if it is not there. Raises GoFailed with what is missing."""
    etcd = shutil.which("etcd")
    if etcd is None:
        raise GoFailed("install etcd-server from Debian's packages")
    made = {name: folder / VERSION / name for name in PROGRAMS}
    wanted = {f"{MODULE}/cmd/{name}": path for name, path in made.items() if not path.exists()}
    if wanted:
        sys.stderr.write(f"kubernetes: building {', '.join(wanted)} (some minutes; half an hour the first time)\n")
        build(folder / "module", MODULE, VERSION, wanted, change=_published_parts)
    return {**made, "etcd": Path(etcd)}


def _published_parts(text: str) -> str:
    """Its parts as they are published, in place of folders of its repository."""
    names = re.findall(r"^\s*(\S+) => \./staging/", text, re.MULTILINE)
    text = re.sub(r"^replace \(.*?^\)\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return text + "".join(f"replace {name} => {name} {PARTS_VERSION}\n" for name in names)


if __name__ == "__main__":
    make(Path(sys.argv[1]).absolute())
