"""Opening of weights: each kind of source, refusals, light import."""

from __future__ import annotations

import doctest
import json
import math
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import tensorseed
from tensorseed import opening
from tensorseed.weights import spec_reading
from tensorseed.weights.spec_reading import read_spec
from tests.tensorseed.weights.specs import SPEC


def test_a_spec_is_a_dict_a_text_a_path_a_token_or_a_recipe(tmp_path: Path) -> None:
    text, path = json.dumps(SPEC), tmp_path / "spec.json"
    path.write_text(text)
    (tmp_path / "no-suffix").write_text(text)
    expected = tensorseed.open(SPEC)
    for spec in (text, f" {text}", path, str(path), str(tmp_path / "no-suffix"), expected.token):
        assert tensorseed.open(spec).etag == expected.etag
    assert len(tensorseed.open("tensorseed/tiny-llama")) > 10
    assert tensorseed.open(expected) is expected
    assert read_spec(expected)[0] is expected.resolved


def test_the_same_weights_in_another_dtype() -> None:
    weights = tensorseed.open(SPEC)
    for dtype in ("bfloat16", "bf16", torch.bfloat16):
        narrow = tensorseed.open(weights, dtype=dtype)
        assert narrow.etag == tensorseed.open(weights.token, dtype="bfloat16").etag != weights.etag
    recipe = tensorseed.open("tensorseed/tiny-llama@dtype=float16")
    assert tensorseed.open("tensorseed/tiny-llama", dtype=np.float16).etag == recipe.etag
    with pytest.raises(tensorseed.SpecError, match="unknown dtype"):
        tensorseed.open(SPEC, dtype="fp8")
    with pytest.raises(TypeError, match="a dtype is a name, or one of numpy, JAX or torch, and not int"):
        tensorseed.open(SPEC, dtype=3)


def test_a_recipe_has_revisions(client: Any) -> None:
    for revision in ("main", "seed-42", "seed-7,dtype=bfloat16"):
        weights = tensorseed.open(f"tensorseed/tiny-llama@{revision}")
        found = client.get(f"/tensorseed/tiny-llama/resolve/{revision}/model.safetensors")
        assert found.status_code == 200
        expected = safetensors.torch.load(found.content)
        tensors = weights.torch()
        assert tensors.keys() == expected.keys()
        assert all(torch.equal(tensors[name], expected[name]) for name in expected)
    assert tensorseed.open(f"tensorseed/tiny-llama@{found.headers['x-repo-commit']}").etag == weights.etag


def test_an_alias_of_a_recipe_opens_it() -> None:
    assert tensorseed.open("GPT2@seed-7").etag == tensorseed.open("tensorseed/gpt2@seed-7").etag


def test_a_dict_may_hold_values_of_numpy() -> None:
    shape, init = np.array([5, 6, 7]), {"kind": "normal", "std": np.float32(0.5)}
    entry = {"name": "cube", "type": "Tensor", "shape": tuple(shape), "init": init}
    plain = {**entry, "shape": [5, 6, 7], "init": {"kind": "normal", "std": 0.5}}
    expected = tensorseed.open({"seed": 7, "layers": [plain]})
    given = tensorseed.open(MappingProxyType({"seed": np.int64(7), "layers": (MappingProxyType(entry),)}))
    assert given.etag == expected.etag


def test_a_number_that_is_not_finite_is_the_services_fault(client: Any) -> None:
    init = {"kind": "normal", "std": math.nan}
    spec = {"layers": [{"name": "w", "type": "Tensor", "shape": [2], "init": init}]}
    with pytest.raises(tensorseed.SpecError) as raised:
        tensorseed.open(spec)
    answer = client.post("/v1/weights", content=json.dumps(spec).encode()).json()
    assert [vars_of(fault) for fault in raised.value.faults] == answer["errors"]


def vars_of(fault: Any) -> dict[str, str]:
    return {"pointer": fault.pointer, "detail": fault.detail}


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ({"layers": [{"name": "w", "type": "Nonsense"}]}, tensorseed.SpecError, "unknown layer type"),
        ("{", tensorseed.SpecError, "JSON"),
        ("s1.AAAA", tensorseed.UnknownNameError, "token"),
        ("tensorseed/nonsense", tensorseed.UnknownNameError, "no file, no token and no id"),
        ("x" * 5_000, tensorseed.UnknownNameError, "no file, no token and no id"),
        ("tensorseed/tiny-llama@nonsense", tensorseed.UnknownNameError, "no revision 'nonsense'"),
        (["layers"], TypeError, "not list"),
        ("nowhere.json", FileNotFoundError, "nowhere.json"),
    ],
)
def test_what_is_no_spec_is_refused(spec: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        tensorseed.open(spec)


def test_weights_of_a_service_are_those_of_their_token(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tensorseed.open(SPEC)
    monkeypatch.setattr(spec_reading, "LocalWeights", ())  # so that they count as weights from elsewhere
    assert read_spec(weights)[0] == weights.resolved
    weights.etag = '"slice"'
    with pytest.raises(tensorseed.UnrepresentableError, match="a part of a file"):
        read_spec(weights)


def test_using_weights_imports_no_framework_and_no_http() -> None:
    heavy = ["torch", "jax", "httpx", "click", "fastapi", "rich", "matplotlib", "ml_dtypes"]
    opened = (
        "import sys, tensorseed\n"
        "entry = {'name': 'w', 'type': 'Tensor', 'shape': [1 << 20, 1 << 20], 'init': 'normal'}\n"
        "weights = tensorseed.open({'layers': [entry]})\n"
        "weights.plan(), weights.token, weights['w'][5, -3:], weights._repr_html_()"
    )
    code = f"{opened}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "[]\n"


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(opening).attempted > 0
    assert doctest.testmod(opening).failed == 0
