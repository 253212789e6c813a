"""Reading what lies in deploy/: YAML without doubled keys, the images and commands that it names."""

from __future__ import annotations

import copy
import functools
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


class _Loader(yaml.SafeLoader):
    """A doubled key is an error: YAML's readers take the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"keys that occur twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


def documents(file: Path) -> list[Any]:
    """All documents of a YAML file; what a test changes in them is changed for it alone."""
    return copy.deepcopy(_documents(file.read_text("utf-8")))


@functools.cache
def _documents(text: str) -> list[Any]:
    # Every worker asks for the same files dozens of times while tests are collected.
    return list(yaml.load_all(text, _Loader))


def manifests() -> list[dict[str, Any]]:
    """All Kubernetes objects, those for the Prometheus operator too, but not the kustomizations."""
    files = sorted(file for file in KUBERNETES.rglob("*.yaml") if file.name != "kustomization.yaml")
    return [one for file in files for one in documents(file)]


def compose() -> dict[str, Any]:
    """The compose file, its anchors merged."""
    [one] = documents(DEPLOY / "compose.yaml")
    return dict(one)


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, pod spec) of whatever makes pods of ours or of Flink's."""
    for one in manifests():
        name, spec = one["metadata"]["name"], one.get("spec", {})
        if one["kind"] == "Deployment":
            yield name, spec["template"]["spec"]
        elif one["kind"] == "FlinkDeployment":
            yield f"{name}'s task managers", spec["taskManager"]["podTemplate"]["spec"]


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of a pod spec, those that run first included."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment_lines(file: Path) -> dict[str, str]:
    """NAME=value lines of an environment file."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def settings_named() -> Iterator[tuple[str, str]]:
    """(file, WIREWATCH_… variable) of every variable that a file of deploy/ sets."""
    for file in sorted(DEPLOY.rglob("*env*")):
        if file.is_file():
            yield from ((file.name, name) for name in environment_lines(file) if name.startswith("WIREWATCH_"))
    for service in compose()["services"].values():
        names = service.get("environment", {})
        yield from (("compose.yaml", name) for name in names if name.startswith("WIREWATCH_"))
    for file in sorted(file for kind in ("*.service", "*.conf.example") for file in (DEPLOY / "systemd").glob(kind)):
        for line in file.read_text("utf-8").splitlines():
            if line.startswith("Environment=WIREWATCH_"):
                yield file.name, line.removeprefix("Environment=").split("=")[0]
    for line in (DEPLOY / "Containerfile").read_text("utf-8").split():
        if line.startswith("WIREWATCH_"):
            yield "Containerfile", line.split("=")[0]


def commands() -> Iterator[tuple[str, list[str]]]:
    """(where, arguments) of every call of ``wirewatch``."""
    for name, service in compose()["services"].items():
        if str(service.get("image", "")).startswith("wirewatch:") and "command" in service:
            yield f"compose.yaml: {name}", service["command"]
    for name, spec in pods():
        for container in containers(spec):
            if container["image"] == "wirewatch" and "args" in container:
                yield f"kubernetes: {name}", container["args"]
    for file in sorted((DEPLOY / "systemd").iterdir()):
        for line in file.read_text("utf-8").replace("\\\n", " ").splitlines():
            program, _, rest = line.removeprefix("ExecStart=").partition(" ")
            if line.startswith("ExecStart=") and program.endswith("/wirewatch"):
                yield f"systemd: {file.name}", rest.split()


def images() -> dict[str, str]:
    """Image name → tag, of all files. Fails where two files name different tags of one image."""
    named = [str(service["image"]) for service in compose()["services"].values()]
    named += [container["image"] for _, spec in pods() for container in containers(spec) if "image" in container]
    named += [one["spec"]["image"] for one in manifests() if one["kind"] == "FlinkDeployment"]
    found: dict[str, str] = {}
    for image in named:
        name, _, tag = image.partition(":")
        if name == "wirewatch" and not tag:
            continue  # the kustomization gives name and tag
        assert found.setdefault(name, tag) == tag, f"{name}: both {tag} and {found[name]}"
    return found


def build_sources() -> list[str]:
    """What the image's build copies of the repository, as paths from its root."""
    recipe = (DEPLOY / "Containerfile").read_text("utf-8")
    copies = [line.split()[1:-1] for line in recipe.splitlines() if line.startswith("COPY ")]
    return [
        word for words in copies if not words[0].startswith("--from") for word in words if not word.startswith("--")
    ]


def runbook(heading: str, block: int = 0) -> str:
    """The commands of docs/operations.md in a block, by default the first, below a heading such as ``### Restore``."""
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    _, found, below = page.partition(f"\n{heading}\n")
    assert found, f"docs/operations.md has no {heading}"
    return below.split("```")[1 + 2 * block].strip("\n")
