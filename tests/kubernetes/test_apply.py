"""deploy/kubernetes on a real API server, with the operators' definitions: what docs/operations.md does with kubectl.

The tests go on where the last ended. No controller and no operator runs: objects are checked and stored, and no pod starts.

``make test-kubernetes``; what it printed last, and when, is in docs/operations.md.
"""

from __future__ import annotations

import copy
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import files
from tests.kubernetes.definitions import definitions
from tests.kubernetes.programs import make
from tests.kubernetes.server import Cluster, running

pytestmark = pytest.mark.kubernetes
CACHE = Path(os.environ.get("WIREWATCH_KUBERNETES", files.ROOT / ".cache/kubernetes")).absolute()
GENERATED = 3
"""The kustomization makes two ConfigMaps and a Secret."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    programs = make(CACHE)
    known = definitions(CACHE / "definitions")
    with running(programs, tmp_path_factory.mktemp("cluster")) as made:
        for file in known.values():
            told = made.kubectl("create", "-f", file)
            assert told.code == 0, told.errors
        made.done("wait", "--for=condition=Established", "--timeout=60s", "customresourcedefinitions", "--all")
        yield made


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/ with the secret that an operator fills in."""
    here = tmp_path_factory.mktemp("tree")
    shutil.copytree(files.DEPLOY, here / "deploy")
    kubernetes = here / "deploy/kubernetes"
    shutil.copyfile(kubernetes / "secret.env.example", kubernetes / "secret.env")
    return here


@pytest.fixture
def namespace(cluster: Cluster) -> Cluster:
    """Only what lies in a namespace that is there can be tried."""
    told = cluster.kubectl("apply", "-f", files.KUBERNETES / "namespace.yaml")
    assert told.code == 0, told.errors
    return cluster


def _objects(lines: list[str], how: str) -> set[str]:
    """The objects of kubectl's lines such as ``deployment.apps/desk created``, if all end so."""
    assert [line for line in lines if not line.endswith(f" {how}")] == [], "\n".join(lines)
    return {line.split()[0] for line in lines}


def _versions(cluster: Cluster, tree: Path, command: str) -> list[str]:
    """Kind, name and stored version of the objects that a command applies."""
    each = 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}'
    return cluster.done("get", *command.split()[1:], "-o", each, cwd=tree)


def test_the_server_would_take_every_manifest(namespace: Cluster, tree: Path) -> None:
    dry = namespace.done("apply", "--dry-run=server", "-k", "deploy/kubernetes", cwd=tree)
    more = namespace.done("apply", "--dry-run=server", "-k", "deploy/kubernetes/monitoring", cwd=tree)
    tried = _objects([*dry, *more], "(server dry run)")
    assert len(tried) == len(files.manifests()) + GENERATED
    assert namespace.done("-n", "wirewatch", "get", "deployments,flinkdeployments,kafkas", "-o", "name") == []


def test_the_runbooks_commands_apply_everything_and_change_nothing_the_second_time(
    namespace: Cluster, tree: Path
) -> None:
    # The command of docs/operations.md: kubectl apply -k deploy/kubernetes
    for command in ("apply -k deploy/kubernetes", "apply -k deploy/kubernetes/monitoring"):
        first = namespace.done(*command.split(), cwd=tree)
        assert {line.split()[-1] for line in first if not line.startswith("namespace/")} == {"created"}
        # kubectl says "configured" of some that it only asks about again: the version that is stored tells.
        versions = _versions(namespace, tree, command)
        assert len(versions) == len(first)
        namespace.done(*command.split(), cwd=tree)
        assert _versions(namespace, tree, command) == versions


def test_services_stop_and_come_back_as_the_runbook_says(namespace: Cluster, tree: Path) -> None:
    lines = [line.strip() for line in files.runbook("## Upgrade", 1).splitlines() if line.strip()]
    assert [" ".join(line.split()[:4]) for line in lines] == [
        "kubectl -n wirewatch scale",
        "kubectl -n wirewatch wait",
        "kubectl apply -k deploy/kubernetes",
    ]
    replicas = ("-n", "wirewatch", "get", "deployments", "-o", "jsonpath={.items[*].spec.replicas}")
    [before] = namespace.done(*replicas)
    for line in lines[:2]:
        namespace.done(*shlex.split(line)[1:])
    assert namespace.done(*replicas) != [before]
    namespace.done(*lines[2].split()[1:], cwd=tree)
    assert namespace.done(*replicas) == [before]


@pytest.mark.parametrize(("name", "spec"), list(files.pods()), ids=lambda one: one if isinstance(one, str) else "")
def test_the_namespace_lets_the_pods_in(namespace: Cluster, name: str, spec: dict[str, Any]) -> None:
    """As the pod of its template, with the accounts that were applied, under the namespace's level of security."""
    spec = copy.deepcopy(spec)
    if "serviceAccountName" not in spec:
        # The operator gives task managers this one, and a container of Flink's.
        [flink] = [one for one in files.manifests() if one["kind"] == "FlinkDeployment"]
        spec |= {"serviceAccountName": flink["spec"]["serviceAccount"]}
        spec["securityContext"] = flink["spec"]["podTemplate"]["spec"]["securityContext"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": "wirewatch"}, "spec": spec}
    namespace.done("apply", "--server-side", "--dry-run=server", "-f", "-", given=pod)


def test_a_pod_on_the_nodes_network_is_not_let_in(namespace: Cluster) -> None:
    spec = {"serviceAccountName": "wirewatch", "hostNetwork": True, "containers": [{"name": "x", "image": "x"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "wirewatch"}}
    told = namespace.kubectl("apply", "-f", "-", given={**pod, "spec": spec})
    assert told.code
    assert "violates PodSecurity" in told.errors


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(one: dict[str, Any]) -> None:
        *steps, last = path.split()
        part: Any = one
        for step in steps:
            part = part[int(step)] if isinstance(part, list) else part[step]
        part[last] = value

    return change


BROKEN: dict[str, tuple[str, Callable[[dict[str, Any]], None], str]] = {
    "a field that is not there": ("Deployment", _set("spec replica", 1), ".spec.replica: field not declared"),
    "labels that do not fit": ("Deployment", _set("spec selector matchLabels", {"x": "y"}), "does not match template"),
    "a policy's address": ("NetworkPolicy", _set("spec egress", [{"to": [{"ipBlock": {"cidr": "x"}}]}]), "cidr"),
    "Flink: a field": ("FlinkDeployment", _set("spec jobManger", {}), ".spec.jobManger: field not declared"),
    "Flink: a version": ("FlinkDeployment", _set("spec flinkVersion", "v9_9"), "Unsupported value"),
    "Strimzi: a field": ("Kafka", _set("spec kafka listners", []), ".spec.kafka.listners: field not declared"),
    "Strimzi: a role": ("KafkaNodePool", _set("spec roles", ["brokr"]), "Unsupported value"),
    "Strimzi: a number": ("KafkaTopic", _set("spec partitions", "many"), "spec.partitions"),
    "KEDA: a field": ("ScaledObject", _set("spec minReplicas", 1), ".spec.minReplicas: field not declared"),
    "KEDA: a number": ("ScaledObject", _set("spec maxReplicaCount", "six"), "spec.maxReplicaCount"),
    "Prometheus: a field": (
        "PodMonitor",
        _set("spec podMetricsEndpoint", []),
        ".spec.podMetricsEndpoint: field not declared",
    ),
    "Prometheus: a span": ("PrometheusRule", _set("spec groups 0 interval", "often"), "interval"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_server_refuses_what_is_wrong(namespace: Cluster, what: str) -> None:
    kind, change, said = BROKEN[what]
    one = next(one for one in files.manifests() if one["kind"] == kind)
    one["metadata"].update(namespace="wirewatch", name="broken")
    change(one)
    told = namespace.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", given=one)
    assert told.code
    assert said in told.errors, told.errors
