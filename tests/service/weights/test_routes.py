"""The weights routes, end to end in one process."""

from __future__ import annotations

import itertools
import json
import math
import random
import struct
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.server.app import create_app
from service.settings import Settings

SPEC: dict[str, Any] = {
    "seed": 7,
    "layers": [
        {"name": "fc1", "type": "Linear", "in_features": 24, "out_features": 16},
        {"name": "norm", "type": "BatchNorm1d", "num_features": 16},
        {"name": "h.{0..2}.w", "type": "Tensor", "shape": [9, 5, 7], "init": {"kind": "normal", "std": 0.02}},
        {"name": "half", "type": "Tensor", "shape": [33], "init": "uniform", "dtype": "bfloat16"},
    ],
}
BIG: dict[str, Any] = {
    "layers": [{"name": "t.{0..511}", "type": "Tensor", "shape": [1 << 29], "init": "normal"}],
}
QUERY = "/v1/weights?shape=6,4&init=xavier_uniform&seed=42"
SHARED = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def plan(client: Any) -> dict[str, Any]:
    return client.post("/v1/weights/plan", json=SPEC).json()


@pytest.fixture(scope="module")
def whole(client: Any) -> bytes:
    return client.post("/v1/weights", json=SPEC).content


@pytest.fixture(scope="module")
def huge(client: Any) -> dict[str, Any]:
    return client.post("/v1/weights/plan", json=BIG).json()


def fields(response: Any) -> dict[str, str]:
    """The header fields of an answer, but for the one that differs from request to request."""
    found = dict(response.headers)
    assert found.pop("x-request-id")
    return found


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == response.status_code
    return document


class TestPost:
    def test_the_file_loads(self, client: Any) -> None:
        response = client.post("/v1/weights", json=SPEC)
        assert response.status_code == 200
        tensors = safetensors.torch.load(response.content)
        assert tensors["fc1.weight"].shape == (16, 24)
        assert tensors["h.2.w"].shape == (9, 5, 7)
        assert tensors["half"].dtype == torch.bfloat16
        assert tensors["norm.num_batches_tracked"].dtype == torch.int64

    def test_headers(self, client: Any, plan: dict[str, Any]) -> None:
        response = client.post("/v1/weights", json=SPEC)
        name = f"model-11-tensors-{plan['etag'][1:13]}.safetensors"
        assert fields(response) == {
            "etag": plan["etag"],
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "Accept",
            "content-location": plan["url"],
            "accept-ranges": "bytes",
            "content-type": "application/octet-stream",
            "content-disposition": f'attachment; filename="{name}"',
            "content-length": str(plan["size"]),
        }

    def test_content_location_serves_the_same(self, client: Any, whole: bytes) -> None:
        post = client.post("/v1/weights", json=SPEC)
        get = client.get(post.headers["content-location"])
        assert get.content == whole
        assert get.headers["etag"] == post.headers["etag"]
        assert "content-location" not in get.headers

    @pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded", None])
    def test_what_curl_sends_is_read(self, client: Any, media_type: str | None) -> None:
        headers = {"Content-Type": media_type} if media_type else {}
        assert client.post("/v1/weights", content=json.dumps(SPEC), headers=headers).status_code == 200

    def test_range_is_for_get_alone(self, client: Any, whole: bytes) -> None:
        response = client.post("/v1/weights", json=SPEC, headers={"Range": "bytes=0-9"})
        assert (response.status_code, response.content) == (200, whole)

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            (b"", ""),
            (b"not json", ""),
            (b"[" * 100_000, ""),
            (b'{"layers": [], "sneed": 1}', "/sneed"),
            (
                b'{"layers": [{"name": "w", "type": "Tensor", "shape": [2, -1], "init": "zeros"}]}',
                "/layers/0/shape/1",
            ),
            (
                b'{"layers": [{"name": "w", "type": "Tensor", "shape": [2], "init": "orthodox"}]}',
                "/layers/0/init",
            ),
            (
                b'{"layers": [{"name": "", "type": "Tensor", "shape": [2], "init": "zeros"}]}',
                "/layers/0/name",
            ),
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/weights", "/v1/weights/plan"])
    def test_a_fault_has_a_pointer(self, client: Any, path: str, body: bytes, pointer: str) -> None:
        response = client.post(path, content=body)
        assert response.status_code == 422
        document = problem(response)
        assert document["type"] == "urn:tensorseed:problem:invalid-spec"
        assert [fault["pointer"] for fault in document["errors"]] == [pointer]

    def test_limits(self, client: Any) -> None:
        assert problem(client.post("/v1/weights", content=b" " * ((16 << 20) + 1)))["status"] == 413
        huge = {"layers": [{"name": "t", "type": "Tensor", "shape": [1 << 60], "init": "zeros"}]}
        assert problem(client.post("/v1/weights", json=huge))["status"] == 413
        response = client.post("/v1/weights", content=b"x", headers={"Content-Type": "text/csv"})
        assert problem(response)["status"] == 415
        assert response.headers["accept-post"] == "application/json"

    def test_query_parameters_are_refused(self, client: Any) -> None:
        document = problem(client.post("/v1/weights?seed=1", json=SPEC))
        assert document["errors"][0]["parameter"] == "seed"

    def test_a_missing_device_is_named(self, client: Any) -> None:
        response = client.post("/v1/weights", json={**SPEC, "device": "cuda:4095"})
        assert response.status_code == 409
        assert "cpu" in problem(response)["detail"]


class TestQuery:
    def test_one_tensor(self, client: Any) -> None:
        response = client.get(QUERY)
        assert response.status_code == 200
        assert safetensors.torch.load(response.content)["weight"].shape == (6, 4)

    def test_equals_the_spec(self, client: Any) -> None:
        layer = {"name": "weight", "type": "Tensor", "shape": [6, 4], "init": "xavier_uniform"}
        post = client.post("/v1/weights", json={"seed": 42, "layers": [layer]})
        get = client.get(QUERY)
        assert get.content == post.content
        assert fields(get) == fields(post)

    def test_a_name_with_a_slash(self, client: Any) -> None:
        response = client.get(QUERY + "&name=" + quote("a/b c.w%", safe=""))
        assert list(safetensors.torch.load(response.content)) == ["a/b c.w%"]

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("", "shape"),
            ("?init=zeros", "shape"),
            ("?shape=2,x&init=zeros", "shape"),
            ("?shape=2,-1&init=zeros", "shape"),
            ("?shape=2&init=nope", "init"),
            ("?shape=2&init=zeros&seed=-1", "seed"),
            ("?shape=2&init=normal&std=-1", "std"),
            ("?shape=2&init=zeros&sheed=1", "sheed"),
            ("?shape=2&init=zeros&seed=1&seed=2", "seed"),
            ("?shape=2&init=zeros&dtype=int4", "dtype"),
        ],
    )
    def test_a_fault_names_its_parameter(self, client: Any, query: str, parameter: str) -> None:
        response = client.get("/v1/weights" + query)
        assert response.status_code == 422
        document = problem(response)
        assert document["type"] == "urn:tensorseed:problem:invalid-query"
        assert parameter in [fault["parameter"] for fault in document["errors"]]

    def test_a_missing_device_is_named(self, client: Any) -> None:
        assert client.head(QUERY + "&device=cuda:4095").status_code == 409


class TestToken:
    @pytest.mark.parametrize("url", ["plan", "query"])
    def test_head_equals_get(self, client: Any, plan: dict[str, Any], url: str) -> None:
        target = plan["url"] if url == "plan" else QUERY
        get, head = client.get(target), client.head(target)
        assert head.content == b""
        assert fields(head) == fields(get)

    def test_ranges_are_bytes_of_the_whole(self, client: Any, plan: dict[str, Any], whole: bytes) -> None:
        response = client.get(plan["url"], headers={"Range": "bytes=1001-5002"})
        assert response.status_code == 206
        assert response.content == whole[1001:5003]
        assert response.headers["content-range"] == f"bytes 1001-5002/{len(whole)}"
        assert response.headers["etag"] == plan["etag"]

    @SHARED
    @given(cuts=st.lists(st.floats(0, 1), max_size=6))
    def test_any_partition_is_the_whole(
        self, client: Any, plan: dict[str, Any], whole: bytes, cuts: list[float]
    ) -> None:
        edges = sorted({0, len(whole), *(int(cut * len(whole)) for cut in cuts)})
        pieces = [
            client.get(plan["url"], headers={"Range": f"bytes={a}-{b - 1}"}).content
            for a, b in itertools.pairwise(edges)
        ]
        assert b"".join(pieces) == whole

    @pytest.mark.parametrize("token", ["x", "planned", "%00", "A" * 9000, "%F0%9F%8C%B1", "eyJzZWVkIjo0Mn0"])
    def test_an_unknown_token(self, client: Any, token: str) -> None:
        response = client.get(f"/v1/weights/{token}")
        assert response.status_code == 404
        assert problem(response)["type"] == "urn:tensorseed:problem:unknown-name"

    def test_a_cut_or_altered_token(self, client: Any, plan: dict[str, Any]) -> None:
        url = plan["url"]
        swapped = url[:-3] + ("A" if url[-3] != "A" else "B") + url[-2:]
        for wrong in (url[:-1], url + "A", url + "=", swapped):
            assert client.get(wrong).status_code == 404

    def test_query_parameters_are_refused(self, client: Any, plan: dict[str, Any]) -> None:
        assert problem(client.get(plan["url"] + "?seed=1"))["errors"][0]["parameter"] == "seed"

    def test_conditions(self, client: Any, plan: dict[str, Any]) -> None:
        url, tag = plan["url"], plan["etag"]
        assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
        assert client.get(url, headers={"If-Match": '"other"'}).status_code == 412
        assert client.post("/v1/weights", json=SPEC, headers={"If-None-Match": tag}).status_code == 412
        partial = client.get(url, headers={"Range": "bytes=0-0", "If-Range": tag})
        assert partial.status_code == 206
        not_modified = client.get(QUERY, headers={"If-None-Match": "*"})
        assert not_modified.headers["content-location"] == client.get(QUERY).headers["content-location"]

    def test_methods(self, client: Any, plan: dict[str, Any]) -> None:
        for url, allow in [
            (plan["url"], "GET, HEAD"),
            ("/v1/weights", "GET, HEAD, POST"),
            ("/v1/weights/plan", "POST"),
            (plan["url"] + "/tensors/half", "GET, HEAD"),
        ]:
            response = client.request("DELETE", url)
            assert (response.status_code, response.headers["allow"]) == (405, allow)

    @pytest.mark.parametrize("path", ["/v1/weight/", "/v1", "/v2/weights", "/v1/weights/x/y"])
    def test_an_unknown_path(self, client: Any, path: str) -> None:
        assert problem(client.get(path))["status"] == 404


class TestHugeFile:
    """A file of 1 TiB costs what is read of it."""

    def test_plan_and_head(self, client: Any, huge: dict[str, Any]) -> None:
        assert huge["size"] == huge["header_size"] + (1 << 40)
        head = client.head(huge["url"])
        assert head.headers["content-length"] == str(huge["size"])

    def test_the_middle_is_that_of_its_tensor_alone(self, client: Any, huge: dict[str, Any]) -> None:
        row = next(row for row in huge["tensors"] if row["name"] == "t.256")
        start = row["range"][0] + 4 * 123_456_789
        middle = client.get(huge["url"], headers={"Range": f"bytes={start}-{start + 399}"})
        part = client.get(huge["url"] + "/tensors/t.256?slice=123456789:123456889")
        assert part.content.endswith(middle.content)
        assert len(middle.content) == 400
        assert len(set(middle.content)) > 50

    def test_the_last_bytes(self, client: Any, huge: dict[str, Any]) -> None:
        response = client.get(huge["url"], headers={"Range": "bytes=-16"})
        assert (
            response.headers["content-range"]
            == f"bytes {huge['size'] - 16}-{huge['size'] - 1}/{huge['size']}"
        )


class TestDtypes:
    SPEC: ClassVar[dict[str, Any]] = {
        "seed": 3,
        "layers": [
            {"name": "fc", "type": "Linear", "in_features": 5, "out_features": 4, "dtype": "float64"},
            {"name": "n", "type": "BatchNorm1d", "num_features": 4},
            {"name": "steps", "type": "Tensor", "shape": [2], "init": "ones", "dtype": "int64"},
        ],
    }

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e5m2"])
    def test_a_file_in_another_dtype_is_that_of_the_spec_in_it(self, client: Any, dtype: str) -> None:
        url = client.post("/v1/weights/plan", json=self.SPEC).json()["url"]
        layers = [dict(entry) for entry in self.SPEC["layers"]]
        layers[0]["dtype"] = dtype
        other = client.post("/v1/weights/plan", json={**self.SPEC, "dtype": dtype, "layers": layers}).json()
        found = client.get(url, params={"dtype": dtype})
        assert found.content == client.get(other["url"]).content
        assert (found.headers["etag"], found.headers["content-location"]) == (other["etag"], other["url"])
        part = client.get(url, params={"dtype": dtype}, headers={"Range": "bytes=-9"})
        assert (part.status_code, part.content) == (206, found.content[-9:])
        tensors = safetensors.torch.load(found.content)
        assert {str(tensor.dtype) for tensor in tensors.values()} == {f"torch.{dtype}", "torch.int64"}
        one = client.get(f"{url}/tensors/fc.weight", params={"dtype": dtype, "slice": "1:3"})
        assert torch.equal(
            safetensors.torch.load(one.content)["fc.weight"].view(torch.uint8),
            tensors["fc.weight"][1:3].view(torch.uint8),
        )

    def test_narrow_dtypes_round_what_float32_has(self, client: Any) -> None:
        url = client.get("/v1/weights?shape=64,64&init=normal").headers["content-location"]
        wide = safetensors.torch.load(client.get(url).content)["weight"]
        narrow = safetensors.torch.load(client.get(f"{url}?dtype=bfloat16").content)["weight"]
        assert torch.equal(narrow, wide.bfloat16())
        assert client.get(f"{url}?dtype=float32").headers["content-location"] == url

    @pytest.mark.parametrize("dtype", ["int64", "complex64", ""])
    def test_a_dtype_that_is_not_there(self, client: Any, plan: dict[str, Any], dtype: str) -> None:
        response = client.get(plan["url"], params={"dtype": dtype})
        assert response.status_code == 422
        assert problem(response)["errors"][0]["parameter"] == "dtype"


class TestSlices:
    @SHARED
    @given(data=st.data())
    def test_any_slice_is_that_of_the_whole(
        self, client: Any, plan: dict[str, Any], whole: bytes, data: st.DataObject
    ) -> None:
        tensor = safetensors.torch.load(whole)["h.1.w"]
        bounds = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in tensor.shape]
        text = ",".join(f"{a}:{b}" for a, b in bounds)
        response = client.get(f"{plan['url']}/tensors/h.1.w?slice={text}")
        assert response.status_code == 200
        expected = tensor[tuple(slice(a, b) for a, b in bounds)]
        assert torch.equal(safetensors.torch.load(response.content)["h.1.w"], expected)

    def test_without_a_slice_the_tensor_is_whole(
        self, client: Any, plan: dict[str, Any], whole: bytes
    ) -> None:
        response = client.get(f"{plan['url']}/tensors/half")
        expected = safetensors.torch.load(whole)["half"]
        assert torch.equal(safetensors.torch.load(response.content)["half"], expected)
        assert response.headers["etag"] != plan["etag"]

    def test_ranges_and_conditions_hold_for_slices(self, client: Any, plan: dict[str, Any]) -> None:
        url = f"{plan['url']}/tensors/fc1.weight?slice=2:9,3:5"
        whole = client.get(url)
        assert client.get(url, headers={"Range": "bytes=-20"}).content == whole.content[-20:]
        assert client.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
        assert fields(client.head(url)) == fields(whole)

    @pytest.mark.parametrize("text", ["99:", "0:1,0:1,0:1", "x", "1:0", "0:1:2", ";"])
    def test_a_slice_that_does_not_fit(self, client: Any, plan: dict[str, Any], text: str) -> None:
        response = client.get(f"{plan['url']}/tensors/fc1.weight", params={"slice": text})
        assert response.status_code == 422
        assert problem(response)["errors"][0]["parameter"] == "slice"

    def test_a_tensor_that_is_not_there(self, client: Any, plan: dict[str, Any]) -> None:
        for name in ("nothing", "", "fc1", "h.{0..2}.w", "%F0%9F%8C%B1"):
            assert problem(client.get(f"{plan['url']}/tensors/{name}"))["status"] == 404

    @pytest.mark.parametrize("query", ["?slice=0:1&slice=0:2", "?slyce=0:1"])
    def test_other_parameters_are_refused(self, client: Any, plan: dict[str, Any], query: str) -> None:
        assert client.get(f"{plan['url']}/tensors/half{query}").status_code == 422

    @pytest.mark.parametrize("name", ["a/b", "a b", "a%b", "..", ".", "a/../b", "ä/ø", "a?b#c", "tensors/x"])
    def test_any_name_can_be_asked_for(self, client: Any, name: str) -> None:
        spec = {"layers": [{"name": name, "type": "Tensor", "shape": [2, 3], "init": "normal"}]}
        url = client.post("/v1/weights/plan", json=spec).json()["url"]
        for safe in ("", "/"):
            response = client.get(f"{url}/tensors/{quote(name, safe=safe).replace('.', '%2E')}")
            assert list(safetensors.torch.load(response.content)) == [name]


class TestJson:
    ACCEPT = {"Accept": "application/json"}  # noqa: RUF012

    def test_values_are_exact(self, client: Any, plan: dict[str, Any], whole: bytes) -> None:
        response = client.get(plan["url"], headers=self.ACCEPT)
        assert response.headers["content-type"] == "application/json"
        tensors = response.json()["tensors"]
        for name, tensor in safetensors.torch.load(whole).items():
            assert tensors[name]["dtype"] == str(tensor.dtype).removeprefix("torch.")
            assert tensors[name]["shape"] == list(tensor.shape)
            assert tensors[name]["data"] == tensor.to(torch.float64).tolist()

    def test_integers_are_integers(self, client: Any, plan: dict[str, Any]) -> None:
        text = client.get(f"{plan['url']}/tensors/norm.num_batches_tracked", headers=self.ACCEPT).text
        assert '"data":0}' in text

    def test_has_an_entity_tag_of_its_own(self, client: Any, plan: dict[str, Any]) -> None:
        response = client.get(plan["url"], headers=self.ACCEPT)
        tag = response.headers["etag"]
        assert tag != plan["etag"]
        assert not tag.startswith("W/")
        assert response.headers["vary"] == "Accept"
        assert client.get(plan["url"], headers={**self.ACCEPT, "If-None-Match": tag}).status_code == 304
        assert (
            client.get(plan["url"], headers={**self.ACCEPT, "If-None-Match": plan["etag"]}).status_code == 200
        )

    def test_head_and_range(self, client: Any) -> None:
        whole = client.get(QUERY, headers=self.ACCEPT)
        assert fields(client.head(QUERY, headers=self.ACCEPT)) == fields(whole)
        part = client.get(QUERY, headers={**self.ACCEPT, "Range": "bytes=2-9"})
        assert (part.status_code, part.content) == (206, whole.content[2:10])

    def test_as_many_elements_as_allowed(self, client: Any) -> None:
        url = "/v1/weights?init=zeros&shape="
        assert (
            len(client.get(url + "65536", headers=self.ACCEPT).json()["tensors"]["weight"]["data"]) == 65_536
        )
        response = client.get(url + "65537", headers=self.ACCEPT)
        assert response.status_code == 406
        assert "65,536" in problem(response)["detail"]
        assert response.headers["vary"] == "Accept"
        either = client.get(
            url + "65537", headers={"Accept": "application/json, application/octet-stream;q=0.1"}
        )
        assert either.headers["content-type"] == "application/octet-stream"

    def test_another_form_is_not_to_be_had(self, client: Any) -> None:
        response = client.get(QUERY, headers={"Accept": "text/html"})
        assert problem(response)["status"] == 406
        assert response.headers["vary"] == "Accept"

    @pytest.mark.parametrize(("shape", "data"), [("", 0.0), ("0", []), ("2,0", [[], []]), ("0,2", [])])
    def test_shapes_without_or_with_one_element(self, client: Any, shape: str, data: Any) -> None:
        tensor = client.get(f"/v1/weights?shape={shape}&init=zeros", headers=self.ACCEPT).json()["tensors"][
            "weight"
        ]
        assert tensor["data"] == data

    def test_lists_without_members_count(self, client: Any) -> None:
        """An answer holds as many lists as its shape has before the first 0."""
        url = "/v1/weights?init=zeros&dtype=float8_e5m2&shape="
        for shape in ("1000000000,0", "1152921504606846976,0", "65537,0", "257,256,0,5"):
            assert client.get(url + shape, headers=self.ACCEPT).status_code == 406
            assert client.get(url + shape).status_code == 200
        for shape, lists in (
            ("65536,0", 65_536),
            ("0,1152921504606846976", 0),
            ("3,0,1152921504606846976", 3),
        ):
            response = client.get(url + shape, headers=self.ACCEPT)
            assert response.json()["tensors"]["weight"]["data"] == [[]] * lists

    def test_empty_tensors_count(self, client: Any) -> None:
        layer = {"name": "t.{0..65536}", "type": "Tensor", "shape": [0], "init": "zeros"}
        response = client.post("/v1/weights", json={"layers": [layer]}, headers=self.ACCEPT)
        assert response.status_code == 406


class TestPlan:
    def test_describes_the_file(self, client: Any, plan: dict[str, Any], whole: bytes) -> None:
        assert plan["size"] == len(whole)
        assert plan["header_size"] == 8 + struct.unpack("<Q", whole[:8])[0]
        assert (plan["generator"], plan["seed"]) == ("philox", 7)
        assert plan["url"] == "/v1/weights/" + plan["token"]
        header = json.loads(whole[8 : plan["header_size"]])
        for row in plan["tensors"]:
            begin, end = header[row["name"]]["data_offsets"]
            assert row["range"] == [plan["header_size"] + begin, plan["header_size"] + end]
            assert row["shape"] == header[row["name"]]["shape"]
        assert len(plan["tensors"]) == len(header) - 1

    def test_a_row_can_be_sent_back(self, client: Any) -> None:
        init = {"kind": "trunc_normal", "a": 0, "b": "Infinity"}
        spec = {"layers": [{"name": "w", "type": "Tensor", "shape": [4], "init": init}]}
        plan = client.post("/v1/weights/plan", json=spec).json()
        (row,) = plan["tensors"]
        assert (row["init"]["a"], row["init"]["b"]) == (0.0, "Infinity")
        sent = {key: value for key, value in row["init"].items() if value is not None}
        again = {"layers": [{"name": "w", "type": "Tensor", "shape": [4], "init": sent}]}
        assert client.post("/v1/weights/plan", json=again).json()["token"] == plan["token"]

    @pytest.mark.parametrize(("count", "listed"), [(16, True), (17, False)])
    def test_a_row_lists_few_parts(self, client: Any, count: int, listed: bool) -> None:
        parts = [{"size": 1, "init": {"kind": "constant", "value": part}} for part in range(2, 2 + count)]
        init = {"kind": "parts", "parts": parts}
        spec = {"layers": [{"name": "w", "type": "Tensor", "shape": [count], "init": init}]}
        (row,) = client.post("/v1/weights/plan", json=spec).json()["tensors"]
        assert (len(row["init"].get("parts", [])) == count) == listed

    def test_rows(self, plan: dict[str, Any]) -> None:
        rows = {row["name"]: row for row in plan["tensors"]}
        assert rows["h.1.w"]["init"]["kind"] == "normal"
        assert rows["h.1.w"]["init"]["std"] == 0.02
        assert (rows["h.1.w"]["mean"], rows["h.1.w"]["std"]) == (0.0, 0.02)
        assert rows["fc1.weight"]["fans"] == {"in": 24, "out": 16}
        assert rows["fc1.bias"]["fans"] is None
        assert rows["half"]["dtype"] == "bfloat16"

    def test_the_recipe_is_a_spec_of_the_same_file(self, client: Any, plan: dict[str, Any]) -> None:
        again = client.post("/v1/weights/plan", json=plan["recipe"]).json()
        assert again == plan

    def test_a_device_that_is_not_here_can_be_planned(self, client: Any, plan: dict[str, Any]) -> None:
        planned = client.post("/v1/weights/plan", json={**SPEC, "device": "cuda:9999"}).json()
        assert planned["etag"] == plan["etag"]
        (warning,) = [warning for warning in planned["warnings"] if warning["code"] == "device"]
        assert warning["tensor"] is None
        assert "cuda:9999" in warning["detail"]
        assert "409" in warning["detail"]

    @pytest.mark.parametrize("device", ["auto", "cpu"])
    def test_a_device_that_is_here_is_no_warning(
        self, client: Any, plan: dict[str, Any], device: str
    ) -> None:
        assert client.post("/v1/weights/plan", json={**SPEC, "device": device}).json() == plan

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
    def test_is_posted(self, client: Any, method: str) -> None:
        response = client.request(method, "/v1/weights/plan")
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert (
            client.get("/v1/weights/plan/tensors/x").json()["type"] == "urn:tensorseed:problem:unknown-path"
        )

    def test_a_token_too_long_for_a_url(self, client: Any) -> None:
        import hashlib

        names = [hashlib.sha256(bytes([i % 256, i // 256])).hexdigest() for i in range(500)]
        layers = [{"name": f"n{name}", "type": "Tensor", "shape": [1], "init": "zeros"} for name in names]
        plan = client.post("/v1/weights/plan", json={"layers": layers}).json()
        assert plan["token"] is None
        assert plan["url"] is None
        assert any("{0..11}" in warning["detail"] for warning in plan["warnings"])
        response = client.post("/v1/weights", json={"layers": layers})
        assert response.status_code == 200
        assert response.headers["etag"] == plan["etag"]
        assert "content-location" not in response.headers
        assert len(response.content) == plan["size"]

    def test_a_hundred_thousand_tensors(self, client: Any) -> None:
        spec = {
            "layers": [{"name": "t.{0..99999}", "type": "Tensor", "shape": [2, 3], "init": "xavier_normal"}]
        }
        plan = client.post("/v1/weights/plan", json=spec).json()
        assert len(plan["tensors"]) == 100_000
        assert client.head(plan["url"]).headers["content-length"] == str(plan["size"])

    @pytest.mark.parametrize("alike", [True, False])
    def test_a_hundred_thousand_entries(self, client: Any, alike: bool) -> None:
        """Each written out: with names that no brace range folds, and with shapes that are all distinct."""
        draw = random.Random(5)
        names = draw.sample(range(1 << 40), 100_000)
        shapes = [[2, 3] if alike else [i % 1_000 + 1, i // 1_000 + 1] for i in range(100_000)]
        layers = [
            {"name": f"n{name:x}" if alike else f"t.{i}", "type": "Tensor", "shape": shape, "init": "normal"}
            for i, (name, shape) in enumerate(zip(names, shapes, strict=True))
        ]
        response = client.post("/v1/weights/plan", json={"layers": layers})
        assert response.status_code == 200
        planned = response.json()
        assert len(planned["tensors"]) == 100_000
        assert sum(map(math.prod, shapes)) * 4 == planned["size"] - planned["header_size"]
        assert planned["token"] is None

    def test_literal_values_are_not_repeated(self, client: Any) -> None:
        layer = {"name": "v", "type": "Tensor", "shape": [3], "init": {"kind": "values", "data": [1, 2, 3]}}
        plan = client.post("/v1/weights/plan", json={"layers": [layer]}).json()
        assert plan["tensors"][0]["init"] == {"kind": "values"}


@SHARED
@given(
    shape=st.lists(st.integers(0, 6), max_size=4),
    seed=st.integers(0, 2**64 - 1),
    std=st.floats(0, 10, allow_nan=False, width=32),
    dtype=st.sampled_from(["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]),
)
def test_post_query_and_token_are_one(
    client: Any, shape: list[int], seed: int, std: float, dtype: str
) -> None:
    layer = {"name": "weight", "type": "Tensor", "shape": shape, "init": {"kind": "normal", "std": std}}
    post = client.post("/v1/weights", json={"seed": str(seed), "dtype": dtype, "layers": [layer]})
    text = ",".join(map(str, shape))
    query = client.get(f"/v1/weights?shape={text}&init=normal&std={std!r}&seed={seed}&dtype={dtype}")
    token = client.get(post.headers["content-location"])
    assert post.status_code == query.status_code == token.status_code == 200
    assert post.content == query.content == token.content
    assert post.headers["etag"] == query.headers["etag"] == token.headers["etag"]
    assert post.headers["content-location"] == query.headers["content-location"]


@pytest.mark.parametrize("seed", ["5", "007", "18446744073709551615", "0"])
def test_another_seed_of_a_known_query_is_what_a_fresh_service_gives(client, start, seed):
    known = "/v1/weights?shape=3,5&init=orthogonal&name=a%22b&dtype=bfloat16"
    client.get(f"{known}&seed=12345")
    answer = client.get(f"{known}&seed={seed}")
    with start(create_app(Settings.model_construct(threads=1, cache_tensors=0))) as fresh:
        expected = fresh.get(f"{known}&seed={seed}")
    assert answer.content == expected.content
    for name in ("etag", "content-location"):
        assert answer.headers[name] == expected.headers[name]


@pytest.mark.parametrize("seed", ["18446744073709551616", "-1", "x", "", "1.0", "١"])
def test_a_wrong_seed_of_a_known_query_is_an_error(client, seed):
    known = "/v1/weights?shape=3,5&init=normal"
    assert client.get(known).status_code == 200
    answer = client.get(f"{known}&seed={seed}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "seed"
