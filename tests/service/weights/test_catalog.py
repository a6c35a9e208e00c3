"""The catalogue agrees with the specs that are accepted."""

from __future__ import annotations

from typing import Any

import pytest

from service.weights.catalog import CatalogLayer, CatalogScheme, DeviceList
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.schemes import SCHEMES


def test_schemes_are_all_there(client: Any) -> None:
    rows = client.get("/v1/schemes").json()
    assert {name for row in rows for name in (row["kind"], *row["aliases"])} == set(SCHEMES)
    for row in rows:
        CatalogScheme.model_validate(row)


def test_layers_are_all_there(client: Any) -> None:
    rows = client.get("/v1/layers").json()
    assert [row["type"] for row in rows] == list(LAYERS)
    for row in rows:
        CatalogLayer.model_validate(row)


def test_devices(client: Any) -> None:
    answer = client.get("/v1/devices")
    first = DeviceList.model_validate(answer.json()).devices[0]
    assert (first.name, first.runs) == ("cpu", ["weights", "losses", "evaluations"])
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/v1/schemes", "/v1/layers", "/v1/devices", "/healthz", "/readyz"])
def test_head_equals_get(client: Any, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, get.status_code) == (200, 200)
    own = {"x-request-id"}
    if path == "/v1/devices":
        own |= {"content-length"}  # the memory that is free at the moment has more digits or fewer
    assert set(head.headers) == set(get.headers)
    for field in {*head.headers} - own:
        assert head.headers[field] == get.headers[field]
