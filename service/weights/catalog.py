"""The catalogue: schemes, layer types and devices."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.devices.base import Device
from tensorseed.spec.catalog.listing import layers_catalog, schemes_catalog

from ..http.disconnect import cancel_on_disconnect
from ..http.negotiation import JSON
from ..http.openapi import json_list_answer
from ..http.routing import get_and_head
from ..http.schemas import CatalogParameter, Described
from .context import WeightsContext

_MEMORY = {"total": 85_899_345_920, "free": 84_825_604_096}


class CatalogInitializer(Described):
    """An initializer of another framework, which an init may name."""

    name: str = Field(description="Its name in an init.", examples=["keras.RandomNormal"])
    framework: str = Field(description="The framework.", examples=["Keras"])
    kind: str = Field(description="The scheme that it means.", examples=["normal"])
    scheme: str = Field(
        description="The scheme with its parameters, in terms of the initializer's.",
        examples=["normal(mean, std=stddev)"],
    )
    axes: list[str] = Field(
        description="Its parameters that name axes, which become the fan_axes of a Tensor.",
        examples=[["in_axis", "out_axis"]],
    )
    parameters: list[CatalogParameter] = Field(
        description="Its other parameters, with the framework's defaults.",
        examples=[[{"name": "stddev", "type": "number", "default": 0.05}]],
    )


class CatalogScheme(Described):
    """One init scheme."""

    kind: str = Field(description="Its name in an init.", examples=["xavier_uniform"])
    aliases: list[str] = Field(description="Other accepted names.", examples=[["glorot_uniform"]])
    summary: str = Field(description="What it is.", examples=["Uniform, scaled by both fans."])
    formula: str | None = Field(None, description="Its formula.", examples=["w ~ U[-bound, bound)"])
    source: str | None = Field(
        None, description="Where it comes from.", examples=["torch.nn.init.xavier_uniform_"]
    )
    parameters: list[CatalogParameter] = Field(
        description="Its parameters.", examples=[[{"name": "gain", "type": "number", "default": 1.0}]]
    )
    initializers: list[CatalogInitializer] = Field(
        description="The initializers of other frameworks that mean it.", examples=[[]]
    )


class CatalogTensor(Described):
    """One tensor of a layer type, in terms of its arguments."""

    name: str = Field(
        description="Its name behind the entry's; none for the entry's own. With {k} or {i} there is one for "
        "every number from 0 on that the condition admits.",
        examples=["weight"],
    )
    kind: str = Field(description="parameter or buffer.", examples=["parameter"])
    shape: str = Field(
        description="Its dimensions. A size that may be one number for all dimensions stands for each, one "
        "that may be null for what null means.",
        examples=["(out_features, in_features)"],
    )
    dtype: str | None = Field(description="Its dtype where that is not the entry's.", examples=["int64"])
    condition: str | None = Field(description="When it is there; null for always.", examples=["bias"])
    init: str = Field(
        description="torch's default, by the names of the schemes. uniform(±b) is uniform(-b, b), and zeros "
        "where a size under its root is 0.",
        examples=["kaiming_uniform(a=√5)"],
    )


class ExampleTensor(Described):
    """Tensors that an example yields."""

    name: str = Field(
        description="The name, with brace ranges where several are alike.", examples=["layer.weight"]
    )
    shape: list[int] = Field(description="The dimensions.", examples=[[256, 784]])
    dtype: str = Field(description="torch's name of the dtype.", examples=["float32"])
    init: Any = Field(
        description="The init, as a spec would write it.", examples=[{"kind": "kaiming_uniform", "a": 2.236}]
    )


class CatalogExample(Described):
    """An entry of a spec, and what it yields."""

    entry: dict[str, Any] = Field(
        description="The entry.",
        examples=[{"name": "layer", "type": "Linear", "in_features": 784, "out_features": 256}],
    )
    tensors: list[ExampleTensor] = Field(
        description="Its tensors.",
        examples=[[{"name": "layer.bias", "shape": [256], "dtype": "float32", "init": "zeros"}]],
    )


class CatalogLayer(Described):
    """One layer type."""

    type: str = Field(description="Its name in a spec.", examples=["Linear"])
    torch: str | None = Field(
        description="torch's class; null for a bare tensor.", examples=["torch.nn.Linear"]
    )
    summary: str = Field(
        description="What it is.",
        examples=["Fully connected: every output is a weighted sum of all inputs."],
    )
    formula: str = Field(description="What it computes.", examples=["y = x Wᵀ + b"])
    source: str = Field(description="Where it comes from: a paper, or torch.", examples=["torch.nn.Linear"])
    parameters: list[CatalogParameter] = Field(
        description="Its arguments.",
        examples=[[{"name": "in_features", "type": "integer", "required": True}]],
    )
    tensors: list[CatalogTensor] = Field(
        description="What it yields, parameters and buffers.",
        examples=[
            [
                {
                    "name": "bias",
                    "kind": "parameter",
                    "shape": "(out_features)",
                    "dtype": None,
                    "condition": "bias",
                    "init": "uniform(±1/√in_features)",
                }
            ]
        ],
    )
    example: CatalogExample = Field(
        description="An entry with this type, and what it yields.",
        examples=[{"entry": {"name": "layer", "type": "PReLU"}, "tensors": []}],
    )


class DeviceMemory(Described):
    """The memory of a device, of all its users."""

    total: int = Field(description="All of it, in bytes.", examples=[85_899_345_920])
    free: int = Field(description="The free part now, in bytes.", examples=[84_825_604_096])


class DeviceRow(Described):
    """One device."""

    name: str = Field(description="Its name in `device`.", examples=["cuda:0"])
    description: str = Field(description="Its maker's name for it.", examples=["NVIDIA H100 80GB HBM3"])
    memory: DeviceMemory | None = Field(
        description="Its memory; null where it is unknown.", examples=[_MEMORY]
    )
    runs: list[str] = Field(
        description="The work that it does where `device` names it.",
        examples=[["weights", "losses", "evaluations"]],
    )


class DeviceList(Described):
    """The devices of this host that compute. One that failed is not among them: `/readyz` names it."""

    devices: list[DeviceRow] = Field(
        description="The CPU first.",
        examples=[
            [
                {
                    "name": "cuda:0",
                    "description": "NVIDIA H100 80GB HBM3",
                    "memory": _MEMORY,
                    "runs": ["weights", "losses", "evaluations"],
                }
            ]
        ],
    )


router = APIRouter(prefix="/v1", tags=["catalog"])

_UNCACHED = {"Cache-Control": "no-store"}  # memory and health change


@cache
def _written(catalog: Callable[[], object]) -> bytes:
    """A catalog as JSON, which never changes while the process lives."""
    return orjson.dumps(catalog())


@get_and_head(router, "/schemes", "Schemes", responses=json_list_answer(CatalogScheme, "The schemes"))
async def schemes(request: Request) -> Response:
    """The init schemes: formula, source and parameters of each."""
    return await _answer(request, schemes_catalog)


@get_and_head(router, "/layers", "Layers", responses=json_list_answer(CatalogLayer, "The layer types"))
async def layers(request: Request) -> Response:
    """The layer types: formula, source, arguments, tensors with their default inits, and an example."""
    return await _answer(request, layers_catalog)


async def _answer(request: Request, catalog: Callable[[], object]) -> Response:
    """A catalog. The first takes half a second to write."""
    return Response(await WeightsContext.of(request).worker.run(_written, catalog), media_type=JSON)


@get_and_head(router, "/devices", "Devices", model=DeviceList)
async def devices(request: Request) -> Response:
    """The devices of this host that compute, with their memory and the work they do."""
    worker = WeightsContext.of(request).worker  # whose first look at CUDA takes seconds
    rows = await cancel_on_disconnect(
        request.receive, worker.run(lambda: [_row(device) for device in worker.devices()])
    )
    return Response(orjson.dumps({"devices": rows}), headers=_UNCACHED, media_type=JSON)


def _row(device: Device) -> dict[str, object]:
    memory = device.memory()
    return {
        "name": device.name,
        "description": device.description,
        "memory": memory and memory._asdict(),
        "runs": device.runs,
    }
