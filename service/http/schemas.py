"""The answers that are JSON, as models that document them; the answers are written from dictionaries."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .examples import ETAG, HEADER_SIZE, RECIPE, SIZE, TOKEN, URL

_MEMORY = {"total": 85_899_345_920, "free": 84_825_604_096}
_TENSOR = {"name": "weight", "dtype": "float32", "shape": [256, 784], "range": [HEADER_SIZE, SIZE]}


class Described(BaseModel):
    """Base of the documented answers."""

    model_config = ConfigDict(extra="forbid")


class ProblemFault(Described):
    """One fault of a request: `pointer` for a body, `parameter` for a query."""

    pointer: str | None = Field(
        None,
        description="JSON Pointer (RFC 6901) into the body as it was sent.",
        examples=["/layers/0/shape/1"],
    )
    parameter: str | None = Field(None, description="Name of the query parameter.", examples=["shape"])
    detail: str = Field(
        description="What is wrong and what would be valid.", examples=["a dimension is 0 or more"]
    )


class Problem(Described):
    """An error as RFC 9457 writes it. The detail names the remedy."""

    type: str = Field(
        description="A stable name of this kind of problem.", examples=["urn:tensorseed:problem:invalid-spec"]
    )
    title: str = Field(description="The kind of problem in a few words.", examples=["The spec is not valid"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What happened and what to do.", examples=["the spec has 2 faults"])
    errors: list[ProblemFault] | None = Field(
        None,
        description="The faults, where a spec, a query or a slice is not valid; at most 100 are listed.",
        examples=[[{"pointer": "/layers/0/shape/1", "detail": "a dimension is 0 or more"}]],
    )


class PlannedFans(Described):
    """The fans of a tensor's logical shape."""

    fan_in: int = Field(alias="in", description="Inputs that feed one output unit.", examples=[784])
    fan_out: int = Field(alias="out", description="Outputs that one input unit feeds.", examples=[256])


class PlannedTensor(Described):
    """One tensor of a planned file."""

    name: str = Field(description="The tensor's name in the file.", examples=["fc1.weight"])
    dtype: str = Field(description="torch's name of its dtype.", examples=["float32"])
    shape: list[int] = Field(description="Its dimensions; none for a single number.", examples=[[256, 784]])
    range: tuple[int, int] = Field(
        description="Its bytes in the file: offset of the first, and of the first one after it.",
        examples=[[HEADER_SIZE, SIZE]],
    )
    init: dict[str, Any] = Field(
        description="The scheme's `kind` and every parameter; literal values are in the recipe instead.",
        examples=[{"kind": "kaiming_normal", "a": 0.0, "mode": "fan_in", "nonlinearity": "relu"}],
    )
    fans: PlannedFans | None = Field(
        description="Its fans; null for fewer than two dimensions.", examples=[{"in": 784, "out": 256}]
    )
    mean: float | None = Field(description="Theoretical mean; null where there is none.", examples=[0.0])
    std: float | None = Field(
        description="Theoretical standard deviation; null where there is none.",
        examples=[0.05050762722761054],
    )


class PlannedWarning(Described):
    """Something about a valid spec that may not be what was meant."""

    tensor: str | None = Field(
        description="The tensors concerned, by a name that may hold brace ranges; null for the whole file.",
        examples=["blocks.{0..11}.weight"],
    )
    code: str = Field(description="A stable name of this kind of warning.", examples=["token_too_long"])
    detail: str = Field(
        description="What it is and what to do.", examples=["write repeated entries once, with a brace range"]
    )


class Plan(Described):
    """What a file will be, without computing any of its values."""

    token: str | None = Field(
        description="Names the file in a URL; null where it would be too long for one.",
        examples=[TOKEN],
    )
    url: str | None = Field(
        description="Where GET serves the file; null without a token.",
        examples=[URL],
    )
    etag: str = Field(description="The file's strong entity tag, quotes included.", examples=[ETAG])
    size: int = Field(description="The file's size in bytes.", examples=[SIZE])
    header_size: int = Field(
        description="How many of these are the safetensors header.", examples=[HEADER_SIZE]
    )
    generator: str = Field(description="The generator of the values.", examples=["philox"])
    seed: int = Field(description="The seed.", examples=[42])
    recipe: Any = Field(
        description="The spec in canonical form, as the file's metadata holds it.",
        examples=[json.loads(RECIPE)],
    )
    tensors: list[PlannedTensor] = Field(
        description="The tensors in file order.",
        examples=[[_TENSOR]],
    )
    warnings: list[PlannedWarning] = Field(
        description="What may not be as meant; the code `device` says that this host lacks the device.",
        examples=[[{"tensor": None, "code": "token_too_long", "detail": "only POST serves the file"}]],
    )


class JsonTensor(Described):
    """One tensor of the JSON form."""

    dtype: str = Field(description="torch's name of its dtype.", examples=["float32"])
    shape: list[int] = Field(description="Its dimensions.", examples=[[2, 2]])
    data: Any = Field(
        description='Its values, nested by dimension: exact numbers, or "NaN", "Infinity" and "-Infinity".',
        examples=[[[0.5, -0.25], [0.125, 1.0]]],
    )


class JsonFile(Described):
    """A small file as JSON."""

    tensors: dict[str, JsonTensor] = Field(
        description="The tensors by name.",
        examples=[{"fc1.weight": {"dtype": "float32", "shape": [1, 2], "data": [[0.5, -0.25]]}}],
    )


class DeviceMemory(Described):
    """The memory of a device, whoever uses it."""

    total: int = Field(description="All of it, in bytes.", examples=[85_899_345_920])
    free: int = Field(description="What is free now, in bytes.", examples=[84_825_604_096])


class DeviceRow(Described):
    """One device."""

    name: str = Field(description="What `device` calls it.", examples=["cuda:0"])
    description: str = Field(description="What its maker calls it.", examples=["NVIDIA H100 80GB HBM3"])
    memory: DeviceMemory | None = Field(
        description="Its memory; null where that cannot be told.", examples=[_MEMORY]
    )
    runs: list[str] = Field(
        description="What it computes where `device` names it.",
        examples=[["weights", "losses", "evaluations"]],
    )


class Devices(Described):
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


class FailedDevice(Described):
    """A device that was taken out of service."""

    name: str = Field(description="What `device` calls it.", examples=["cuda:0"])
    detail: str = Field(
        description="What happened and what to do.",
        examples=["cuda:0 failed and computes nothing before the service is restarted: use device auto"],
    )


class Health(Described):
    """The state of the process."""

    status: str = Field(description='"ok" while the process lives, "ready" when it serves.', examples=["ok"])


class Readiness(Health):
    """Whether the process serves, and what of it does not."""

    failed_devices: list[FailedDevice] = Field(
        description="Devices that failed since the start. All others serve, the CPU always.", examples=[[]]
    )
