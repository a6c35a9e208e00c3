"""Losses over HTTP: torch's numbers, and faults with pointers."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.losses.schemas import CatalogLoss, LossAnswer
from service.server.app import create_app
from service.settings import Settings
from tensorseed.losses import LOSSES

OCTETS = {"Content-Type": "application/octet-stream"}
AS_FILE = {"Accept": "application/octet-stream"}
AS_JSON = {"Accept": "application/json"}
LOGITS = [[1.0, 2.0, 0.5], [0.25, -1.5, 3.0]]


def ask(client: Any, name: str, document: dict[str, Any], **headers: str) -> httpx.Response:
    return client.post(f"/v1/losses/{name}", json=document, headers=headers)


def send(client: Any, name: str, tensors: dict[str, Any], query: str = "", **headers: str) -> httpx.Response:
    body = safetensors.torch.save({key: torch.as_tensor(value) for key, value in tensors.items()})
    return client.post(f"/v1/losses/{name}?{query}", content=body, headers={**OCTETS, **headers})


def faults(response: httpx.Response, kind: str = "invalid-loss") -> list[tuple[str, str]]:
    """Where the faults of a refused request are, and what they say."""
    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["type"] == f"urn:tensorseed:problem:{kind}"
    return [(fault.get("pointer", fault.get("parameter")), fault["detail"]) for fault in problem["errors"]]


class TestCatalog:
    def test_all_losses_are_there(self, client: Any) -> None:
        rows = client.get("/v1/losses").json()
        assert [row["kind"] for row in rows] == list(LOSSES)
        for row in rows:
            CatalogLoss.model_validate(row)

    @pytest.mark.parametrize("name", LOSSES)
    def test_one_loss_is_its_row(self, client: Any, name: str) -> None:
        rows = {row["kind"]: row for row in client.get("/v1/losses").json()}
        assert client.get(f"/v1/losses/{name}").json() == rows[name]

    @pytest.mark.parametrize("path", ["/v1/losses", "/v1/losses/mse_loss"])
    def test_head_equals_get(self, client: Any, path: str) -> None:
        head, get = client.head(path), client.get(path)
        assert (head.status_code, get.status_code) == (200, 200)
        for answer in (head, get):
            del answer.headers["x-request-id"]
        assert dict(head.headers) == dict(get.headers)

    @pytest.mark.parametrize("path", ["/v1/losses?x=1", "/v1/losses/mse_loss?x=1"])
    def test_there_is_no_query(self, client: Any, path: str) -> None:
        assert faults(client.get(path), "invalid-query")[0][0] == "x"

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_an_unknown_name_is_told_a_near_one(self, client: Any, method: str) -> None:
        response = client.request(method, "/v1/losses/cross_entrpy")
        assert response.status_code == 404
        assert "did you mean cross_entropy?" in response.json()["detail"]


class TestJson:
    def test_the_answer_of_the_documentation(self, client: Any) -> None:
        document = {"input": LOGITS[:1], "target": [1], "label_smoothing": 0.1, "gradients": ["input"]}
        answer = ask(client, "cross_entropy", {**document, "reduction": "mean"})
        logits = torch.tensor(LOGITS[:1], requires_grad=True)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([1]), label_smoothing=0.1)
        loss.backward()
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["vary"] == "Accept"
        assert answer.json() == {
            "loss": loss.item(),
            "denominator": 1.0,
            "reduction": "mean",
            "dtype": "float32",
            "device": "cpu",
            "gradients": {"input": logits.grad.tolist()},
            "notes": [],
        }
        LossAnswer.model_validate(answer.json())

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
    def test_numbers_are_exact(self, client: Any, dtype: str) -> None:
        document = {"input": LOGITS, "target": [[0.1] * 3] * 2, "reduction": "none", "dtype": dtype}
        answer = ask(client, "mse_loss", document).json()
        one, other = (torch.tensor(document[key], dtype=getattr(torch, dtype)) for key in ("input", "target"))
        expected = torch.nn.functional.mse_loss(one, other, reduction="none")
        assert answer["loss"] == expected.double().tolist()
        assert (answer["denominator"], answer["dtype"]) == (None, dtype)

    def test_numbers_that_are_not_finite_are_words_both_ways(self, client: Any) -> None:
        document = {"input": [1, "Infinity", "NaN", "-Infinity"], "target": [0, 0, 0, 0], "reduction": "none"}
        answer = ask(client, "l1_loss", {**document, "gradients": ["input"]}).json()
        assert answer["loss"] == [1.0, "Infinity", "NaN", "Infinity"]
        assert answer["gradients"]["input"][0] == 1.0

    def test_other_outputs_are_answered(self, client: Any) -> None:
        document = {"input": [[0.5] * 4] * 2, "target": [0, 4], "n_classes": 5, "cutoffs": [2], "seed": 3}
        answer = ask(client, "adaptive_log_softmax_with_loss", document).json()
        LossAnswer.model_validate(answer)
        assert sum(answer["outputs"]["output"]) / 2 == pytest.approx(-answer["loss"])

    def test_everything_ignored_is_noted(self, client: Any) -> None:
        answer = ask(client, "cross_entropy", {"input": LOGITS, "target": [-100, -100]}).json()
        assert (answer["loss"], answer["denominator"]) == ("NaN", 0.0)
        assert "ignored" in answer["notes"][0]

    @pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/json", ""])
    def test_any_guise_of_json_is_read(self, client: Any, media_type: str) -> None:
        headers = {"Content-Type": media_type} if media_type else {}
        body = b'{"input": [3.0], "target": [1.0]}'
        assert client.post("/v1/losses/mse_loss", content=body, headers=headers).json()["loss"] == 4.0


class TestFiles:
    def test_a_file_gives_the_same_as_json(self, client: Any) -> None:
        options = {"label_smoothing": 0.25, "ignore_index": 7, "reduction": "sum", "gradients": ["input"]}
        sent = ask(client, "cross_entropy", {"input": LOGITS, "target": [1, 2], **options})
        query = "label_smoothing=0.25&ignore_index=7&reduction=sum&gradients=input"
        assert send(client, "cross_entropy", {"input": LOGITS, "target": [1, 2]}, query).json() == sent.json()

    @pytest.mark.parametrize("form", ["json", "file"])
    def test_the_answer_is_a_file_where_that_is_preferred(self, client: Any, form: str) -> None:
        if form == "json":
            document = {"input": LOGITS, "target": [1, 2], "gradients": ["input"]}
            answer = ask(client, "cross_entropy", document, **AS_FILE)
        else:
            tensors = {"input": LOGITS, "target": [1, 2]}
            answer = send(client, "cross_entropy", tensors, "gradients=input", **AS_FILE)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["vary"] == "Accept"
        assert int(answer.headers["content-length"]) == len(answer.content)
        tensors = safetensors.torch.load(answer.content)
        logits = torch.tensor(LOGITS, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 2]))
        loss.backward()
        assert tensors.keys() == {"loss", "gradients.input"}
        assert torch.equal(tensors["loss"], loss.detach())
        assert torch.equal(tensors["gradients.input"], logits.grad)
        assert metadata(answer) == {
            "format": "pt",
            "reduction": "mean",
            "dtype": "float32",
            "device": "cpu",
            "denominator": "2.0",
        }

    def test_notes_and_other_outputs_are_in_the_file(self, client: Any) -> None:
        empty = {"input": torch.empty(0, 4), "target": torch.empty(0, dtype=torch.int64)}
        query = "n_classes=5&cutoffs=2"
        answer = send(client, "adaptive_log_softmax_with_loss", empty, query, **AS_FILE)
        assert safetensors.torch.load(answer.content)["output"].shape == (0,)
        found = metadata(answer)
        assert found["denominator"] == "0.0"
        assert "NaN" in found["notes"]

    def test_without_a_denominator_there_is_none(self, client: Any) -> None:
        answer = send(client, "mse_loss", {"input": [1.0], "target": [2.0]}, "reduction=none", **AS_FILE)
        assert "denominator" not in metadata(answer)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
    def test_the_tensors_own_dtype_counts(self, client: Any, dtype: torch.dtype) -> None:
        tensors = {"input": torch.tensor([1.5, 2.5], dtype=dtype), "target": torch.zeros(2, dtype=dtype)}
        answer = send(client, "l1_loss", tensors, "reduction=none", **AS_FILE)
        assert safetensors.torch.load(answer.content)["loss"].dtype == dtype

    def test_a_large_answer_is_a_file_where_json_is_not_insisted_on(self, client: Any) -> None:
        tensors = {"input": torch.arange(70_000.0), "target": torch.zeros(70_000)}
        answer = send(client, "l1_loss", tensors, "reduction=none")
        assert torch.equal(safetensors.torch.load(answer.content)["loss"], tensors["input"])
        for query in ("reduction=none", "gradients=input"):
            refused = send(client, "l1_loss", tensors, query, **AS_JSON)
            assert refused.status_code == 406
            assert "over 65,536 numbers" in refused.json()["detail"]
            assert refused.headers["vary"] == "Accept"

    def test_empty_lists_count_as_numbers(self, client: Any) -> None:
        empty = {"input": torch.zeros(70_000, 0), "target": torch.zeros(70_000, 0)}
        assert send(client, "l1_loss", empty, "reduction=none", **AS_JSON).status_code == 406
        answer = send(client, "l1_loss", empty, "reduction=none")
        assert safetensors.torch.load(answer.content)["loss"].shape == (70_000, 0)

    def test_a_misaligned_file_is_read(self, client: Any) -> None:
        body = safetensors.torch.save({"input": torch.tensor([3.0]), "target": torch.tensor([1.0])})
        size = int.from_bytes(body[:8], "little")
        shifted = (size + 1).to_bytes(8, "little") + body[8 : 8 + size] + b" " + body[8 + size :]
        assert client.post("/v1/losses/mse_loss", content=shifted, headers=OCTETS).json()["loss"] == 4.0


class TestRefusals:
    def test_the_bytes_of_a_request_are_a_body(self, client: Any) -> None:
        refused = client.post("/v1/losses/mse_loss", content=b"123", headers=OCTETS)
        assert refused.json()["detail"].startswith("the body has 3 bytes, and a safetensors file starts with")

    @pytest.mark.parametrize(
        ("name", "document", "pointer", "words"),
        [
            ("mse_loss", {"input": [1.0]}, "/target", "target is required"),
            ("mse_loss", {"input": [1.0], "target": [1.0], "inptu": 1}, "/inptu", "did you mean input?"),
            ("mse_loss", {"input": [[1.0], [1.0, 2.0]], "target": [1.0]}, "/input/1", ""),
            ("mse_loss", {"input": [1.0, True], "target": [1.0, 1.0]}, "/input/1", ""),
            ("mse_loss", {"input": ["nan"], "target": [1.0]}, "/input/0", ""),
            ("mse_loss", {"input": [1, 2, 3], "target": [[1], [2], [3]]}, "/target", "(3, 1)"),
            ("cross_entropy", {"input": LOGITS, "target": [0, 3]}, "/target/1", "from 0 to 2"),
            ("cross_entropy", {"input": LOGITS, "target": [0, 1.0]}, "/target/1", ""),
            ("binary_cross_entropy", {"input": [1.5], "target": [1]}, "/input/0", ""),
            ("mse_loss", {"input": [1], "target": [1], "reduction": "avg"}, "/reduction", "none, mean, sum"),
            ("mse_loss", {"input": [1], "target": [1], "gradients": ["x"]}, "/gradients/0", ""),
            ("mse_loss", {"input": [1], "target": [1], "dtype": "int8"}, "/dtype", "float64"),
            ("mse_loss", [1], "", "JSON object"),
        ],
    )
    def test_json_is_told_where(
        self, client: Any, name: str, document: Any, pointer: str, words: str
    ) -> None:
        found = faults(ask(client, name, document))
        assert found[0][0] == pointer
        assert words in found[0][1]

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("reduction=avg", "reduction"),
            ("label_smoothing=2", "label_smoothing"),
            ("label_smoothing=a", "label_smoothing"),
            ("gradients=x", "gradients"),
            ("gradients=target", "gradients"),
            ("weight=1", "weight"),
            ("zip=1", "zip"),
            ("dtype=float64", "dtype"),
            ("reduction=sum&reduction=sum", "reduction"),
        ],
    )
    def test_a_query_is_told_which_parameter(self, client: Any, query: str, parameter: str) -> None:
        response = send(client, "cross_entropy", {"input": LOGITS, "target": [0, 1]}, query)
        assert faults(response, "invalid-query")[0][0] == parameter

    @pytest.mark.parametrize(
        ("tensors", "pointer"),
        [
            ({"input": LOGITS}, "/target"),
            ({"input": LOGITS, "target": [0, 3]}, "/target/1"),
            ({"input": LOGITS, "target": [0, 1], "other": [1.0]}, "/other"),
            ({"input": LOGITS, "target": torch.tensor([0, 1], dtype=torch.int32)}, "/target"),
            ({"input": torch.tensor(LOGITS, dtype=torch.int8), "target": [0, 1]}, "/input"),
            ({"input": LOGITS, "target": torch.zeros(2, 3, dtype=torch.float64)}, "/input"),
        ],
    )
    def test_a_file_is_told_which_tensor(self, client: Any, tensors: dict[str, Any], pointer: str) -> None:
        assert faults(send(client, "cross_entropy", tensors))[0][0] == pointer

    def test_a_file_whose_dtype_has_no_kernel(self, client: Any) -> None:
        answer = send(client, "multi_margin_loss", {"target": [0, 1], "input": torch.zeros(2, 3).half()})
        assert faults(answer) == [
            ("/input", "torch has no multi_margin_loss for float16 on cpu: use float32 or float64")
        ]

    def test_json_has_no_query(self, client: Any) -> None:
        response = client.post("/v1/losses/mse_loss?reduction=sum", json={"input": [1.0], "target": [1.0]})
        ((parameter, detail),) = faults(response, "invalid-query")
        assert parameter == "reduction"
        assert "application/octet-stream" in detail

    def test_a_literal_nan_is_told_how_it_is_spelled(self, client: Any) -> None:
        response = client.post("/v1/losses/mse_loss", content=b'{"input": [1.0, NaN], "target": [1.0, 2.0]}')
        ((pointer, detail),) = faults(response)
        assert pointer == "/input/1"
        assert '"NaN"' in detail

    @pytest.mark.parametrize("body", [b"", b"{", b'{"a":' * 3000, b"\xff", b"1"])
    def test_what_is_no_json(self, client: Any, body: bytes) -> None:
        assert faults(client.post("/v1/losses/mse_loss", content=body))[0][0] == ""

    def test_other_media_types_are_not_read(self, client: Any) -> None:
        response = client.post("/v1/losses/mse_loss", content=b"1", headers={"Content-Type": "text/csv"})
        assert response.status_code == 415
        assert response.headers["accept-post"] == "application/json, application/octet-stream"

    def test_other_forms_are_not_given(self, client: Any) -> None:
        response = ask(client, "mse_loss", {"input": [1.0], "target": [1.0]}, Accept="text/html")
        assert response.status_code == 406

    def test_a_device_that_is_not_there(self, client: Any) -> None:
        response = ask(client, "mse_loss", {"input": [1.0], "target": [1.0], "device": "cuda:4321"})
        assert response.status_code == 409
        assert "it has: cpu" in response.json()["detail"]

    def test_limits(self, start: Any) -> None:
        app = create_app(
            Settings.model_construct(
                threads=1, kernel_cache=None, loss_values=4, loss_bytes=1024, body_bytes=2048
            )
        )
        numbers = {"input": [1.0, 2.0], "target": [1.0, 2.0]}
        with start(app) as client:
            assert ask(client, "mse_loss", numbers).status_code == 200
            many = ask(client, "mse_loss", {**numbers, "weight": [1.0, 1.0]})
            long = ask(client, "mse_loss", {"input": [0.125] * 1000, "target": 1})
            large = send(client, "mse_loss", {"input": torch.zeros(256), "target": torch.zeros(256)})
        for response, words in ((many, "6 numbers"), (long, "2,048 bytes"), (large, "1,024 bytes")):
            assert response.status_code == 413
            assert words in response.json()["detail"]


def metadata(response: httpx.Response) -> dict[str, str]:
    size = int.from_bytes(response.content[:8], "little")
    return json.loads(response.content[8 : 8 + size])["__metadata__"]


FUZZED = hypothesis_settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers: st.SearchStrategy[Any] = (
    st.integers(-3, 5)
    | st.floats()
    | st.sampled_from([None, True, "NaN", "Infinity", "x", 1e400, 1 << 70, -(1 << 63), {}])
)
plain = st.floats(0, 1) | st.integers(0, 2)
tensors = (
    st.lists(plain, max_size=3)
    | st.lists(st.lists(plain, min_size=2, max_size=2), max_size=3)
    | st.recursive(numbers, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
)
options = numbers | st.sampled_from(["mean", "sum", "none", "float16", "cpu", "e", [1], ["input"], {"a": 1}])


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A loss, and whatever values for the tensors and options that it has."""
    name = draw(st.sampled_from(sorted(LOSSES)))
    loss = LOSSES[name]
    document = {argument.name: draw(tensors) for argument in loss.arguments if "{" not in argument.name}
    fields = [*loss.model_fields, "gradients", "dtype", "device", "other"]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=3, unique=True))
    required = [field for field, info in loss.model_fields.items() if info.is_required()]
    return name, document | {field: draw(options) for field in [*required, *chosen]}


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code != 200:
        assert response.headers["content-type"] == "application/problem+json"
        assert not any(
            word in response.text for word in ("Traceback", "pydantic", 'File "', "aten", "torch.")
        )


@FUZZED
@given(request=requests())
def test_any_document(client: Any, request: tuple[str, dict[str, Any]]) -> None:
    name, document = request
    body = json.dumps(document)
    check(client.post(f"/v1/losses/{name}", content=body.encode()))


@FUZZED
@given(
    name=st.sampled_from(sorted(LOSSES)),
    shapes=st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=4, max_size=4),
    dtypes=st.lists(
        st.sampled_from([torch.float32, torch.int64, torch.float16, torch.bool, torch.uint8]), min_size=4
    ),
    query=st.sampled_from(["", "reduction=none", "gradients=input", "n_classes=4&cutoffs=2", "p=1&x=2"]),
    fill=st.sampled_from([0, 1, 2, -1, math.nan]),
)
def test_any_file(
    client: Any, name: str, shapes: list[list[int]], dtypes: list[Any], query: str, fill: float
) -> None:
    names = [argument.name for argument in LOSSES[name].arguments]
    sent = {
        key: torch.full(shape, fill if dtype.is_floating_point or not math.isnan(fill) else 0).to(dtype)
        for key, shape, dtype in zip(names, shapes, dtypes, strict=False)
    }
    check(send(client, name, sent, query))


@FUZZED
@given(at=st.integers(0, 300), splice=st.binary(max_size=4), cut=st.integers(0, 20))
def test_any_mutation_of_a_file(client: Any, at: int, splice: bytes, cut: int) -> None:
    body = safetensors.torch.save({"input": torch.ones(2, 3), "target": torch.zeros(2, 3)})
    mutated = body[:at] + splice + body[at + len(splice) : len(body) - cut]
    check(client.post("/v1/losses/mse_loss", content=mutated, headers=OCTETS))


@pytest.mark.parametrize(
    ("body", "pointer", "told"),
    [
        (b'{"input": [9007199254740993], "target": [1]}', "/input/0", "float64 has no 9007199254740993"),
        (
            b'{"input": [18446744073709551617], "target": [1]}',
            "/input/0",
            "neither an integer of 64 bits nor",
        ),
        (b'{"input": [1e-400], "target": [1]}', "/input/0", "no number this small"),
        (b'{"input": [1e400], "target": [1]}', "/input/0", 'one of the strings "NaN"'),
        (b'{"input": [1], "target": [1], "input": [2]}', "/input", "is given twice"),
        (b'{"input": [1], "target": [1], "delta": 9007199254740993}', "/delta", "float64 has no"),
    ],
)
def test_a_number_that_json_changes_is_named_for_what_it_is(
    client: Any, body: bytes, pointer: str, told: str
) -> None:
    answer = client.post("/v1/losses/huber_loss", content=body)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] == pointer
    assert told in fault["detail"]


@pytest.mark.parametrize(
    ("delta", "told"),
    [
        ("9007199254740993", "float64 has no"),
        ("18446744073709551617", "nor a float64"),
        ("1e-400", "no number this small"),
    ],
)
def test_a_number_of_the_query_is_named_for_what_it_is(client: Any, delta: str, told: str) -> None:
    answer = send(client, "huber_loss", {"input": [1.0], "target": [2.0]}, f"delta={delta}")
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["parameter"] == "delta"
    assert told in fault["detail"]


@pytest.mark.parametrize(
    ("name", "classes", "is_short"),
    [
        ("mse_loss", 20_000, True),
        ("multilabel_margin_loss", 20, True),
        ("multilabel_margin_loss", 20_000, False),
    ],
)
def test_a_loss_that_compares_all_classes_delays_no_short_one(
    client: Any, monkeypatch: pytest.MonkeyPatch, name: str, classes: int, is_short: bool
) -> None:
    short_jobs = client.app.state.worker.pools.short_jobs
    begun: list[float] = []

    async def run(job: Any, seconds: float) -> Any:
        begun.append(seconds)
        return job(lambda: False)

    monkeypatch.setattr(short_jobs, "run", run)
    target = torch.zeros(1, classes, dtype=torch.int64)
    target[0, 1:] = -1
    if name == "mse_loss":
        target = target.float()
    answer = send(client, name, {"input": torch.ones(1, classes), "target": target})
    assert answer.status_code == 200, answer.text
    assert bool(begun) == is_short
