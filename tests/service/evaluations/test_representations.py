"""Representations of an evaluation: selection by Accept, and content."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from service.evaluations.representations import Content, content_of, form_of
from service.http.negotiation import JSON, OCTETS
from service.http.pictures import PNG, SVG
from tensorseed.errors import UnrepresentableError
from tensorseed.evaluations.report import Comparison, Output
from tensorseed.spec.json.values import spell_nonfinite
from tests.tensorseed.evaluations.plots.reports import INF, NAN, report


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("image/*", SVG),
        ("image/png, image/svg+xml;q=0.5", PNG),
        ("text/html, image/svg+xml", SVG),
        ("application/octet-stream, application/json;q=0.1", JSON),
    ],
)
def test_a_report_has_the_form_that_is_preferred(accept: str, form: str) -> None:
    assert form_of(accept, weights=False) == form


@pytest.mark.parametrize("accept", ["", "*/*", "application/octet-stream", "application/*"])
def test_weights_have_one_form(accept: str) -> None:
    assert form_of(accept, weights=True) == OCTETS


@pytest.mark.parametrize(
    ("accept", "weights", "remedy"),
    [
        ("text/html", False, "accept one of them"),
        ("application/octet-stream", False, "set return_weights"),
        ("image/svg+xml", True, "leave return_weights out"),
        ("application/json", True, "holds the report too"),
    ],
)
def test_what_there_is_not_is_refused_with_the_remedy(accept: str, weights: bool, remedy: str) -> None:
    with pytest.raises(UnrepresentableError, match=remedy):
        form_of(accept, weights=weights)


def test_numbers_that_json_lacks_are_words() -> None:
    value = {"a": [1.5, NAN, (INF, -INF)], "b": None, "c": 3, "d": "NaN", "e": True}
    assert spell_nonfinite(value) == {
        "a": [1.5, "NaN", ["Infinity", "-Infinity"]],
        "b": None,
        "c": 3,
        "d": "NaN",
        "e": True,
    }


def whole(content: Content) -> bytes:
    async def collect() -> bytes:
        return b"".join([bytes(piece) async for piece in content.stream()])

    return asyncio.run(collect())


def test_the_json_is_the_report() -> None:
    answer = report(losses=(2.0, INF), output=Output(shape=(2,), mean=NAN, std=1.0, data=[0.1, -INF]))
    document = json.loads(whole(content_of(answer, JSON)))
    assert set(document) == set(type(answer).model_fields) - {"weights"}
    assert document["steps"] == ["Infinity"]
    assert document["output"] == {"shape": [2], "mean": "NaN", "std": 1.0, "data": [0.1, "-Infinity"]}
    assert [layer["name"] for layer in document["layers"]] == ["fc1", "1.ReLU", "fc2"]


def test_variants_stand_side_by_side() -> None:
    answer = Comparison(reports=(report("a"), report("b")))
    document = json.loads(whole(content_of(answer, JSON)))
    assert [one["label"] for one in document["reports"]] == ["a", "b"]


@pytest.mark.parametrize(("form", "begin"), [(SVG, b"<?xml"), (PNG, b"\x89PNG")])
def test_a_picture_can_do_nothing_in_a_browser(form: str, begin: bytes) -> None:
    content = content_of(report(), form)
    assert whole(content).startswith(begin)
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    if form == SVG:
        assert "default-src 'none'" in content.headers["Content-Security-Policy"]


def states() -> list[dict[str, Any]]:
    return [
        {"fc.weight": torch.full((300, 1_000), value), "n.num_batches_tracked": torch.tensor(3)}
        for value in (0.5, 0.25)
    ]


def test_weights_are_a_safetensors_file_with_the_report(tmp_path: Any) -> None:
    (state, _) = states()
    content = content_of(report(weights=state), OCTETS)
    body = whole(content)
    assert len(body) == content.size
    path = tmp_path / "w.safetensors"
    path.write_bytes(body)
    loaded = safetensors.torch.load_file(path)
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt"
    assert json.loads(metadata["report"]) == json.loads(whole(content_of(report(), JSON)))


def test_weights_of_variants_have_their_labels() -> None:
    first, second = states()
    answer = Comparison(reports=(report("a", weights=first), report("b", weights=second)))
    loaded = safetensors.torch.load(whole(content_of(answer, OCTETS)))
    assert set(loaded) == {f"{label}.{name}" for label in "ab" for name in first}
    assert torch.equal(loaded["b.fc.weight"], second["fc.weight"])
