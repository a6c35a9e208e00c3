"""One model for any layout, by real processes, against the service's file."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from typing import Any

import pytest
from safetensors.torch import load

from tests.conftest import Client
from tests.serving import ROOT
from tests.tensorseed.torch.distributed.model import INITS, LAYOUTS, STEPPING, digest, on_meta, spec
from tests.tensorseed.torch.distributed.process import PROCESSES
from tests.waiting import PROGRAM_PATIENCE

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """What each process found."""
    folder = tmp_path_factory.mktemp("processes")
    variables = {"OMP_NUM_THREADS": "1", "TENSORSEED_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-m", "tests.tensorseed.torch.distributed.process", str(folder)]
    environment = os.environ | variables
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PROGRAM_PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(PROCESSES)]


@pytest.fixture(scope="module")
def files(client: Client) -> dict[str, dict[str, str]]:
    """SHA-256 of every tensor of the service's files of the module's specs, by dtype."""
    models = {"float32": on_meta(), "bfloat16": on_meta().bfloat16()}
    answers = {dtype: client.post("/v1/weights", json=spec(model)) for dtype, model in models.items()}
    return {
        dtype: {name: digest(tensor) for name, tensor in load(answer.content).items()}
        for dtype, answer in answers.items()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_model_has_the_bits_of_the_file(layout: str, found: list[Found], files: dict[str, dict[str, str]]):
    file = files["bfloat16" if "bfloat16" in layout else "float32"]
    parts = [process[layout] for process in found if layout in process]
    assert len(parts) == math.prod(LAYOUTS[layout][0])
    for part in parts:
        assert part["digests"].items() <= file.items()
        assert part["digests of each by itself"] == part["digests"]
        assert part.get("digests after backward", part["digests"]) == part["digests"]
    assert {name for part in parts for name in part["digests"]} == {*file}


def test_a_model_has_one_spec_in_all_layouts(found: list[Found]):
    of_all = spec(on_meta())
    for layout, part in found[0].items():
        if "pipeline" not in layout and "bfloat16" not in layout:
            assert part["spec"] == of_all, layout


@pytest.mark.parametrize("layout", STEPPING)
def test_a_layer_computes_with_what_was_filled(layout: str, found: list[Found]):
    deviation = 1e-5 if "mixed" not in layout and "bfloat16" not in layout else 0.1
    assert found[0][layout]["output"] == pytest.approx(found[0]["plain"]["output"], abs=deviation)


def test_nothing_is_communicated_and_no_random_state_changes(found: list[Found]):
    for part in (part for process in found for part in process.values()):
        assert part["collectives"] == 0
        assert part["random state is untouched"]


def test_the_layouts_are_those_that_they_are_called(found: list[Found]):
    placements = found[0]["FSDP2 × TP on 4"]["placements"]
    assert placements["up.weight"] == "(_StridedShard(dim=0, sf=2), Shard(dim=0))"
    assert placements["down.weight"] == "(Shard(dim=0), Shard(dim=1))"
    assert found[0]["HSDP on 4"]["placements"]["up.weight"] == "(Replicate(), Shard(dim=0))"
    assert len(found[0]["FSDP2 on 3"]["digests after backward"]) == len(INITS)


def test_torch_gives_another_model_to_other_layouts(found: list[Found]):
    """The proof would prove nothing if it could not fail."""
    models = {part["by torch"].get("up.weight") for part in found[0].values()}
    assert len(models - {None}) > 2
