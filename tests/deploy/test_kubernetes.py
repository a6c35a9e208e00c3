"""deploy/kubernetes against Kubernetes' schemas, and deploy/slurm."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import PREFIX, Settings
from tools.soak.sizing import worst_bytes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATIONS = ["base", "overlays/gpu", "overlays/cached", "overlays/export"]
PATCHES = {  # which are no whole resources
    "overlays/gpu": {"deployment.yaml", "autoscaler.yaml"},
    "overlays/cached": {"service.yaml", "deployment.yaml", "server-network-policy.yaml"},
}
VERSIONS = ["1.31", kubernetes_validate.latest_version()]
NGINX = (ROOT / "deploy" / "nginx.conf").read_text()
MEBIBYTES = {"Mi": 1, "Gi": 1024}


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return document


def resources(folder: str) -> list[str]:
    """The files of a folder that are whole resources of Kubernetes itself."""
    found = load(f"{folder}/kustomization.yaml")["resources"]
    return [f"{folder}/{name}" for name in found if name.endswith(".yaml")]


WHOLE = [name for folder in KUSTOMIZATIONS for name in resources(folder)]
PODS = ["base/deployment.yaml", "overlays/cached/proxy.yaml", "overlays/export/job.yaml"]


@cache
def renders() -> bool:
    """Whether kubectl is here with kustomize 5 or newer."""
    program = shutil.which("kubectl")
    if program is None:
        return False
    run = subprocess.run(
        [program, "version", "--client", "--output", "json"], capture_output=True, text=True, check=False
    )
    version = json.loads(run.stdout or "{}").get("kustomizeVersion", "v0")
    return int(version.lstrip("v").partition(".")[0]) >= 5


@cache
def rendered(folder: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The resources of a kustomization by kind and name."""
    if not renders():
        pytest.skip("kubectl with kustomize 5 is not here")
    command = ["kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(FOLDER / folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}


def container(resource: dict[str, Any]) -> dict[str, Any]:
    (only,) = resource["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * MEBIBYTES[quantity[-2:]]


def test_every_file_has_its_place() -> None:
    for folder in KUSTOMIZATIONS:
        named = {Path(name).name for name in resources(folder)} | PATCHES.get(folder, set())
        assert {path.name for path in (FOLDER / folder).glob("*.yaml")} == named | {"kustomization.yaml"}
        patches = {one["path"] for one in load(f"{folder}/kustomization.yaml").get("patches", [])}
        assert patches == PATCHES.get(folder, set())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", WHOLE)
def test_a_resource_is_valid(name: str, version: str) -> None:
    kubernetes_validate.validate(load(name), version, strict=True)


@pytest.mark.parametrize("folder", KUSTOMIZATIONS)
def test_what_kustomize_renders_is_valid(folder: str) -> None:
    for resource in rendered(folder).values():
        kubernetes_validate.validate(resource, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_and_bounds(name: str) -> None:
    pod = load(name)["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostPath"} & set(pod)
    one = container(load(name))
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for kind in ("requests", "limits"):
        assert {"cpu", "memory", "ephemeral-storage"} <= set(one["resources"][kind])
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in one["volumeMounts"]:
        volume = volumes[mount["name"]]
        assert mount.get("readOnly") or "sizeLimit" in volume["emptyDir"]


@pytest.mark.parametrize("name", PODS[:2])
def test_a_server_has_probes_and_ends_gracefully(name: str) -> None:
    pod, one = load(name)["spec"]["template"]["spec"], container(load(name))
    startup, readiness = one["startupProbe"], one["readinessProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 60, "the first start compiles"
    assert (
        readiness["httpGet"]["port"]
        == one["livenessProbe"].get("httpGet", one["livenessProbe"].get("tcpSocket"))["port"]
    )
    if name == PODS[0]:
        env = {given["name"]: given["value"] for given in one["env"]}
        notice, grace = (int(env[f"{PREFIX}{word}_SECONDS"]) for word in ("NOTICE", "GRACE"))
        assert readiness["periodSeconds"] * readiness["failureThreshold"] < notice
        assert pod["terminationGracePeriodSeconds"] >= notice + grace + 5
        assert (readiness["httpGet"]["path"], startup["httpGet"]["path"]) == ("/readyz", "/healthz")
    else:
        waits = sum(
            map(int, re.findall(r"sleep (\d+)", " ".join(one["lifecycle"]["preStop"]["exec"]["command"])))
        )
        assert waits < pod["terminationGracePeriodSeconds"]
    assert load(name)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_bounds_fit_into_the_memory() -> None:
    """The sum of docs/operations.md, and what lies in /tmp."""
    one = container(load(PODS[0]))
    names = {name.lower() for name in ("memory_bytes", "recipe_bytes")}
    given = {e["name"].removeprefix(PREFIX).lower(): e["value"] for e in one["env"]}
    bounds = Settings(**{name: value for name, value in given.items() if name in names})
    limits = one["resources"]["limits"]
    (volume,) = load(PODS[0])["spec"]["template"]["spec"]["volumes"]
    needed = worst_bytes(bounds) + (mebibytes(volume["emptyDir"]["sizeLimit"]) << 20)
    assert needed <= mebibytes(limits["memory"]) << 20
    assert one["resources"]["requests"]["memory"] == limits["memory"]


def test_budgets_and_policies_cover_every_server() -> None:
    for folder, name, label in (("base", "tensorseed", "server"), ("overlays/cached", "proxy", "proxy")):
        budget, policy = load(f"{folder}/disruption-budget.yaml"), load(f"{folder}/network-policy.yaml")
        wanted = {"app.kubernetes.io/component": label}
        assert budget["metadata"]["name"] == policy["metadata"]["name"] == name
        assert (
            budget["spec"]["selector"]["matchLabels"]
            == policy["spec"]["podSelector"]["matchLabels"]
            == wanted
        )
        assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert load("base/network-policy.yaml")["spec"]["egress"] == []


def test_the_autoscaler_decides_the_replicas() -> None:
    scaler = load("base/autoscaler.yaml")["spec"]
    assert scaler["scaleTargetRef"]["name"] == load("base/deployment.yaml")["metadata"]["name"]
    assert "replicas" not in load("base/deployment.yaml")["spec"], "kubectl apply would set it back"
    assert scaler["minReplicas"] >= 2
    assert scaler["metrics"][0]["resource"]["name"] == "cpu"


def test_a_service_has_the_ports_and_labels_of_its_pods() -> None:
    for folder in KUSTOMIZATIONS[:3]:
        found = rendered(folder)
        pods = [one["spec"]["template"] for (kind, _), one in found.items() if kind == "Deployment"]
        services = [one["spec"] for (kind, _), one in found.items() if kind == "Service"]
        for service in services:
            matching = [
                pod for pod in pods if service["selector"].items() <= pod["metadata"]["labels"].items()
            ]
            assert len(matching) == 1
            ports = {port["name"] for port in matching[0]["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in service["ports"]} <= ports


def test_the_gpu_is_the_only_difference_of_its_overlay() -> None:
    one = container(rendered("overlays/gpu")["Deployment", "tensorseed"])
    base = container(rendered("base")["Deployment", "tensorseed"])
    assert one["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert one["image"] != base["image"]
    assert {**one, "image": "", "resources": {}} == {**base, "image": "", "resources": {}}


def test_nginx_stands_before_the_replicas_with_its_own_configuration() -> None:
    found = rendered("overlays/cached")
    (configuration,) = [one for (kind, _), one in found.items() if kind == "ConfigMap"]
    assert configuration["data"] == {"nginx.conf": NGINX}
    proxy, replica = found["Deployment", "proxy"], found["Service", "replica"]
    volumes = {one["name"]: one for one in proxy["spec"]["template"]["spec"]["volumes"]}
    assert volumes["configuration"]["configMap"]["name"] == configuration["metadata"]["name"]
    assert f"server replica:{replica['spec']['ports'][0]['port']} " in NGINX
    assert f"listen {container(proxy)['ports'][0]['containerPort']};" in NGINX
    size = re.search(r"max_size=(\d+)g", NGINX)
    assert size is not None
    assert mebibytes(volumes["slices"]["emptyDir"]["sizeLimit"]) > int(size[1]) * 1024
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["proxy"]["image"]
    assert container(proxy)["image"] in compose
    labels = proxy["spec"]["template"]["metadata"]["labels"]
    (rule,) = found["NetworkPolicy", "tensorseed"]["spec"]["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"].items() <= labels.items()
    assert found["Service", "tensorseed"]["spec"]["selector"].items() <= labels.items()
    env = {given["name"]: given["value"] for given in container(found["Deployment", "tensorseed"])["env"]}
    assert {f"{PREFIX}TRUSTED_PROXIES", f"{PREFIX}MEMORY_BYTES"} <= set(env)


def test_the_job_has_a_share_for_each_index() -> None:
    job = load("overlays/export/job.yaml")["spec"]
    one = container(load("overlays/export/job.yaml"))
    env = {given["name"]: given["value"] for given in one["env"]}
    assert job["completionMode"] == "Indexed"
    assert env == {"JOB_COMPLETIONS": str(job["completions"])}
    assert job["backoffLimitPerIndex"] > 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    ignored, failed = job["podFailurePolicy"]["rules"]
    assert ignored["onPodConditions"][0]["type"] == "DisruptionTarget"
    assert failed["onExitCodes"]["values"] == [1, 2]
    assert failed["onExitCodes"]["containerName"] == one["name"]
    parsed(one["args"])


def test_the_array_has_a_share_for_each_task() -> None:
    path = ROOT / "deploy" / "slurm" / "export.sbatch"
    subprocess.run(["bash", "-n", str(path)], check=True)
    text = path.read_text()
    assert re.search(r"^#SBATCH --array=0-\d+$", text, re.MULTILINE)
    (command,) = re.findall(r"^exec tensorseed (.*)$", text, re.MULTILINE)
    parsed(
        [
            word.strip('"').replace("$1", "a").replace("$2", "b")
            for word in command.replace("$SLURM_CPUS_PER_TASK", "2").split()
        ]
    )


def parsed(words: list[str]) -> None:
    """Have the command line itself read the words."""
    from tensorseed.__main__ import main

    context = main.make_context("tensorseed", [], resilient_parsing=True)
    command = main.get_command(context, words[0])
    assert command is not None
    command.make_context(words[0], list(words[1:]))


def test_metrics_are_a_component_of_clusters_with_the_operator() -> None:
    monitor, service, policy = (
        load(f"components/service-monitor/{name}.yaml")
        for name in ("service-monitor", "metrics", "network-policy")
    )
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    for resource in (service, policy):
        kubernetes_validate.validate(resource, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("folder", ["base", "overlays/gpu", "overlays/cached"])
def test_prometheus_reaches_every_replica(tmp_path: Path, folder: str) -> None:
    """The component beside a folder: its Service finds the pods, and a policy opens them."""
    shutil.copytree(FOLDER, tmp_path / "deploy" / "kubernetes")
    shutil.copy(ROOT / "deploy" / "nginx.conf", tmp_path / "deploy")
    mine = tmp_path / "deploy" / "kubernetes" / "mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(
        f"resources: [../{folder}]\ncomponents: [../components/service-monitor]\n"
    )
    found = rendered(str(mine))
    pod = found["Deployment", "tensorseed"]["spec"]["template"]["metadata"]["labels"]
    service, monitor = found["Service", "tensorseed-metrics"], found["ServiceMonitor", "tensorseed"]
    assert service["spec"]["selector"].items() <= pod.items()
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    policy = found["NetworkPolicy", "tensorseed-metrics"]["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= pod.items()
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": service["spec"]["ports"][0]["targetPort"]}]
    assert "namespaceSelector" in rule["from"][0]
    assert unmatched(found) == []


@pytest.mark.parametrize("folder", KUSTOMIZATIONS)
def test_every_selector_finds_a_pod_of_its_overlay(folder: str) -> None:
    found = rendered(folder)
    assert any(kind == "NetworkPolicy" for kind, _ in found)
    assert unmatched(found) == []


def unmatched(found: dict[tuple[str, str], dict[str, Any]]) -> list[tuple[str, str, Any]]:
    """The selectors of policies, budgets, Services and autoscalers that select nothing."""
    pods = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in found.values()
        if "template" in one.get("spec", {})
    ]
    missed = []
    for (kind, name), one in found.items():
        spec, selectors = one.get("spec", {}), []
        if kind == "NetworkPolicy":
            selectors = [spec["podSelector"]["matchLabels"]]
            for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
                peers = [*rule.get("from", []), *rule.get("to", [])]
                selectors += [peer["podSelector"]["matchLabels"] for peer in peers if "podSelector" in peer]
        elif kind in ("PodDisruptionBudget", "Deployment"):
            selectors = [spec["selector"]["matchLabels"]]
        elif kind == "Service":
            selectors = [spec["selector"]]
        elif kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if (target["kind"], target["name"]) not in found:
                missed.append((kind, name, target))
        missed += [
            (kind, name, selector)
            for selector in selectors
            if not any(selector.items() <= pod.items() for pod in pods)
        ]
    return missed


def test_the_rule_for_the_role_of_a_pod_is_valid_without_its_hashes() -> None:
    text = (FOLDER / "overlays/export/network-policy.yaml").read_text()
    head, _, rule = text.partition("(988: GKE).\n")
    policy = yaml.safe_load(head.rpartition("\n")[0] + "\n" + rule.replace("    # ", "    "))
    kubernetes_validate.validate(policy, VERSIONS[-1], strict=True)
    assert [len(one["ports"]) for one in policy["spec"]["egress"]] == [3, 2]
