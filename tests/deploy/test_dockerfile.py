"""Dockerfile: the properties that an operator relies on.

`make image-check` runs it.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest

from service.settings import PREFIX, Settings
from tools.image.dockerfile import DOCKERFILE, Stage, health_command, read
from tools.soak.replicas import Replica, running

BUILD, FINAL = read()


def test_the_stages_start_from_the_base_image_of_the_argument() -> None:
    assert [stage.name for stage in (BUILD, FINAL)] == ["build", "final"]
    assert {stage.base for stage in (BUILD, FINAL)} == {"${BASE_IMAGE}"}
    assert re.search(r"^ARG BASE_IMAGE=\S+:3\.11-slim", DOCKERFILE.read_text(), re.MULTILINE)


def test_indexes_are_arguments_and_versions_are_constrained() -> None:
    assert BUILD.environment({"PIP_INDEX_URL": "x", "TORCH_INDEX_URL": "y"})["TORCH_INDEX_URL"] == "y"
    assert BUILD.environment({})["TORCH_INDEX_URL"].endswith("/cpu")
    installs = [run for run in BUILD.values("RUN") if " install " in run]
    assert len(installs) == 2
    assert all("--constraint constraints.txt" in run for run in installs)
    assert installs[-1].endswith(" '.[service]'")


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
            assert f"!{source.removeprefix('./')}" in allowed


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="needs hadolint")
def test_hadolint_finds_nothing() -> None:
    found = subprocess.run(["hadolint", DOCKERFILE], capture_output=True, text=True)
    assert found.stdout == ""


def test_the_reader_refuses_what_is_not_there() -> None:
    with pytest.raises(LookupError, match="add one"):
        Stage("base", "empty").last("USER")
