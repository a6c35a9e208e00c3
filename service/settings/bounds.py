"""Bounds of a single request."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from tensorseed.spec.limits import Limits


class RequestBounds(BaseSettings, defer_build=True):
    """Bounds of one request."""

    body_bytes: int = Field(16 << 20, ge=1_024, le=1 << 30, description="largest body of a request, in bytes")
    json_elements: int = Field(
        65_536, ge=0, le=1 << 24, description="most elements of a file that is also available as JSON"
    )
    tensors: int = Field(
        Limits().tensors, ge=1, le=1 << 24, description="most tensors of one file, brace ranges expanded"
    )
    name_chars: int = Field(
        Limits().name_chars,
        ge=1_024,
        le=1 << 32,
        description="most characters of all tensor names of one file together, brace ranges expanded",
    )
    values: int = Field(Limits().values, ge=0, le=1 << 24, description="most literal numbers in one spec")
    file_bytes: int = Field(
        Limits().file_bytes, ge=1, le=1 << 62, description="most bytes of tensor data in one file"
    )
    token_chars: int = Field(
        Limits().token_chars, ge=64, le=60_000, description="longest token of a URL, in characters"
    )
    dimensions: int = Field(
        Limits().dimensions,
        ge=1,
        le=64,
        description="most dimensions of one tensor; numpy has no more than 64",
    )
    materialised_bytes: int = Field(
        1 << 28,
        ge=0,
        le=1 << 40,
        description="most bytes of tensor data in one file of generator torch, which is computed as a whole, "
        "and of such files cached between requests",
    )
    digest_bytes: int = Field(
        1 << 36,
        ge=0,
        le=1 << 62,
        description="largest file whose digests are computed on request, in bytes; 0 for none",
    )
    listing_digest_bytes: int = Field(
        1 << 24,
        ge=0,
        le=1 << 30,
        description="most bytes of weights in a model repository whose listings have the SHA-256 of each "
        "file of weights, which they compute; 0 for none",
    )
    loss_values: int = Field(
        Limits().loss_values, ge=1, le=1 << 28, description="most numbers in the JSON body of one loss"
    )
    loss_bytes: int = Field(
        Limits().loss_bytes,
        ge=1_024,
        le=1 << 40,
        description="largest safetensors body of one loss, in bytes, held in memory while it is evaluated",
    )
    parameters: int = Field(
        1 << 24,
        ge=1,
        le=1 << 40,
        description="most parameters of the networks of one evaluation, all that it compares together",
    )
    activations: int = Field(
        1 << 25,
        ge=1,
        le=1 << 40,
        description="most elements of all layers' outputs in one evaluation, for one step",
    )
    steps: int = Field(Limits().steps, ge=0, le=1 << 31, description="most optimizer steps of one evaluation")
    evaluation_seconds: float = Field(
        Limits().evaluation_seconds,
        gt=0,
        le=86_400,
        description="most seconds that one evaluation may compute",
    )
