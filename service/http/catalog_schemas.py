"""The answers of the catalog, as models that document them; the answers are written from dictionaries."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .schemas import Described


class CatalogParameter(Described):
    """One parameter of a scheme or a layer type."""

    name: str = Field(description="Its name.", examples=["gain"])
    type: str = Field(description="Its JSON type, in words.", examples=["number"])
    required: bool = Field(description="Whether it must be given.", examples=[False])
    default: Any = Field(None, description="What stands for it if left out.", examples=[1.0])
    minimum: float | None = Field(
        None, description="The least value, of every number in a list as well.", examples=[0.0]
    )
    greater_than: float | None = Field(None, description="A bound that the value is above.", examples=[0.0])
    maximum: float | None = Field(None, description="The greatest value.", examples=[1.0])
    choices: list[Any] | None = Field(
        None, description="The valid values; the valid strings.", examples=[["fan_in", "fan_out"]]
    )
    parameters: list[CatalogParameter] | None = Field(
        None,
        description="Where it is an object: its parameters.",
        examples=[[{"name": "d_model", "type": "integer", "required": True, "description": "The size."}]],
    )
    options: list[CatalogOption] | None = Field(
        None,
        description="Where it is an object with a `type`: the types, each with its parameters.",
        examples=[[{"type": "LayerNorm", "parameters": []}]],
    )
    description: str = Field(description="Its meaning.", examples=["Factor on the standard deviation."])


class CatalogOption(Described):
    """One of several kinds of object that a parameter takes."""

    type: str = Field(description="The object's `type`.", examples=["LayerNorm"])
    parameters: list[CatalogParameter] = Field(
        description="Its other parameters.",
        examples=[[{"name": "eps", "type": "number", "required": False, "description": "Added."}]],
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
