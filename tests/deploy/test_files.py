"""Compose, Kubernetes, systemd, the image: by their own validators, and that they fit Wirewatch and each other."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer.main
import yaml

from core.net.addresses import refusal
from core.settings import NAMES
from tests.deploy import files
from wirewatch.cli import app

OURS = {"kafka.strimzi.io/v1", "flink.apache.org/v1beta1", "keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
"""Interfaces of operators, which kubernetes-validate doesn't know."""
TOOLS = Path(sys.executable).parent
LONG_LIVED = {
    "connectors",
    "pipeline",
    "delivery",
    "desk",
    "workers",
    "kafka",
    "postgres",
    "jobmanager",
    "taskmanager",
    "jobserver",
    "alertmanager",
    "prometheus",
    "grafana",
}


def test_compose_is_what_its_specification_says() -> None:
    schema = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.Draft7Validator(json.loads(schema.read_text("utf-8"))).validate(files.compose())


def test_compose_names_only_what_it_has() -> None:
    compose = files.compose()
    services = compose["services"]
    assert set(services) == LONG_LIVED | {"volumes-owner"}
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            assert _there(volume, compose["volumes"]), f"{name}: {volume}"
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for {other}"
    assert {name for name, service in services.items() if "healthcheck" in service} == LONG_LIVED
    assert all(service["restart"] == "unless-stopped" for name, service in services.items() if name in LONG_LIVED)
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)


def _there(volume: str | dict[str, Any], named: Mapping[str, Any]) -> bool:
    """Whether a service's volume is there: a file or folder of deploy/, or an example of which the file is a copy."""
    if isinstance(volume, str):
        source = volume.split(":")[0]
        return (files.DEPLOY / source).exists() if source.startswith(".") else source in named
    assert volume["type"] == "bind"
    copy = files.DEPLOY / volume["source"]
    ignored = (files.DEPLOY / ".gitignore").read_text("utf-8").split()
    assert f"/{copy.relative_to(files.DEPLOY)}" in ignored
    return copy.with_suffix(f".example{copy.suffix}").exists()


def test_further_settings_of_compose_reach_our_services_alone() -> None:
    ignored = (files.DEPLOY / ".gitignore").read_text("utf-8").split()
    for name, service in files.compose()["services"].items():
        ours = str(service["image"]).startswith("wirewatch:")
        assert service.get("env_file", []) == ([{"path": "settings.env", "required": False}] if ours else []), name
    assert "/settings.env" in ignored
    given = files.environment_lines(files.DEPLOY / "settings.env.example")
    told = {variable for service in files.compose()["services"].values() for variable in service.get("environment", {})}
    assert given
    assert not given.keys() & (told | files.environment_lines(files.DEPLOY / "env.example").keys())


def test_no_container_reads_the_secrets_of_another() -> None:
    secret = {"prometheus/alertmanager.yaml": "alertmanager", ".env": "", "settings.env": ""}
    for name, service in files.compose()["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0] if isinstance(volume, str) else volume["source"]
            for file, reader in secret.items():
                path = files.DEPLOY / file
                inside = source.startswith(".") and (files.DEPLOY / source).resolve() in (path, *path.parents)
                assert not inside or name == reader, f"{name} mounts {source} with {file}"


def test_units_are_all_that_systemd_takes_of_its_folder() -> None:
    """``cp -r`` of the folder must not put the pipeline on a Flink that is not there."""
    for entry in (files.DEPLOY / "systemd").iterdir():
        assert entry.is_file(), entry.name
        assert entry.suffix in {".service", ".example"}, entry.name


def test_every_kubernetes_object_is_what_its_interface_says() -> None:
    for one in files.manifests():
        if one["apiVersion"] not in OURS:
            kubernetes_validate.validate(one, "1.33", strict=True)
    names = [(one["kind"], one["metadata"]["name"]) for one in files.manifests()]
    assert len(names) == len(set(names))


def test_the_kustomization_takes_every_file() -> None:
    for folder in (files.KUBERNETES, files.KUBERNETES / "monitoring"):
        [kustomization] = files.documents(folder / "kustomization.yaml")
        there = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert set(kustomization["resources"]) == there
        assert kustomization["namespace"] == "wirewatch"
    assert (files.KUBERNETES / "secret.env.example").exists()
    ignored = (files.DEPLOY / ".gitignore").read_text("utf-8").split()
    assert {"/.env", "/kubernetes/secret.env"} <= set(ignored)


def test_pods_are_hardened_and_see_no_stray_settings() -> None:
    checked = 0
    for name, spec in files.pods():
        # Kubernetes' variables for Services could begin with WIREWATCH_, and an unknown setting fails.
        assert spec["enableServiceLinks"] is False, name
        for container in files.containers(spec):
            checked += 1
            where = f"{name}: {container['name']}"
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, where
            assert security["capabilities"] == {"drop": ["ALL"]}, where
            assert "memory" in container["resources"]["limits"], where
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounts <= {volume["name"] for volume in spec.get("volumes", [])}, where
            for ask in ("args", "command"):
                assert all(isinstance(part, str) for part in container.get(ask, [])), where
    assert checked == 6


def test_services_of_one_copy_are_never_two() -> None:
    for one in files.manifests():
        if one["kind"] == "Deployment" and one["metadata"]["name"] != "connectors":
            assert one["spec"]["replicas"] == 1
            assert one["spec"]["strategy"] == {"type": "Recreate"}


def test_the_autoscaler_stays_within_the_jobs_parallelism() -> None:
    [scaler] = [one["spec"] for one in files.manifests() if one["kind"] == "ScaledObject"]
    [flink] = [one for one in files.manifests() if one["kind"] == "FlinkDeployment"]
    target = scaler["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("FlinkDeployment", flink["metadata"]["name"])
    assert scaler["minReplicaCount"] == flink["spec"]["taskManager"]["replicas"]
    slots = int(flink["spec"]["flinkConfiguration"]["taskmanager.numberOfTaskSlots"])
    [arguments] = [args for where, args in files.commands() if where == "kubernetes: pipeline"]
    assert f"--beam-option=--parallelism={slots * scaler['maxReplicaCount']}" in arguments


def test_only_known_settings_are_set() -> None:
    named = list(files.settings_named())
    assert len(named) >= 10
    for file, variable in named:
        assert variable.removeprefix("WIREWATCH_").lower() in NAMES, f"{file}: {variable}"


@pytest.mark.parametrize(("where", "arguments"), list(files.commands()))
def test_each_command_is_one_that_wirewatch_understands(where: str, arguments: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    rest = list(arguments)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    assert command.make_context("wirewatch", rest, resilient_parsing=False)


def test_images_are_pinned_and_of_the_versions_that_were_run() -> None:
    images = files.images()
    for name, tag in images.items():
        assert re.search(r"\d+\.\d+", tag), f"{name}:{tag}"
    poms = {name: (files.DEPLOY / f"local/{name}-pom.xml").read_text("utf-8") for name in ("kafka", "flink")}
    assert f"<kafka.version>{images['apache/kafka']}</kafka.version>" in poms["kafka"]
    assert f"<version>{images['apache/beam_flink1.19_job_server']}</version>" in poms["flink"]
    assert "beam-runners-flink-1.19" in poms["flink"]
    assert images["flink"].startswith("1.19.")
    [kafka] = [one["spec"]["kafka"] for one in files.manifests() if one["kind"] == "Kafka"]
    assert kafka["version"] == images["apache/kafka"]
    project = tomllib.loads((files.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    [kustomization] = files.documents(files.KUBERNETES / "kustomization.yaml")
    assert images["wirewatch"] == kustomization["images"][0]["newTag"] == project["version"]
    page = (files.ROOT / "docs/operations.md").read_text("utf-8")
    for name, tag in images.items():
        assert name == "wirewatch" or f"{name}:{tag}" in page, (
            f"docs/operations.md doesn't say what is known of {name}:{tag}"
        )


def test_the_image_takes_all_packages_pinned_by_hash() -> None:
    recipe = (files.DEPLOY / "Containerfile").read_text("utf-8")
    project = tomllib.loads((files.ROOT / "pyproject.toml").read_text("utf-8"))
    let_through = (files.DEPLOY / "Containerfile.dockerignore").read_text("utf-8").split()
    copied = files.build_sources()
    for package in project["tool"]["setuptools"]["packages"]["find"]["include"]:
        assert package.rstrip("*") in copied
    assert {f"!{source}" for source in copied} == {line for line in let_through if line.startswith("!")}
    for source in copied:
        assert (files.ROOT / source).exists(), source
    assert "--require-hashes" in recipe
    assert re.search(r"^USER 10001", recipe, re.MULTILINE)
    pins = [_pins(files.ROOT / "constraints.txt"), _pins(files.DEPLOY / "constraints-postgres.txt")]
    assert {name: pins[0][name] for name in pins[0].keys() & pins[1]} == {
        name: pins[1][name] for name in pins[0].keys() & pins[1]
    }
    assert "psycopg" in pins[1]


def _pins(file: Path) -> Mapping[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", file.read_text("utf-8"), re.MULTILINE))


def test_no_file_holds_a_secret() -> None:
    for name, service in files.compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|STORE_URL", variable):
                assert "${" in value, f"compose.yaml: {name}: {variable}"
    for file in (files.DEPLOY / "env.example", files.KUBERNETES / "secret.env.example"):
        for variable, value in files.environment_lines(file).items():
            assert value == "" or "PASSWORD" in value or "@" not in value, f"{file.name}: {variable}"
    assert not [one for one in files.manifests() if one["kind"] == "Secret"]


def test_the_container_file_passes_hadolint() -> None:
    _passes(TOOLS / "hadolint", "--no-color", files.DEPLOY / "Containerfile")


def test_the_scripts_pass_shellcheck() -> None:
    scripts = [file for folder in ("local", "kubernetes") for file in sorted((files.DEPLOY / folder).glob("*.sh"))]
    _passes(TOOLS / "shellcheck", "-x", *scripts, cwd=files.ROOT)


def test_units_pass_systemds_own_check(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on this machine")
    for unit in (files.DEPLOY / "systemd").glob("*.service"):
        # It looks for the programs, which are not installed here.
        text = re.sub(r"/opt/wirewatch/\.venv/bin/\w+", "/bin/true", unit.read_text("utf-8"))
        (tmp_path / unit.name).write_text(text)
    extra = tmp_path / "wirewatch-pipeline.service.d/flink.conf"
    extra.parent.mkdir()
    text = (files.DEPLOY / "systemd/flink.conf.example").read_text("utf-8")
    extra.write_text(re.sub(r"/opt/wirewatch/\.venv/bin/\w+", "/bin/true", text))
    units = sorted(str(unit) for unit in tmp_path.glob("*.service"))
    assert len(units) == 5
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    about_ours = [line for line in (done.stdout + done.stderr).splitlines() if "wirewatch" in line]
    assert about_ours == []


def test_the_checks_see_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "doubled.yaml"
    broken.write_text("a: 1\na: 2\n")
    with pytest.raises(yaml.YAMLError, match="twice"):
        files.documents(broken)
    one = next(manifest for manifest in files.manifests() if manifest["kind"] == "Deployment")
    one["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, "1.33", strict=True)


def _passes(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def policies() -> list[dict[str, Any]]:
    return [one for one in files.manifests() if one["kind"] == "NetworkPolicy"]


def peers(spec: Any) -> list[dict[str, Any]]:
    """The peers that a policy lets in or lets be reached."""
    rules = [*spec.get("ingress", []), *spec.get("egress", [])]
    return [peer for rule in rules for peer in (*rule.get("from", []), *rule.get("to", []))]


def test_no_policy_trusts_a_label_in_any_namespace() -> None:
    for one in policies():
        for peer in peers(one["spec"]):
            assert peer.get("namespaceSelector", {"matchLabels": {}}).get("matchLabels") is not None, one["metadata"][
                "name"
            ]
            assert peer.get("namespaceSelector") != {}, one["metadata"]["name"]


def test_exceptions_of_addresses_lie_within_what_is_allowed() -> None:
    """As an API server reads them: IPv4 written as IPv6 is IPv4 to it, and then lies outside."""
    blocks = [peer["ipBlock"] for one in policies() for peer in peers(one["spec"]) if "ipBlock" in peer]
    assert len(blocks) >= 4
    for block in blocks:
        allowed: Any = ipaddress.ip_network(block["cidr"])
        for part in block["except"]:
            network: Any = ipaddress.ip_network(part)
            assert getattr(network.network_address, "ipv4_mapped", None) is None, part
            assert network.subnet_of(allowed), part
            assert network != allowed, part


REFUSED = (
    *("0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1"),
    *(
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
    ),
    *("64:ff9b::a00:1", "64:ff9b:1::a00:1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1"),
)


@pytest.mark.parametrize("address", REFUSED)
def test_what_the_guard_refuses_the_policies_refuse_too(address: str) -> None:
    assert refusal(address) is not None
    outside = [
        (one["metadata"]["name"], peer["ipBlock"])
        for one in policies()
        for peer in peers(one["spec"])
        if "ipBlock" in peer
    ]
    assert len(outside) >= 4
    mine = ipaddress.ip_address(address)
    for name, block in outside:
        if mine in ipaddress.ip_network(block["cidr"]):
            assert any(mine in ipaddress.ip_network(part) for part in block["except"]), name


def test_deployment_files_name_the_setting_for_a_proxy() -> None:
    assert "WIREWATCH_DESK_PROXIES" in files.compose()["services"]["desk"]["environment"]
    for file in (
        files.KUBERNETES / "settings.env",
        files.DEPLOY / "env.example",
        files.DEPLOY / "systemd" / "environment.example",
    ):
        assert "WIREWATCH_DESK_PROXIES" in files.environment_lines(file), file
