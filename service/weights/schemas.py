"""Schemas of weights: plans, queries, small files as JSON, and answers.

The examples are those of a real file, with its token, size and entity tag. They are written out, since its
spec would be the first that is validated: the validator of all entries takes a tenth of the start.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from tensorseed.spec.spec import Spec
from tensorseed.spec.spec_token import token_of

from ..http.negotiation import JSON, NPY, OCTETS
from ..http.openapi import (
    BINARY,
    TEXT,
    Responses,
    header_fields,
    reference,
    request_body,
)
from ..http.schemas import Described
from .examples import SPEC_EXAMPLES

QUERY = {"shape": "256,784", "init": "xavier_uniform", "seed": "42"}

_LAYER = '{"init":"xavier_uniform","name":"weight","shape":[256,784],"type":"Tensor"}'
RECIPE = f'{{"layers":[{_LAYER}],"seed":"42"}}'
TOKEN = token_of(RECIPE.encode())
URL = f"/v1/weights/{TOKEN}"
ETAG = '"9d5b43577c45b39c2b06d5b735d6c21609bd2101d0bb5fef61823ca93b4f4691"'
HEADER_SIZE = 280
SIZE = HEADER_SIZE + 256 * 784 * 4

_TENSOR = {"name": "weight", "dtype": "float32", "shape": [256, 784], "range": [HEADER_SIZE, SIZE]}


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
    """A possible mistake in a valid spec."""

    tensor: str | None = Field(
        description="The tensors concerned, by a name that may hold brace ranges; null for the whole file.",
        examples=["blocks.{0..11}.weight"],
    )
    code: str = Field(description="A stable name of this kind of warning.", examples=["token_too_long"])
    detail: str = Field(
        description="The mistake and its remedy.",
        examples=["write repeated entries once, with a brace range"],
    )


class Plan(Described):
    """All of a file but its values."""

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
        description="Possible mistakes; the code `device` means that this host lacks the device.",
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


_FIELDS: dict[str, tuple[str, str]] = {
    "ETag": ("A strong entity tag: equal bytes have equal tags.", ETAG),
    "Cache-Control": ("The file never changes.", "public, max-age=31536000, immutable"),
    "Vary": ("The form depends on Accept.", "Accept"),
    "Content-Location": (
        "The file's URL by token, where the request had another.",
        URL,
    ),
    "Content-Disposition": (
        "A name to save the file by: tensor, shape, and the beginning of the entity tag.",
        f'attachment; filename="weight-256x784-{ETAG[1:13]}.safetensors"',
    ),
    "Content-Range": ("The range of bytes, and their total number.", f"bytes 0-1023/{SIZE}"),
}
_ALWAYS = ("ETag", "Cache-Control", "Vary", "Content-Location")


def file_answers(*, ranges: bool = True) -> Responses:
    """The documented 200, 206 and 304 of a route that serves files; 200 alone for one without `ranges`."""
    found: Responses = {
        200: {
            "x-name": "WeightsFile",
            "description": "The file, in safetensors format. Where Accept prefers it, a small one is JSON, "
            "and one tensor of a dtype of numpy is in numpy's format",
            "headers": header_fields(_FIELDS, *_ALWAYS, "Content-Disposition"),
            "content": {OCTETS: BINARY, JSON: {"schema": reference(JsonFile)}, NPY: BINARY},
        }
    }
    if ranges:
        found[206] = {
            "x-name": "WeightsRange",
            "description": "The requested range; several ranges as multipart/byteranges",
            "headers": header_fields(_FIELDS, *_ALWAYS, "Content-Disposition", "Content-Range"),
            "content": {OCTETS: BINARY, NPY: BINARY, "multipart/byteranges": TEXT},
        }
        found[304] = {
            "x-name": "WeightsNotModified",
            "description": "The client has the file already: If-None-Match names it",
            "headers": header_fields(_FIELDS, *_ALWAYS),
        }
    return found


def spec_body() -> dict[str, Any]:
    """The documented body of a route that reads a spec."""
    return request_body({JSON: {"schema": reference(Spec), "examples": SPEC_EXAMPLES}})
