"""One tensor in numpy's format."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest

import tensorseed

NPY = {"Accept": "application/x-npy"}
LAYERS = [
    {"name": "a", "type": "Tensor", "shape": [5, 3], "init": "normal"},
    {"name": "b", "type": "Tensor", "shape": [4], "init": "uniform", "dtype": "bfloat16"},
]


@pytest.fixture(scope="module")
def url(client: Any) -> str:
    return str(client.post("/v1/weights/plan", json={"seed": 3, "layers": LAYERS}).json()["url"])


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("float64", [2, 3]), ("float32", []), ("float16", [0, 3]), ("int64", [7]), ("float32", [1, 2, 3, 4, 5])],
)
def test_numpy_loads_a_tensor(client: Any, dtype: str, shape: list[int]) -> None:
    init = "ones" if dtype == "int64" else "normal"
    spec = {"layers": [{"name": "w", "type": "Tensor", "shape": shape, "init": init, "dtype": dtype}]}
    answer = client.post("/v1/weights", json=spec, headers=NPY)
    assert answer.headers["Content-Type"] == "application/x-npy"
    assert answer.headers["Content-Disposition"].endswith('.npy"')
    found = np.load(BytesIO(answer.content))
    expected = tensorseed.open(spec)["w"][...]
    assert (found.dtype, found.shape) == (np.dtype(dtype), tuple(shape))
    assert found.tobytes() == np.asarray(expected).tobytes()
    saved = BytesIO()
    np.save(saved, found)
    assert saved.getvalue() == answer.content


def test_a_slice_and_another_dtype(client: Any, url: str) -> None:
    whole = np.load(BytesIO(client.get(f"{url}/tensors/a", headers=NPY).content))
    part = np.load(BytesIO(client.get(f"{url}/tensors/a?slice=1:3,:2", headers=NPY).content))
    assert (part == whole[1:3, :2]).all()
    wide = np.load(BytesIO(client.get(f"{url}/tensors/b?dtype=float32", headers=NPY).content))
    assert wide.dtype == np.float32


def test_ranges_and_entity_tags(client: Any, url: str) -> None:
    whole = client.get(f"{url}/tensors/a", headers=NPY)
    plain = client.get(f"{url}/tensors/a")
    tag = whole.headers["ETag"]
    assert tag != plain.headers["ETag"]
    assert whole.headers["Vary"] == "Accept"
    part = client.get(f"{url}/tensors/a", headers={**NPY, "Range": "bytes=3-70", "If-Range": tag})
    assert (part.status_code, part.content) == (206, whole.content[3:71])
    assert client.get(f"{url}/tensors/a", headers={**NPY, "If-None-Match": tag}).status_code == 304
    assert client.get(f"{url}/tensors/a", headers={"If-None-Match": tag}).status_code == 200
    other = client.get("/v1/weights?shape=5,3&init=normal&seed=4", headers=NPY)
    assert (
        other.headers["ETag"] != client.get("/v1/weights?shape=5,3&init=normal", headers=NPY).headers["ETag"]
    )


@pytest.mark.parametrize("path", ["", "/tensors/b"])
def test_what_numpy_cannot_hold_is_not_acceptable(client: Any, url: str, path: str) -> None:
    answer = client.get(f"{url}{path}", headers=NPY)
    assert answer.status_code == 406
    assert re.search("one tensor of float64, .*, bool as application/x-npy", answer.json()["detail"])
    both = client.get(f"{url}{path}", headers={"Accept": "application/x-npy, application/octet-stream;q=0.1"})
    assert both.headers["Content-Type"] == "application/octet-stream"


def test_a_query_names_the_format(client: Any, url: str) -> None:
    path = f"{url}/tensors/a"
    expected = client.get(path, headers=NPY)
    json_too = {"Accept": "application/json"}
    for spelled in ("npy", ".NPY"):
        found = client.get(f"{path}?format={spelled}", headers=json_too)
        assert (found.content, found.headers["ETag"]) == (expected.content, expected.headers["ETag"])
        assert "Vary" not in found.headers
    assert client.head(f"{path}?format=npy").headers["Content-Length"] == str(len(expected.content))
    assert client.get(f"{path}?format=json").json() == client.get(path, headers=json_too).json()
    assert client.get(f"{path}?format=safetensors", headers=NPY).content == client.get(path).content
    query = "/v1/weights?shape=5,3&init=normal&name=a&seed=3"
    by_query = client.get(f"{query}&format=npy")
    assert by_query.content == client.get(query, headers=NPY).content
    again = client.get(by_query.headers["Content-Location"])
    assert (again.content, again.headers["ETag"]) == (by_query.content, by_query.headers["ETag"])


def test_a_format_that_is_none_or_does_not_fit(client: Any, url: str) -> None:
    answer = client.get(f"{url}?format=numpy")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "format")
    assert "did you mean npy?" in answer.json()["detail"]
    answer = client.get(f"{url}?format=npy")
    assert (answer.status_code, "or name it as format" in answer.json()["detail"]) == (406, True)


def test_the_torch_generator_has_it_too(client: Any) -> None:
    query = "/v1/weights?shape=3&init=normal&generator=torch"
    found = np.load(BytesIO(client.get(query, headers=NPY).content))
    numbers = client.get(query, headers={"Accept": "application/json"}).json()
    assert found.tolist() == numbers["tensors"]["weight"]["data"]
