"""Mistakes in requests: read as their one meaning, or with a remedy."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.conftest import Client

QUERY = {"shape": "2,3", "init": "xavier_uniform", "seed": "42"}
SPEC = {
    "seed": 42,
    "layers": [{"name": "weight", "type": "Tensor", "shape": [2, 3], "init": "xavier_uniform"}],
}
LINEAR = {"name": "fc", "type": "Linear", "in_features": 3, "out_features": 2}
LOSS = {"input": [[0.5, 1.0]], "target": [[1.0, 1.0]]}
EVALUATION = {"layers": [LINEAR, {"type": "ReLU"}], "input": {"shape": [4, 3], "init": "normal"}}
FORM, PLAIN = "application/x-www-form-urlencoded", "text/plain;charset=UTF-8"


def file_of(client: Client, **query: str) -> tuple[str, str]:
    """The entity tag and the URL of the file of a query."""
    answer = client.get(f"/v1/weights?{urlencode({**QUERY, **query})}")
    assert answer.status_code == 200, answer.text
    return answer.headers["etag"], answer.headers["content-location"]


@pytest.mark.parametrize(
    "query",
    [
        *({"shape": shape} for shape in ("2x3", "2X3", "2×3", "2*3", "2;3", "2, 3", "2 3", '"2,3"')),
        *({"shape": shape} for shape in ("(2,3)", "[2, 3]", "{2,3}", "torch.Size([2, 3])", " 2,3 ")),
        *({"init": init} for init in ("Xavier_Uniform", "XAVIER_UNIFORM", "XavierUniform", "xavier-uniform")),
        *(
            {"init": init}
            for init in ("xavier_uniform_", "torch.nn.init.xavier_uniform_", "nn.init.xavier_uniform_")
        ),
        *({"init": init} for init in ("glorot_uniform", "GlorotUniform", "'xavier_uniform'")),
        *({"seed": seed} for seed in (" 42", "'42'", '"42"', "042")),
        *({"dtype": dtype} for dtype in ("float32", "fp32", "float", "F32", "f32", "Float32", "single")),
        *({"dtype": dtype} for dtype in ("torch.float32", "torch.float", "np.float32", "jnp.float32")),
        *({"generator": generator} for generator in ("philox", "Philox")),
        *({"gain": gain} for gain in ("1", "1.0", "1.", "+1", " 1", "01", "1_0e-1", "10e-1", "0x1")),
    ],
    ids=lambda query: "=".join(next(iter(query.items()))),
)
def test_a_query_with_one_meaning_has_one_file(client: Client, query: dict[str, str]) -> None:
    assert file_of(client, **query) == file_of(client)


@pytest.mark.parametrize(
    ("dtype", "spellings"),
    [
        ("float64", ("double", "fp64", "F64", "torch.double", "numpy.float64")),
        ("float16", ("half", "fp16", "F16", "torch.half")),
        ("bfloat16", ("bf16", "BF16", "torch.bfloat16", "jax.numpy.bfloat16", "ml_dtypes.bfloat16")),
        ("float8_e4m3fn", ("F8_E4M3", "f8e4m3fn", "e4m3fn", "torch.float8_e4m3fn")),
        ("float8_e5m2", ("F8_E5M2", "f8e5m2", "fp8_e5m2")),
    ],
)
def test_dtypes_of_all_libraries(client: Client, dtype: str, spellings: tuple[str, ...]) -> None:
    assert {file_of(client, dtype=spelled) for spelled in spellings} == {file_of(client, dtype=dtype)}


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ({"shape": "2.0,3"}, "shape", "must be an integer: write 2"),
        ({"shape": "1e3"}, "shape", "must be an integer: write 1000"),
        ({"shape": "1,024"}, "shape", "write 24, or 1024 for 1,024"),
        ({"shape": "2,3x4"}, "shape", "integers with commas between them, such as 256,784"),
        ({"shape": "0x10"}, "shape", "write 16 for one dimension, or 0,10 for two dimensions"),
        ({"shape": "2,,"}, "shape", "integers with commas between them, such as 256,784"),
        ({"shape": "2k"}, "shape", "integers with commas between them, such as 256,784"),
        ({"seed": "1e3"}, "seed", "write 1000"),
        ({"seed": "42.0"}, "seed", "write 42"),
        ({"seed": "-1"}, "seed", "from 0 to 18446744073709551615"),
        ({"seed": "None"}, "seed", "from 0 to 18446744073709551615"),
        ({"gain": "0,5"}, "gain", "gain must be a number: write 0.5"),
        ({"gain": "1/4"}, "gain", "gain must be a number: write 0.25"),
        ({"gain": "5%"}, "gain", "gain must be a number"),
        ({"dtype": "fp8"}, "dtype", "float8_e4m3fn, float8_e5m2"),
        ({"dtype": "int8"}, "dtype", "dtype must be one of float64, float32"),
        ({"device": "tpu"}, "device", "auto, cpu, cuda or cuda:N"),
        ({"generator": "threefry"}, "generator", "philox, torch"),
        ({"init": "kaiming"}, "init", "kaiming_normal"),
        ({"shpae": "2"}, "shpae", "did you mean shape?"),
        ({"Seed": "2"}, "Seed", "did you mean seed?"),
        ({"init": "sinusoidal", "endpoint": "1"}, "endpoint", "true or false: write true"),
    ],
    ids=lambda value: "=".join(next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_a_query_without_one_says_what_to_write(
    client: Client, query: dict[str, str], parameter: str, words: str
) -> None:
    answer = client.get(f"/v1/weights?{urlencode({**QUERY, **query})}")
    problem = answer.json()
    assert (answer.status_code, problem["errors"][0]["parameter"]) == (422, parameter)
    assert words in problem["errors"][0]["detail"]
    assert problem["detail"].startswith(problem["errors"][0]["detail"])


def test_a_misspelled_parameter_is_named_before_those_that_lack(client: Client) -> None:
    problem = client.get("/v1/weights?shpae=2,3").json()
    assert problem["detail"].startswith("unknown parameter: did you mean shape?")


TEXT = json.dumps(SPEC)
BODIES = [
    (TEXT, None),
    (TEXT, "application/json"),
    (TEXT, PLAIN),
    (TEXT, FORM),
    ("\ufeff" + TEXT, PLAIN),
    (quote(TEXT), FORM),
    (urlencode({TEXT: ""}), FORM),
    (urlencode(QUERY), FORM),
    ("shape=2x3&init=Xavier_Uniform&seed=42\n", FORM),
    (json.dumps({**SPEC, "dtype": "torch.float32", "generator": "Philox", "seed": "42"}), None),
    (TEXT.replace("xavier_uniform", "Xavier_Uniform").replace('"Tensor"', '"tensor"'), None),
]


@pytest.mark.parametrize(("body", "media_type"), BODIES)
@pytest.mark.parametrize("path", ["/v1/weights", "/v1/weights/", "/v1/weights/plan", "/v1//weights//plan/"])
def test_every_guise_of_a_spec_has_one_file(
    client: Client, path: str, body: str, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = client.post(path, content=body.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    found = answer.json() if "plan" in path else answer.headers
    where = found["url"] if "plan" in path else found["content-location"]
    assert (found["etag"], where) == file_of(client)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (TEXT.replace('"', "'"), "line 1, column 2: strings have double quotes"),
        (TEXT[:-1] + ",}", "remove it"),
        (TEXT[:-1] + "} // a comment", "JSON has no comments"),
        ("seed: 42\nlayers: []\n", "it is YAML: convert it to JSON"),
        (json.dumps(TEXT), "it was encoded twice, send the object itself"),
        (json.dumps(SPEC["layers"]), 'write {"layers": […]} around this list'),
        ("", "the body is empty"),
        ("spec.json", "write one JSON object"),
        (json.dumps({**SPEC, "seed": 1e3}), "write 1000"),
        (json.dumps({"layers": [{**LINEAR, "in_features": "3"}]}), "write 3 without quotes"),
        (json.dumps({"layers": [{**LINEAR, "in_features": 3.0}]}), "must be an integer: write 3"),
        (json.dumps({"layers": [{**LINEAR, "bias": "False"}]}), "true or false: write false"),
        (TEXT.replace("[2, 3]", '"2x3"'), "shape must be a list: write [2, 3]"),
        (TEXT.replace("[2, 3]", "2"), "shape must be a list: write [2]"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/weights", "/v1/weights/plan"])
def test_another_body_says_what_to_write(client: Client, path: str, body: str, words: str) -> None:
    answer = client.post(path, content=body.encode(), headers={"Content-Type": PLAIN})
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("media_type", [None, PLAIN, FORM, "application/json"])
@pytest.mark.parametrize(
    ("path", "document"),
    [("/v1/losses/mse_loss", LOSS), ("/v1/losses/mse_loss/", LOSS), ("/v1/evaluations", EVALUATION)],
)
def test_every_post_takes_a_string_from_a_browser(
    client: Client, path: str, document: Any, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    assert client.post(path, content=json.dumps(document).encode(), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "torch.float64", "device": "CPU", "generator": "Philox"},
        {"layers": [{**LINEAR, "type": "nn.Linear"}, {"type": "relu"}]},
        {"input": {"shape": [4, 3], "init": "Normal_"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_evaluation_takes_them_too(client: Client, change: dict[str, Any]) -> None:
    plain = {**EVALUATION, "device": "cpu", **({"dtype": "float64"} if "dtype" in change else {})}
    first, second = (client.post("/v1/evaluations", json=one) for one in (plain, {**plain, **change}))
    assert first.status_code == second.status_code == 200, second.text
    assert first.json() == second.json()


def test_a_loss_takes_them_too(client: Client) -> None:
    spelled = client.post("/v1/losses/mse_loss", json={**LOSS, "dtype": "double", "device": "CPU"})
    assert spelled.json() == client.post("/v1/losses/mse_loss", json={**LOSS, "dtype": "float64"}).json()


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v1/weight", 404, "did you mean /v1/weights?"),
        ("GET", "/weights", 404, "did you mean /v1/weights?"),
        ("GET", "/V1/Weights", 404, "did you mean /v1/weights?"),
        ("POST", "/v1/evaluation", 404, "did you mean /v1/evaluations?"),
        ("GET", "/v1/nothing", 404, "/docs lists those there are"),
        ("PUT", "/v1/weights", 405, "this path has the methods"),
    ],
)
def test_another_path_or_method_says_what_to_write(
    client: Client, method: str, path: str, status: int, words: str
) -> None:
    answer = client.request(method, path, content=b"")
    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        *("/healthz/", "/readyz/", "/v1/losses/", "/v1//schemes", "/v1/losses/mse_loss/"),
        *("/docs//", "/openapi.json/", "/metrics/", "/api/models/", "/api//models"),
    ],
)
def test_surplus_slashes_do_not_count(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_slashes_of_a_name_count(client: Client) -> None:
    url = client.get("/v1/weights?shape=2&init=zeros&name=a//b/").headers["content-location"]
    assert client.get(f"{url}/tensors/a//b/").status_code == 200
    assert client.get(f"{url}/tensors/a//b").status_code == 404


def test_an_accept_field_that_refuses_everything(client: Client) -> None:
    answer = client.get("/v1/weights?shape=2&init=zeros", headers={"Accept": "*/*;q=0"})
    assert answer.status_code == 406
    assert "application/octet-stream or application/json" in answer.json()["detail"]


def test_the_dtype_of_a_token(client: Client) -> None:
    _, url = file_of(client)
    assert client.head(f"{url}?dtype=torch.half").headers["etag"] == file_of(client, dtype="float16")[0]
