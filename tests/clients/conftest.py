"""A server with recipes, a proxy in front of it, and its clients."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clients.clients import Python, python_of
from tests.clients.wire import Wire
from tests.serving import served
from tests.tensorseed.checkpoints.recipes import published_bert
from tests.waiting import PATIENCE

VERSIONS = ("2.4.0", "0.36.2")  # of huggingface_hub
TINY = "tensorseed/tiny-llama"
SHARDED = "tensorseed/tiny-llama-sharded"
LARGE = "tensorseed/llama-3-70b"
LONG = "proof/long"  # a recipe of these tests: one file of 64 MiB, and one in a folder
PUBLISHED_BERT = "proof/bert"  # tiny-bert by the names of its first published files
CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"

RECIPE = {
    "id": LONG,
    "config": {"model_type": "proof"},
    "files": {"notes/plain.txt": "some text\n"},
    "weights": {"layers": [{"name": "w", "type": "Tensor", "shape": [1 << 24], "init": "normal"}]},
}


class Answer(NamedTuple):
    """What a plain request was answered."""

    status: int
    headers: dict[str, str]  # names in small letters
    body: bytes


def read(port: int, target: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """The answer to one request, of nobody's client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    fields = {name.lower(): value for name, value in answer.getheaders()}
    found = Answer(answer.status, fields, answer.read())
    connection.close()
    return found


@pytest.fixture(scope="session")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two recipes beside those that come with the service."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "long.json").write_text(json.dumps(RECIPE))
    (folder / "bert.json").write_text(json.dumps(published_bert(PUBLISHED_BERT)))
    return folder


@pytest.fixture(scope="session")
def port(recipes: Path) -> Iterator[int]:
    """The port of a server as a user starts it."""
    with served("--recipes", str(recipes)) as (_, port):
        yield port


@pytest.fixture(scope="session")
def passing(port: int) -> Iterator[Wire]:
    """What passes every client's connections on to it."""
    wire = Wire(port)
    yield wire
    wire.close()


@pytest.fixture
def wire(passing: Wire) -> Wire:
    """The same, in its first state."""
    passing.clear()
    return passing


@pytest.fixture(scope="session", params=VERSIONS)
def hub(
    request: pytest.FixtureRequest, passing: Wire, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Python]:
    """huggingface_hub of each version, with HF_ENDPOINT set to the wire."""
    client = Python(python_of(request.param), passing.url, tmp_path_factory.mktemp("home"))
    yield client
    client.close()
