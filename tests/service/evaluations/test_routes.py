"""Evaluations over HTTP: representations, refusals and disconnects."""

from __future__ import annotations

import copy
import http.client
import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
import safetensors.torch
import torch
import uvicorn
from fastapi import FastAPI

from service.evaluations import routes as evaluations
from service.server.app import create_app
from service.settings import Settings
from tensorseed.evaluations import encode_evaluation, read_evaluation
from tensorseed.evaluations.report import Report
from tensorseed.spec.limits import Limits
from tests.service.server.test_app import wait_until
from tests.waiting import PATIENCE

Start = Callable[[FastAPI], AbstractContextManager[Any]]

MLP: dict[str, Any] = {
    "seed": 3,
    "layers": [
        {
            "name": "fc1",
            "type": "Linear",
            "in_features": 12,
            "out_features": 16,
            "init": {"weight": "kaiming_normal"},
        },
        {"type": "ReLU"},
        {"type": "Dropout", "p": 0.25},
        {"name": "fc2", "type": "Linear", "in_features": 16, "out_features": 5},
    ],
    "input": {"shape": [32, 12], "init": "normal"},
    "target": {"classes": 5},
    "loss": "cross_entropy",
    "optimizer": {"kind": "SGD", "lr": 0.1, "momentum": 0.9},
    "steps": 5,
}
VARIANTS = [
    {"label": "zeros", "init": {"weight": "zeros"}},
    {"label": "xavier", "init": {"weight": "xavier_uniform"}},
]
HEAVY = {
    **MLP,
    "layers": [{"name": "fc{1..4}", "type": "Linear", "in_features": 1_024, "out_features": 1_024}],
    "input": {"shape": [512, 1_024], "init": "normal"},
    "target": {"classes": 1_024},
    "steps": 10_000,
}


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """The network with one thing in another way."""
    document = copy.deepcopy(MLP)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = to
    return document


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in MLP.items() if key != name}


def ask(client: Any, document: Any, accept: str = "*/*") -> httpx.Response:
    return client.post("/v1/evaluations", json=document, headers={"Accept": accept})


def test_the_answer_is_the_report(client: Any) -> None:
    response = ask(client, MLP)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept"
    report = response.json()
    assert set(report) == set(Report.model_fields) - {"weights"}
    assert [layer["type"] for layer in report["layers"]] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert report["output"]["shape"] == [32, 5]
    assert report["expected_loss"]["value"] == pytest.approx(math.log(5))
    assert len(report["steps"]) == len(report["smoothed"]) == 5
    assert report["steps"][-1] < report["loss"]


def test_the_same_request_has_the_same_answer(client: Any) -> None:
    first = ask(client, MLP)
    assert ask(client, MLP).content == first.content
    assert ask(client, {**MLP, "seed": 4}).json()["loss"] != first.json()["loss"]


def test_numbers_that_json_lacks_are_words(client: Any) -> None:
    document = {**MLP, "optimizer": {"kind": "SGD", "lr": 1e30}}
    report = ask(client, document).json()
    assert set(report["steps"][1:]) & {"NaN", "Infinity"}
    assert any(warning["code"] == "non_finite" for warning in report["warnings"])


def test_data_may_hold_them_too(client: Any) -> None:
    document = {**without("loss"), "input": {"data": [[1.5] * 11 + ["NaN"], [0] * 11 + ["-Infinity"]]}}
    document = {key: value for key, value in document.items() if key not in {"target", "optimizer", "steps"}}
    report = ask(client, document).json()
    assert report["output"]["mean"] == "NaN"
    assert report["loss"] is None


def test_variants_are_answered_side_by_side(client: Any) -> None:
    reports = ask(client, {**MLP, "compare": VARIANTS}).json()["reports"]
    assert [report["label"] for report in reports] == ["zeros", "xavier"]
    assert "symmetric_neurons" in {warning["code"] for warning in reports[0]["warnings"]}
    assert "symmetric_neurons" not in {warning["code"] for warning in reports[1]["warnings"]}


@pytest.mark.parametrize(
    ("accept", "media_type", "begin"),
    [("image/svg+xml", "image/svg+xml", b"<?xml"), ("image/png", "image/png", b"\x89PNG")],
)
def test_the_picture(client: Any, accept: str, media_type: str, begin: bytes) -> None:
    response = ask(client, {**MLP, "compare": VARIANTS}, accept)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == media_type
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.content.startswith(begin)
    assert response.content == ask(client, {**MLP, "compare": VARIANTS}, accept).content
    if accept == "image/svg+xml":
        assert "sandbox" in response.headers["content-security-policy"]
        assert b">xavier: " in response.content


def test_a_calibration_names_the_file_of_its_spec(client: Any) -> None:
    document = {**MLP, "steps": 0, "calibrate": "lsuv"}
    found = ask(client, document).json()["calibration"]
    assert [layer["name"] for layer in found["layers"]] == ["fc1", "fc2"]
    plan = client.post("/v1/weights/plan", json=found["spec"]).json()
    assert (plan["token"], plan["url"], plan["etag"]) == (found["token"], found["url"], found["etag"])
    assert plan["recipe"] == found["spec"]
    file = client.get(found["url"])
    assert file.headers["etag"] == found["etag"]
    weights = safetensors.torch.load(ask(client, {**document, "return_weights": True}).content)
    expected = safetensors.torch.load(file.content)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_without_a_step_the_weights_are_those_of_the_spec(client: Any) -> None:
    response = ask(client, {**MLP, "steps": 0, "return_weights": True})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/octet-stream"
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["content-disposition"].endswith('.safetensors"')
    layers = [layer for layer in MLP["layers"] if "name" in layer]
    spec = client.post("/v1/weights", json={"seed": 3, "layers": layers})
    expected, found = safetensors.torch.load(spec.content), safetensors.torch.load(response.content)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def header(body: bytes) -> dict[str, Any]:
    return json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])


def test_the_weights_file_holds_the_report(client: Any) -> None:
    response = ask(client, {**MLP, "compare": VARIANTS, "return_weights": True}, "application/octet-stream")
    document = header(response.content)
    report = json.loads(document["__metadata__"]["report"])
    assert report == ask(client, {**MLP, "compare": VARIANTS}).json()
    names = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")
    assert set(document) == {
        "__metadata__",
        *(f"{label}.{n}" for label in ("zeros", "xavier") for n in names),
    }


def test_labels_that_could_make_two_tensors_one_name_are_refused(client: Any) -> None:
    compare = [{"label": "a"}, {"label": "a.fc1", "seed": 5}]
    assert ask(client, {**MLP, "compare": compare}).status_code == 200
    response = ask(client, {**MLP, "compare": compare, "return_weights": True})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/compare/1"


@pytest.mark.parametrize(
    ("accept", "weights", "remedy"),
    [
        ("text/html", False, "accept one of them"),
        ("application/octet-stream", False, "set return_weights"),
        ("image/png", True, "leave return_weights out"),
    ],
)
def test_a_form_that_there_is_not_is_refused_before_anything_is_computed(
    client: Any, monkeypatch: pytest.MonkeyPatch, accept: str, weights: bool, remedy: str
) -> None:
    monkeypatch.setattr(evaluations, "evaluate", None)
    response = ask(client, {**MLP, "return_weights": weights}, accept)
    assert response.status_code == 406
    assert response.headers["vary"] == "Accept"
    assert remedy in response.json()["detail"]


WIDE = [
    {**MLP["layers"][0], "out_features": 500_000},
    *MLP["layers"][1:3],
    {**MLP["layers"][3], "in_features": 500_000},
]


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        (changed("layers", 3, "in_features", to=17), "/layers/3", ("fc2", "16", "17")),
        (changed("input", "shape", to=[32, 13]), "/layers/0", ("fc1", "12", "13")),
        (changed("layers", 1, to={"type": "Sigmoids"}), "/layers/1/type", ("did you mean Sigmoid?",)),
        (changed("layers", 2, "p", to=1.5), "/layers/2/p", ("p",)),
        (changed("layers", 2, "q", to=1.5), "/layers/2/q", ("inplace",)),
        (changed("target", to={"data": [5] * 32}), "/target/data", ("5",)),
        (changed("target", to={"data": [0] * 31}), "/target", ("31", "32")),
        (changed("target", to=None), "/target", ("target",)),
        (without("target"), "", ("target",)),
        (without("input"), "/input", ("input",)),
        (without("layers"), "/layers", ("layers",)),
        (changed("layers", to=[]), "/layers", ("layer",)),
        (changed("input", to={"data": [[1.0] * 12, [1.0] * 11]}), "/input/data/1", ("11", "12")),
        (changed("input", to={"data": [["x"] * 12]}), "/input/data/0/0", ("NaN",)),
        (changed("input", to={"shape": [32, 12], "init": "norml"}), "/input/init", ("did you mean normal",)),
        (changed("loss", to="cross_entropi"), "/loss", ("cross_entropy",)),
        (changed("loss", to={"kind": "cross_entropy", "smooth": 1}), "/loss/smooth", ("smooth",)),
        (changed("optimizer", to="SDG"), "/optimizer", ("SGD",)),
        (changed("optimizer", "lr", to=-1.0), "/optimizer/lr", ("lr",)),
        (changed("optimizer", "beta", to=1), "/optimizer/beta", ("momentum",)),
        (without("optimizer"), "/optimizer", ("optimizer",)),
        (changed("steps", to=-1), "/steps", ("steps",)),
        (changed("steps", to="5"), "/steps", ("steps",)),
        (changed("smoothing", to=2), "/smoothing", ("less than 1",)),
        (changed("training", to=1), "/training", ("training",)),
        (changed("colour", to=1), "/colour", ("compare",)),
        (changed("dtype", to="float8_e5m2"), "/dtype", ("float32",)),
        (changed("compare", to=[{"label": "a"}, {"label": "a"}]), "/compare/1/label", ("a",)),
        (
            changed("compare", to=[{"init": {"wight": "zeros"}}]),
            "/compare/0/init/wight",
            ("did you mean weight",),
        ),
        (changed("compare", to=[{"seed": i} for i in range(17)]), "/compare", ("16", "17")),
        (changed("compare", to=5), "/compare", ("compare",)),
    ],
)
def test_bad_input_is_told_with_its_place_before_anything_is_computed(
    client: Any, monkeypatch: pytest.MonkeyPatch, document: Any, pointer: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(evaluations, "evaluate", None)
    response = ask(client, document)
    assert response.status_code == 422, response.text
    faults = response.json()["errors"]
    fault = next((fault for fault in faults if fault["pointer"].startswith(pointer)), None)
    assert fault is not None, faults
    for word in words:
        assert word in fault["detail"]


@pytest.mark.parametrize(
    ("target", "words"),
    [({"data": [[1.5, 0.5]]}, ("1.5",)), ({"data": [[0.5]]}, ("(1, 2)", "(1, 1)"))],
)
def test_a_target_that_the_loss_cannot_take(client: Any, target: Any, words: tuple[str, ...]) -> None:
    layers = [{"name": "fc", "type": "Linear", "in_features": 1, "out_features": 2}, {"type": "Sigmoid"}]
    document = {
        "layers": layers,
        "input": {"data": [[1.0]]},
        "target": target,
        "loss": "binary_cross_entropy",
    }
    response = ask(client, document)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"].startswith("/target")
    assert all(word in response.json()["errors"][0]["detail"] for word in words)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (changed("steps", to=10_001), "steps"),
        (changed("input", "shape", to=[10_000_000, 12]), "activations"),
        (changed("layers", 0, to={**MLP["layers"][0], "out_features": 1 << 24}), "parameters"),
        (changed("layers", 0, "name", to="fc{1..2000}"), "1,024"),
        (changed("compare", to=[{"seed": i} for i in range(16)]) | {"layers": WIDE}, "parameters"),
    ],
)
def test_what_is_too_large_is_told_with_the_bound(
    client: Any, monkeypatch: pytest.MonkeyPatch, document: Any, word: str
) -> None:
    monkeypatch.setattr(evaluations, "evaluate", None)
    response = ask(client, document)
    assert response.status_code == 413, response.text
    assert word in response.text


def test_an_evaluation_ends_when_its_time_is_over(start: Start) -> None:
    app = create_app(Settings.model_construct(threads=2, kernel_cache=None, evaluation_seconds=0.2))
    with start(app) as client:
        response = ask(client, {**MLP, "steps": 10_000})
    assert response.status_code == 413
    assert "evaluation_seconds" in response.json()["detail"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"content": b"{"}, 422),
        ({"content": b""}, 422),
        ({"content": b"[]"}, 422),
        ({"content": b"5"}, 422),
        ({"content": b"{}", "headers": {"Content-Type": "application/octet-stream"}}, 415),
        ({"json": MLP, "params": {"seed": 1}}, 422),
    ],
)
def test_a_request_that_is_no_evaluation(client: Any, arguments: dict[str, Any], status: int) -> None:
    response = client.post("/v1/evaluations", **arguments)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_body_over_the_limit_is_refused(start: Start) -> None:
    app = create_app(Settings.model_construct(threads=2, kernel_cache=None, body_bytes=1_024))
    with start(app) as client:
        assert ask(client, {**MLP, "input": {"data": [[1.5] * 1_000]}}).status_code == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_other_methods_are_not_there(client: Any, method: str) -> None:
    response = client.request(method, "/v1/evaluations")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_a_service_that_stops_says_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorseed.concurrency.cancellation import ComputationCancelledError

    def cancelled(*_: Any) -> None:
        raise ComputationCancelledError

    monkeypatch.setattr(evaluations, "evaluate", cancelled)
    with start(create_app(Settings.model_construct(threads=2, kernel_cache=None))) as client:
        response = ask(client, MLP)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


@pytest.fixture
def server() -> Iterator[tuple[FastAPI, int]]:
    """A real server with one thread for evaluations, and its port."""
    app = create_app(Settings.model_construct(threads=2))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, loop="uvloop", http="httptools", ws="none", log_level="critical")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listener],), daemon=True)
        thread.start()
        wait_until(lambda: running.started)
        yield app, listener.getsockname()[1]
        running.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_an_evaluation_ends_when_its_client_leaves(
    server: tuple[FastAPI, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a token. A second one, which waits for the same thread, is never begun; a third is answered."""
    app, port = server
    begun, ended = [], []
    evaluate = evaluations.evaluate

    def watched(evaluation: Any, cancelled: Callable[[], bool]) -> Any:
        begun.append(evaluation)
        try:
            return evaluate(evaluation, cancelled)
        except Exception as error:
            ended.append(type(error).__name__)
            raise

    monkeypatch.setattr(evaluations, "evaluate", watched)
    pool = app.state.worker.pools.evaluations
    first, second, third = (http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(3))
    token = encode_evaluation(read_evaluation(json.dumps(HEAVY).encode(), Limits()))
    first.request("GET", f"/v1/evaluations/{token}")
    wait_until(lambda: len(begun) == 1)
    second.request("POST", "/v1/evaluations", json.dumps(HEAVY))
    wait_until(lambda: pool.waiting == 1)
    second.close()
    wait_until(lambda: pool.waiting == 0)
    first.close()
    wait_until(lambda: bool(ended))
    third.request("POST", "/v1/evaluations", json.dumps(MLP))
    assert third.getresponse().status == 200
    third.close()
    assert ended == ["ComputationCancelledError"]
    assert len(begun) == 2
