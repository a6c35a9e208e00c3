"""Dockerfile: the properties that an operator relies on.

`make image-check` runs it.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import distribution, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from service.settings import PREFIX, Settings
from tools.image.dockerfile import DOCKERFILE, Stage, health_command, read
from tools.soak.replicas import Replica, running

BUILD, FINAL = read()


def test_the_stages_start_from_the_base_image_of_the_argument() -> None:
    assert [stage.name for stage in (BUILD, FINAL)] == ["build", "final"]
    assert {stage.base for stage in (BUILD, FINAL)} == {"${BASE_IMAGE}"}
    assert re.search(
        r"^ARG BASE_IMAGE=\S+:3\.11-slim\S*@sha256:[0-9a-f]{64}$", DOCKERFILE.read_text(), re.MULTILINE
    )


def test_indexes_are_arguments_and_files_have_known_hashes() -> None:
    assert BUILD.environment({"PIP_INDEX_URL": "x", "TORCH_INDEX_URL": "y"})["TORCH_INDEX_URL"] == "y"
    environment = BUILD.environment({})
    assert environment["TORCH_INDEX_URL"].endswith("/cpu")
    assert (environment["PIP_NO_DEPS"], environment["PIP_ONLY_BINARY"]) == ("1", ":all:")
    installs = [run for run in BUILD.values("RUN") if " install " in run]
    *hashed, own = installs
    assert len(hashed) == 3
    assert all("--require-hashes" in run and "--index-url" in run for run in hashed)
    assert "--no-build-isolation" in own
    assert "--no-index" in own


def requirements(name: str) -> dict[str, str]:
    """The lines of a file of requirements, by package."""
    text = (DOCKERFILE.parent / "deploy" / "requirements" / f"{name}.txt").read_text()
    lines = re.split(r"\n(?=\S)", text.partition("\n")[2].rstrip())
    return {line.partition("==")[0]: line for line in lines}


@pytest.mark.parametrize("name", ["build", "cuda", "service", "torch"])
def test_every_package_of_the_image_has_hashes(name: str) -> None:
    for package, line in requirements(name).items():
        assert re.fullmatch(r"[a-z0-9-]+", package)
        assert re.fullmatch(r"[^\\]+( \\\n    --hash=sha256:[0-9a-f]{64})+", line), line


def test_the_image_has_the_versions_of_the_constraints_and_all_that_the_service_needs() -> None:
    pins = dict(
        line.split("==") for line in (DOCKERFILE.parent / "constraints.txt").read_text().split("\n")[1:-1]
    )
    there = requirements("service") | requirements("torch")
    for package, line in there.items():
        if package != "setuptools":
            assert re.split(r"[ =]+", line)[1] == pins[package], "run make lock"
    assert (needed("tensorseed", "service") | needed("tensorseed", "export")) - {"tensorseed"} <= there.keys()
    assert requirements("build").keys() == {"setuptools"}


def needed(name: str, extra: str = "") -> set[str]:
    """The packages that one needs on this platform, without those of CUDA."""
    found, rest = set(), [(name, extra)]
    while rest:
        name, extra = rest.pop()
        found.add(name)
        for text in distribution(name).requires or []:
            requirement = Requirement(text)
            package = canonicalize_name(requirement.name)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                if package not in found and package not in requirements("cuda"):
                    rest += [(package, ""), *((package, one) for one in requirement.extras)]
                elif package == "tensorseed":
                    rest += [(package, one) for one in requirement.extras]
    return found


def test_the_last_stage_installs_nothing() -> None:
    assert not any(word in run for run in FINAL.values("RUN") for word in ("apt", "pip", "gcc", "curl"))
    assert all(copied.startswith("--from=build ") for copied in FINAL.values("COPY"))


def test_the_user_is_a_number_and_not_root() -> None:
    assert re.fullmatch(r"([1-9]\d{3,4}):\1", FINAL.last("USER").value)


def test_the_entry_is_the_server_itself() -> None:
    assert FINAL.last("ENTRYPOINT").words() + FINAL.last("CMD").words() == ["tensorseed", "serve"]
    assert FINAL.last("ENTRYPOINT").value.startswith("[")
    assert FINAL.last("STOPSIGNAL").value == "SIGTERM"


def test_the_loops_are_where_the_server_looks_for_them() -> None:
    environment = FINAL.environment({}, build=False)
    assert f"--cache {environment['TENSORSEED_KERNEL_CACHE']}" in BUILD.values("RUN")[-1]
    assert "TENSORSEED_PORTABLE_KERNELS=true" in BUILD.values("RUN")[-1]
    assert environment["TENSORSEED_PORTABLE_KERNELS"] == "true"


def test_every_variable_is_a_setting() -> None:
    named = [name for name in FINAL.environment({}, build=False) if name.startswith(PREFIX)]
    assert named
    assert {name.removeprefix(PREFIX).lower() for name in named} <= set(Settings.model_fields)


def test_the_labels_are_of_this_version() -> None:
    environment = FINAL.environment({})
    assert environment["VERSION"] == version("tensorseed")
    labels = FINAL.last("LABEL").value
    for name in ("title", "description", "version", "revision", "created", "source"):
        assert f"org.opencontainers.image.{name}=" in labels


def test_the_health_check_tells_life_from_death() -> None:
    command = health_command(FINAL)
    replica = Replica()
    environment = {"TENSORSEED_PORT": str(replica.port)}
    command[0] = sys.executable
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 1
    with running(replica):
        assert subprocess.run(command, env=environment).returncode == 0
        assert replica.stop() in (0, -signal.SIGTERM)  # after a graceful stop it ends as the signal would


def test_only_what_is_copied_reaches_the_engine() -> None:
    allowed = (DOCKERFILE.parent / ".dockerignore").read_text().split()
    for copied in BUILD.values("COPY"):
        for source in copied.split()[:-1]:
            assert (DOCKERFILE.parent / source).exists()
            assert f"!{source.removeprefix('./')}" in allowed


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="needs hadolint")
def test_hadolint_finds_nothing() -> None:
    found = subprocess.run(["hadolint", DOCKERFILE], capture_output=True, text=True)
    assert found.stdout == ""


def test_the_reader_refuses_what_is_not_there() -> None:
    with pytest.raises(LookupError, match="add one"):
        Stage("base", "empty").last("USER")
