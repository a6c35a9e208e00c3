"""Whatever is sent, the answer is a file or a problem: no fault of the service, and nothing of its inside."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.core.layers import LAYERS
from service.core.schemes import SCHEMES

FUZZED = hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SMALL = 1 << 20  # bytes; larger files are asked for without their content
INSIDE = ("Traceback", "pydantic", 'File "', "site-packages")

ints = st.integers(0, 8) | st.sampled_from([-1, 64, 65_536, 1 << 31, 1 << 60, 1 << 63, 1 << 64, 10**30])
numbers = ints | st.floats() | st.sampled_from([True, None, "1", [], {}, 1e308, 5e-324])
shapes = st.lists(ints, max_size=5) | st.just([1] * 65) | numbers
names = st.text(max_size=5) | st.sampled_from(["w", "a.{0..3}", "{0..999999999}", "__metadata__", "\ud800"])
dtypes = st.sampled_from(["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "int64", 5])
generators = st.sampled_from(["philox", "torch", "x"])
devices = st.sampled_from(["auto", "cpu", "cuda:9999", "x"])


def given_of(fields: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields, with any of the values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values))


@st.composite
def inits(draw: st.DrawFn) -> Any:
    """An init with any values for the parameters that its scheme has."""
    kind = draw(st.sampled_from(sorted(SCHEMES)))
    fields = [name for name in SCHEMES[kind].model_fields if name != "kind"]
    words = st.sampled_from(["fan_in", "fan_avg", "relu", "tanh", "normal", [1, 2], [[1.0, 2], [3]]])
    return {"kind": kind, **draw(given_of(fields, numbers | words))}


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    """A layer with any values for the arguments that its type has."""
    kind = draw(st.sampled_from(sorted(LAYERS)) | st.just("Tensor"))
    fields = [name for name in LAYERS[kind].model_fields if name not in {"name", "type", "init", "dtype"}]
    layer = {"name": draw(names), "type": kind, **draw(given_of(fields, numbers | shapes))}
    if kind == "Tensor":
        layer |= {"shape": draw(shapes), "init": draw(inits())}
    return layer


specs = st.fixed_dictionaries(
    {"layers": st.lists(layers(), max_size=3) | numbers},
    optional={"seed": numbers, "dtype": dtypes, "device": devices, "generator": generators},
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.sampled_from(["application/json", "*/*;q=0", ",;", "text/html"]),
        "Range": st.sampled_from(["bytes=0-9", "bytes=-1", "bytes=5-2", "bytes=0-1,8-9", "bytes=²-3", "x"]),
        "If-None-Match": st.sampled_from(["*", '"a"', '"', "\xff", 'W/"']),
        "If-Range": st.sampled_from(["*", '"a"', "\xff"]),
    },
).map(lambda given: {name: text.encode() for name, text in given.items()})
fragments = st.sampled_from(
    [
        "%ff",
        "%00",
        "%2F",
        "/",
        "a",
        "&",
        "=",
        "+",
        "%",
        "..",
        "plan",
        "tensors",
        "s1.",
        "%F0%9F%8C%B1",
        "%0d%0a",
    ]
)
crumbs = st.lists(fragments, max_size=6).map("".join)


def check(response: httpx.Response) -> None:
    """The answer is good, or a problem that says nothing of the inside."""
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and response.request.method != "HEAD":
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"]
        assert not any(word in response.text for word in INSIDE), response.text


@FUZZED
@given(spec=specs, headers=fields)
def test_any_spec(client: Any, spec: dict[str, Any], headers: dict[str, bytes]) -> None:
    body = json.dumps(spec).encode("utf-8", "surrogatepass")
    planned = client.post("/v1/weights/plan", content=body)
    check(planned)
    if planned.status_code == 200 and planned.json()["size"] <= SMALL:
        check(client.post("/v1/weights", content=body, headers=headers))


@FUZZED
@given(body=st.binary(max_size=40) | st.recursive(numbers, st.lists).map(json.dumps).map(str.encode))
def test_any_body(client: Any, body: bytes) -> None:
    check(client.post("/v1/weights/plan", content=body))


@FUZZED
@given(
    init=inits(), shape=shapes, more=given_of(["name", "seed", "dtype"], names), end=crumbs, headers=fields
)
def test_any_query(
    client: Any, init: dict[str, Any], shape: Any, more: dict[str, str], end: str, headers: dict[str, bytes]
) -> None:
    kind = init.pop("kind")
    dimensions = ",".join(map(str, shape)) if isinstance(shape, list) else shape
    parameters = {"init": kind, "shape": dimensions, **init, **more}
    pairs = [f"{name}={quote(str(value), errors='surrogatepass')}" for name, value in parameters.items()]
    url = f"/v1/weights?{'&'.join(pairs)}{end}"
    head = client.head(url, headers=headers)
    check(head)
    if int(head.headers.get("content-length", 0)) <= SMALL:
        check(client.get(url, headers=headers))


@FUZZED
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"]),
    root=st.sampled_from(["/", "/v1/", "/v1/weights/", "/docs/assets/", "/v1/weights/plan/"]),
    path=crumbs,
    headers=fields,
)
def test_any_path(client: Any, method: str, root: str, path: str, headers: dict[str, bytes]) -> None:
    check(client.request(method, root + path, headers=headers))


@FUZZED
@given(
    name=st.sampled_from(["weight", "nothing", "%ff"]),
    text=st.text(":,0123456789-. ", max_size=8) | st.text(max_size=5),
    end=crumbs,
    headers=fields,
)
def test_any_slice(client: Any, name: str, text: str, end: str, headers: dict[str, bytes]) -> None:
    url = client.head("/v1/weights?shape=5,3,2&init=normal").headers["content-location"]
    cut = quote(text, safe=":,")
    check(client.get(f"{url}/tensors/{name}?slice={cut}{end}", headers=headers))
