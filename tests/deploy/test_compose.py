"""compose.yaml starts what it says, with no more rights than needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import PREFIX, Settings
from tests.waiting import PATIENCE
from tools.image.dockerfile import health_command, read
from tools.soak.sizing import worst_bytes

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
SERVERS = ["tensorseed", "gpu", "replica"]
KEYS = {  # those of the Compose Specification that are used here
    *("build", "cap_drop", "depends_on", "deploy", "entrypoint", "expose", "healthcheck", "image"),
    *("environment", "logging", "ports"),
    *("profiles", "read_only", "restart", "security_opt", "stop_grace_period", "stop_signal", "tmpfs"),
    *("user", "volumes"),
}


def test_the_file_has_the_keys_of_the_specification() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"name", "services", "volumes"}
    assert set(SERVICES) == {*SERVERS, "proxy"}
    for service in SERVICES.values():
        assert set(service) <= KEYS


@pytest.mark.parametrize("name", [*SERVERS, "proxy"])
def test_a_container_has_no_rights_and_bounds(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(mount.startswith("/tmp:size=") and "noexec" in mount for mount in service["tmpfs"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


@pytest.mark.parametrize("name", list(SERVICES))
def test_ports_are_those_of_this_host_alone_unless_asked(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("${TENSORSEED_BIND:-127.0.0.1}:")


def test_profiles() -> None:
    assert {name: service.get("profiles") for name, service in SERVICES.items()} == {
        "tensorseed": None,
        "gpu": ["gpu"],
        "replica": ["replicas"],
        "proxy": ["replicas"],
    }


def test_the_gpu_is_reserved_and_torch_comes_from_its_index() -> None:
    (device,) = SERVICES["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert "/cu" in SERVICES["gpu"]["build"]["args"]["TORCH_INDEX_URL"]
    assert SERVICES["gpu"]["image"] != SERVICES["tensorseed"]["image"]


def test_the_build_arguments_are_the_dockerfiles_own() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for name in ("tensorseed", "replica"):
        for argument, value in SERVICES[name]["build"]["args"].items():
            assert f"ARG {argument}={_default(value)}" in text


def _default(value: str) -> str:
    found = re.fullmatch(r"\$\{\w+:-(.*)\}", value)
    assert found is not None
    return found[1]


def test_the_proxy_waits_for_healthy_replicas_and_reads_the_configuration() -> None:
    proxy = SERVICES["proxy"]
    assert proxy["depends_on"] == {"replica": {"condition": "service_healthy"}}
    assert SERVICES["replica"]["deploy"]["replicas"] >= 2
    bind, cache = proxy["volumes"]
    assert (ROOT / bind["source"]).is_file()
    assert bind["read_only"] is True
    assert cache["source"] in COMPOSE["volumes"]
    configuration = (ROOT / bind["source"]).read_text()
    assert f"proxy_cache_path {cache['target']}/" in configuration
    assert f"server replica:{SERVICES['replica']['expose'][0]} " in configuration
    assert f"listen {proxy['ports'][0].rpartition(':')[2]};" in configuration


@pytest.mark.parametrize("name", ["tensorseed", "replica"])
def test_the_bounds_fit_into_the_memory(name: str) -> None:
    """The sum of docs/operations.md."""
    given = {
        variable.removeprefix(PREFIX).lower(): _default(value)
        for variable, value in SERVICES[name]["environment"].items()
    }
    bounds, limit = Settings(**given), SERVICES[name]["deploy"]["resources"]["limits"]
    assert worst_bytes(bounds) <= int(limit["memory"].removesuffix("G")) << 30


def test_the_proxy_runs_as_the_user_whom_its_image_gives_the_cache_to() -> None:
    """The image of nginx itself gives it to root, and a volume takes the owner over."""
    proxy = SERVICES["proxy"]
    assert "nginx-unprivileged" in _default(proxy["image"])
    assert proxy["user"] == "101:101"


def test_what_lies_in_tmp_leaves_memory_for_the_proxy() -> None:
    (mount,) = SERVICES["proxy"]["tmpfs"]
    assert "size=1g" in mount
    assert SERVICES["proxy"]["deploy"]["resources"]["limits"]["memory"] == "2G"


def test_a_container_is_ready_when_the_service_says_so() -> None:
    final = read()[-1]
    ready = " ".join(SERVICES["tensorseed"]["healthcheck"]["test"][4].split())
    assert "/readyz" in ready
    assert ready.replace("/readyz", "/healthz") == health_command(final)[3]
    compile(ready, "healthcheck", "exec")


def override(name: str) -> dict[str, Any]:
    """The services of a file that stands beside compose.yaml."""
    text = (ROOT / "deploy" / f"compose.{name}.yaml").read_text()
    services: dict[str, Any] = yaml.load(text, Loader)["services"]
    return services


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with the tag by which Compose 2.24 takes away what another file says."""


Loader.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


@pytest.mark.parametrize(("name", "setting"), [("keys", "keys_file"), ("recipes", "recipes")])
def test_an_override_mounts_what_the_operator_owns(name: str, setting: str) -> None:
    ((service, added),) = override(name).items()
    assert service == "tensorseed"
    assert set(added) == {"environment", "volumes"}
    (mount,) = added["volumes"]
    assert mount["read_only"] is True
    ((variable, path),) = added["environment"].items()
    assert variable.removeprefix(PREFIX).lower() == setting
    assert setting in Settings.model_fields
    assert Path(path).is_relative_to(mount["target"])


def test_overrides_go_together() -> None:
    mounts = [
        mount["target"] for name in ("keys", "recipes") for mount in override(name)["tensorseed"]["volumes"]
    ]
    assert len(set(mounts)) == 2


def test_tls_is_the_only_way_in() -> None:
    services = override("tls")
    assert set(services) == {"tensorseed", "tls"}
    assert services["tensorseed"]["ports"] == []
    assert services["tensorseed"]["expose"] == ["8000"]
    trusted = SERVICES["replica"]["environment"][f"{PREFIX}TRUSTED_PROXIES"]
    assert services["tensorseed"]["environment"] == {f"{PREFIX}TRUSTED_PROXIES": trusted}
    front, proxy = services["tls"], SERVICES["proxy"]
    assert set(front) <= KEYS
    for key in ("image", "user", "entrypoint", "read_only", "cap_drop", "security_opt", "restart", "logging"):
        assert front[key] == proxy[key], key
    assert set(front["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert front["depends_on"] == {"tensorseed": {"condition": "service_healthy"}}
    assert all(mount["read_only"] for mount in front["volumes"])
    configuration = (ROOT / front["volumes"][0]["source"]).read_text()
    assert front["volumes"][1]["target"] in configuration
    assert front["ports"] == ["${TENSORSEED_BIND:-127.0.0.1}:8443:8443"]
    assert "listen 8443 ssl;" in configuration
    assert "server tensorseed:8000;" in configuration


OVERRIDES = ("keys", "recipes", "tls")


def merged(*names: str, folder: Path) -> dict[str, Any]:
    """The services as an implementation of Compose merges them with overrides, with every profile.

    `podman-compose` asks podman for its version first, and for nothing else.
    """
    podman = folder / "podman"
    podman.write_text("#!/bin/sh\necho podman version 5.0.0\n")
    podman.chmod(0o755)
    files = ["compose.yaml", *(f"deploy/compose.{name}.yaml" for name in names)]
    program = Path(sys.executable).parent / "podman-compose"
    profiles = ["--profile", "gpu", "--profile", "replicas"]
    command = [
        program,
        "--podman-path",
        podman,
        *profiles,
        *(part for file in files for part in ("-f", file)),
    ]
    outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    run = subprocess.run(
        [sys.executable, *command, "config"],
        cwd=ROOT,
        env=outside,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    services: dict[str, Any] = yaml.safe_load(run.stdout)["services"]
    return services


@pytest.mark.parametrize("names", [(), *((name,) for name in OVERRIDES), OVERRIDES])
def test_an_implementation_merges_the_files(names: tuple[str, ...], tmp_path: Path) -> None:
    services = merged(*names, folder=tmp_path)
    assert set(services) == {*SERVICES, *(["tls"] if "tls" in names else [])}
    server, alone = services["tensorseed"], "tls" not in names
    assert server.get("ports", []) == (["127.0.0.1:8000:8000"] if alone else [])
    assert server.get("expose", []) == ([] if alone else ["8000"])
    variables = {"keys": "KEYS_FILE", "recipes": "RECIPES"}
    mounts = {mount["target"]: mount for mount in server.get("volumes", [])}
    for name, variable in variables.items():
        path = server["environment"].get(f"{PREFIX}{variable}")
        assert (path is not None) == (name in names)
        if path is not None:
            (mount,) = (mount for target, mount in mounts.items() if Path(path).is_relative_to(target))
            assert (mount["source"], mount["read_only"]) == (f"./own/{name}", True)
    assert len(mounts) == len({*variables} & {*names})
    for key in (
        "read_only",
        "cap_drop",
        "image",
        "security_opt",
        "stop_grace_period",
        "tmpfs",
        "healthcheck",
    ):
        assert server[key] == services["replica"][key], key
    assert server["deploy"] == SERVICES["tensorseed"]["deploy"]
    assert f"{PREFIX}MEMORY_BYTES" in server["environment"]


def test_images_of_others_are_named_by_digest() -> None:
    digest = re.compile(r"[^@]+:[^@]+@sha256:[0-9a-f]{64}")
    assert digest.fullmatch(_default(SERVICES["proxy"]["image"]))
    for name in SERVERS:
        base = _default(SERVICES[name]["build"]["args"]["BASE_IMAGE"])
        assert f"\nARG BASE_IMAGE={base}\n" in (ROOT / "Dockerfile").read_text()


def test_the_gpu_gets_the_packages_of_its_torch() -> None:
    arguments = {name: SERVICES[name]["build"]["args"] for name in SERVERS}
    assert "/cu" in _default(arguments["gpu"]["TORCH_INDEX_URL"])
    assert {name: "CUDA" in given for name, given in arguments.items()} == {
        "tensorseed": False,
        "gpu": True,
        "replica": False,
    }
