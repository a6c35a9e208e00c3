"""Histograms and heat maps of tensors, over HTTP."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import safetensors.numpy

SPEC: dict[str, Any] = {
    "seed": 7,
    "layers": [
        {"name": "fc", "type": "Linear", "in_features": 24, "out_features": 16},
        {"name": "a/histogram", "type": "Tensor", "shape": [4], "init": "normal"},
        {"name": "a", "type": "Tensor", "shape": [4], "init": "normal"},
        {"name": "a/heatmap.svg", "type": "Tensor", "shape": [4], "init": "normal"},
        {"name": "b/c.heatmap", "type": "Tensor", "shape": [2, 3], "init": "normal"},
        {"name": "half", "type": "Tensor", "shape": [40], "init": {"kind": "normal", "std": 60_000}},
        {"name": "flags", "type": "Tensor", "shape": [2, 2], "init": "eye"},
        {"name": "empty", "type": "Tensor", "shape": [0], "init": "normal"},
    ],
}


@pytest.fixture(scope="module")
def url(client: Any) -> str:
    found = client.post("/v1/weights/plan", json=SPEC).json()["url"]
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def tensors(client: Any, url: str) -> dict[str, Any]:
    return safetensors.numpy.load(client.get(url).content)


def test_a_histogram_counts_the_tensor(client: Any, url: str, tensors: dict[str, Any]) -> None:
    found = client.get(f"{url}/tensors/fc.weight/histogram?bins=8").json()
    counts, edges = np.histogram(tensors["fc.weight"].astype(np.float64), 8)
    assert found["counts"] == counts.tolist()
    assert found["edges"] == pytest.approx(edges)
    assert found["density"] == [pytest.approx(24**0.5 / 2)] * 9
    assert (found["tensor"], found["dtype"], found["shape"]) == ("fc.weight", "float32", [16, 24])
    assert found["sample"]["count"] == found["sample"]["of"] == 384


def test_a_heat_map_shows_the_tensor(client: Any, url: str, tensors: dict[str, Any]) -> None:
    found = client.get(f"{url}/tensors/fc.weight/heatmap?rows=3&columns=5").json()
    assert found["values"] == tensors["fc.weight"][:3, :5].astype(np.float64).tolist()
    whole = client.get(f"{url}/tensors/fc.weight/heatmap?rows=2&columns=2&view=whole").json()
    assert (whole["rows"], whole["columns"]) == ([0, 15], [0, 23])
    assert whole["values"] == tensors["fc.weight"][::15, ::23].astype(np.float64).tolist()


def test_what_json_lacks_is_null_or_a_word(client: Any, url: str) -> None:
    found = client.get(f"{url}/tensors/half/histogram?dtype=float16").json()
    assert found["support"] == [None, None]
    assert found["sample"]["nonfinite"] > 0
    heat = client.get(f"{url}/tensors/half/heatmap?dtype=float16").json()
    assert {"Infinity", "-Infinity"} & {str(value) for value in heat["values"][0]}
    assert client.get(f"{url}/tensors/empty/heatmap").json()["values"] == [[]]


def test_a_tensor_keeps_the_url_of_its_own_name(client: Any, url: str, tensors: dict[str, Any]) -> None:
    file = client.get(f"{url}/tensors/a/histogram")
    assert np.array_equal(safetensors.numpy.load(file.content)["a/histogram"], tensors["a/histogram"])
    part = client.get(f"{url}/tensors/a/histogram?slice=0:1&format=npy")
    assert part.headers["content-type"] == "application/x-npy"
    assert client.get(f"{url}/tensors/a/histogram?bins=3").status_code == 422
    assert client.get(f"{url}/tensors/a/histogram/histogram?bins=3").json()["tensor"] == "a/histogram"
    assert client.get(f"{url}/tensors/a/heatmap").json()["tensor"] == "a"
    assert client.get(f"{url}/tensors/b/c.heatmap").headers["content-type"] == "application/octet-stream"
    assert client.get(f"{url}/tensors/b/c.heatmap/heatmap").json()["matrix"] == [2, 3]


@pytest.mark.parametrize("path", ["histogram?bins=9", "heatmap?rows=2"])
def test_it_never_changes(client: Any, url: str, path: str) -> None:
    address = f"{url}/tensors/fc.weight/{path}"
    first = client.get(address)
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert first.headers["vary"] == "Accept"
    etag = first.headers["etag"]
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(address, headers={"If-Match": '"other"'}).status_code == 412
    head = client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**first.headers, "x-request-id": ""}
    part = client.get(address, headers={"Range": "bytes=5-9", "If-Range": etag})
    assert (part.status_code, part.content) == (206, first.content[5:10])
    assert "vary" not in client.get(f"{address}&format=json").headers


@pytest.mark.parametrize("path", ["histogram", "heatmap"])
def test_a_picture_by_format_and_by_accept(client: Any, url: str, path: str) -> None:
    address = f"{url}/tensors/fc.weight/{path}"
    svg = client.get(f"{address}?format=svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert svg.text.lstrip().startswith("<?xml")
    assert "fc.weight" in svg.text
    assert svg.headers["cache-control"] == "public, max-age=86400"
    assert "sandbox" in svg.headers["content-security-policy"]
    assert svg.headers["x-content-type-options"] == "nosniff"
    assert "vary" not in svg.headers
    image = client.get(address, headers={"Accept": "image/avif,image/webp,image/svg+xml,*/*;q=0.8"})
    assert (image.content, image.headers["vary"]) == (svg.content, "Accept")
    png = client.get(f"{address}?format=png")
    assert (png.headers["content-type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    tags = {answer.headers["etag"] for answer in (svg, png, client.get(address))}
    assert len(tags) == 3
    known = client.get(f"{address}?format=svg", headers={"If-None-Match": svg.headers["etag"]})
    assert (known.status_code, known.headers["cache-control"]) == (304, svg.headers["cache-control"])
    head = client.head(f"{address}?format=png")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(png.content)))
    assert client.get(address, headers={"Accept": "image/gif"}).status_code == 406


@pytest.mark.parametrize("path", ["histogram", "heatmap"])
def test_the_path_may_end_in_the_format(client: Any, url: str, path: str) -> None:
    address = f"{url}/tensors/fc.weight/{path}"
    for form in ("svg", "png", "json"):
        one, same = client.get(f"{address}?format={form}"), client.get(f"{address}.{form}")
        assert (same.status_code, same.content, same.headers["etag"]) == (
            200,
            one.content,
            one.headers["etag"],
        )
        assert "vary" not in same.headers
    head = client.head(f"{address}.png?dtype=float16")
    assert (head.status_code, head.headers["content-type"]) == (200, "image/png")
    assert client.get(f"{address}.svg?format=svg").content == client.get(f"{address}.svg").content
    refused = client.get(f"{address}.svg?format=png").json()["errors"][0]
    assert (refused["parameter"], refused["detail"]) == ("format", "the path ends in .svg: leave format out")
    assert client.get(f"{address}.gif").status_code == 404


def test_a_tensor_keeps_the_url_of_its_own_name_with_a_format(client: Any, url: str) -> None:
    own = client.get(f"{url}/tensors/a/heatmap.svg")
    assert list(safetensors.numpy.load(own.content)) == ["a/heatmap.svg"]
    assert client.get(f"{url}/tensors/a/heatmap.json").json()["tensor"] == "a"
    assert client.get(f"{url}/tensors/a/histogram.json").json()["tensor"] == "a"
    assert client.get(f"{url}/tensors/a/heatmap.svg/heatmap.json").json()["tensor"] == "a/heatmap.svg"


@pytest.mark.parametrize("tensor", ["half", "flags", "empty"])
def test_every_tensor_has_pictures(client: Any, url: str, tensor: str) -> None:
    for path in ("histogram", "heatmap"):
        answer = client.get(f"{url}/tensors/{tensor}/{path}?format=svg&dtype=float16")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


def test_every_parameter_has_a_tag_of_its_own(client: Any, url: str) -> None:
    ends = (
        *("histogram", "histogram?bins=9", "histogram?range=-1,1", "histogram?dtype=float64"),
        *("heatmap", "heatmap?view=whole", "heatmap?rows=9", "heatmap?columns=9"),
    )
    tags = {client.head(f"{url}/tensors/fc.weight/{end}").headers["etag"] for end in ends}
    assert len(tags) == len(ends)


@pytest.mark.parametrize(
    ("end", "parameter", "words"),
    [
        ("histogram?bins=0", "bins", "from 1 to 1,024: write bins=64"),
        ("histogram?bins=1e2", "bins", "from 1 to 1,024"),
        ("histogram?bins=" + "9" * 5_000, "bins", "from 1 to 1,024"),
        ("histogram?range=1", "range", "write range=-0.1,0.1"),
        ("histogram?range=1,1", "range", "write range=-0.1,0.1"),
        ("histogram?range=nan,1", "range", "write range=-0.1,0.1"),
        ("histogram?rows=1", "rows", "unknown query parameter rows: valid is bins, range"),
        ("histogram?slice=0:1", "slice", "unknown query parameter"),
        ("heatmap?rows=257", "rows", "from 1 to 256: write rows=64"),
        ("heatmap?view=midle", "view", "valid are corner, whole"),
        ("heatmap?format=npy", "format", "unknown format"),
        ("heatmap?dtype=int8", "dtype", ""),
    ],
)
def test_a_fault_names_its_parameter(client: Any, url: str, end: str, parameter: str, words: str) -> None:
    answer = client.get(f"{url}/tensors/fc.weight/{end}")
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["parameter"] == parameter
    assert words in fault["detail"]


def test_what_has_no_such_name_is_404(client: Any, url: str) -> None:
    assert client.get(f"{url}/tensors/fc/histogram").json()["detail"] == "the file has no tensor called 'fc'"
    assert client.get(f"{url}x/tensors/fc.weight/heatmap").status_code == 404
    assert client.get(f"{url}/tensors/%FF/heatmap").status_code == 404


def test_another_form_is_refused(client: Any, url: str) -> None:
    answer = client.get(f"{url}/tensors/fc.weight/histogram", headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.headers["vary"]) == (406, "Accept")


def test_a_huge_tensor_costs_a_sample(client: Any) -> None:
    spec = {"layers": [{"name": "w", "type": "Tensor", "shape": [1 << 20, 1 << 18], "init": "normal"}]}
    url = client.post("/v1/weights/plan", json=spec).json()["url"]
    found = client.get(f"{url}/tensors/w/histogram").json()
    assert found["sample"]["count"] == sum(found["counts"]) == 1 << 20
    assert found["sample"]["of"] == 1 << 38
    assert client.get(f"{url}/tensors/w/heatmap?view=whole&rows=3&columns=1").json()["rows"] == [
        0,
        524_287,
        1_048_575,
    ]
