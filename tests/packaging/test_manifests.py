"""Compose file and Kubernetes manifests: their shapes, and how they fit each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tomli
import yaml

from agent.config import ENVIRONMENT_PREFIX as AGENT_PREFIX, SETTINGS, load as load_agent
from collector.config import (
    ENVIRONMENT_PREFIX as COLLECTOR_PREFIX,
    FIELDS,
    Config,
    load as load_collector,
)

ROOT = Path(__file__).parents[2] / "packaging"
AGENT_VARIABLES = {AGENT_PREFIX + row.name.upper() for row in SETTINGS}
COLLECTOR_VARIABLES = {COLLECTOR_PREFIX + name.upper() for name in FIELDS}
CAPABILITIES = {"BPF", "NET_ADMIN", "PERFMON"}

DOCUMENTS: list[dict[str, Any]] = [
    document
    for path in sorted((ROOT / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "containers/compose.yaml").read_text())
WORKLOADS = [d for d in DOCUMENTS if d["kind"] in ("Deployment", "DaemonSet")]
VERSIONS = {
    "Namespace": "v1", "ConfigMap": "v1", "Secret": "v1", "Service": "v1",
    "PersistentVolumeClaim": "v1", "Deployment": "apps/v1", "DaemonSet": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
}  # fmt: skip
KEYS = {
    "name", "image", "args", "env", "ports", "securityContext", "resources", "startupProbe",
    "livenessProbe", "readinessProbe", "volumeMounts",
}  # fmt: skip


def named(kind: str) -> set[str]:
    return {d["metadata"]["name"] for d in DOCUMENTS if d["kind"] == kind}


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    return workload["spec"]["template"]["spec"]


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod(workload)["containers"]
    return only


def test_every_kind_is_there_once_by_name():
    assert {d["kind"] for d in DOCUMENTS} == set(VERSIONS)
    for document in DOCUMENTS:
        assert document["apiVersion"] == VERSIONS[document["kind"]]
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "weir"
    names = [(d["kind"], d["metadata"]["name"]) for d in DOCUMENTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda d: d["metadata"]["name"])
def test_workloads(workload):
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
    one = container(workload)
    assert set(one) <= KEYS
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["securityContext"]["allowPrivilegeEscalation"] is False
    assert one["securityContext"]["capabilities"]["drop"] == ["ALL"]
    added = set(one["securityContext"]["capabilities"].get("add", ()))
    is_agent = one["image"] == "weir-agent"
    assert added == (CAPABILITIES if is_agent else set())
    assert is_agent or pod(workload)["securityContext"]["runAsNonRoot"] is True
    known = AGENT_VARIABLES if is_agent else COLLECTOR_VARIABLES
    assert {variable["name"] for variable in one.get("env", ())} <= known
    volumes = {volume["name"] for volume in pod(workload)["volumes"]}
    assert {mount["name"] for mount in one["volumeMounts"]} == volumes
    ports = {port["name"] for port in one.get("ports", ())}
    alive, ready = "/health/live", "/health"
    probes = {"startupProbe": alive, "livenessProbe": alive, "readinessProbe": ready}
    for key, path in probes.items():
        if not is_agent and (key != "startupProbe" or key in one):
            asked = one[key]["httpGet"]
            assert (asked["port"] in ports, asked["path"]) == (True, path)
    # Variables of services would be taken for settings.
    assert pod(workload)["enableServiceLinks"] is False


def test_references_lead_somewhere():
    for workload in WORKLOADS:
        for volume in pod(workload)["volumes"]:
            if "configMap" in volume:
                assert volume["configMap"]["name"] in named("ConfigMap")
            if "secret" in volume:
                assert volume["secret"]["secretName"] in named("Secret")
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert claim in named("PersistentVolumeClaim")
    for scaler in (d for d in DOCUMENTS if d["kind"] == "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert target["name"] in named(target["kind"])
        (deployment,) = [w for w in WORKLOADS if w["metadata"]["name"] == target["name"]]
        assert "cpu" in container(deployment)["resources"]["requests"]
        assert "replicas" not in deployment["spec"]


def test_services_reach_ports_that_are_open():
    for service in (d for d in DOCUMENTS if d["kind"] == "Service"):
        selector = service["spec"]["selector"]
        found = [
            workload
            for workload in WORKLOADS
            if selector.items()
            <= workload["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(found) == 1
        ports = {port["name"]: port for port in container(found[0])["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]]["protocol"] == port["protocol"]
            assert ports[port["targetPort"]]["containerPort"] == port["port"]


def test_settings_in_config_maps_load(tmp_path):
    maps = {d["metadata"]["name"]: d["data"] for d in DOCUMENTS if d["kind"] == "ConfigMap"}
    path = tmp_path / "settings.toml"
    path.write_text(maps["weir-agent"]["agent.toml"])
    agent = load_agent(path, {}, {})
    (address,) = agent.agent.backend_url
    host = re.fullmatch(r"http://([\w-]+)\.weir\.svc:(\d+)", address)
    assert host is not None
    assert host[1] in named("Service")
    path.write_text(maps["weir-collector"]["collector.toml"])
    collector = load_collector(path, {}, {})
    (service,) = [
        d
        for d in DOCUMENTS
        if d["kind"] == "Service" and d["metadata"]["name"] == "weir-collector"
    ]
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    assert ports == {"uploads": collector.agent_port, "console": collector.console_port}
    assert tomli.loads(maps["weir-collector"]["collector.toml"])


def test_compose_services():
    services = COMPOSE["services"]
    for name, service in services.items():
        assert "container_name" not in service, name
        assert service["cap_drop"] == ["ALL"]
        known = AGENT_VARIABLES if name == "agent" else COLLECTOR_VARIABLES
        assert set(service["environment"]) <= known
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("/") or source in COMPOSE["volumes"]
        for needed in service.get("depends_on", {}):
            assert needed in services
    assert set(services["agent"]["cap_add"]) == CAPABILITIES
    assert services["agent"]["network_mode"] == "host"
    # What is scaled must not claim a port of the host.
    assert "ports" not in services["relay"]
    assert str(Config().agent_port) in services["relay"]["expose"]


def test_environment_template_names_what_compose_reads():
    text = (ROOT / "containers/compose.yaml").read_text()
    read = set(re.findall(r"\$\{(\w+)", text))
    template = (ROOT / "containers/environment.example").read_text()
    assert set(re.findall(r"^#? ?(WEIR_\w+)=", template, re.MULTILINE)) == read


@pytest.mark.parametrize("program", ["agent", "collector"])
def test_images_copy_what_is_there_and_open_the_right_ports(program):
    text = (ROOT / f"containers/{program}.Containerfile").read_text()
    for source in re.findall(r"^COPY (\S+)", text, re.MULTILINE):
        assert (
            source.startswith(f"dist/weir-{program}_") or (ROOT.parent / source).is_file()
        )
    exposed = set(re.findall(r"(\d+)/tcp", text))
    ports = {str(Config().agent_port), str(Config().console_port)}
    assert exposed == (ports if program == "collector" else set())
    assert "HEALTHCHECK" in text
