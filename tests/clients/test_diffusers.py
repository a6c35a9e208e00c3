"""diffusers: pipelines load from nothing but an address, and run."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.clients.clients import Python, python_of
from tests.clients.conftest import VERSIONS
from tests.clients.wire import Wire

pytestmark = pytest.mark.skipif(find_spec("diffusers") is None, reason="diffusers is not installed")


@pytest.fixture(scope="module")
def client(passing: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """A process that has diffusers."""
    client = Python(python_of(VERSIONS[0]), passing.url, tmp_path_factory.mktemp("home"))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("repo", "kind"),
    [
        ("tensorseed/tiny-stable-diffusion", "StableDiffusionPipeline"),
        ("tensorseed/tiny-flux", "FluxPipeline"),
    ],
)
def test_a_pipeline_loads_and_runs_a_step(client: Python, wire: Wire, repo: str, kind: str) -> None:
    found = client("programs:painted", repo, "seed-42")
    assert (found["kind"], found["shape"]) == (kind, [1, 16, 16, 3])
    assert found["finite"]
    assert found["varied"]
    paths = {seen.path for seen in wire.asked("GET", ".safetensors")}
    assert any(path.endswith("/vae/diffusion_pytorch_model.safetensors") for path in paths)
    assert any(path.endswith("/text_encoder/model.safetensors") for path in paths)
    assert client("programs:painted", repo, "seed-43")["state"] != found["state"]
    assert (
        client(
            "programs:painted",
            repo,
            "seed-42",
        )["state"]
        == found["state"]
    )
