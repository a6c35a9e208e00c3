"""Opening of weights: each kind of source, refusals, light import."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tensorseed
from tensorseed import opening
from tests.tensorseed.weights.specs import SPEC


def test_a_spec_is_a_dict_a_text_a_path_a_token_or_a_recipe(tmp_path: Path) -> None:
    text, path = json.dumps(SPEC), tmp_path / "spec.json"
    path.write_text(text)
    (tmp_path / "no-suffix").write_text(text)
    expected = tensorseed.open(SPEC)
    for spec in (text, f" {text}", path, str(path), str(tmp_path / "no-suffix"), expected.token):
        assert tensorseed.open(spec).etag == expected.etag
    assert len(tensorseed.open("tensorseed/tiny-llama")) > 10


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ({"layers": [{"name": "w", "type": "Nonsense"}]}, tensorseed.SpecError, "unknown layer type"),
        ("{", tensorseed.SpecError, "JSON"),
        ("s1.AAAA", tensorseed.UnknownNameError, "token"),
        ("tensorseed/nonsense", tensorseed.UnknownNameError, "no file, no token and no id"),
        ("x" * 5_000, tensorseed.UnknownNameError, "no file, no token and no id"),
        ("nowhere.json", FileNotFoundError, "nowhere.json"),
    ],
)
def test_what_is_no_spec_is_refused(spec: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        tensorseed.open(spec)


def test_opening_a_spec_imports_no_torch_and_no_http() -> None:
    heavy = ["torch", "jax", "httpx", "click", "fastapi", "rich"]
    opened = "import sys, tensorseed; tensorseed.open({'layers': []})"
    code = f"{opened}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "[]\n"


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(opening).attempted > 0
    assert doctest.testmod(opening).failed == 0
