"""The operators' custom resource definitions, as registries of packages have them.

KEDA's and the Prometheus operator's lie in their Go modules, Flink's operator's in its jar: the newest on Maven is older than
what docs/operations.md asks for. Strimzi publishes no file of its definitions: they are derived from the classes of its jar, by
the generator of the client library that these are written for. So names and types are Strimzi's, but not its rules for values.

``KUBERNETES_DEFINITIONS``: a folder of YAML files that are taken in place of those of the same kind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import yaml

from tests.servers.go_programs import GoFailed, download

HERE = Path(__file__).parent
GO_MODULES = {
    ("github.com/prometheus-operator/prometheus-operator", "v0.93.0"): "example/prometheus-operator-crd",
    ("github.com/kedacore/keda/v2", "v2.17.2"): "config/crd/bases",
}
KINDS = {"PodMonitor", "PrometheusRule", "ScaledObject", "FlinkDeployment", "Kafka", "KafkaNodePool", "KafkaTopic"}


def definitions(folder: Path) -> dict[str, Path]:
    """Kind → file with the definition, for all ``KINDS``; what is fetched is kept below ``folder``. Raises GoFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [download(folder, *module) / below for module, below in GO_MODULES.items()]
    given = os.environ.get("KUBERNETES_DEFINITIONS")
    found: dict[str, Path] = {}
    for source in (*sources, _of_jars(folder), *([Path(given)] if given else [])):
        for file in sorted(one for one in source.iterdir() if one.suffix in {".yaml", ".yml"}):
            # Not read as YAML: one has an "=", which YAML 1.1 makes a type of its own.
            named = re.findall(r'^(?: {4}|.*"names": .*?)"?kind"?: "?(\w+)"?', file.read_text("utf-8"), re.MULTILINE)
            found |= {kind: file for kind in named if kind in KINDS}
    assert found.keys() == KINDS, KINDS - found.keys()
    return found


def _of_jars(folder: Path) -> Path:
    """A folder with Flink's and Strimzi's definitions."""
    made = folder / "of-jars"
    if made.exists():
        return made
    jars, part = folder / "jars", folder / "of-jars.part"
    for one in (jars, part):
        shutil.rmtree(one, ignore_errors=True)
        one.mkdir()
    copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    _run("mvn", "-q", "-B", "-f", HERE / "definitions-pom.xml", *copy)
    _run("java", "-cp", f"{jars}/*", HERE / "Definitions.java", part)
    for file in part.iterdir():
        file.write_text(json.dumps(_of_strimzi(yaml.safe_load(file.read_text("utf-8")))))
    [jar] = jars.glob("flink-kubernetes-operator-api-*.jar")
    with zipfile.ZipFile(jar) as archive:
        name = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"
        (part / Path(name).name).write_bytes(archive.read(name))
    part.rename(made)
    return made


def _of_strimzi(definition: dict[str, Any]) -> dict[str, Any]:
    """With what the generator cannot derive left open: values of any kind in maps, and storage, which has several forms."""
    [version] = definition["spec"]["versions"]
    # The classes name the version that was stored then, and have the fields of both.
    version["name"] = "v1"

    def open_up(part: dict[str, Any]) -> None:
        for name, field in part.get("properties", {}).items():
            values = field.get("additionalProperties")
            if name == "storage" or values == {"type": "object"}:
                part["properties"][name] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            open_up(field)
        for inner in ("items", "additionalProperties"):
            if isinstance(part.get(inner), dict):
                open_up(part[inner])

    open_up(version["schema"]["openAPIV3Schema"])
    return definition


def _run(*command: str | Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise GoFailed(f"{error.filename} is missing: install a JDK (17 or newer) and Maven") from None
    if done.returncode:
        raise GoFailed(f"{command[0]}: {(done.stdout + done.stderr)[-2000:]}")
