"""Documented query parameters of weights, those of the schemes among them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from tensorseed.spec.schemes import QUALIFIED, SCHEME_CLASSES, SCHEMES, Scheme
from tensorseed.spec.spec import FLOATING, Spec

from ..http.openapi import Parameter, meanings_of, parameter, query_example, query_schema
from .schemas import QUERY

_DTYPE: dict[str, Any] = {"type": "string", "enum": list(FLOATING)}
_TORCH = {"generator": "torch"}
_BESIDE: dict[str, dict[str, Any]] = {
    "values": {"shape": "2,2"},
    "dirac": {"shape": "32,32,3"},
    "decay": {"shape": "2,64,1"},
    "weight_norm": {"shape": "64,1,1", "std": 0.02},
}
"""What the example of a scheme's parameter needs beside what the scheme requires."""


def complete_weights(paths: dict[str, Any]) -> None:
    """Add the parameters of a one-tensor spec: the common ones, then every one that some scheme has."""
    found = [*_common_parameters(), *(_scheme_parameter(*meanings) for meanings in _of_schemes().items())]
    operation = paths["/v1/weights"]["get"]
    operation["parameters"] = [*found, *operation["parameters"]]


def _common_parameters() -> Iterator[Parameter]:
    shape, init = QUERY["shape"], QUERY["init"]
    schemes: dict[str, Any] = {
        "anyOf": [{"type": "string", "enum": list(SCHEMES)}, {"type": "string", "pattern": QUALIFIED}]
    }
    named: dict[str, Any] = Spec.model_json_schema()["properties"]
    seed, version, kernels = (
        query_schema([named[name]]) for name in ("seed", "torch_version", "torch_kernels")
    )
    axes = '{"in":-2,"out":-1}'
    of_query = partial(parameter, "query")
    text = "Dimensions, separated by commas; empty for a single number."
    yield of_query("shape", text, shape, required=True)
    yield of_query(
        "init", "The init scheme, or another framework's initializer.", init, required=True, **schemes
    )
    yield of_query("seed", "The seed, 0 to 2^64 - 1.", int(QUERY["seed"]), **seed)
    yield of_query("name", "The tensor's name, which its values depend on.", "weight")
    yield of_query("fan_axes", "The axes of inputs and outputs, as JSON; torch's by default.", axes)
    yield of_query("padding_idx", "The row that stays zero.", 0, type="integer")
    yield of_query("dtype", "The dtype; float32 if left out.", "bfloat16", **_DTYPE)
    text = "The generator; philox if left out."
    yield of_query("generator", text, "philox", type="string", enum=named["generator"]["enum"])
    text = "The device that computes; with philox it never changes a bit."
    yield of_query("device", text, "auto", type="string", pattern=named["device"]["pattern"])
    text = "Only with generator torch: the version that must draw."
    yield of_query("torch_version", text, "2.13.0+cpu", beside=_TORCH, **version)
    text = "Only with generator torch: the kernels that must draw, as a recipe names them."
    yield of_query("torch_kernels", text, "x86_64-avx512-873bc6caad10", beside=_TORCH, **kernels)


def slice_parameter() -> Parameter:
    """The slice of a tensor."""
    text = "One index range a dimension, separated by commas, as in Python; the whole tensor if left out."
    return parameter("query", "slice", text, "0:128,:")


def dtype_parameter() -> Parameter:
    """Another dtype for a file."""
    text = "Another dtype for every tensor but those of int64 and bool; that of the token if left out."
    return parameter("query", "dtype", text, "float16", **_DTYPE)


def format_parameter() -> Parameter:
    """The form of an answer in the place of Accept."""
    text = "The form of the answer, in the place of the Accept field; npy for one tensor."
    return parameter("query", "format", text, "npy", type="string", enum=["safetensors", "json", "npy"])


class _Meaning(NamedTuple):
    """A query parameter in one scheme: the scheme, and the parameter's JSON Schema there."""

    scheme: type[Scheme]
    schema: dict[str, Any]


def _of_schemes() -> dict[str, list[_Meaning]]:
    """Of each parameter, its meanings by scheme."""
    found: dict[str, list[_Meaning]] = {}
    for cls in SCHEME_CLASSES:
        for name, schema in cls.model_json_schema()["properties"].items():
            if name != "kind":
                found.setdefault(name, []).append(_Meaning(cls, schema))
    return found


def _scheme_parameter(name: str, meanings: list[_Meaning]) -> Parameter:
    """A parameter of schemes. Its example is that of the first scheme which has it."""
    texts: dict[str, list[str]] = {}
    for scheme, schema in meanings:
        texts.setdefault(schema["description"], []).append(scheme.spellings()[0])
    description = meanings_of(texts)
    scheme, schema = meanings[0]
    typed = query_schema([meaning.schema for meaning in meanings])
    value = query_example(schema["examples"][0])
    return parameter("query", name, description, value, beside=_needed(scheme, name), **typed)


def _needed(scheme: type[Scheme], name: str) -> dict[str, Any]:
    """The other parameters of a request with a scheme: its kind, and what it needs."""
    kind = scheme.spellings()[0]
    schema = scheme.model_json_schema()
    others = [other for other in schema["required"] if other not in {"kind", name}]
    needed = {other: query_example(schema["properties"][other]["examples"][0]) for other in others}
    return {"init": kind, **needed, **_BESIDE.get(kind, {})}
