"""Who is asked and who is told: the Prometheus operator's objects beside Prometheus' own files, Alertmanager's example."""

from __future__ import annotations

from typing import Any

import jsonschema

from tests.deploy import files

PROMETHEUS = files.DEPLOY / "prometheus"
LABEL_OF = {"wirewatch": "app.kubernetes.io/name", "flink": "component"}
"""The pods' label that says which service it is. Flink's operator gives jobmanager or taskmanager as ``component``."""
_DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$"}
_ROUTE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "receiver": {"type": "string"},
        "matchers": {"type": "array", "items": {"type": "string", "pattern": '^\\w+(=|!=|=~|!~)"[^"]*"$'}},
        "group_by": {"type": "array", "items": {"type": "string"}},
        "group_wait": _DURATION,
        "group_interval": _DURATION,
        "repeat_interval": _DURATION,
        "routes": {"type": "array", "items": {"$ref": "#/$defs/route"}},
    },
}


def _each(required: str, **properties: Any) -> dict[str, Any]:
    one = {
        "type": "object",
        "additionalProperties": False,
        "required": [required],
        "properties": {"send_resolved": {"type": "boolean"}, **properties},
    }
    return {"type": "array", "minItems": 1, "items": one}


ALERTMANAGER: dict[str, Any] = {
    "$defs": {"route": _ROUTE},
    "type": "object",
    "additionalProperties": False,
    "required": ["route", "receivers"],
    "properties": {
        "global": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "smtp_smarthost": {"type": "string", "pattern": "^[^:]+:[0-9]+$"},
                "smtp_from": {"type": "string"},
            },
        },
        "route": {"allOf": [{"$ref": "#/$defs/route"}, {"required": ["receiver"]}]},
        "receivers": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "webhook_configs": _each("url", url={"type": "string", "pattern": "^https?://"}),
                    "email_configs": _each("to", to={"type": "string"}),
                },
            },
        },
    },
}
"""As much of Alertmanager's configuration as the example uses (its own check: amtool check-config)."""


def test_the_prometheus_operator_gets_the_same_rules() -> None:
    [rules] = [one["spec"] for one in files.manifests() if one["kind"] == "PrometheusRule"]
    [document] = files.documents(PROMETHEUS / "alerts.yaml")
    assert rules["groups"] == document["groups"]


def test_the_prometheus_operator_asks_the_pods_by_the_names_that_the_rules_go_by() -> None:
    [config] = files.documents(PROMETHEUS / "prometheus.yaml")
    asked = {
        job["job_name"]: {entry["labels"]["service"] for entry in job["static_configs"]}
        for job in config["scrape_configs"]
    }
    monitors = {one["metadata"]["name"]: one["spec"] for one in files.manifests() if one["kind"] == "PodMonitor"}
    assert monitors.keys() == asked.keys()
    for name, monitor in monitors.items():
        [endpoint] = monitor["podMetricsEndpoints"]
        assert endpoint["interval"] == config["global"]["scrape_interval"]
        assert endpoint["scrapeTimeout"] == config["global"]["scrape_timeout"]
        job, service = endpoint["relabelings"]
        assert job == {"targetLabel": "job", "replacement": name}
        assert service["targetLabel"] == "service"
        [label] = service["sourceLabels"]
        assert label == f"__meta_kubernetes_pod_label_{LABEL_OF[name].translate(str.maketrans('./-', '___'))}"
    [which] = monitors["wirewatch"]["selector"]["matchExpressions"]
    assert (which["key"], which["operator"]) == (LABEL_OF["wirewatch"], "In")
    assert set(which["values"]) == asked["wirewatch"]
    ports = {name: _ports(spec) for name, spec in files.pods()}
    assert all(ports[name]["metrics"] == 9464 for name in asked["wirewatch"])
    [flink] = [one["spec"] for one in files.manifests() if one["kind"] == "FlinkDeployment"]
    told = int(flink["flinkConfiguration"]["metrics.reporter.prom.port"])
    assert _ports(flink["podTemplate"]["spec"]) == {"metrics": told}
    open_to_it = _policy("metrics")["ingress"][0]
    assert {port["port"] for port in open_to_it["ports"]} == {9464, told}


def test_alertmanagers_example_has_a_receiver_for_each_severity() -> None:
    [config] = files.documents(PROMETHEUS / "alertmanager.example.yaml")
    jsonschema.Draft202012Validator(ALERTMANAGER).validate(config)
    receivers = [one["name"] for one in config["receivers"]]
    assert len(receivers) == len(set(receivers))
    routes = {tuple(route["matchers"]): route for route in config["route"]["routes"]}
    wanted = {"page": ("pager", "1h"), "ticket": ("tickets", "12h")}
    [document] = files.documents(PROMETHEUS / "alerts.yaml")
    severities = {rule["labels"]["severity"] for group in document["groups"] for rule in group["rules"]}
    assert severities == wanted.keys()
    for severity, (receiver, repeat) in wanted.items():
        route = routes[(f'severity="{severity}"',)]
        assert (route["receiver"], route["repeat_interval"]) == (receiver, repeat)
        assert receiver in receivers
    assert config["route"]["receiver"] in receivers
    assert config["route"]["group_by"] == ["alertname"]


def _ports(spec: dict[str, Any]) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for container in files.containers(spec)
        for port in container.get("ports", [])
    }


def _policy(name: str) -> dict[str, Any]:
    [found] = [
        one["spec"] for one in files.manifests() if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", name)
    ]
    return dict(found)
